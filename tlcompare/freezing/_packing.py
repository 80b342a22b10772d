"""Cuts where several tensors flow between two blocks: they are laid side by side, and taken apart again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx

_IMAGES = 2
_MOST = 4
"""Tensors that a cut may hold: high-resolution networks have four; dense ones, with dozens, are not worth it."""


def pack(*tensors: Tensor) -> Tensor:
    """Tensors of N images, or some of so many patches of each, as one (N, F)."""
    images = min(map(len, tensors))
    return torch.cat([t.reshape(images, -1) for t in tensors], 1)


def unpack(packed: Tensor, index: int, sizes: Sequence[int], shape: Sequence[int]) -> Tensor:
    """One of the tensors that were packed.

    Args:
        packed: (N, F).
        index: which one.
        sizes: how many numbers of an image each of them has.
        shape: of this one, but for its first dimension.
    """
    return torch.split(packed, list(sizes), 1)[index].reshape(-1, *shape)


def packed_in(node: fx.Node) -> tuple[fx.Node, fx.Node] | None:
    """Of a node that takes a tensor out of a pack, the pack, and what was put into it there."""
    if node.target is not unpack:
        return None
    packed, index, *_ = node.args
    assert isinstance(packed, fx.Node)
    assert isinstance(index, int)
    return packed, packed.all_input_nodes[index]


def pack_between(network: fx.GraphModule, beginnings: Sequence[str], size: int) -> None:
    """Make a cut possible before each of these nodes, where up to four tensors flow; for images of this side."""
    by_image: set[str] | None = None
    for name in beginnings:
        nodes = list(network.graph.nodes)
        order = {n: i for i, n in enumerate(nodes)}
        place = next(i for i, n in enumerate(nodes) if n.name == name)
        later = {n: [u for u in n.users if order[u] >= place and _reads(u)] for n in nodes[:place] if n.meta["pixels"]}
        alive = [n for n, users in later.items() if users]
        rows = [n.meta["rows"] for n in alive]
        if not 2 <= len(alive) <= _MOST or 0 in rows or 1 not in rows:
            continue
        if max(rows) > 1:
            by_image = _sorted_by_image(network, size) if by_image is None else by_image
            if not all(n.name in by_image for n in alive if n.meta["rows"] > 1):
                continue
        sizes = [n.meta["rows"] * math.prod(n.meta["shape"]) for n in alive]
        with network.graph.inserting_before(nodes[place]):
            packed = network.graph.call_function(pack, tuple(alive))
            packed.meta = alive[-1].meta | {"shape": (sum(sizes),), "rows": 1}
            for index, node in enumerate(alive):
                taken = network.graph.call_function(unpack, (packed, index, sizes, node.meta["shape"]))
                taken.meta = dict(node.meta)
                for user in later[node]:
                    user.replace_input_with(node, taken)
    network.recompile()


def _sorted_by_image(network: fx.GraphModule, size: int) -> set[str]:
    """Nodes whose rows are those of the first image, then those of the second, and so on."""
    seen: list[dict[str, Tensor]] = []

    class Watched(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            if n.meta["rows"] > 1:
                seen[-1][n.name] = value.reshape(_IMAGES, -1)
            return value

    x = torch.rand(_IMAGES, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for images in (x, x.flip(0)):
            seen.append({})
            Watched(network).run(images)
    return {name for name, rows in seen[0].items() if torch.allclose(rows.flip(0), seen[1][name], rtol=1e-3, atol=1e-4)}


def _reads(user: fx.Node) -> bool:
    """Whether a node uses a value and not only its size or device."""
    return user.op == "output" or bool(user.meta["pixels"])
