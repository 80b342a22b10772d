"""The pixel store: every image of a folder decoded and resized once, as uint8 in one memory-mapped file."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from tlcompare.data.folders import ImageFile, list_images, printable
from tlcompare.data.images import Preprocessing, content_hash, decode, large_ones_in_turn, square
from tlcompare.data.sources import Source
from tlcompare.errors import DataError
from tlcompare.files import cache_dir, locked, new_folder, sealed, sha256_of, unsealed

Progress = Callable[[int, int], None]
_FORMAT = 2
_CHUNK = 256


@dataclass(frozen=True)
class BadFile:
    """A file that is no usable image, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class PixelStore:
    """Images in memory-mapped pixels.

    Attributes:
        name: the data set's name.
        classes: class names, sorted; a label is an index into them.
        files: one per image.
        hashes: content hash of each image.
        pixels: uint8 of shape (images, size, size, 3), read-only.
        bad: files that were left out.
        pixels_sha256: of the pixels, in the order of the files.
        digest: of the images, labels and parts; the same at every image size.
        decoded: how many images were decoded to open this store; 0 if it was there already.
        notes: what of the folder is not used, or was decided for the user, a sentence each.
    """

    name: str
    classes: tuple[str, ...]
    files: tuple[ImageFile, ...]
    hashes: tuple[str, ...]
    pixels: NDArray[np.uint8]
    bad: tuple[BadFile, ...]
    pixels_sha256: str
    digest: str
    decoded: int
    notes: tuple[str, ...]

    @functools.cached_property
    def keys(self) -> NDArray[np.uint64]:
        """Numbers that tell the images apart by their content."""
        return np.array([int(content[:16], 16) for content in self.hashes], np.uint64)

    @property
    def labels(self) -> tuple[int, ...]:
        return tuple(f.label for f in self.files)


def open_store(
    source: Source,
    preprocessing: Preprocessing,
    on_bad_image: str = "error",
    progress: Progress | None = None,
) -> PixelStore:
    """The pixel store of a folder, built if it is not in the cache or is damaged there.

    Args:
        source: the folder.
        preprocessing: size, interpolation and crop.
        on_bad_image: `error` or `skip`.
        progress: called with (images done, images in all) while decoding.

    Raises:
        DataError: no images, fewer than two classes, an empty class, or, with `error`, any file that is no
            usable image; the message lists all of them.
    """
    listing = list_images(source.root)
    classes, files = listing.classes, listing.files
    prints = _parallel(lambda f: _fingerprint(source.root / f.path), files)
    settings = {
        "format": _FORMAT,
        "pillow": PIL.__version__,
        "size": preprocessing.size,
        "interpolation": preprocessing.interpolation,
        "crop_share": preprocessing.crop_share,
    }
    content = [[f.path, f.label, f.part, p] for f, p in zip(files, prints, strict=True)]
    key = hashlib.sha256(json.dumps([settings, classes, content]).encode()).hexdigest()
    folder = cache_dir() / "pixels" / key[:32]
    decoded = 0
    with locked(folder):
        index = _read_index(folder)
        if index is None:
            shutil.rmtree(folder, ignore_errors=True)
            _build(folder, source.root, classes, files, preprocessing, progress)
            index, decoded = _read_index(folder), len(files)
    if index is None:
        raise DataError(f"the pixel store {folder} was damaged while it was written", "Check the disk, try again.")
    store = _open(source.name, folder, index, preprocessing.size, decoded, listing.notes)
    if store.bad and on_bad_image == "error":
        listed = "; ".join(f"{b.path}: {b.reason}" for b in store.bad)
        raise DataError(
            f"{len(store.bad)} of {len(files)} files in {source.root} are not usable images: {listed}",
            "Remove them, or leave them out with --on-bad-image skip.",
        )
    _require_classes(store, source.root)
    return store


def _parallel(work: Callable[[ImageFile], Any], files: Sequence[ImageFile]) -> list[Any]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, files))


def _fingerprint(path: Path) -> str:
    try:
        return "unreadable: no regular file" if _is_special(path) else sha256_of(path)
    except OSError as e:
        return f"unreadable: {e.strerror}"


def _is_special(path: Path) -> bool:
    """Whether it is a pipe, socket or device, which may never end."""
    return path.exists() and not path.is_file()


def _build(
    folder: Path,
    root: Path,
    classes: Sequence[str],
    files: Sequence[ImageFile],
    preprocessing: Preprocessing,
    progress: Progress | None,
) -> None:
    good: list[ImageFile] = []
    hashes: list[str] = []
    bad: list[BadFile] = []
    digest = hashlib.sha256()

    def load(file: ImageFile) -> tuple[str, bytes] | str:
        try:
            file.path.encode()
            if _is_special(root / file.path):
                return "no regular file"
            data = (root / file.path).read_bytes()
            with large_ones_in_turn(data):
                image = decode(data)
                return content_hash(image), square(image, preprocessing).tobytes()
        except UnicodeEncodeError:
            return "its name is not valid UTF-8"
        except OSError as e:
            return f"cannot be read: {e.strerror}"
        except DataError as e:
            return e.what

    with new_folder(folder) as temporary:
        with (temporary / "pixels.bin").open("wb") as out:
            for start in range(0, len(files), _CHUNK):
                chunk = files[start : start + _CHUNK]
                for file, loaded in zip(chunk, _parallel(load, chunk), strict=True):
                    if isinstance(loaded, str):
                        bad.append(BadFile(printable(file.path), loaded))
                        continue
                    good.append(file)
                    hashes.append(loaded[0])
                    out.write(loaded[1])
                    digest.update(loaded[1])
                if progress:
                    progress(start + len(chunk), len(files))
        index = {
            "classes": list(classes),
            "files": [[f.path, f.label, f.part] for f in good],
            "hashes": hashes,
            "bad": [asdict(b) for b in bad],
            "pixels_sha256": digest.hexdigest(),
        }
        (temporary / "index.json").write_text(sealed(index), encoding="utf-8")


def _read_index(folder: Path) -> dict[str, Any] | None:
    """The index of a store that is there and whole, else None."""
    index: dict[str, Any] | None = unsealed(folder / "index.json")
    try:
        return index if index and sha256_of(folder / "pixels.bin") == index["pixels_sha256"] else None
    except OSError:
        return None


def _open(
    name: str, folder: Path, index: dict[str, Any], size: int, decoded: int, notes: tuple[str, ...]
) -> PixelStore:
    files = tuple(ImageFile(*entry) for entry in index["files"])
    shape = (len(files), size, size, 3)
    pixels = np.memmap(folder / "pixels.bin", np.uint8, "r", shape=shape) if files else np.empty(shape, np.uint8)
    facts = sorted([h, index["classes"][f.label], f.part] for h, f in zip(index["hashes"], files, strict=True))
    return PixelStore(
        name=name,
        classes=tuple(index["classes"]),
        files=files,
        hashes=tuple(index["hashes"]),
        pixels=pixels,
        bad=tuple(BadFile(**b) for b in index["bad"]),
        pixels_sha256=index["pixels_sha256"],
        digest=hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32],
        decoded=decoded,
        notes=notes,
    )


def _require_classes(store: PixelStore, root: Path) -> None:
    filled = set(store.labels)
    empty = [name for label, name in enumerate(store.classes) if label not in filled]
    if empty:
        raise DataError(f"no usable image in {root} of class {', '.join(empty)}", "Add images or remove the folder.")
