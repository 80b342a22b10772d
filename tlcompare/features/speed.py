"""How fast this machine is: a backbone's forward pass up to every cut, a training step, reading and writing."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import fx

from tlcompare.features.convolutions import train_fast
from tlcompare.files import cache_dir
from tlcompare.freezing.graph import Cut, cut_points
from tlcompare.freezing.inference import folded
from tlcompare.freezing.layers import LayerList
from tlcompare.machine.device import Compute
from tlcompare.machine.measured import measured_once, remembered

_MEASURED = 4
"""Counts up when what is measured changes: what earlier versions have measured is then not used."""
_PIXELS, _IMAGES = 4 * 224**2, 32
_REPEATS, _LIMIT_S = 3, 0.7
_STEADY = 1.5
"""Batches that differ by more than this were disturbed."""
_FILE_BYTES = 32 << 20
_BLOCK_BYTES = 64 << 10


@dataclass(frozen=True)
class Speed:
    """Seconds per image of a backbone.

    Attributes:
        forward: of inference from the input to each cut, by the cut's node; the last is the whole backbone.
        step: of a training step of the whole backbone.
        disturbed: whether the machine was probably busy with something else.
    """

    forward: Mapping[str, float]
    step: float
    disturbed: bool = False

    def inference(self, start: Cut | None, end: Cut | None) -> float:
        """Of inference from one cut to another; None is the input, or the pooled features."""
        total = max(self.forward.values())
        return (self.forward[end.node] if end else total) - (self.forward[start.node] if start else 0.0)

    def training(self, cut: Cut) -> float:
        """Of a training step of what lies behind a cut."""
        return self.step * self.inference(cut, None) / self.inference(None, None)


@dataclass(frozen=True)
class Disk:
    """Seconds per byte of the disk with the cache: to write, to read, and to read again what memory still holds."""

    write: float
    read: float
    reread: float


def measure_speed(layers: LayerList, compute: Compute) -> Speed:
    """The fastest of three batches, of 32 images or fewer large ones, after one to warm up; kept, unless disturbed."""
    key = speed_key(layers, compute)
    return Speed(**measured_once("speed", key, lambda: asdict(_measure_speed(layers, compute)), _was_disturbed))


def speed_is_known(layers: LayerList, compute: Compute) -> bool:
    """Whether `measure_speed` would measure nothing."""
    return remembered("speed", speed_key(layers, compute), _was_disturbed) is not None


def _was_disturbed(kept: Mapping[str, Any]) -> bool:
    return bool(kept["disturbed"])


def speed_key(layers: LayerList, compute: Compute) -> dict[str, Any]:
    """What a measurement of a backbone's speed depends on."""
    return {
        "measured": _MEASURED,
        "backbone": layers.backbone,
        "graph": layers.digest,
        "device": compute.device,
        "device_name": compute.device_name,
        "threads": compute.threads,
        "precision": compute.precision,
        "torch": torch.__version__,
    }


def faster_precision(layers: LayerList, compute: Compute) -> Compute:
    """`compute` in that of its precisions in which the backbone trains faster here."""
    return min(precisions(compute), key=lambda c: measure_speed(layers, c).step)


def precisions(compute: Compute) -> list[Compute]:
    """`compute` in the precisions that it may be faster in: on CPUs, bf16 instructions need not help."""
    both = compute.device == "cpu" and compute.precision == "bf16"
    return [replace(compute, precision=p) for p in ("bf16", "fp32")] if both else [compute]


def measure_disk() -> Disk:
    """The disk that holds the cache; measured once and kept."""
    return Disk(**measured_once("disk", _disk_key(), lambda: asdict(_measure_disk())))


def disk_is_known() -> bool:
    """Whether it was measured already."""
    return remembered("disk", _disk_key()) is not None


def _disk_key() -> dict[str, Any]:
    cache_dir().mkdir(parents=True, exist_ok=True)
    return {"folder": str(cache_dir()), "device": cache_dir().stat().st_dev}


class _Clocked(fx.Interpreter):
    """Runs a network and notes when each node was done, in seconds since the beginning."""

    def __init__(self, network: fx.GraphModule, device: str) -> None:
        super().__init__(network)
        self.device = device
        self.done: dict[str, float] = {}
        self.began = time.perf_counter()

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        _wait(self.device)
        self.done[n.name] = time.perf_counter() - self.began
        return value


def _measure_speed(layers: LayerList, compute: Compute) -> Speed:
    x = batch_for(layers, compute)
    network = deepcopy(layers.network).to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    inference = folded(network)
    passes: list[dict[str, float]] = []

    def forward() -> None:
        clocked = _Clocked(inference, compute.device)
        clocked.run(x)
        passes.append(clocked.done)

    with torch.inference_mode(), compute.autocast():
        forwards = _repeated(forward)
    network.requires_grad_(True).train()
    train_fast(network, compute)

    def step() -> None:
        with compute.autocast():
            features = network(x)
        torch.autograd.backward(features.float().square().mean())
        network.zero_grad()
        _wait(compute.device)

    steps = _repeated(step)
    fastest = min(passes[-len(forwards) :], key=lambda done: max(done.values()))
    return Speed(
        _at_cuts(layers, fastest, len(x)),
        min(steps) / len(x),
        disturbed=any(max(times) > _STEADY * min(times) for times in (forwards, steps)),
    )


def batch_for(layers: LayerList, compute: Compute) -> torch.Tensor:
    """Images to measure with: 32, or fewer large ones, and two at least, which norms may need."""
    side = layers.image_size
    x = torch.rand(max(min(_PIXELS // side**2, _IMAGES), 2), 3, side, side, device=compute.device)
    return x.contiguous(memory_format=torch.channels_last)


def _at_cuts(layers: LayerList, done: Mapping[str, float], images: int) -> dict[str, float]:
    """Seconds per image up to each cut; a node that was folded away was done with the one it went into."""
    points = {cut.node for cut in cut_points(layers)}
    begin = next(iter(done.values()))
    at: dict[str, float] = {}
    waiting: list[str] = []
    for node in layers.network.graph.nodes:
        waiting += [node.name] if node.name in points else []
        if node.name in done:
            at |= dict.fromkeys(waiting, (done[node.name] - begin) / images)
            waiting = []
    return at


def _measure_disk() -> Disk:
    block = np.random.default_rng(0).bytes(_BLOCK_BYTES)
    blocks = _FILE_BYTES // _BLOCK_BYTES
    order = np.random.default_rng(0).permutation(blocks)
    with tempfile.TemporaryFile(dir=cache_dir()) as f:

        def write() -> None:
            for _ in range(blocks):
                f.write(block)
            f.flush()
            os.fsync(f.fileno())

        def read() -> None:
            for i in order:
                f.seek(int(i) * _BLOCK_BYTES)
                f.read(_BLOCK_BYTES)

        written = _seconds(write)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return Disk(written / _FILE_BYTES, _seconds(read) / _FILE_BYTES, _seconds(read) / _FILE_BYTES)


def _repeated(work: Callable[[], None]) -> list[float]:
    """Seconds of every time after the first, which warms up: three, or fewer that take long."""
    work()
    times = [_seconds(work)]
    while len(times) < _REPEATS and sum(times) < _LIMIT_S:
        times.append(_seconds(work))
    return times


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
