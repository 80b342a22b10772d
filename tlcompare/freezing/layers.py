"""The layer list: a network traced into its operations, in forward order, as Keras lists layers."""

from __future__ import annotations

import operator
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from tlcompare.backbones.registry import Backbone, get_backbone
from tlcompare.errors import BackboneError
from tlcompare.files import first_line


@dataclass(frozen=True)
class Layer:
    """One operation of the backbone.

    Attributes:
        number: position from the start, from 1; the input is layer 1.
        name: path of the module, or of the module it happens in plus the function's name; unique.
        operation: conv, linear, norm, activation, pad, add, pool, dropout, attention, reshape, ...
        block: name of the block it belongs to.
        parameters: names of its weights in the network.
        weights: how many numbers those are.
        shape: what it gives for one image, without the batch dimension.
    """

    number: int
    name: str
    operation: str
    block: str
    parameters: tuple[str, ...]
    weights: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class LayerList:
    """A traced backbone: images (N, 3, S, S) to features (N, F).

    Attributes:
        backbone: name of the backbone.
        network: the graph; its last nodes pool the feature maps and are not layers.
        layers: the layers in forward order.
        nodes: names of the graph's nodes, one per layer.
        features: F, the length of the feature vector.
    """

    backbone: str
    network: fx.GraphModule
    layers: tuple[Layer, ...]
    nodes: tuple[str, ...]
    features: int

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks, in forward order."""
        return tuple(dict.fromkeys(layer.block for layer in self.layers if layer.operation != "input"))

    @property
    def weights(self) -> int:
        """Number of weights in the whole backbone."""
        return sum(p.numel() for p in self.network.parameters())


def trace(backbone: Backbone, network: nn.Module) -> LayerList:
    """Trace `network`, the built `backbone`, into its layer list. The weights are shared, not copied.

    Raises:
        BackboneError: torch.fx cannot trace it, or it does not end in a feature vector.
    """
    network.eval()
    try:
        traced = fx.GraphModule(network, _Tracer().trace(network))
        _shapes(traced, backbone.preprocessing.size)
    except (
        fx.proxy.TraceError,
        RuntimeError,
        TypeError,
        ValueError,
        LookupError,
        NameError,
        AssertionError,
    ) as e:
        raise _untraceable(backbone.name, first_line(e)) from e
    if backbone.classifier:
        _drop_classifier(traced, backbone.name)
    _split_fused_norms(traced)
    _make_pure(traced)
    _end_in_vector(traced, backbone)
    traced.delete_all_unused_submodules()
    shapes = _shapes(traced, backbone.preprocessing.size)
    tail = _tail(traced, shapes)
    nodes = [n for n in traced.graph.nodes if n.name in shapes and n not in tail]
    layers = _describe(traced, nodes, shapes, backbone)
    return LayerList(
        backbone=backbone.name,
        network=traced,
        layers=layers,
        nodes=tuple(n.name for n in nodes),
        features=shapes[_output(traced).name][-1],
    )


def build_and_trace(model: str, image_size: int | None = None) -> LayerList:
    """The layer list of a backbone by name, with random weights.

    Raises:
        BackboneError: no such backbone, or one that cannot be traced.
    """
    backbone = get_backbone(model).at_size(image_size)
    return trace(backbone, backbone.build())


def _untraceable(name: str, reason: str) -> BackboneError:
    return BackboneError(
        f'"{name}" cannot be traced by torch.fx: {reason}',
        "Its layers cannot be listed; take another backbone.",
    )


class _Tracer(fx.Tracer):
    """Stops at torch's own modules and at those that other libraries declare untraceable or mode-dependent."""

    def __init__(self) -> None:
        super().__init__(autowrap_functions=_untraceable_functions())
        self._leaves = _leaf_classes()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, self._leaves) or super().is_leaf_module(m, module_qualified_name)


