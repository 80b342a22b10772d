"""The layer list: a network traced into its operations, in forward order, as Keras lists layers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from torch import fx, nn

from tlcompare.backbones.registry import Backbone, get_backbone
from tlcompare.errors import BackboneError
from tlcompare.freezing._tracing import operation_of, output_of, shapes_of, trace_features

_NO_BLOCK = "input"


@dataclass(frozen=True)
class Layer:
    """One operation of the backbone.

    Attributes:
        number: position from the start, from 1; the input is layer 1.
        name: path of the module, or of the module it happens in plus the function's name; unique.
        operation: conv, linear, norm, activation, pad, add, pool, dropout, attention, reshape, ...
        block: name of the block it belongs to.
        parameters: names of its weights in the network.
        sizes: how many numbers each of those holds.
        shape: what it gives for one image, without the batch dimension.
    """

    number: int
    name: str
    operation: str
    block: str
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
        nodes: names of the graph's nodes, one per layer.
        features: F, the length of the feature vector.
        image_size: S, the side of the images in pixels.
    """

    backbone: str
    network: fx.GraphModule
    layers: tuple[Layer, ...]
    nodes: tuple[str, ...]
    features: int
    image_size: int

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, in forward order; what comes before the first weight is in none of them."""
        return tuple(dict.fromkeys(layer.block for layer in self.layers if layer.block != _NO_BLOCK))

    @property
    def weights(self) -> int:
        """Number of weights in the whole backbone."""
        return sum(p.numel() for p in self.network.parameters())


def trace(backbone: Backbone, network: nn.Module) -> LayerList:
    """Trace `network`, the built `backbone`, into its layer list. The weights are shared, not copied.

    Raises:
        BackboneError: torch.fx cannot trace it, or it does not end in a feature vector.
    """
    traced = trace_features(backbone, network)
    shapes = shapes_of(traced, backbone.preprocessing.size)
    tail = _tail(traced, shapes)
    nodes = [n for n in traced.graph.nodes if n.name in shapes and n not in tail]
    layers = _describe(traced, nodes, shapes, backbone)
    return LayerList(
        backbone=backbone.name,
        network=traced,
        layers=layers,
        nodes=tuple(n.name for n in nodes),
        features=shapes[output_of(traced).name][-1],
        image_size=backbone.preprocessing.size,
    )


def build_and_trace(model: str, image_size: int | None = None) -> LayerList:
    """The layer list of a backbone by name, with random weights.

    Raises:
        BackboneError: no such backbone, or one that cannot be traced.
    """
    backbone = get_backbone(model).at_size(image_size)
    return trace(backbone, backbone.build())


def _tail(traced: fx.GraphModule, shapes: dict[str, tuple[int, ...]]) -> set[fx.Node]:
    """The last operations that only pool and reshape: they belong to the head, not to the layer list."""
    tail: set[fx.Node] = set()
    named = {name for name, _ in traced.named_parameters(remove_duplicate=False)}
    node = output_of(traced)
    while node.op != "placeholder" and operation_of(traced, node) in ("pool", "reshape", "dropout"):
        if any(_owned_parameters(traced, node, named)):
            break
        tail.add(node)
        node = next(a for a in node.all_input_nodes if a.name in shapes)
    return tail


def _describe(
    traced: fx.GraphModule, nodes: list[fx.Node], shapes: dict[str, tuple[int, ...]], backbone: Backbone
) -> tuple[Layer, ...]:
    block_of = _block_namer(backbone, [_path(n) for n in nodes])
    sizes = {name: p.numel() for name, p in traced.named_parameters(remove_duplicate=False)}
    seen: dict[str, int] = {}
    owned: set[str] = set()
    layers: list[Layer] = []
    for number, node in enumerate(nodes, start=1):
        base = _path(node)
        count = seen[base] = seen.get(base, -1) + 1
        parameters = tuple(p for p in _owned_parameters(traced, node, sizes) if p not in owned)
        owned.update(parameters)
        layers.append(
            Layer(
                number=number,
                name=f"{base}_{count}" if count else base,
                operation=operation_of(traced, node),
                block=block_of(base) if _has_place(node) else layers[-1].block if layers else _NO_BLOCK,
                parameters=parameters,
                sizes=tuple(sizes[p] for p in parameters),
                shape=shapes[node.name],
            )
        )
    if lost := {name for name, _ in traced.named_parameters()} - owned:
        raise BackboneError(
            f'"{backbone.name}" has weights that belong to no layer, such as "{min(lost)}"',
            "They could not be unfrozen; take another backbone.",
        )
    return _without_weightless_blocks(layers)


def _without_weightless_blocks(layers: list[Layer]) -> tuple[Layer, ...]:
    """A block without any weight, such as a lone activation, becomes part of the one before it."""
    weighty = {x.block for x in layers if x.sizes}
    block = _NO_BLOCK
    merged = []
    for layer in layers:
        if layer.block in weighty:
            block = layer.block
        merged.append(replace(layer, block=block))
    return tuple(merged)


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


def _owned_parameters(traced: fx.GraphModule, node: fx.Node, named: Collection[str]) -> Iterable[str]:
    """Weights of the node's module, and those of the `named` weights of the network that it takes by name."""
    if node.op == "call_module":
        module = traced.get_submodule(str(node.target))
        own = [n for n, _ in module.named_parameters() if not n.startswith("act.")]
        yield from (f"{node.target}.{n}" for n in own)
    for source in node.all_input_nodes:
        if source.op == "get_attr" and source.target in named:
            yield str(source.target)


def _block_namer(backbone: Backbone, paths: list[str]) -> Callable[[str], str]:
    if backbone.block_names:
        rules = [(re.compile(pattern), name) for pattern, name in backbone.block_names]

        def by_rule(path: str) -> str:
            return next(found.expand(name) for p, name in rules if (found := p.fullmatch(path)))

        return by_rule
    containers = _containers(paths)

    def by_structure(path: str) -> str:
        parts = path.split(".")
        depth = 1
        while depth < len(parts) and ".".join(parts[:depth]) in containers:
            depth += 1
        return ".".join(parts[:depth])

    return by_structure


def _containers(paths: list[str]) -> set[str]:
    """Modules that hold over three quarters of the layers: their children are the blocks, not they."""
    parents = Counter(
        ".".join(parts[:depth]) for p in paths for parts in [p.split(".")] for depth in range(1, len(parts))
    )
    return {name for name, count in parents.items() if 4 * count > 3 * len(paths)}
