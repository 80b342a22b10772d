"""Depthwise convolutions whose gradients are computed in whichever of several ways is fastest here.

On CPUs PyTorch leaves convolutions to oneDNN, which has a fast weight gradient for depthwise ones only where the kernel
is at most three wide and no higher than the image, and in bfloat16 a slow input gradient where the stride is not one.
What is computed otherwise here is the same sum in another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

_STRIP = 3
"""Columns of a kernel whose weight gradient oneDNN computes fast."""

Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """Of a convolution, each as (vertical, horizontal)."""

    stride: Pair
    padding: Pair
    dilation: Pair


@dataclass(frozen=True)
class Gradients:
    """How the gradients of a depthwise convolution are computed.

    Attributes:
        of_input: `stock` is PyTorch's way; `flipped` a forward convolution with the kernel turned by 180 degrees;
            `float32` PyTorch's in that precision.
        of_weight: `stock`, or in `strips` of the kernel that are at most three columns wide.
    """

    of_input: str = "stock"
    of_weight: str = "stock"


STOCK = Gradients()


class DepthwiseConv(nn.Module):
    """A depthwise convolution, its weights shared with the one it stands for, with gradients as chosen.

    Takes and gives what that one does: (N, C, H, W) to (N, C, H', W'), under autocast in its precision.
    """

    def __init__(self, convolution: nn.Conv2d, gradients: Gradients) -> None:
        super().__init__()
        self.convolution = convolution
        self.gradients = gradients

    def forward(self, x: Tensor) -> Tensor:
        convolution = self.convolution
        weight, bias = convolution.weight, convolution.bias
        x, geometry = padded(convolution, x)
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        result: Tensor = _Convolution.apply(x, weight, bias, geometry, self.gradients)
        return result


def depthwise(network: fx.GraphModule) -> Iterator[tuple[fx.Node, nn.Conv2d]]:
    """The nodes that are depthwise convolutions with a gradient of their own here, and their modules."""
    for node in network.graph.nodes:
        module = network.get_submodule(str(node.target)) if node.op == "call_module" else None
        if (
            isinstance(module, nn.Conv2d)
            and module.in_channels == module.out_channels == module.groups > 1
            and module.padding_mode == "zeros"
            and (type(module).forward is nn.Conv2d.forward or _pads_itself(module))
        ):
            yield node, module


def use_gradients(part: fx.GraphModule, chosen: Mapping[str, Gradients]) -> None:
    """Make depthwise convolutions of a part, by the names of their nodes, compute their gradients as chosen."""
    for node, module in list(depthwise(part)):
        gradients = chosen.get(node.name, STOCK)
        if gradients != STOCK:
            part.add_submodule(f"depthwise_{node.name}", DepthwiseConv(module, gradients))
            node.target = f"depthwise_{node.name}"
    part.recompile()


def padded(convolution: nn.Conv2d, x: Tensor) -> tuple[Tensor, Geometry]:
    """Its input, padded where both sides differ, and what is left for it to pad."""
    stride, dilation = _pair(convolution.stride), _pair(convolution.dilation)
    if _pads_itself(convolution):
        from timm.layers import pad_same

        return pad_same(x, convolution.kernel_size, stride, dilation), Geometry(stride, (0, 0), dilation)
    left, right, top, bottom = convolution._reversed_padding_repeated_twice
    if (left, top) == (right, bottom):
        return x, Geometry(stride, (top, left), dilation)
    return functional.pad(x, (left, right, top, bottom)), Geometry(stride, (0, 0), dilation)


def input_ways(weight: Tensor, geometry: Geometry, dtype: torch.dtype) -> list[str]:
    """Ways to compute the gradient of the input of this kernel; `stock` is the last."""
    ways = ["float32"] if dtype != torch.float32 else []
    within = all(p <= r for p, r in zip(geometry.padding, _reach(weight, geometry), strict=True))
    if geometry.stride == (1, 1) and within:
        ways.append("flipped")
    return [*ways, "stock"]


def weight_ways() -> list[str]:
    """Ways to compute the gradient of the weight; `stock` is the last."""
    return ["strips", "stock"]


def input_gradient(way: str, y: Tensor, x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """The gradient of the input `x`, from that of the output, `y`."""
    if way == "flipped":
        vertical, horizontal = (r - p for r, p in zip(_reach(weight, geometry), geometry.padding, strict=True))
        return functional.conv2d(
            y, weight.flip(2, 3), None, 1, (vertical, horizontal), geometry.dilation, groups=len(weight)
        )
    if way == "float32":
        return _stock(y.float(), x.float(), weight.float(), geometry, 0).to(x.dtype)
    return _stock(y, x, weight, geometry, 0)


def weight_gradient(way: str, y: Tensor, x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """The gradient of the weight, (C, 1, height, width), from that of the output, `y`."""
    if way == "stock":
        return _stock(y, x, weight, geometry, 1)
    vertical, horizontal = geometry.padding
    x = functional.pad(x, (horizontal, horizontal, vertical, vertical)) if any(geometry.padding) else x
    unpadded = Geometry(geometry.stride, (0, 0), geometry.dilation)
    step, apart = geometry.stride[1], geometry.dilation[1]
    strips = []
    for first in range(0, weight.shape[3], _STRIP):
        strip = weight[..., first : first + _STRIP]
        columns = (y.shape[3] - 1) * step + (strip.shape[3] - 1) * apart + 1
        under = x[..., first * apart : first * apart + columns]
        strips.append(_stock(y, under, strip, unpadded, 1))
    return torch.cat(strips, 3)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, gradients: Gradients
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry, ctx.gradients = geometry, gradients
        return functional.conv2d(
            x, weight, bias, geometry.stride, geometry.padding, geometry.dilation, groups=len(weight)
        )

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, y: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        geometry, gradients = ctx.geometry, ctx.gradients
        wanted = ctx.needs_input_grad
        return (
            input_gradient(gradients.of_input, y, x, weight, geometry) if wanted[0] else None,
            weight_gradient(gradients.of_weight, y, x, weight, geometry) if wanted[1] else None,
            y.sum((0, 2, 3)) if wanted[2] else None,
            None,
            None,
        )


def _stock(y: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, which: int) -> Tensor:
    """PyTorch's gradient of the input, 0, or of the weight, 1."""
    gradient: Tensor = torch.ops.aten.convolution_backward(
        y,
        x,
        weight,
        None,
        geometry.stride,
        geometry.padding,
        geometry.dilation,
        False,
        (0, 0),
        len(weight),
        (which == 0, which == 1, False),
    )[which]
    return gradient


def _reach(weight: Tensor, geometry: Geometry) -> Pair:
    """How far a kernel reaches from its first row and column to its last."""
    vertical, horizontal = (d * (k - 1) for d, k in zip(geometry.dilation, weight.shape[2:], strict=True))
    return vertical, horizontal


def _pads_itself(convolution: nn.Conv2d) -> bool:
    """Whether it is timm's convolution with TensorFlow's padding, which depends on the size of the image."""
    kind = type(convolution)
    return (kind.__module__, kind.__name__) == ("timm.layers.conv2d_same", "Conv2dSame")


def _pair(value: tuple[int, ...]) -> Pair:
    vertical, horizontal = value
    return vertical, horizontal
