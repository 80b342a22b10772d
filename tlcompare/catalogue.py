"""What can be a backbone: names, and what is known of those that a pattern matches."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

import torch

from tlcompare import __version__
from tlcompare.backbones.backbone import Backbone
from tlcompare.backbones.registry import BUILT_IN, get_backbone
from tlcompare.errors import BackboneError, did_you_mean
from tlcompare.freezing.layers import trace
from tlcompare.machine.measured import measured_once

MOST_COUNTED = 40
"""Matches whose layers and weights are counted; of more only what is known without building them."""
_LARGEST = 100e6
"""Weights of a network that is traced only to count its layers."""
_LARGE_IMAGE = 400


@dataclass(frozen=True)
class ModelRow:
    """A backbone.

    Attributes:
        model: as `--model` takes it.
        image_size: side of its images in pixels.
        layers, blocks, weights: how many; None where they were not counted, or cannot be.
        default_weights: `here`, `to download`, or `none` where nobody publishes any.
        problem: why it cannot be listed; empty if it can, or was not tried.
    """

    model: str
    image_size: int
    layers: int | None
    blocks: int | None
    weights: int | None
    default_weights: str
    problem: str


def names() -> tuple[str, ...]:
    """All that `--model` takes."""
    import timm
    import torchvision.models as zoo

    torchvision = (f"torchvision:{name}" for name in zoo.list_models(module=zoo))
    return (*BUILT_IN, *torchvision, *(f"timm:{name}" for name in timm.list_models()))


def matching(pattern: str) -> list[str]:
    """Names that contain `pattern`, or match it where it has * or ?.

    Raises:
        BackboneError: none does.
    """
    every = names()
    wild = pattern if set(pattern) & set("*?[") else f"*{pattern}*"
    found = [n for n in every if fnmatch.fnmatchcase(n.lower(), wild.lower())]
    if not found:
        near = did_you_mean(pattern, [n.rpartition(":")[2] for n in every])
        raise BackboneError(
            f'no backbone matches "{pattern}"', f"{near} Give a part of a name, such as dinov2.".strip()
        )
    return found


def rows(models: Sequence[str], progress: Callable[[int, int], None]) -> list[ModelRow]:
    """What is known of these; up to 40 are counted, which is remembered. The largest are not traced.

    Args:
        models: names.
        progress: called with (networks traced, networks to trace).
    """
    found = []
    for number, model in enumerate(models):
        backbone = get_backbone(model)
        source = backbone.weights
        counted: dict[str, int | str] = {}
        if len(models) <= MOST_COUNTED:
            progress(number, len(models))
            key = {"model": model, "tlcompare": __version__} | {p: version(p) for p in ("torch", "torchvision", "timm")}
            counted = measured_once("listed", key, partial(_count, model))
        found.append(
            ModelRow(
                model=model,
                image_size=backbone.preprocessing.size,
                layers=_number(counted.get("layers")),
                blocks=_number(counted.get("blocks")),
                weights=_number(counted.get("weights")),
                default_weights="none" if source is None else "here" if source.cached() else "to download",
                problem=str(counted.get("problem", "")),
            )
        )
    return found


def _count(model: str) -> dict[str, int | str]:
    backbone = get_backbone(model)
    weights = _weights(backbone)
    if weights > _LARGEST:
        return {"weights": weights}
    sizes = [backbone.preprocessing.size]
    if sizes[0] > _LARGE_IMAGE:  # transformers have the same layers for smaller images, in a fraction of the time
        sizes.insert(0, 224)
    problem = ""
    for size in sizes:
        at = backbone.at_size(size)
        try:
            layers = trace(at, at.build())
        except BackboneError as e:
            problem = e.what
            continue
        own = weights if at.own_size else layers.weights
        return {"layers": len(layers.layers), "blocks": len(layers.inner_blocks), "weights": own}
    return {"weights": weights, "problem": problem}


def _weights(backbone: Backbone) -> int:
    """Numbers in all weights of the network as it is built, counted without making them where it lets us."""
    try:
        with torch.device("meta"):
            network = backbone.build()
    except NotImplementedError:  # it looks at its weights when it makes them
        network = backbone.build()
    return sum(p.numel() for p in network.parameters())


def _number(value: int | str | None) -> int | None:
    return value if isinstance(value, int) else None
