"""The planner: at which cuts features are worth keeping, from what computing and reading cost on this machine."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tlcompare.features.speed import Disk, Speed
from tlcompare.freezing.graph import Cut
from tlcompare.machine.memory import memory_bytes

_VALUE_BYTES = 4


@dataclass(frozen=True)
class Demand:
    """What runs want of one backbone.

    Attributes:
        images: images and views that have to pass through the frozen part at least once.
        passes: image-passes over all epochs of all runs, by the node of the cut at which what they train begins.
    """

    images: int
    passes: Mapping[str, float]


@dataclass(frozen=True)
class Costs:
    """What computing and keeping features costs.

    Attributes:
        points: all cuts, from the input to the pooled features.
        speed: seconds of inference.
        disk: seconds of writing and reading.
    """

    points: tuple[Cut, ...]
    speed: Speed
    disk: Disk

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of one image's features at every cut."""
        return np.array([math.prod(p.shape) * _VALUE_BYTES for p in self.points])

    @cached_property
    def forward(self) -> NDArray[np.float64]:
        """Seconds per image from the input to every cut."""
        return np.array([self.speed.forward[p.node] for p in self.points])

    def reading(self, images: int) -> NDArray[np.float64]:
        """Seconds to read one of so many images' features at every cut: from the disk if memory cannot hold them."""
        stays = images * self.sizes < memory_bytes() / 2
        seconds: NDArray[np.float64] = np.where(stays, self.disk.reread, self.disk.read)
        return seconds * self.sizes

    def starting(self, kept: Collection[Cut], images: int) -> NDArray[np.float64]:
        """Seconds per image to come to every cut, from the kept cut that makes it cheapest, or from the input."""
        there = self._among(kept)
        saved = np.where(there, self.forward - self.reading(images), 0.0)
        return self.forward - np.maximum.accumulate(np.maximum(saved, 0.0))

    def start(self, cut: Cut, kept: Collection[Cut], images: int) -> Cut | None:
        """The kept cut from which `cut` is reached in the least time; None is the input."""
        saved = dict(zip(self.points, self.forward - self.reading(images), strict=True))
        before = [p for p in self.points[: self.points.index(cut) + 1] if p in kept and saved[p] > 0]
        return max(reversed(before), key=lambda p: saved[p], default=None)

    def _among(self, kept: Collection[Cut]) -> NDArray[np.bool_]:
        """Which of all cuts are among these."""
        nodes = {k.node for k in kept}
        return np.array([p.node in nodes for p in self.points])

    def place(self, node: str) -> int:
        """The place of a cut among all, by its node: shapes differ with the image size."""
        return next(i for i, p in enumerate(self.points) if p.node == node)

    def seconds(self, demand: Demand, kept: Collection[Cut]) -> float:
        """Seconds that the frozen parts take in all with features kept at these cuts."""
        there = self._among(kept)
        passes = np.array([demand.passes.get(p.node, 0.0) for p in self.points])
        making = self.forward[there].max(initial=0.0) + self.sizes[there].sum() * self.disk.write
        return float(demand.images * making + passes @ self.starting(kept, demand.images))


def worth_keeping(costs: Costs, demand: Demand, budget: float) -> tuple[Cut, ...]:
    """The cuts at which keeping features saves time, in forward order.

    The one that saves most comes first, then the one that saves most besides it, and so on, as long as one saves
    anything and all fit into `budget` bytes.
    """
    kept: list[Cut] = []
    size = dict(zip(costs.points, demand.images * costs.sizes, strict=True))
    last = max((i for i, p in enumerate(costs.points) if p.node in demand.passes), default=0)
    seconds = costs.seconds(demand, kept)
    while True:
        room = budget - sum(size[k] for k in kept)
        fitting = [p for p in costs.points[1 : last + 1] if p not in kept and size[p] <= room]
        # Of equal cuts the latest: a convolution and its norm are computed as one, and take the same time.
        better = min(reversed(fitting), key=lambda p: costs.seconds(demand, [*kept, p]), default=None)
        if better is None or costs.seconds(demand, [*kept, better]) >= seconds:
            return tuple(sorted(kept, key=costs.points.index))
        kept.append(better)
        seconds = costs.seconds(demand, kept)
