"""From a network to a graph of pure operations that ends in a feature vector."""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from tlcompare.backbones.registry import Backbone
from tlcompare.errors import BackboneError
from tlcompare.files import first_line


def trace_features(backbone: Backbone, network: nn.Module) -> fx.GraphModule:
    """Images (N, 3, S, S) to features (N, F) as a graph in which no operation changes its input.

    Raises:
        BackboneError: torch.fx cannot trace `network`, or it does not end in feature maps or a vector.
    """
    network.eval()
    try:
        traced = fx.GraphModule(network, _Tracer().trace(network))
        shapes_of(traced, backbone.preprocessing.size)
    except (
        fx.proxy.TraceError,
        RuntimeError,
        TypeError,
        ValueError,
        LookupError,
        NameError,
        AssertionError,
    ) as e:
        raise _untraceable(f"{backbone.name} at {backbone.preprocessing.size} pixels", first_line(e)) from e
    if backbone.classifier:
        _drop_classifier(traced, backbone.name)
    _split_fused_norms(traced)
    _make_pure(traced)
    _end_in_vector(traced, backbone)
    traced.delete_all_unused_submodules()
    return traced


def operation_of(traced: fx.GraphModule, node: fx.Node) -> str:
    """What a node does, in one word."""
    if node.op == "placeholder":
        return "input"
    if node.op == "call_module":
        name = type(traced.get_submodule(str(node.target))).__name__.lower()
    else:
        name = str(node.target if isinstance(node.target, str) else getattr(node.target, "__name__", node.target))
        name = name.lower().strip("_")
    return next((operation for pattern, operation in _OPERATIONS if re.search(pattern, name)), name)


class _Tracer(fx.Tracer):
    """Stops at torch's own modules and at those that other libraries declare untraceable or mode-dependent."""

    def __init__(self) -> None:
        super().__init__(autowrap_functions=_untraceable_functions())
        self._leaves = _leaf_classes()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, self._leaves) or super().is_leaf_module(m, module_qualified_name)


def _leaf_classes() -> tuple[type[nn.Module], ...]:
    """Of the libraries that are loaded; a network of one that is not cannot have any."""
    leaves: list[type[nn.Module]] = []
    if "torchvision" in sys.modules:
        from torchvision.ops import StochasticDepth

        leaves.append(StochasticDepth)
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


def output_of(traced: fx.GraphModule) -> fx.Node:
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
    return chance == 0 and operation_of(traced, node) == "dropout"


def _end_in_vector(traced: fx.GraphModule, backbone: Backbone) -> None:
    """Dropout before the classifier goes (the head has its own), and feature maps are pooled."""
    output = output_of(traced)
    while operation_of(traced, output) == "dropout":
        output = output.all_input_nodes[0]
        _set_output(traced, output)
    shape = shapes_of(traced, backbone.preprocessing.size)[output.name]
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
        n.meta["gives_tensor"] = isinstance(value, Tensor) and n.op not in ("get_attr", "output")
        first = value[0] if isinstance(value, tuple) and value else value
        owns = n.op == "call_module" and any(True for _ in self.fetch_attr(str(n.target)).parameters())
        if isinstance(first, Tensor) and first.dim() > 0 and (n.meta["gives_tensor"] or owns):
            self.shapes[n.name] = tuple(first.shape[1:])
        return value


def shapes_of(traced: fx.GraphModule, size: int) -> dict[str, tuple[int, ...]]:
    """Shape per image of every node that gives a tensor, or has weights and gives a tensor first in a tuple."""
    recorder = _ShapeRecorder(traced)
    with torch.inference_mode():
        recorder.run(torch.zeros(2, 3, size, size))
    return recorder.shapes


def _untraceable(name: str, reason: str) -> BackboneError:
    return BackboneError(
        f'"{name}" cannot be traced by torch.fx: {reason}',
        "Some networks take one --image-size only, their own; others cannot be listed at all.",
    )


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
