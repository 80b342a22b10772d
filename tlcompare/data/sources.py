"""From the user's `data` to a folder of class folders on this machine."""

from __future__ import annotations

import inspect
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tlcompare.data.folders import CLUTTER
from tlcompare.errors import DataError, did_you_mean
from tlcompare.files import (
    cache_dir,
    download,
    expanded,
    first_line,
    is_of_the_disk,
    locked,
    new_folder,
    sealed,
    sha256_of,
    unsealed,
    write_atomically,
)


@dataclass(frozen=True)
class Source:
    """A folder of images.

    Attributes:
        name: short name for the record.
        root: class folders, or train/val/test folders of class folders.
        mirrors: whether a mirrored image still shows its class.
        origin: where it came from.
    """

    name: str
    root: Path
    mirrors: bool
    origin: str


@dataclass(frozen=True)
class Archive:
    """A data set published as one gzipped tar file.

    Attributes:
        url: where it is.
        sha256: of the file.
        folder: the folder inside that holds the class folders.
        unpacked_limit: bytes that the unpacked files may take at most.
    """

    url: str
    sha256: str
    folder: str
    unpacked_limit: int = 2 * 2**30


_MANIFEST = ".manifest.json"
_SMALLEST = 4096
"""Bytes that a file takes on a disk at least."""
_OWN_FOLDER = "Give a folder of class folders: --data DIR"
_NETWORK = "Check the network, or give a folder: --data DIR"

FLOWERS = Archive(
    url="https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
    sha256="4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
    folder="flower_photos",
)


def find_source(data: str, flowers: Archive = FLOWERS) -> Source:
    """The folder that `data` names, made or downloaded at first use.

    Args:
        data: `digits`, `flowers`, `torchvision:NAME`, or a folder.
        flowers: where the flower photos are published.

    Raises:
        DataError: no such folder or data set, or it cannot be downloaded.
    """
    if data == "digits":
        return Source("digits", _made("digits", _write_digits), mirrors=False, origin="scikit-learn load_digits")
    if data == "flowers":
        root = _made(f"flowers-{flowers.sha256[:12]}", lambda to: _unpack(flowers, to))
        return Source("flowers", root / flowers.folder, mirrors=True, origin=flowers.url)
    if data.startswith("torchvision:"):
        name = data.partition(":")[2]
        if not name.isidentifier():
            raise DataError(f'torchvision has no data set "{name}"', "Write torchvision:NAME, such as torchvision:DTD.")
        root = _made(f"torchvision-{name}", lambda to: _write_torchvision(name, to))
        return Source(name, root, mirrors=name not in _MIRRORING_CHANGES, origin=f"torchvision.datasets.{name}")
    require_known(data)
    root = expanded(data).resolve()
    try:
        str(root).encode()
    except UnicodeEncodeError as e:
        raise DataError(f"the name of the folder {str(root)!a} is not valid UTF-8", "Rename it.") from e
    return Source(root.name, root, mirrors=True, origin=str(root))


def require_known(data: str) -> None:
    """Check, without loading anything, that `data` is a folder or looks like a data set.

    Raises:
        DataError: it is neither.
    """
    root = expanded(data)
    beside: dict[str, str] = {}
    if data in ("digits", "flowers") or data.startswith("torchvision:") or root.is_dir():
        return
    with suppress(OSError):
        if not root.exists():
            beside = {p.name: str(Path(data).with_name(p.name)) for p in root.parent.iterdir() if _may_hold_classes(p)}
    near = did_you_mean(Path(data).name, ("digits", "flowers", *beside))
    for name, path in beside.items():
        near = near.replace(f'"{name}"', f'"{path}"')
    what = "is a file, not a folder" if root.is_file() else "is no folder"
    raise DataError(
        f'--data "{data}" {what}',
        f"{near} Give a folder of class folders, digits, flowers or torchvision:NAME.".strip(),
    )


def _may_hold_classes(folder: Path) -> bool:
    with suppress(OSError):
        shown = folder.name.lower() not in CLUTTER and folder.is_dir()
        return shown and any(inner.is_dir() for inner in folder.iterdir())
    return False


_CLASSIFICATION = (
    "CIFAR10 CIFAR100 Caltech101 Caltech256 Country211 DTD EuroSAT FGVCAircraft FashionMNIST Flowers102 Food101 GTSRB "
    "Imagenette KMNIST MNIST OxfordIIITPet PCAM QMNIST RenderedSST2 SEMEION STL10 SUN397 SVHN StanfordCars USPS"
).split()
"""Data sets of torchvision that can be suggested: of images with one class each, and published."""
_MIRRORING_CHANGES = (
    "MNIST",
    "EMNIST",
    "KMNIST",
    "QMNIST",
    "SVHN",
    "USPS",
    "Omniglot",
    "GTSRB",
    "RenderedSST2",
)