def _leaf_classes() -> tuple[type[nn.Module], ...]:
    from torchvision.ops import StochasticDepth

    leaves: list[type[nn.Module]] = [StochasticDepth]
    if "timm" in sys.modules:
        from timm.layers import DropPath
        from timm.models import get_notrace_modules

        leaves += [DropPath, *get_notrace_modules()]
    return tuple(leaves)


def _untraceable_functions() -> tuple[Callable[..., Any], ...]:
    if "timm" not in sys.modules:
        return ()
    from timm.models import get_notrace_functions

    return tuple(get_notrace_functions())


def _output(traced: fx.GraphModule) -> fx.Node:
    """The node whose value the graph returns."""
    end = next(n for n in reversed(traced.graph.nodes) if n.op == "output")
    value = end.args[0]
    if not isinstance(value, fx.Node):
        raise _untraceable("this network", f"it returns a {type(value).__name__}, not one tensor")
    return value


def _set_output(traced: fx.GraphModule, value: fx.Node) -> None:
    end = next(n for n in reversed(traced.graph.nodes) if n.op == "output")
    end.args = (value,)
    traced.graph.eliminate_dead_code()
    traced.recompile()


def _drop_classifier(traced: fx.GraphModule, name: str) -> None:
    """End the graph before its last linear layer or, in fully convolutional classifiers, its last convolution."""
    for node in reversed(traced.graph.nodes):
        if node.op == "call_module" and isinstance(traced.get_submodule(str(node.target)), nn.Linear | nn.Conv2d):
            _set_output(traced, node.args[0])
            return
    raise _untraceable(name, "it has no classifier to replace")


def _split_fused_norms(traced: fx.GraphModule) -> None:
    """timm's norm-and-activation modules become two layers; names of weights stay as they are."""
    for node in list(traced.graph.nodes):
        if node.op != "call_module":
            continue
        fused = traced.get_submodule(str(node.target))
        if not (isinstance(fused, nn.BatchNorm2d) and hasattr(fused, "act") and hasattr(fused, "drop")):
            continue
        norm = nn.BatchNorm2d(fused.num_features, fused.eps, fused.momentum, fused.affine, fused.track_running_stats)
        norm.weight, norm.bias = fused.weight, fused.bias
        for name, buffer in fused.named_buffers():
            setattr(norm, name, buffer)
        activation_module = fused.get_submodule("act")
        norm.add_module("act", activation_module)
        traced.set_submodule(node.target, norm.eval())
        if isinstance(activation_module, nn.Identity):
            continue
        with traced.graph.inserting_after(node):
            activation = traced.graph.call_module(f"{node.target}.act")
        activation.meta = dict(node.meta)
        node.replace_all_uses_with(activation)
        activation.args = (node,)
    traced.recompile()


def _make_pure(traced: fx.GraphModule) -> None:
    """No operation changes its input in place, and operations that do nothing go."""
    for module in traced.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010 (only some modules have it)
    for node in list(traced.graph.nodes):
        if node.op == "call_function" and node.target in _OUT_OF_PLACE:
            node.target = _OUT_OF_PLACE[node.target]
        if node.op == "call_method" and node.target in ("add_", "mul_", "relu_"):
            node.target = node.target.rstrip("_")
        if node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
        if _does_nothing(traced, node):
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    traced.graph.lint()
    traced.recompile()


_OUT_OF_PLACE = {operator.iadd: operator.add, operator.imul: operator.mul, operator.isub: operator.sub}


def _does_nothing(traced: fx.GraphModule, node: fx.Node) -> bool:
    if node.op != "call_module":
        return False
    module = traced.get_submodule(str(node.target))
    if isinstance(module, nn.Identity):
        return True
    chance = getattr(module, "p", getattr(module, "drop_prob", None))
    return chance == 0 and _operation(traced, node) == "dropout"


