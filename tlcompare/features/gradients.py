"""Which way of computing the gradients of a depthwise convolution is fastest on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import torch
from torch import fx, nn

from tlcompare.freezing.depthwise import (
    Gradients,
    depthwise,
    input_gradient,
    input_ways,
    padded,
    weight_gradient,
    weight_ways,
)
from tlcompare.machine.device import Compute
from tlcompare.machine.measured import measured_once

_BATCH, _VALUES = 16, 1 << 22
_REPEATS = 2
_HOPELESS = 4
"""A way that takes so many times as long as another is not tried again."""
_MARGIN = 0.9
"""What is not faster by more than this is left as PyTorch does it."""


def fastest_gradients(part: fx.GraphModule, compute: Compute) -> dict[str, Gradients]:
    """How each depthwise convolution of a part of a backbone computes its gradients, by the name of its node.

    Measured once per shape, precision and number of threads, and kept; PyTorch's own way everywhere but on CPUs.
    """
    if compute.device != "cpu":
        return {}
    found: dict[str, Gradients] = {}
    for node, convolution in depthwise(part):
        shape = node.all_input_nodes[0].meta["shape"]
        key = {
            "kind": type(convolution).__name__,
            "kernel": convolution.kernel_size,
            "stride": convolution.stride,
            "padding": convolution.padding,
            "dilation": convolution.dilation,
            "shape": shape,
            "device_name": compute.device_name,
            "threads": compute.threads,
            "precision": compute.precision,
            "torch": torch.__version__,
        }
        measured = measured_once("gradients", key, lambda: asdict(_measure(convolution, shape, compute.precision)))  # noqa: B023
        found[node.name] = Gradients(**measured)
    return found


def _measure(convolution: nn.Conv2d, shape: tuple[int, ...], precision: str) -> Gradients:
    channels, height, width = shape
    images = max(min(_BATCH, _VALUES // (channels * height * width)), 1)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    with torch.inference_mode():
        x = torch.rand(images, channels, height, width, dtype=dtype).contiguous(memory_format=torch.channels_last)
        weight = convolution.weight.to(dtype)
        x, geometry = padded(convolution, x)
        y = torch.rand_like(
            nn.functional.conv2d(x, weight, None, geometry.stride, geometry.padding, geometry.dilation, channels)
        )
        return Gradients(
            _fastest(input_ways(weight, geometry, dtype), lambda way: input_gradient(way, y, x, weight, geometry)),
            _fastest(weight_ways(), lambda way: weight_gradient(way, y, x, weight, geometry)),
        )


def _fastest(ways: Sequence[str], compute: Callable[[str], object]) -> str:
    """The way that takes the least time; the last, if none is faster by more than the margin."""
    least: dict[str, float] = {}
    for way in ways:
        first = _seconds(compute, way)
        again = 0 if first > _HOPELESS * min(least.values(), default=first) else _REPEATS
        least[way] = min([first, *(_seconds(compute, way) for _ in range(again))])
    best = min(ways, key=least.__getitem__)
    return best if least[best] < _MARGIN * least[ways[-1]] else ways[-1]


def _seconds(compute: Callable[[str], object], way: str) -> float:
    start = time.perf_counter()
    compute(way)
    return time.perf_counter() - start
