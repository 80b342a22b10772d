"""How fast a backbone is on this machine, for forecasts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from tlcompare.freezing.graph import Classifier
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan, freeze, make_plan
from tlcompare.training.device import Compute


@dataclass(frozen=True)
class Speed:
    """Seconds per image: through the whole network, and of a training step of the whole network."""

    forward: float
    step: float

    def training(self, share: float) -> float:
        """Seconds per image of a step in which this share of the network's work lies behind the cut."""
        return self.forward + share * max(self.step - self.forward, 0)


def measure_speed(layers: LayerList, image_size: int, compute: Compute) -> Speed:
    """A quick measurement: the fastest of five batches of eight after one to warm up."""
    plan = make_plan(layers, "all", classes=2)
    freeze(layers.network, plan)
    model = Classifier(layers, plan.cut, classes=2, dropout=0.0)
    model.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.eval()
    x = torch.rand(8, 3, image_size, image_size, device=compute.device).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(len(x), dtype=torch.long, device=compute.device)

    def forward() -> None:
        with torch.inference_mode(), compute.autocast():
            model(x)

    def step() -> None:
        with compute.autocast():
            logits = model(x).float()
        torch.autograd.backward(nn.functional.cross_entropy(logits, labels))

    return Speed(_seconds(forward, compute) / len(x), _seconds(step, compute) / len(x))


def work_behind(layers: LayerList, plan: FreezePlan) -> float:
    """Share of the backbone's multiply-adds that lie behind the cut, and so run anew in every epoch; in 0..1.

    A layer's are estimated as its weights times the positions of what it gives.
    """
    work = {x.number: x.weights * _positions(x.shape) for x in layers.layers}
    behind = sum(w for number, w in work.items() if number > plan.cut.number)
    return behind / sum(work.values())


def _positions(shape: tuple[int, ...]) -> int:
    """How often a layer's weights are used for one image: pixels of a feature map, or tokens."""
    if len(shape) == 3:
        return shape[1] * shape[2]
    return shape[0] if len(shape) == 2 else 1


def _seconds(work: Callable[[], None], compute: Compute) -> float:
    times = []
    for _ in range(6):
        start = time.perf_counter()
        work()
        if compute.device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times[1:])
