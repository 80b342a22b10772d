"""What a backbone is made of, and what a strategy would train of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import pandas as pd

from tlcompare.api.shown import Shown
from tlcompare.features.saving import Saving
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.overview import block_rows, kept_after, left_out
from tlcompare.freezing.strategy import FreezePlan
from tlcompare.report.document import Fold, Part, Table
from tlcompare.training.footprint import Footprint

_SHOWN = ("number", "from_end", "name", "operation", "weights", "shape", "features_bytes")


@dataclass(frozen=True, repr=False, eq=False)
class Layers(Shown):
    """The layers of a backbone as `unfreeze` counts and names them.

    Attributes:
        model: the backbone's name.
        image_size: side of its input in pixels.
    """

    model: str
    image_size: int
    _layers: LayerList

    @property
    def table(self) -> pd.DataFrame:
        """One row per layer, the first first.

        Columns: number; from_end, as `unfreeze=N` counts; name; operation; block; inner_block, the smallest that can be
        named; weights, how many numbers; shape of its output for one image; features_bytes, what its output takes per
        image in float32, missing where features cannot be kept after it.
        """
        kept, listed = kept_after(self._layers), self._layers.layers
        rows = [
            {
                "number": x.number,
                "from_end": len(listed) - x.number + 1,
                "name": x.name,
                "operation": x.operation,
                "block": x.block,
                "inner_block": x.inner,
                "weights": x.weights,
                "shape": list(x.shape),
                "features_bytes": kept.get(x.name),
            }
            for x in listed
        ]
        return pd.DataFrame(rows).astype({"features_bytes": "Int64"})

    @property
    def blocks(self) -> pd.DataFrame:
        """One row per smallest block, the first first.

        Columns: block; first and last, numbers of its layers; from_end of its first; weights; shape of its output for
        one image; features, bytes per image in float32 of what is kept where training begins with this block, missing
        where something before it would be computed again.
        """
        rows = [asdict(row) for row in block_rows(self._layers)]
        return pd.DataFrame(rows).astype({"features": "Int64"})

    @property
    def weights(self) -> int:
        """How many numbers the backbone's weights hold."""
        return self._layers.weights

    def __len__(self) -> int:
        return len(self._layers.layers)

    def _address(self) -> str:
        return f"layers of {self.model}"

    def _parts(self) -> Sequence[Part]:
        headings = ("block", "layers", "from_end", "weights", "shape", "features")
        rows = [
            (
                row.block,
                f"{row.first}-{row.last}",
                str(row.from_end),
                f"{row.weights:,}",
                _shape(row.shape),
                _kilobytes(row.features),
            )
            for row in block_rows(self._layers)
        ]
        return [Table(headings, rows), *self.notes, *_folded(self.table.to_dict("records"), _SHOWN)]

    @property
    def notes(self) -> tuple[str, ...]:
        """How much there is, what else can be named, and what of the network is no layer."""
        stages = [b for b in self._layers.blocks if b not in self._layers.inner_blocks]
        notes = [f"{len(self)} layers, {self.weights:,} weights, images of {self.image_size} pixels."]
        notes += [f"Stages, which can be named too: {', '.join(stages)}"] if stages else []
        notes += [text] if (text := left_out(self._layers)) else []
        return tuple(notes)


@dataclass(frozen=True, repr=False, eq=False)
class Plan(Shown):
    """What a strategy would train and cost.

    Attributes:
        model, unfreeze: the backbone and the strategy.
        saving: what keeping frozen features saves; None where that is not known on this machine.
        footprint: operations and memory.
    """

    model: str
    unfreeze: str
    saving: Saving | None
    footprint: Footprint
    _plan: FreezePlan
    _batch_size: int

    @property
    def trainable_weights(self) -> int:
        """Of the backbone and of the new head."""
        return self._plan.trainable_parameters

    @property
    def table(self) -> pd.DataFrame:
        """One row per unfrozen layer, the first first.

        Columns: number; from_end, as `unfreeze=N` counts; name; operation; block, the smallest; trainable, how many
        numbers of it train.
        """
        rows = [
            {
                "number": x.number,
                "from_end": self._plan.listed - x.number + 1,
                "name": x.name,
                "operation": x.operation,
                "block": x.inner,
                "trainable": self._plan.trained_in(x),
            }
            for x in self._plan.layers
        ]
        return pd.DataFrame(rows, columns=["number", "from_end", "name", "operation", "block", "trainable"])

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        saved = self.saving.to_dict() if self.saving else None
        return self._plan.to_dict() | {"features": saved, "footprint": self.footprint.to_dict()}

    def _address(self) -> str:
        return f"plan of {self.model}, unfreeze {self.unfreeze}"

    def _parts(self) -> Sequence[Part]:
        rows = self.table.rename(columns={"block": "inner_block"}).to_dict("records")
        return [Table((), self._facts()), *_folded(rows, ("number", "from_end", "name", "operation", "trainable"))]

    def _facts(self) -> list[tuple[str, str]]:
        plan, needed = self._plan, self.footprint
        return [
            ("backbone", f"{plan.backbone}, {plan.listed} layers"),
            ("unfreeze", f"{plan.unfreeze} ({plan.family})"),
            ("trainable layers", str(len(plan.layers))),
            ("trainable weights", f"{plan.trainable_parameters:,} of {plan.total_parameters:,}"),
            ("  of the head", f"{plan.head_parameters:,}"),
            ("blocks", ", ".join(plan.blocks) or "none, the head alone"),
            ("cut", f"after {plan.cut.after} ({_shape(plan.cut.shape)} per image): nothing before it changes"),
            (
                "operations",
                f"{needed.forward_gflops:.2g} GFLOPs to classify an image, "
                f"{needed.step_gflops:.2g} to train on it from the cut",
            ),
            (
                "memory",
                f"{needed.memory_mb:,.0f} MB: {needed.weights_mb:,.0f} weights, {needed.optimizer_mb:,.0f} "
                f"gradients and AdamW, {needed.activations_mb:,.0f} activations of {self._batch_size} images",
            ),
            *_saved(self.saving),
        ]


def _saved(saving: Saving | None) -> list[tuple[str, str]]:
    if saving is None:
        return [("features", "what keeping them saves is not known: --measure finds out")]
    if not saving.after:
        return [("features", "none are kept: there is nothing before the cut that would be worth it")]
    return [
        (
            "features",
            f"kept after {saving.after}, {saving.bytes_per_image / 1e3:.0f} kB per image: "
            f"{saving.read_ms:.2g} ms to read instead of {saving.compute_ms:.2g} ms to compute",
        ),
        (
            "training",
            f"about {saving.seconds:.0f} s instead of {saving.seconds_without:.0f} s for "
            f"{saving.images:,} images and {saving.epochs} epochs here, in {saving.precision}",
        ),
    ]


def _folded(rows: Sequence[dict[Any, Any]], columns: Sequence[str]) -> list[Part]:
    """Layers, one fold per block."""
    folds: list[Part] = []
    for block, group in groupby(rows, key=lambda row: row["inner_block"]):
        lines = [[_cell(column, row[column]) for column in columns] for row in group]
        count = f"{len(lines)} layer{'s' if len(lines) > 1 else ''}"
        folds.append(Fold(f"{block}: {count}", [Table(columns, lines)]))
    return folds


def _cell(column: str, value: Any) -> str:
    if column == "shape":
        return _shape(value)
    if column == "features_bytes":
        return "" if pd.isna(value) else _kilobytes(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _shape(sides: Sequence[int]) -> str:
    return " x ".join(map(str, sides))


def _kilobytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e3:,.0f} kB"
