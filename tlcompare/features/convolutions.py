"""Which way of computing a convolution and its gradients is fastest on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict

import torch
from torch import fx, nn

from tlcompare.freezing.depthwise import (
    Gradients,
    depthwise,
    input_gradient,
    input_ways,
    padded,
    use_gradients,
    weight_gradient,
    weight_ways,
)
from tlcompare.freezing.pointwise import PointwiseConv, as_products, pointwise
from tlcompare.machine.device import Compute
from tlcompare.machine.measured import measured_once

_BATCH, _VALUES = 16, 1 << 22
_REPEATS, _ENOUGH_S = 2, 0.02
_HOPELESS = 4
"""A way that takes so many times as long as another is not tried again."""
_SMALL_MAP = 16**2
"""Pixels beyond which the layout of a convolution's weights takes no time beside the rest."""
_MARGIN = 0.9
"""What is not faster by more than this is left as PyTorch does it."""


def train_fast(part: fx.GraphModule, compute: Compute) -> None:
    """Let each convolution of a part of a backbone be computed, and its gradients, in the way that is fastest here.

    Measured once per shape, precision and number of threads, and kept; PyTorch's own way everywhere but on CPUs.
    """
    if compute.device != "cpu":
        return
    gradients: dict[str, Gradients] = {}
    for node, convolution in depthwise(part):
        found = _measured("depthwise", node, convolution, compute, _measure_depthwise)
        gradients[node.name] = Gradients(**found)
    products = {
        node.name
        for node, convolution in pointwise(part)
        if math.prod(node.meta["shape"][1:]) <= _SMALL_MAP
        and _measured("pointwise", node, convolution, compute, _measure_pointwise)["way"] == "product"
    }
    use_gradients(part, gradients)
    as_products(part, products)


def _measured(
    kind: str,
    node: fx.Node,
    convolution: nn.Conv2d,
    compute: Compute,
    measure: Callable[[nn.Conv2d, torch.Tensor], dict[str, str]],
) -> dict[str, str]:
    """What `measure` finds for a convolution and images as it gets them, or has found earlier."""
    channels, height, width = shape = node.all_input_nodes[0].meta["shape"]
    key = {
        "kind": type(convolution).__name__,
        "kernel": convolution.kernel_size,
        "stride": convolution.stride,
        "padding": convolution.padding,
        "dilation": convolution.dilation,
        "channels": convolution.out_channels,
        "shape": shape,
        "device_name": compute.device_name,
        "threads": compute.threads,
        "precision": compute.precision,
        "torch": torch.__version__,
    }

    def found() -> dict[str, str]:
        images = max(min(_BATCH, _VALUES // (channels * height * width)), 1)
        dtype = torch.bfloat16 if compute.precision == "bf16" else torch.float32
        x = torch.rand(images, channels, height, width, dtype=dtype).contiguous(memory_format=torch.channels_last)
        return measure(convolution, x)

    return measured_once(kind, key, found)


@torch.inference_mode()
def _measure_depthwise(convolution: nn.Conv2d, x: torch.Tensor) -> dict[str, str]:
    weight = convolution.weight.to(x.dtype)
    x, geometry = padded(convolution, x)
    y = torch.rand_like(
        nn.functional.conv2d(x, weight, None, geometry.stride, geometry.padding, geometry.dilation, len(weight))
    )
    ways = input_ways(weight, geometry, x.dtype)
    return asdict(
        Gradients(
            _fastest(ways, lambda way: input_gradient(way, y, x, weight, geometry)),
            _fastest(weight_ways(), lambda way: weight_gradient(way, y, x, weight, geometry)),
        )
    )


def _measure_pointwise(convolution: nn.Conv2d, x: torch.Tensor) -> dict[str, str]:
    copy = deepcopy(convolution).to(x.dtype, memory_format=torch.channels_last).requires_grad_(True)  # type: ignore[call-overload]
    x.requires_grad_(True)
    modules = {"product": PointwiseConv(copy), "stock": copy}

    def step(way: str) -> None:
        y = modules[way](x)
        torch.autograd.grad(y, [x, copy.weight], torch.ones_like(y))

    return {"way": _fastest(list(modules), step)}


def _fastest(ways: Sequence[str], compute: Callable[[str], object]) -> str:
    """The way that takes the least time; the last, if none is faster by more than the margin."""
    least: dict[str, float] = {}
    for way in ways:
        first = _seconds(compute, way)
        hopeless = first > _HOPELESS * min(least.values(), default=first)
        again = 0 if hopeless else min(_REPEATS, 1 + int(_ENOUGH_S / first))
        least[way] = min([first, *(_seconds(compute, way) for _ in range(again))])
    best = min(ways, key=least.__getitem__)
    return best if least[best] < _MARGIN * least[ways[-1]] else ways[-1]


def _seconds(compute: Callable[[str], object], way: str) -> float:
    start = time.perf_counter()
    compute(way)
    return time.perf_counter() - start
