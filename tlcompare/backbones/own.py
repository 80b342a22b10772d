"""Networks of the user's own: given as a module in Python, or made by a function that is named."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType

import torch
from torch import nn

from tlcompare.backbones.backbone import OWN, Backbone, given
from tlcompare.backbones.weights import AsMade
from tlcompare.data.images import Preprocessing
from tlcompare.errors import BackboneError
from tlcompare.files import first_line

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def backbone(
    network: nn.Module,
    *,
    image_size: int = 224,
    mean: Sequence[float] = _MEAN,
    std: Sequence[float] = _STD,
    interpolation: str = "bilinear",
    crop_share: float = 0.875,
    blocks: Mapping[str, str] | None = None,
    classifier: bool | None = None,
) -> Backbone:
    """A network of one's own as a backbone, for `model=` of any function; a copy is taken.

    It must be one that torch.fx can trace: what it does may not depend on the values in an image.

    Args:
        network: takes images (N, 3, S, S) to classes, to features (N, F) or to feature maps (N, F, H, W), with the
            weights that training is to begin from.
        image_size: S, the side of its images in pixels.
        mean, std: normalisation of values in 0..1, per channel; ImageNet's where nothing else is said.
        interpolation: `bilinear` or `bicubic`.
        crop_share: side of the central square that is seen, as a share of the image's shorter side.
        blocks: names of blocks by a pattern for the paths of modules, the first that matches counts, such as
            {r"layer1\\..*": "early", r".*": "late"}; None takes the network's own modules.
        classifier: whether it ends in a classifier, which comes off; None is whether its last module is linear.

    Raises:
        BackboneError: what was given is no module, or a setting cannot be.
    """
    if not isinstance(network, nn.Module):
        raise BackboneError(f"{network!r:.80} is no torch.nn.Module", "Give the network itself, an instance.")
    try:
        preprocessing = Preprocessing(image_size, _three(mean), _three(std), interpolation, crop_share)
    except (ValueError, TypeError) as e:
        raise BackboneError(first_line(e), "mean and std have three numbers; crop_share is in 0..1.") from e
    network = deepcopy(network).cpu()
    if classifier is None:
        leaves = [m for m in network.modules() if not any(m.children())]
        classifier = bool(leaves) and isinstance(leaves[-1], nn.Linear)
    names = tuple((blocks or {}).items())
    digest, kind = _digest(network, preprocessing, names, classifier), type(network)
    return given(
        Backbone(
            name=f"{OWN}{kind.__qualname__.rpartition('.')[2]}-{digest[:8]}",
            make=lambda size: deepcopy(network),
            preprocessing=preprocessing,
            weights=AsMade(f"as given, sha256:{digest[:16]}"),
            classifier=classifier,
            block_names=names,
            origin=f"{kind.__module__}.{kind.__qualname__}{_place(kind)}",
        )
    )


def imported(name: str) -> Backbone:
    """The backbone that `package.module:function` makes: the function gives a network, or what `backbone` gives.

    Raises:
        BackboneError: it cannot be imported, fails, or gives something else.
    """
    module, _, attribute = name.partition(":")
    with _from_here(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            function = import_module(module)
            for part in attribute.split("."):
                function = getattr(function, part)
            made = function()  # type: ignore[operator]
        except Exception as e:  # whatever the user's code raises
            raise BackboneError(
                f"{name} cannot be made: {type(e).__name__}: {first_line(e)}",
                "It is package.module:function, of a function without arguments that gives a torch.nn.Module.",
            ) from e
    found = made if isinstance(made, Backbone) else backbone(made)
    return given(replace(found, name=name, origin=f"{name}{_place(function)}"))


@contextmanager
def _from_here() -> Iterator[None]:
    """Modules of the working folder are found, as where Python is started with a file of it."""
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(here)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) != 3:
        raise ValueError(f"{len(values)} numbers where there are three channels")
    return float(values[0]), float(values[1]), float(values[2])


def _digest(network: nn.Module, *settings: object) -> str:
    """SHA-256 of how a network is built and computes, of its weights, and of settings."""
    found = hashlib.sha256(f"{network!r}{settings!r}".encode())
    for module in network.modules():
        found.update(repr(_own_part(module)).encode())
    for name, tensor in network.state_dict().items():
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _own_part(module: nn.Module) -> list[object]:
    """What neither a module's text nor its weights show: plain attributes, and the code of classes but torch's."""
    plain = {n: v for n, v in vars(module).items() if isinstance(v, int | float | str | tuple) and n != "training"}
    written = [c for c in type(module).__mro__ if c is not object and c.__module__.partition(".")[0] != "torch"]
    codes = [f.__code__ for c in written for f in vars(c).values() if isinstance(f, FunctionType)]
    return [sorted(plain.items(), key=str), *map(_told, codes)]


def _told(code: CodeType) -> list[object]:
    """Code without where it was written and where it lies in memory."""
    inner = [_told(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    plain = [sorted(map(repr, c)) if isinstance(c, frozenset) else c for c in inner]
    return [code.co_name, code.co_code, code.co_names, plain]


def _place(code: object) -> str:
    """Where code was written: ` (nets.py, line 12)`; empty where that is not known, as in a notebook."""
    with suppress(TypeError, OSError):
        _, line = inspect.getsourcelines(code)  # type: ignore[arg-type]
        return f" ({Path(str(inspect.getsourcefile(code))).name}, line {line})"  # type: ignore[arg-type]
    return ""