def _end_in_vector(traced: fx.GraphModule, backbone: Backbone) -> None:
    """Dropout before the classifier goes (the head has its own), and feature maps are pooled."""
    output = _output(traced)
    while _operation(traced, output) == "dropout":
        output = output.all_input_nodes[0]
        _set_output(traced, output)
    shape = _shapes(traced, backbone.preprocessing.size)[output.name]
    if len(shape) == 1:
        return
    if len(shape) != 3:
        raise _untraceable(backbone.name, f"it ends in a tensor of shape {shape}, not in feature maps or a vector")
    traced.add_submodule("global_pool", nn.AdaptiveAvgPool2d(1))
    with traced.graph.inserting_after(output):
        pooled = traced.graph.call_module("global_pool", (output,))
    with traced.graph.inserting_after(pooled):
        flat = traced.graph.call_function(torch.flatten, (pooled, 1))
    _set_output(traced, flat)


class _ShapeRecorder(fx.Interpreter):
    """Runs one image through and notes what each operation gives."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if isinstance(value, Tensor) and n.op not in ("get_attr", "output") and value.dim() > 0:
            self.shapes[n.name] = tuple(value.shape[1:])
        return value


def _shapes(traced: fx.GraphModule, size: int) -> dict[str, tuple[int, ...]]:
    """Shape per image of every node that gives a tensor."""
    recorder = _ShapeRecorder(traced)
    with torch.inference_mode():
        recorder.run(torch.zeros(2, 3, size, size))
    return recorder.shapes


def _tail(traced: fx.GraphModule, shapes: dict[str, tuple[int, ...]]) -> set[fx.Node]:
    """The last operations that only pool and reshape: they belong to the head, not to the layer list."""
    tail: set[fx.Node] = set()
    node = _output(traced)
    while node.op != "placeholder" and _operation(traced, node) in ("pool", "reshape", "dropout"):
        if any(_owned_parameters(traced, node)):
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
    layers: list[Layer] = []
    for number, node in enumerate(nodes, start=1):
        base = _path(node)
        count = seen[base] = seen.get(base, -1) + 1
        parameters = tuple(_owned_parameters(traced, node))
        layers.append(
            Layer(
                number=number,
                name=f"{base}_{count}" if count else base,
                operation=_operation(traced, node),
                block=block_of(base) if _has_place(node) else layers[-1].block if layers else "input",
                parameters=parameters,
                weights=sum(sizes[p] for p in parameters),
                shape=shapes[node.name],
            )
        )
    return tuple(layers)


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


def _owned_parameters(traced: fx.GraphModule, node: fx.Node) -> Iterable[str]:
    """Weights of the node's module, and weights it is the first to take by name."""
    if node.op == "call_module":
        module = traced.get_submodule(str(node.target))
        own = [n for n, _ in module.named_parameters() if not n.startswith("act.")]
        yield from (f"{node.target}.{n}" for n in own)
    parameters = dict(traced.named_parameters(remove_duplicate=False))
    for source in node.all_input_nodes:
        if source.op == "get_attr" and source.target in parameters and next(iter(source.users)) is node:
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


def _operation(traced: fx.GraphModule, node: fx.Node) -> str:
    if node.op == "placeholder":
        return "input"
    if node.op == "call_module":
        name = type(traced.get_submodule(str(node.target))).__name__.lower()
    else:
        name = str(node.target if isinstance(node.target, str) else getattr(node.target, "__name__", node.target))
        name = name.lower().strip("_")
    return next((operation for pattern, operation in _OPERATIONS if re.search(pattern, name)), name)


_OPERATIONS = (
    (r"conv", "conv"),
    (r"attention", "attention"),
    (r"norm(?!alize)", "norm"),
    (r"pool|^mean$", "pool"),
    (r"drop|stochasticdepth|stochastic_depth", "dropout"),
    (r"pad", "pad"),
    (r"^i?add$", "add"),
    (r"^i?mul$", "multiply"),
    (r"^cat$|^concat", "concat"),
    (r"relu|elu|silu|swish|sigmoid|tanh|mish|softmax|^act|prelu", "activation"),
    (r"linear", "linear"),
    (
        r"flatten|reshape|view|permute|transpose|squeeze|getitem|expand|contiguous|chunk|identity|select|roll",
        "reshape",
    ),
)
