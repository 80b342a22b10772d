"""The traced network taken apart at a cut: a prefix that never changes and the suffix after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from tlcompare.freezing._packing import pack, packed_in
from tlcompare.freezing.layers import LayerList

FEATURES = "features"


@dataclass(frozen=True)
class Cut:
    """A point between two operations where a single tensor flows.

    Attributes:
        after: name of the last layer before the cut; `features` if the whole backbone lies before it.
        number: that layer's number; with `features`, the number of layers.
        shape: what flows there for one image, without the batch dimension.
        node: the graph's node that gives it.
    """

    after: str
    number: int
    shape: tuple[int, ...]
    node: str


def cut_points(layers: LayerList) -> tuple[Cut, ...]:
    """Every cut there can be, from the input to the pooled features."""
    layer_of = dict(zip(layers.nodes, layers.layers, strict=True))
    points = set(_single_tensor_points(layers.network))
    reached = layers.layers[0]
    cuts: list[Cut] = []
    for node in layers.network.graph.nodes:
        reached = layer_of.get(node.name, reached)
        if node not in points or node.meta["rows"] != 1:
            continue
        if node.name in layer_of or node.target is pack:
            cuts.append(Cut(reached.name, reached.number, node.meta["shape"], node.name))
        elif reached is layers.layers[-1]:
            pooled = Cut(FEATURES, reached.number, (layers.features,), node.name)
            cuts = [*(c for c in cuts if c.after != FEATURES), pooled]
    return tuple(cuts)


def latest_cut(layers: LayerList, changing: Collection[str]) -> Cut:
    """The latest cut before every layer in `changing` (layer names); after the pooling if there is none."""
    first = next((x.number for x in layers.layers if x.name in changing), len(layers.layers) + 1)
    return next(c for c in reversed(cut_points(layers)) if c.number < first)


def between(network: fx.GraphModule, start: str | None, end: str | None) -> fx.GraphModule:
    """The part of `network` after node `start` up to node `end`, whose modules and weights it shares.

    Args:
        network: the traced network.
        start: a node after which a single tensor flows; None is the beginning.
        end: a later such node, or the same for a part that does nothing; None is the end.
    """
    nodes = list(network.graph.nodes)
    place = {n.name: i for i, n in enumerate(nodes)}
    first = place[start] + 1 if start else 0
    inside = nodes[first : place[end] + 1 if end else len(nodes)]
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    features = graph.placeholder("x") if start else None
    if features is not None:
        features.meta = dict(nodes[first - 1].meta)

    def copied(node: fx.Node) -> fx.Node:
        """What `node` is in the part; what it needs of before that depends on no pixels is computed again."""
        if node not in copies:
            joined = packed_in(node)
            if features is not None and place[node.name] < first and node.meta["pixels"]:
                copies[node] = features
            elif joined and place[joined[0].name] >= first:  # the pack is not where this part begins
                copies[node] = copied(joined[1])
            else:
                copies[node] = graph.node_copy(node, copied)
        return copies[node]

    for node in inside:
        if node.op == "output" or (node.meta["pixels"] and node.target is not pack):
            copied(node)
    if end:
        graph.output(copied(nodes[place[end]]))
    return fx.GraphModule(network, graph)


class Classifier(nn.Module):
    """A backbone cut in two, and a new head: images (N, 3, S, S), normalised, to logits (N, classes).

    `prefix(x)` is what comes before the cut; `rest(prefix(x))` is the logits.
    """

    def __init__(self, layers: LayerList, cut: Cut, classes: int, dropout: float, seed: int = 0) -> None:
        super().__init__()
        self.prefix = between(layers.network, None, cut.node)
        self.suffix = between(layers.network, cut.node, None)
        self.backbone = layers.network
        self.dropout = nn.Dropout(dropout)
        self.head = new_head(layers.features, classes, seed)

    def rest(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(self.suffix(x)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.prefix(x))

    def weights(self) -> dict[str, Tensor]:
        """Every weight and buffer once: the backbone's under its own names, and the head's."""
        return {
            **{f"backbone.{name}": t for name, t in self.backbone.state_dict().items()},
            **{f"head.{name}": t for name, t in self.head.state_dict().items()},
        }


def new_head(features: int, classes: int, seed: int) -> nn.Linear:
    """A linear layer whose random weights depend on nothing but their number and the seed."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return nn.Linear(features, classes)


def _single_tensor_points(network: fx.GraphModule) -> list[fx.Node]:
    """Nodes after which their own value is all of the images that later nodes still need."""
    nodes = [n for n in network.graph.nodes if n.meta["pixels"]]
    order = {n: i for i, n in enumerate(nodes)}
    last_use = {n: max((_use(u, order) for u in n.users), default=-1) for n in nodes}
    points: list[fx.Node] = []
    furthest = -1
    for i, node in enumerate(nodes):
        if furthest <= i:
            points.append(node)
        furthest = max(furthest, last_use[node])
    return points


def _use(user: fx.Node, order: Mapping[fx.Node, int]) -> int:
    """Where a value is used; asking for its device or its number of images is no use."""
    return len(order) if user.op == "output" else order.get(user, -1)
