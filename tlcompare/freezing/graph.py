"""The traced network taken apart at a cut: a prefix that never changes and the suffix after it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torch import Tensor, fx, nn

from tlcompare.freezing.layers import Layer, LayerList

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


def latest_cut(layers: LayerList, changing: Collection[str]) -> Cut:
    """The latest cut before every layer in `changing` (layer names); after the pooling if there is none."""
    layer_of = dict(zip(layers.nodes, layers.layers, strict=True))
    points = set(_single_tensor_points(layers.network))
    reached = layers.layers[0]
    best: tuple[fx.Node, Layer] | None = None
    for node in layers.network.graph.nodes:
        reached = layer_of.get(node.name, reached)
        if reached.name in changing:
            break
        if node in points and node.meta["gives_tensor"]:
            best = (node, reached)
    assert best is not None, "the input is always a point with a single tensor"
    node, layer = best
    if node.name not in layer_of:
        return Cut(FEATURES, layer.number, (layers.features,), node.name)
    return Cut(layer.name, layer.number, layer.shape, node.name)


def split(network: fx.GraphModule, node_name: str) -> tuple[fx.GraphModule, fx.GraphModule]:
    """Prefix and suffix of `network`, cut after a node. Both share its modules and weights."""
    nodes = list(network.graph.nodes)
    at = next(i for i, n in enumerate(nodes) if n.name == node_name)
    prefix, suffix = fx.Graph(), fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in nodes[: at + 1]:
        copies[node] = prefix.node_copy(node, lambda n: copies[n])
    prefix.output(copies[nodes[at]])
    copies = {nodes[at]: suffix.placeholder("x")}
    after = nodes[at + 1 :]
    needed = [n for n in nodes[:at] if n.op == "get_attr" and any(u in after for u in n.users)]
    for node in [*needed, *after]:
        copies[node] = suffix.node_copy(node, lambda n: copies[n])
    return fx.GraphModule(network, prefix), fx.GraphModule(network, suffix)


class Classifier(nn.Module):
    """A backbone cut in two, and a new head: images (N, 3, S, S), normalised, to logits (N, classes).

    `prefix(x)` is what comes before the cut; `rest(prefix(x))` is the logits.
    """

    def __init__(self, layers: LayerList, cut: Cut, classes: int, dropout: float) -> None:
        super().__init__()
        self.prefix, self.suffix = split(layers.network, cut.node)
        self.backbone = layers.network
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(layers.features, classes)

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


def _single_tensor_points(network: fx.GraphModule) -> list[fx.Node]:
    """Nodes after which their own value is the only one that later nodes still need."""
    nodes = [n for n in network.graph.nodes if n.op not in ("get_attr", "output")]
    order = {n: i for i, n in enumerate(nodes)}
    last_use = {n: max((order.get(u, len(nodes)) for u in n.users), default=-1) for n in nodes}
    points: list[fx.Node] = []
    furthest = -1
    for i, node in enumerate(nodes):
        if furthest <= i:
            points.append(node)
        furthest = max(furthest, last_use[node])
    return points
