"""Inference time of a backbone: measured once per machine and settings, after warm-up, and then reused."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np
import torch

from tlcompare.freezing.graph import Classifier
from tlcompare.freezing.layers import LayerList
from tlcompare.machine.device import Compute
from tlcompare.machine.measured import measured_once

_WARM_UP = 3
_LIMIT_S = 3.0
_BATCH = 25


@dataclass(frozen=True)
class Latency:
    """How long the served model, in float32, takes.

    Attributes:
        p50_ms, p95_ms: milliseconds for one image: median and 95th percentile of up to 50 calls.
        seconds_per_100: seconds for 100 images in batches of 25, from the median batch.
    """

    p50_ms: float
    p95_ms: float
    seconds_per_100: float

    @property
    def disturbed(self) -> bool:
        """Whether the machine was probably busy with something else meanwhile."""
        return self.p95_ms > 2 * self.p50_ms


def measure(model: Classifier, layers: LayerList, compute: Compute) -> Latency:
    """The latency of a backbone here; freezing does not change it, so all strategies share one measurement."""
    key = {
        "backbone": layers.backbone,
        "graph": layers.digest,
        "device": compute.device,
        "device_name": compute.device_name,
        "threads": compute.threads,
        "precision": "fp32",
        "torch": torch.__version__,
    }
    found = measured_once(
        "latency",
        key,
        lambda: asdict(_measure(model, layers.image_size, compute.device)),
        disturbed=lambda kept: Latency(**kept).disturbed,
    )
    return Latency(**found)


def _measure(model: Classifier, image_size: int, device: str) -> Latency:
    model.eval()
    one = torch.rand(1, 3, image_size, image_size, device=device).contiguous(memory_format=torch.channels_last)
    many = one.expand(_BATCH, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        single = _times(model, one, device, least=10, most=50)
        batches = _times(model, many, device, least=100 // _BATCH, most=3 * 100 // _BATCH)
    return Latency(
        p50_ms=float(np.percentile(single, 50)) * 1e3,
        p95_ms=float(np.percentile(single, 95)) * 1e3,
        seconds_per_100=float(np.median(batches)) * 100 / _BATCH,
    )


def _times(model: Classifier, x: torch.Tensor, device: str, least: int, most: int) -> list[float]:
    """Seconds per call after warm-up: `most` calls, or as many as fit into the time limit but `least`."""
    for _ in range(_WARM_UP):
        model(x)
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < least or (len(times) < most and time.perf_counter() - begin < _LIMIT_S):
        start = time.perf_counter()
        model(x)
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return times
