"""The layer list: a network traced into its operations, in forward order, as Keras lists layers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import fx, nn

from tlcompare.backbones.backbone import Backbone
from tlcompare.backbones.registry import get_backbone
from tlcompare.freezing._packing import pack_between
from tlcompare.freezing._tracer import Part
from tlcompare.freezing._tracing import module_of, name_at, operation_at, output_of, trace_features
from tlcompare.freezing.blocks import NO_BLOCK, Place, name_blocks
from tlcompare.freezing.operations import PLUMBING, is_one_operation, never_drops, operation_of


@dataclass(frozen=True)
class Layer:
    """One operation of the backbone.

    Attributes:
        number: position from the start, from 1; the input is layer 1.
        name: path of the module, or of the module it happens in plus the function's name; unique.
        operation: conv, linear, norm, activation, pad, add, pool, dropout, attention, reshape, ...
        block: name of the block it belongs to.
        inner: name of the block inside that one, where it is a stage of several; else the same.
        module: path of the module that computes it; empty for a function.
        parameters: names of its weights in the network.
        sizes: how many numbers each of those holds.
        shape: what it gives for one image, without the batch dimension.
    """

    number: int
    name: str
    operation: str
    block: str
    inner: str
    module: str
    parameters: tuple[str, ...]
    sizes: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def weights(self) -> int:
        """How many numbers all its weights hold."""
        return sum(self.sizes)


@dataclass(frozen=True)
class LayerList:
    """A traced backbone: images (N, 3, S, S) to features (N, F).

    Attributes:
        backbone: name of the backbone.
        network: the graph; its last nodes pool the feature maps and are not layers.
        layers: the layers in forward order.
        nodes: names of the graph's nodes, one per layer; several layers may be parts of one node.
        features: F, the length of the feature vector.
        image_size: S, the side of the images in pixels.
        unlisted: how many operations of each kind are no layers, since they only move numbers or look at sizes.
    """

    backbone: str
    network: fx.GraphModule
    layers: tuple[Layer, ...]
    nodes: tuple[str, ...]
    features: int
    image_size: int
    unlisted: Mapping[str, int]

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, in forward order; what comes before the first weight is in none of them."""
        return tuple(dict.fromkeys(layer.block for layer in self.layers if layer.block != NO_BLOCK))

    @property
    def inner_blocks(self) -> tuple[str, ...]:
        """Names of the smallest blocks, in forward order: those inside a stage, and blocks that are no stages."""
        return tuple(dict.fromkeys(layer.inner for layer in self.layers if layer.inner != NO_BLOCK))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the graph and the list, whatever the weights: what was measured of one holds for the other."""
        listed = [(x.name, x.inner, x.parameters) for x in self.layers]
        described = f"{self.image_size}\n{self.network.code}\n{self.network}\n{listed}"
        return hashlib.sha256(described.encode()).hexdigest()

    @property
    def weights(self) -> int:
        """Number of weights in the whole backbone."""
        return sum(p.numel() for p in self.network.parameters())


def trace(backbone: Backbone, network: nn.Module) -> LayerList:
    """Trace `network`, the built `backbone`, into its layer list. The weights are shared, not copied.

    Raises:
        BackboneError: torch.fx cannot trace it, or it does not end in a feature vector.
    """
    traced, parts = trace_features(backbone, network)
    layers, nodes = _describe(traced, parts, backbone)
    tail, listed = _tail(traced), set(nodes)
    skipped = [n for n in traced.graph.nodes if n.op not in ("get_attr", "output") and n not in tail]
    unlisted = Counter(name_at(traced, n) for n in skipped if n.name not in listed)
    first = {layer.inner: node for layer, node in zip(reversed(layers), reversed(nodes), strict=True)}
    pack_between(traced, [node for inner, node in first.items() if inner != NO_BLOCK], backbone.preprocessing.size)
    return LayerList(
        backbone=backbone.name,
        network=traced,
        layers=layers,
        nodes=nodes,
        features=output_of(traced).meta["shape"][-1],
        image_size=backbone.preprocessing.size,
        unlisted=dict(unlisted.most_common()),
    )


def build_and_trace(model: str, image_size: int | None = None) -> LayerList:
    """The layer list of a backbone by name, with random weights.

    Raises:
        BackboneError: no such backbone, or one that cannot be traced.
    """
    backbone = get_backbone(model).at_size(image_size)
    return trace(backbone, backbone.build())


def _tail(traced: fx.GraphModule) -> set[fx.Node]:
    """The last operations that only pool and reshape: they belong to the head, not to the layer list."""
    tail: set[fx.Node] = set()
    owned = _weights_taken(traced)
    node = output_of(traced)
    while node.op != "placeholder" and operation_at(traced, node) in ("pool", PLUMBING, "dropout"):
        if node in owned or _own_parameters(traced, node):
            break
        tail.add(node)
        node = next(a for a in node.all_input_nodes if a.meta["pixels"])
    return tail


@dataclass(frozen=True)
class _Found:
    """An operation in the graph, before it has a number."""

    node: fx.Node
    path: str
    module: str
    operation: str
    parameters: tuple[str, ...]
    shape: tuple[int, ...]


def _describe(
    traced: fx.GraphModule, parts: Mapping[str, tuple[Part, ...]], backbone: Backbone
) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    found = list(_operations(traced, parts))
    blocks = name_blocks([Place(f.path, _has_place(f.node), bool(f.parameters)) for f in found], backbone.block_names)
    first = {p: name for name, p in traced.named_parameters()}
    own_name = {name: first[p] for name, p in traced.named_parameters(remove_duplicate=False)}
    sizes = {name: p.numel() for p, name in first.items()}
    seen: dict[str, int] = {}
    owned: set[str] = set()
    layers: list[Layer] = []
    for number, (operation, (block, inner)) in enumerate(zip(found, blocks, strict=True), start=1):
        base = operation.path
        count = seen[base] = seen.get(base, -1) + 1
        names = dict.fromkeys(own_name[p] for p in operation.parameters)  # a weight that two share is the first's
        parameters = tuple(p for p in names if p not in owned)
        owned.update(parameters)
        layers.append(
            Layer(
                number=number,
                name=f"{base}_{count}" if count else base,
                operation=operation.operation,
                block=block,
                inner=inner,
                module=operation.module,
                parameters=parameters,
                sizes=tuple(sizes[p] for p in parameters),
                shape=operation.shape,
            )
        )
    return tuple(layers), tuple(f.node.name for f in found)


def _operations(traced: fx.GraphModule, parts: Mapping[str, tuple[Part, ...]]) -> Iterator[_Found]:
    """What the network does to the images and with its weights, in order; what only moves numbers is not among it."""
    taken = _weights_taken(traced)
    tail = _tail(traced)
    for node in traced.graph.nodes:
        if node in tail or node.op in ("get_attr", "output"):
            continue
        path, own = _path(node), _own_parameters(traced, node)
        given = tuple(taken.get(node, ()))
        inside = parts.get(str(node.target), ()) if node.op == "call_module" and own else ()
        for part in inside:
            module = traced.get_submodule(part.path)
            operation = operation_of(module, type(module).__name__)
            named = module.named_parameters(recurse=is_one_operation(module))
            mine = (*(given if part is inside[0] else ()), *(f"{part.path}.{n}" for n, _ in named))
            if mine or not (operation == PLUMBING or never_drops(module)):
                yield _Found(node, part.path, part.path, operation, mine, part.shape)
        operation = operation_at(traced, node)
        if not inside and (own or given or (node.meta["pixels"] and operation != PLUMBING)):
            module_path = path if node.op == "call_module" else ""
            yield _Found(node, path, module_path, operation, (*own, *given), node.meta["shape"])


def _own_parameters(traced: fx.GraphModule, node: fx.Node) -> tuple[str, ...]:
    """Weights of the module that a node calls."""
    module = module_of(traced, node)
    named = module.named_parameters() if module else ()
    return tuple(f"{node.target}.{n}" for n, _ in named if not n.startswith("act."))


def _weights_taken(traced: fx.GraphModule) -> dict[fx.Node, list[str]]:
    """Weights that are no module's own, by the first operation that they reach: a position embedding is its addition's.

    On the way there they may be reshaped, resized or looked up, which depends on no image.
    """
    named = {name for name, _ in traced.named_parameters(remove_duplicate=False)}
    order = {node: i for i, node in enumerate(traced.graph.nodes)}
    taken: dict[fx.Node, list[str]] = {}
    for source in traced.graph.nodes:
        if source.op != "get_attr" or source.target not in named:
            continue
        waiting: list[fx.Node] = [source]
        reached: list[fx.Node] = []
        while waiting:
            for user in waiting.pop().users:
                ends = user.meta["pixels"] or _own_parameters(traced, user)
                (reached if ends else waiting).append(user)
        if reached:
            taken.setdefault(min(reached, key=lambda n: order[n]), []).append(source.target)
    return taken


def _has_place(node: fx.Node) -> bool:
    """Whether the node runs inside a module; a function called at the top level belongs to the block before it."""
    return node.op == "call_module" or bool(node.meta.get("nn_module_stack"))


def _path(node: fx.Node) -> str:
    """The module's path, or that of the module a function is called in and the function's name."""
    if node.op == "placeholder":
        return "input"
    if node.op == "call_module":
        return str(node.target)
    target = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    stack = node.meta.get("nn_module_stack") or {}
    inside = next((str(path) for path, *_ in reversed(list(stack.values()))), "")
    return f"{inside}.{target}".lstrip(".")