def _made(name: str, write: Callable[[Path], None]) -> Path:
    """A data set's folder in the cache; made, or made anew if it is not as it was written."""
    final = cache_dir() / "datasets" / name
    with locked(final):
        if final.is_dir() and not (final / _MANIFEST).exists():  # it was made before there were manifests
            write_atomically(final / _MANIFEST, sealed(_content(final)))
        if not final.is_dir() or unsealed(final / _MANIFEST) != _content(final):
            fresh = final.with_name(f".{name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            with new_folder(fresh) as folder:
                write(folder)
                (folder / _MANIFEST).write_text(sealed(_content(folder)), encoding="utf-8")
            old = final.with_name(f".{name}.old")
            shutil.rmtree(old, ignore_errors=True)
            if final.is_dir():
                final.rename(old)  # half deleted, it would look like one from before there were manifests
            fresh.rename(final)
            shutil.rmtree(old, ignore_errors=True)
    return final


def _content(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder but hidden ones."""
    files = sorted(f for f in folder.rglob("*") if f.is_file() and not f.name.startswith("."))
    return {str(f.relative_to(folder)): sha256_of(f) for f in files}


def _write_digits(folder: Path) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    for i, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(label) / f"{i:04}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((image * (255 / 16)).astype("uint8")).save(path)


def _unpack(archive: Archive, folder: Path) -> None:
    packed = folder / "archive.tgz"
    download(archive.url, packed, archive.sha256, DataError, _NETWORK)
    try:
        with tarfile.open(packed) as tar:
            _check_size(tar, archive)
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, zlib.error, OSError) as e:
        if is_of_the_disk(e):
            raise
        raise DataError(f"{archive.url} is not a safe archive: {first_line(e)}", _OWN_FOLDER) from e
    packed.unlink()
    if not (folder / archive.folder).is_dir():
        raise DataError(f'{archive.url} holds no folder "{archive.folder}"', _OWN_FOLDER)


def _check_size(tar: tarfile.TarFile, archive: Archive) -> None:
    total = 0
    for member in tar:
        total += max(member.size, _SMALLEST)
        if total > archive.unpacked_limit:
            raise DataError(f"{archive.url} unpacks to more than {archive.unpacked_limit:,} bytes", _OWN_FOLDER)


def _write_torchvision(name: str, folder: Path) -> None:
    """Every split of a torchvision data set as PNG files in class folders."""
    import torchvision.datasets as zoo

    kind = getattr(zoo, name, None)
    if not inspect.isclass(kind) or not issubclass(kind, zoo.VisionDataset) or kind is zoo.VisionDataset:
        hint = did_you_mean(name, _CLASSIFICATION) or f"There are {', '.join(_CLASSIFICATION)} and others."
        raise DataError(f'torchvision has no data set "{name}"', hint)
    for split, images in _torchvision_splits(kind, name):
        for i, item in enumerate(images):
            image, label = item if isinstance(item, tuple) and len(item) == 2 else (None, None)
            if not isinstance(image, Image.Image) or not isinstance(label, int):
                raise DataError(f"torchvision's {name} is not a data set of images with one class each", _OWN_FOLDER)
            path = folder / split / _class_name(images, label) / f"{i:06}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)


def _torchvision_splits(kind: Any, name: str) -> Iterator[tuple[str, Any]]:
    parameters = inspect.signature(kind).parameters
    if "root" not in parameters:
        raise DataError(f"torchvision's {name} is no data set that is published", _OWN_FOLDER)
    root = cache_dir() / "downloads" / name
    root.mkdir(parents=True, exist_ok=True)
    shared: dict[str, Any] = {"root": str(root)}
    if "download" in parameters:
        shared["download"] = True
    if "train" in parameters:
        choices: list[tuple[str, dict[str, Any]]] = [("train", {"train": True}), ("test", {"train": False})]
    elif "split" in parameters:
        first = parameters["split"].default
        named = [("train", "train"), ("val", "val"), ("test", "test")]
        choices = [(ours, {"split": theirs}) for ours, theirs in named]
        if first == "trainval":
            choices = [("train", {"split": "trainval"}), ("test", {"split": "test"})]
    else:
        choices = [("", {})]
    for split, arguments in choices:
        try:
            yield split, kind(**shared, **arguments)
        except ValueError as e:
            if split == "train":
                raise DataError(f"torchvision's {name} cannot be opened: {first_line(e)}", _OWN_FOLDER) from e
        except (RuntimeError, OSError, TypeError) as e:
            hint = _NETWORK if "download" in shared else _OWN_FOLDER
            raise DataError(f"torchvision's {name} cannot be had: {first_line(e)}", hint) from e


def _class_name(images: Any, label: int) -> str:
    names = getattr(images, "classes", None)
    name = str(names[label]) if names is not None and label < len(names) else f"{label:03}"
    return name.replace("/", "_")
