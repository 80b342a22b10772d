"""Figures of one run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tlcompare.config import RunConfig
from tlcompare.training.epochs import Epoch

_TRAIN, _VAL = "#0072B2", "#D55E00"  # told apart by the colour-blind (Okabe and Ito)
_LONGEST = 30


def learning_curves(epochs: Sequence[Epoch], best_epoch: int, config: RunConfig, title: str) -> Figure:
    """Loss and accuracy over the epochs, training and validation; the epoch that was kept is marked."""
    figure = Figure(figsize=(9, 3.8))
    figure.subplots_adjust(left=0.08, right=0.985, bottom=0.14, top=0.88, wspace=0.2)
    figure.suptitle(title, parse_math=False)
    numbers = [e.number for e in epochs]
    for axes, what, unit in zip(figure.subplots(1, 2), ("loss", "accuracy"), ("nats", "share of images"), strict=True):
        notes = ["augmented"] if config.augment != "none" else []
        notes += ["smoothed labels"] if config.label_smoothing and what == "loss" else []
        label = f"training ({', '.join(notes)})" if notes else "training"
        axes.plot(numbers, [getattr(e, f"train_{what}") for e in epochs], "o-", color=_TRAIN, label=label)
        axes.plot(numbers, [getattr(e, f"val_{what}") for e in epochs], "s--", color=_VAL, label="validation")
        axes.axvline(best_epoch, color="0.6", linewidth=1, linestyle=":", label=f"kept: epoch {best_epoch}")
        axes.set(xlabel="epoch", ylabel=f"{what} ({unit})")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def confusion(counts: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """Counts of true against predicted class, shaded by the share of the true class."""
    names = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in classes]
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(max(3.0, 0.5 * len(names)), 18)
    turned = max(map(len, names)) > 3
    room = 0.7 + (0.09 * max(map(len, names)) if turned else 0.2)
    width, height = room + side + 1.1, room + side + 0.5
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((room / width, room / height, side / width, side / height))
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(title, parse_math=False)
    axes.set_xticks(range(len(names)), names, rotation=90 if turned else 0, parse_math=False)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    if len(names) <= 25:
        for row, column in np.ndindex(counts.shape):
            if counts[row, column]:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=9)
    beside = figure.add_axes(((room + side + 0.2) / width, room / height, 0.15 / width, side / height))
    figure.colorbar(shown, beside, label="share of the true class")
    return figure
