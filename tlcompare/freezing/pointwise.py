"""Convolutions of one pixel as what they are in channels-last memory: a product of matrices.

oneDNN, to which PyTorch leaves convolutions on CPUs, brings their weights into another layout at every step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from torch import Tensor, fx, nn
from torch.nn import functional


class PointwiseConv(nn.Module):
    """A convolution of one pixel as a product of matrices, its weights shared with the one it stands for.

    Takes and gives what that one does: (N, C, H, W) to (N, C', H, W), both in channels-last memory.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.convolution.weight.flatten(1), self.convolution.bias
        return functional.linear(x.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)


def pointwise(part: fx.GraphModule) -> Iterator[tuple[fx.Node, nn.Conv2d]]:
    """The nodes that are convolutions of one pixel, and their modules."""
    for node in part.graph.nodes:
        module = part.get_submodule(str(node.target)) if node.op == "call_module" else None
        if (
            isinstance(module, nn.Conv2d)
            and type(module).forward is nn.Conv2d.forward
            and module.kernel_size == module.stride == (1, 1)
            and module.groups == 1
            and module.padding in ((0, 0), "valid", "same")
        ):
            yield node, module


def as_products(part: fx.GraphModule, chosen: Collection[str]) -> None:
    """Let convolutions of one pixel, by the names of their nodes, be products of matrices."""
    for node, module in list(pointwise(part)):
        if node.name in chosen:
            part.add_submodule(f"pointwise_{node.name}", PointwiseConv(module))
            node.target = f"pointwise_{node.name}"
    part.recompile()
