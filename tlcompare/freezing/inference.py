"""A frozen part of a network as it is computed: without gradients, its batch norms folded into the convolutions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
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
    fold(copy)
    copy.delete_all_unused_submodules()
    return copy


def fold(part: fx.GraphModule, changing: Collection[str] = ()) -> None:
    """Fold the norms of `part` into the convolutions before them, but for modules whose paths are in `changing`.

    What is folded has weights of its own, which no longer follow those of the network.
    """
    uses = Counter(str(n.target) for n in part.graph.nodes if n.op == "call_module")
    for node in list(part.graph.nodes):
        norm = _module(part, node, nn.BatchNorm2d)
        if norm is None or not norm.track_running_stats or node.target in changing:
            continue
        before = node.all_input_nodes[0]
        convolution = _module(part, before, nn.Conv2d)
        if convolution is None or before.target in changing or len(before.users) > 1 or uses[str(before.target)] > 1:
            continue
        one = fuse_conv_bn_eval(deepcopy(convolution).eval(), deepcopy(norm).eval()).requires_grad_(False)
        part.add_submodule(f"folded_{node.name}", one)
        node.target, node.args, node.kwargs = f"folded_{node.name}", before.args, before.kwargs
        part.graph.erase_node(before)
    part.recompile()


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
