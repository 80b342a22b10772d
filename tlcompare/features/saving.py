"""What keeping features would save one run, from what was measured on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tlcompare.config import RunConfig
from tlcompare.data.splits import Split
from tlcompare.features.feed import cuts_to_keep, demand, measured_costs
from tlcompare.features.speed import disk_is_known, faster_precision, precisions, speed_is_known
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan
from tlcompare.machine.device import choose_compute


@dataclass(frozen=True)
class Saving:
    """An estimate for one run.

    Attributes:
        after: the layer after which features are kept; empty if keeping none is fastest.
        bytes_per_image: that the features of one image take.
        images, epochs: of the run it is for.
        compute_ms, read_ms: per image, from the input to where training begins, without and with kept features.
        seconds, seconds_without: of the whole run's training, with and without features.
        precision: that it trains in.
    """

    after: str
    bytes_per_image: int
    images: int
    epochs: int
    compute_ms: float
    read_ms: float
    seconds: float
    seconds_without: float
    precision: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def is_measured(layers: LayerList) -> bool:
    """Whether everything is known that `expected_saving` would measure."""
    return disk_is_known() and all(speed_is_known(layers, c) for c in precisions(choose_compute(RunConfig())))


def expected_saving(layers: LayerList, plan: FreezePlan, images: int) -> Saving:
    """What keeping features saves a run of so many training images with the default recipe; measures the machine."""
    config = RunConfig(augment="flip", views=2)
    compute = faster_precision(layers, choose_compute(config))
    costs = measured_costs(layers, compute)
    nobody = np.array([], np.int64)
    wanted = demand(plan.cut, Split(np.arange(images), nobody, nobody), config)
    kept = cuts_to_keep(costs, wanted, config)
    start = costs.start(plan.cut, kept, images)
    place = costs.points.index(plan.cut)
    training = config.epochs * images * costs.speed.training(plan.cut)
    return Saving(
        after=start.after if start else "",
        bytes_per_image=int(costs.sizes[costs.points.index(start)]) * (4 if compute.precision == "fp32" else 2) // 4
        if start
        else 0,
        images=images,
        epochs=config.epochs,
        compute_ms=costs.speed.inference(None, plan.cut) * 1e3,
        read_ms=float(costs.starting(kept, images)[place]) * 1e3,
        seconds=training + costs.seconds(wanted, kept),
        seconds_without=training + costs.seconds(wanted, ()),
        precision=compute.precision,
    )
