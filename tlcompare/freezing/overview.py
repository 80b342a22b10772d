"""A layer list at a glance: its blocks, and where features could be kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tlcompare.freezing.graph import FEATURES, cut_points
from tlcompare.freezing.layers import LayerList

_VALUE_BYTES = 4


@dataclass(frozen=True)
class BlockRow:
    """One of the smallest blocks.

    Attributes:
        block: its name.
        first, last: numbers of its first and last layer.
        from_end: number of its first layer from the end, as `--unfreeze N` counts.
        weights: how many numbers its weights hold.
        shape: what its last layer gives for one image.
        features: bytes per image, in float32, of the features kept where training begins with this block; None where
            something of the blocks before would be computed again.
    """

    block: str
    first: int
    last: int
    from_end: int
    weights: int
    shape: tuple[int, ...]
    features: int | None


def block_rows(layers: LayerList) -> list[BlockRow]:
    """The smallest blocks, in forward order; what comes before the first weight belongs to the first."""
    listed = layers.layers
    rows = []
    kept = cut_points(layers)
    for block in layers.inner_blocks:
        mine = [x for x in listed if x.inner == block]
        weighty = next(x.number for x in mine if x.parameters)
        cut = next(c for c in reversed(kept) if c.number < weighty)
        recomputed = any(x.parameters for x in listed[cut.number : weighty - 1])
        rows.append(
            BlockRow(
                block=block,
                first=mine[0].number,
                last=mine[-1].number,
                from_end=len(listed) - mine[0].number + 1,
                weights=sum(x.weights for x in mine),
                shape=mine[-1].shape,
                features=None if recomputed else math.prod(cut.shape) * _VALUE_BYTES,
            )
        )
    return rows


def kept_after(layers: LayerList) -> dict[str, int]:
    """Bytes per image, in float32, that features after a layer take; of the layers after which there is a cut."""
    return {c.after: math.prod(c.shape) * _VALUE_BYTES for c in cut_points(layers) if c.after != FEATURES}


def left_out(layers: LayerList) -> str:
    """What of the network is no layer, in words; empty if everything is."""
    named = [f"{count} {name}" for name, count in layers.unlisted.items()]
    more = f" and {sum(list(layers.unlisted.values())[6:])} others" if len(named) > 6 else ""
    return f"Not counted, since they only move numbers: {', '.join(named[:6])}{more}" if named else ""
