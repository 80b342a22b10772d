"""One strategy out of many, by one stated rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from tlcompare.comparison.table import Row
from tlcompare.errors import ConfigError, TrackingError

_SAME = ("data_digest", "split_seed", "val_fraction", "test_fraction")


@dataclass(frozen=True)
class Configuration:
    """Runs that differ in their seed alone.

    Attributes:
        rows: one per run, the best on validation first.
        accuracy: mean validation accuracy, in 0..1.
    """

    rows: tuple[Row, ...]

    @property
    def accuracy(self) -> float:
        return mean(r.val_accuracy or 0.0 for r in self.rows)

    @property
    def trainable_weights(self) -> int:
        return self.rows[0].trainable_weights

    @property
    def train_seconds(self) -> float:
        return mean(r.train_seconds or 0.0 for r in self.rows)

    @property
    def latency_ms(self) -> float:
        """Median milliseconds for one image; a backbone's, so the same in every run on one machine."""
        return mean(math.inf if r.latency_ms is None else r.latency_ms for r in self.rows)

    def __str__(self) -> str:
        spread = f" ± {stdev(r.val_accuracy or 0.0 for r in self.rows):.2%}" if len(self.rows) > 1 else ""
        seeds = "1 seed" if len(self.rows) == 1 else f"{len(self.rows)} seeds"
        return f"{self.rows[0].backbone} {self.rows[0].strategy} ({self.accuracy:.2%}{spread}, {seeds})"


@dataclass(frozen=True)
class Pick:
    """What was picked, and why in a sentence."""

    winner: Configuration
    why: str

    @property
    def run_id(self) -> str:
        """The winner's run with the best validation accuracy."""
        return self.winner.rows[0].run_id


def pick(
    rows: Sequence[Row], within: float = 0.0, max_params: int | None = None, max_latency: float | None = None
) -> Pick:
    """The configuration with the best mean validation accuracy over its seeds, or the cheapest that is near it.

    Args:
        rows: runs.
        within: margin below the best, in 0..1; of the configurations in it, the one that trains the fewest weights
            is taken, and of equal ones that which trains faster.
        max_params: trainable weights it may have at most.
        max_latency: milliseconds that one image may take at most.

    Raises:
        TrackingError: runs on other images or another split, whose accuracies do not compare.
        ConfigError: nothing meets the limits.
    """
    if differing := [name for name in _SAME if len({r.basis[name] for r in rows}) > 1]:
        raise TrackingError(
            f"these runs differ in {', '.join(differing)}, so their accuracies do not compare",
            "Pick among runs on the same images and split.",
        )
    every = _configurations(rows)
    if not every:
        raise TrackingError("no run has a validation accuracy")
    allowed = [
        c
        for c in every
        if (max_params is None or c.trainable_weights <= max_params)
        and (max_latency is None or c.latency_ms <= max_latency)
    ]
    limits = _limits(max_params, max_latency)
    if not allowed:
        least = f"least: {min(c.trainable_weights for c in every):,} weights, {min(c.latency_ms for c in every):.1f} ms"
        raise ConfigError(f"none of {len(every)} configurations has {limits}", f"The {least}.")
    best = max(allowed, key=lambda c: c.accuracy)
    near = [c for c in allowed if c.accuracy >= best.accuracy - within]
    winner = min(near, key=lambda c: (c.trainable_weights, c.train_seconds)) if within else best
    return Pick(winner, _why(winner, best, near, len(allowed), within, limits))


def _configurations(rows: Sequence[Row]) -> list[Configuration]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.val_accuracy is not None:
            groups.setdefault(row.configuration, []).append(row)
    return [Configuration(tuple(sorted(g, key=lambda r: -(r.val_accuracy or 0.0)))) for g in groups.values()]


def _limits(max_params: int | None, max_latency: float | None) -> str:
    parts = [f"at most {max_params:,} trainable weights"] if max_params is not None else []
    parts += [f"at most {max_latency:g} ms per image"] if max_latency is not None else []
    return " and ".join(parts)


def _why(
    winner: Configuration, best: Configuration, near: Sequence[Configuration], count: int, within: float, limits: str
) -> str:
    among = f"{count} configurations" + (f" with {limits}" if limits else "")
    if note := winner.rows[0].note:
        among += f" ({note})"
    if count == 1:
        return f"{winner} is the only configuration{f' with {limits}' if limits else ''}."
    if not within:
        return f"{winner} has the best mean validation accuracy of {among}."
    if winner == best:
        reason = "is the best itself and trains the fewest weights"
    else:
        reason = f"trains the fewest weights ({winner.trainable_weights:,})"
    return (
        f"{winner} {reason} of the {len(near)} whose mean validation accuracy is within {within:.2%} "
        f"of the best, {best}, among {among}."
    )
