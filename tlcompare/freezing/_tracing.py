"""From a network to a graph of pure operations that ends in a feature vector."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch
from torch import fx, nn

import tlcompare
from tlcompare.backbones.backbone import Backbone
from tlcompare.errors import BackboneError
from tlcompare.files import first_line
from tlcompare.freezing._tracer import UNTRACEABLE, Part, copy_of, record
from tlcompare.freezing.operations import never_drops, operation_of

_NOISE = 1e-4


def trace_features(backbone: Backbone, network: nn.Module) -> tuple[fx.GraphModule, dict[str, tuple[Part, ...]]]:
    """Images (N, 3, S, S) to features (N, F) as a graph in which no operation changes its input.

    Returns:
        The graph, and the parts of those modules in it that could not be opened.

    Raises:
        BackboneError: torch.fx cannot trace `network`, or it does not end in feature maps or a vector.
    """
    network.eval()
    size = backbone.preprocessing.size
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    try:
        graph, made, parts = record(network, size)
        traced = _bound(network, graph, made)
        _split_fused_norms(traced)
        _make_pure(traced)
        with torch.inference_mode():
            wanted = copy_of(network)(x)
            noise = _NOISE * float(wanted.nan_to_num().abs().max())
            same = torch.allclose(traced(x), wanted, rtol=_NOISE, atol=noise, equal_nan=True)
    except UNTRACEABLE as e:
        if backbone.own_size:
            raise BackboneError(
                f"{backbone.name} cannot take images of {size} pixels: {first_line(e)}", backbone.size_hint
            ) from e
        where = _where(e) if backbone.origin else ""
        raise _untraceable(f"{backbone.name} at {size} pixels", f"{first_line(e)}{where}") from e
    if not same:
        raise _untraceable(f"{backbone.name} at {size} pixels", "its graph computes something else than it does")
    if backbone.classifier:
        _drop_classifier(traced, backbone.name)
    _end_in_vector(traced, backbone)
    traced.delete_all_unused_submodules()
    return traced, parts


def _bound(network: nn.Module, graph: fx.Graph, made: nn.Module) -> fx.GraphModule:
    """A graph with the weights of `network` and with the tensors that were made when it was recorded.

    What is no part of the network's state is none of the graph's.
    """
    state = network.state_dict()
    for node in graph.nodes:
        if node.op == "get_attr" and not hasattr(network, node.target) and "." not in node.target:
            network.register_buffer(node.target, getattr(made, node.target), persistent=False)
    traced = fx.GraphModule(network, graph)
    for name, buffer in list(traced.named_buffers()):
        if name not in state:
            place, _, own = name.rpartition(".")
            traced.get_submodule(place).register_buffer(own, buffer, persistent=False)
    return traced


def module_of(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """The module that a node calls, if it calls one."""
    return traced.get_submodule(str(node.target)) if node.op == "call_module" else None


def name_at(traced: fx.GraphModule, node: fx.Node) -> str:
    """The class of the module that a node calls, or the name of the function."""
    module = module_of(traced, node)
    called = type(module) if module else node.target
    return called if isinstance(called, str) else getattr(called, "__name__", str(called))


def operation_at(traced: fx.GraphModule, node: fx.Node) -> str:
    """What a node does, in one word."""
    return "input" if node.op == "placeholder" else operation_of(module_of(traced, node), name_at(traced, node))


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
        if isinstance(module_of(traced, node), nn.Linear | nn.Conv2d):
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
    """No module changes its input in place, and operations that do nothing go."""
    for module in traced.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # noqa: B010 (only some modules have it)
    for node in list(traced.graph.nodes):
        if node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
        if _does_nothing(traced, node):
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    traced.graph.lint()
    traced.recompile()


def _does_nothing(traced: fx.GraphModule, node: fx.Node) -> bool:
    module = module_of(traced, node)
    return module is not None and (isinstance(module, nn.Identity) or never_drops(module))


def _end_in_vector(traced: fx.GraphModule, backbone: Backbone) -> None:
    """Dropout before the classifier goes (the head has its own), and feature maps are pooled."""
    output = output_of(traced)
    while operation_at(traced, output) == "dropout":
        output = output.all_input_nodes[0]
        _set_output(traced, output)
    shape = output.meta["shape"]
    if len(shape) == 1:
        return
    if len(shape) != 3:
        raise _untraceable(backbone.name, f"it ends in a tensor of shape {shape}, not in feature maps or a vector")
    traced.add_submodule("global_pool", nn.AdaptiveAvgPool2d(1))
    with traced.graph.inserting_after(output):
        pooled = traced.graph.call_module("global_pool", (output,))
    pooled.meta = dict(output.meta) | {"shape": (shape[0], 1, 1), "nn_module_stack": {}}
    with traced.graph.inserting_after(pooled):
        flat = traced.graph.call_function(torch.flatten, (pooled, 1))
    flat.meta = pooled.meta | {"shape": shape[:1]}
    _set_output(traced, flat)


def _where(e: BaseException) -> str:
    """The last line of the network's own code that an exception came through, in parentheses, if there is one."""
    libraries = tuple(str(Path(str(module.__file__)).parent) for module in (torch, tlcompare))
    own = [f for f in traceback.extract_tb(e.__traceback__) if not f.filename.startswith((*libraries, "<eval"))]
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno}: {own[-1].line})" if own else ""


def _untraceable(name: str, reason: str) -> BackboneError:
    return BackboneError(
        f'"{name}" cannot be traced by torch.fx: {reason}',
        "It cannot be listed, and what cannot be listed cannot be unfrozen in parts; take another --model.",
    )
