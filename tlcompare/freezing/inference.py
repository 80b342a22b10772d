"""A frozen part of a network as it is computed: without gradients, its batch norms folded into the convolutions."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import TypeVar

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_M = TypeVar("_M", bound=nn.Module)


def folded(part: fx.GraphModule) -> fx.GraphModule:
    """A copy of `part` for inference, with weights of its own: a convolution and the norm after it are one convolution.

    The convolution's node goes; the norm's keeps its name and gives the values that it gave.
    """
    copy = deepcopy(part).eval().requires_grad_(False)
    uses = Counter(str(n.target) for n in copy.graph.nodes if n.op == "call_module")
    for node in list(copy.graph.nodes):
        norm = _module(copy, node, nn.BatchNorm2d)
        if norm is None or not norm.track_running_stats:
            continue
        before = node.all_input_nodes[0]
        convolution = _module(copy, before, nn.Conv2d)
        if convolution is None or len(before.users) > 1 or uses[str(before.target)] > 1:
            continue
        copy.set_submodule(str(before.target), fuse_conv_bn_eval(convolution, norm))
        node.target, node.args, node.kwargs = before.target, before.args, before.kwargs
        copy.graph.erase_node(before)
    copy.delete_all_unused_submodules()
    copy.recompile()
    return copy


def splits_norm(network: fx.GraphModule, node: str) -> bool:
    """Whether a cut after this node comes between a convolution and the norm that `folded` would fold into it."""
    before = next(n for n in network.graph.nodes if n.name == node)
    return _module(network, before, nn.Conv2d) is not None and any(
        _module(network, user, nn.BatchNorm2d) is not None for user in before.users
    )


def _module(part: fx.GraphModule, node: fx.Node, kind: type[_M]) -> _M | None:
    """The module that a node calls, if it is of this kind."""
    if node.op != "call_module":
        return None
    found = part.get_submodule(str(node.target))
    return found if isinstance(found, kind) else None
