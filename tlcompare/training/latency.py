"""Inference time of a backbone: measured once per machine and settings, after warm-up, and then reused."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch

from tlcompare.files import cache_dir, write_atomically
from tlcompare.freezing.graph import Classifier
from tlcompare.training.device import Compute

_WARM_UP = 5
_REPEATS = 50
_BATCH = 25


@dataclass(frozen=True)
class Latency:
    """How long the served model, in float32, takes.

    Attributes:
        p50_ms, p95_ms: milliseconds for one image: median and 95th percentile of 50 calls.
        seconds_per_100: seconds for 100 images in batches of 25, the median of three.
    """

    p50_ms: float
    p95_ms: float
    seconds_per_100: float


def measure(model: Classifier, backbone: str, image_size: int, compute: Compute) -> Latency:
    """The latency of `backbone` here; freezing does not change it, so all strategies share one measurement."""
    key = {
        "backbone": backbone,
        "image_size": image_size,
        "device": compute.device,
        "device_name": compute.device_name,
        "threads": compute.threads,
        "precision": "fp32",
        "torch": torch.__version__,
    }
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    path = cache_dir() / "latency" / f"{name}.json"
    try:
        return Latency(**json.loads(path.read_text(encoding="utf-8"))["latency"])
    except (OSError, ValueError, KeyError, TypeError):
        latency = _measure(model, image_size, compute.device)
        write_atomically(path, json.dumps({"key": key, "latency": asdict(latency)}, indent=1))
        return latency


def _measure(model: Classifier, image_size: int, device: str) -> Latency:
    model.eval()
    one = torch.rand(1, 3, image_size, image_size, device=device).contiguous(memory_format=torch.channels_last)
    many = one.expand(_BATCH, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        single = _times(model, one, device, _REPEATS)
        batches = _times(model, many, device, 3 * 100 // _BATCH)
    hundreds = np.reshape(batches, (3, -1)).sum(1)
    return Latency(
        p50_ms=float(np.percentile(single, 50)) * 1e3,
        p95_ms=float(np.percentile(single, 95)) * 1e3,
        seconds_per_100=float(np.median(hundreds)),
    )


def _times(model: Classifier, x: torch.Tensor, device: str, repeats: int) -> list[float]:
    times = []
    for i in range(_WARM_UP + repeats):
        start = time.perf_counter()
        model(x)
        if device == "cuda":
            torch.cuda.synchronize()
        if i >= _WARM_UP:
            times.append(time.perf_counter() - start)
    return times
