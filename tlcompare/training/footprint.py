"""What training a strategy costs before it is trained: operations and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from tlcompare.config import RunConfig
from tlcompare.freezing.graph import Classifier, cut_points
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan, freeze, set_training
from tlcompare.machine.device import Compute, choose_compute

_IMAGES = 2
_OPTIMIZER = 3
"""Numbers per trained weight: its gradient, and AdamW's two averages."""


_PASSING = 2
"""Gradients as large as what is kept that pass through an operation at a time: of its output and of its input."""


@dataclass(frozen=True)
class Footprint:
    """What one image, or one batch, takes.

    Attributes:
        forward_gflops: 10^9 operations of inference for an image, a multiplication and an addition being two.
        step_gflops: of a training step for an image, from where training begins.
        weights_mb: the whole model in float32, in 10^6 bytes.
        optimizer_mb: gradients and what AdamW keeps of the weights that train.
        activations_mb: the most that a batch keeps for the backward pass, with the gradients that pass through.
    """

    forward_gflops: float
    step_gflops: float
    weights_mb: float
    optimizer_mb: float
    activations_mb: float

    @property
    def memory_mb(self) -> float:
        return self.weights_mb + self.optimizer_mb + self.activations_mb

    def to_dict(self) -> dict[str, float]:
        return asdict(self) | {"memory_mb": self.memory_mb}


def expected_footprint(layers: LayerList, plan: FreezePlan, classes: int, batch: int, precision: str) -> Footprint:
    """The footprint on this machine's device."""
    compute = replace(choose_compute(RunConfig()), precision=precision)
    return footprint(layers, plan, compute, classes, batch)


def footprint(layers: LayerList, plan: FreezePlan, compute: Compute, classes: int, batch: int) -> Footprint:
    """Counted on passes of a few images; the network is left in eval mode, its weights and statistics as they were."""
    model = Classifier(layers, plan.cut, classes, dropout=0.0).to(compute.device)
    side = layers.image_size
    layers.network.eval()
    with torch.no_grad():
        done = _operations(layers.network, torch.rand(1, 3, side, side, device=compute.device))
    features = torch.rand(2 * _IMAGES, *plan.cut.shape, device=compute.device)
    if features.ndim == 4:
        features = features.contiguous(memory_format=torch.channels_last)
    state = {name: tensor.clone() for name, tensor in layers.network.named_buffers()}
    freeze(layers.network, plan)
    set_training(layers, plan)
    few, more = (_alive(model, part, compute) for part in (features[:_IMAGES], features))
    layers.network.eval()
    with torch.no_grad():
        for name, tensor in layers.network.named_buffers():
            tensor.copy_(state[name])
    each = (more - few) / _IMAGES
    weights = sum(t.nbytes for t in model.weights().values())
    return Footprint(
        forward_gflops=sum(done.values()) / 1e9,
        step_gflops=_step(layers, plan, done) / 1e9,
        weights_mb=weights / 1e6,
        optimizer_mb=_OPTIMIZER * 4 * plan.trainable_parameters / 1e6,
        activations_mb=(few + (batch - _IMAGES) * each) / 1e6,
    )


def shares_behind(layers: LayerList) -> dict[str, float]:
    """The share of the backbone's operations that lies behind every cut, by its node."""
    side = layers.image_size
    device = next(layers.network.parameters()).device
    layers.network.eval()
    with torch.no_grad():
        done = _operations(layers.network, torch.rand(1, 3, side, side, device=device))
    total, left = sum(done.values()), sum(done.values())
    behind = {}
    for node in layers.network.graph.nodes:
        left -= done[node.name]
        behind[node.name] = left / total
    return {cut.node: behind[cut.node] for cut in cut_points(layers)}


def _operations(network: fx.GraphModule, x: Tensor) -> dict[str, int]:
    """Floating-point operations of inference, by node."""
    done: dict[str, int] = {}
    with _mha_in_the_open(), FlopCounterMode(display=False) as counter:

        class Counted(fx.Interpreter):
            def run_node(self, n: fx.Node) -> Any:
                before = counter.get_total_flops()
                value = super().run_node(n)
                done[n.name] = counter.get_total_flops() - before
                return value

        Counted(network).run(x)
    return done


@contextmanager
def _mha_in_the_open() -> Iterator[None]:
    """torch's own attention without its shortcut for inference, whose operations nobody counts."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _step(layers: LayerList, plan: FreezePlan, done: Mapping[str, int]) -> int:
    """Operations of a training step: inference behind the cut, and as many again for the gradient of each operand that
    needs one: the weights, where they train, and the input, where something before it trains."""
    order = [n.name for n in layers.network.graph.nodes]
    weighty = {node: 0 for node in layers.nodes}
    for layer, node in zip(layers.layers, layers.nodes, strict=True):
        weighty[node] += plan.trained_in(layer)
    owning = {node for layer, node in zip(layers.layers, layers.nodes, strict=True) if layer.parameters}
    total, training = 0, False
    for node in order[order.index(plan.cut.node) + 1 :]:
        operands = int(training) * (1 if node in owning else 2) + int(weighty.get(node, 0) > 0)
        total += done.get(node, 0) * (1 + operands)
        training = training or weighty.get(node, 0) > 0
    return total


def _alive(model: Classifier, features: Tensor, compute: Compute) -> float:
    """The most bytes that are kept for the backward pass while it runs, with the gradients that pass through."""
    held = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in held:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with compute.autocast(), saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = model.rest(features)
    sizes = list(saved.values())
    del logits
    return float(max(sum(sizes[: i + 1]) + _PASSING * size for i, size in enumerate(sizes)))
