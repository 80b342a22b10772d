"""Proof that what is frozen did not change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import Tensor

from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.operations import is_one_operation
from tlcompare.freezing.strategy import FreezePlan


def frozen_state(layers: LayerList, plan: FreezePlan) -> dict[str, Tensor]:
    """Every weight of the backbone that does not train and every buffer of layers that do not train as a whole."""
    whole = (layer.module for layer in layers.layers if layer.module and layer.name in plan.whole)
    moving = tuple(f"{m}." for m in whole if is_one_operation(layers.network.get_submodule(m)))
    buffers = {name for name, _ in layers.network.named_buffers()}
    return {
        name: tensor
        for name, tensor in layers.network.state_dict().items()
        if name not in plan.parameters and not (name in buffers and name.startswith(moving))
    }


def digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and values."""
    total = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
