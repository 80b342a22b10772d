"""A loaded backbone that the runs of one process share: its network, the frozen parts, and their features."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor, fx

from tlcompare.data.batches import Images
from tlcompare.features.convolutions import train_fast
from tlcompare.features.store import Features, features_key
from tlcompare.freezing.digest import digest
from tlcompare.freezing.graph import Cut, between, cut_points
from tlcompare.freezing.inference import fold, folded, splits_norm
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan
from tlcompare.machine.device import Compute


class SharedBackbone:
    """A backbone with the weights it was loaded with. Runs train its network one after the other.

    Attributes:
        layers: its layer list.
        weights: what was loaded, for the record.
        digest: of its weights and operations as loaded.
    """

    def __init__(self, layers: LayerList, weights: str) -> None:
        self.layers = layers
        self.weights = weights
        network = layers.network
        held = dict(network.named_parameters()) | dict(network.named_buffers())
        self.digest = hashlib.sha256(f"{digest(held)}\n{layers.digest}".encode()).hexdigest()
        self._loaded = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        self._first = cut_points(layers)[0].node
        self._parts: dict[tuple[str, str], fx.GraphModule] = {}
        self._features: dict[str, Features] = {}
        self._compiled: dict[str, Callable[[Tensor], Tensor]] = {}

    def restore(self) -> None:
        """Give the network the weights it was loaded with."""
        self.layers.network.load_state_dict(self._loaded)
        self.layers.network.zero_grad()

    def part(self, start: Cut | None, end: Cut) -> fx.GraphModule:
        """What lies between two cuts, for inference; from the input, if there is no start.

        To be asked for before training moves the weights; what was asked for once stays as it was.
        """
        place = (start.node if start else self._first, end.node)
        if place not in self._parts:
            self._parts[place] = folded(between(self.layers.network, *place))
        return self._parts[place]

    def splits_norm(self, cut: Cut) -> bool:
        """Whether a convolution and its norm lie on two sides of a cut."""
        return splits_norm(self.layers.network, cut.node)

    def features(self, images: Images, compute: Compute) -> Features:
        """What it emits for these images and views."""
        key = features_key(self.digest, images, compute)
        if key not in self._features:
            self._features[key] = Features(self, images, compute)
        return self._features[key]

    def trained(self, plan: FreezePlan, compute: Compute) -> fx.GraphModule:
        """What lies behind a plan's cut, to be trained through: the same numbers sooner.

        Weights that train are the network's own; frozen norms are folded into frozen convolutions before them.
        """
        part = between(self.layers.network, plan.cut.node, None)
        fold(part, {layer.module for layer in plan.layers})
        train_fast(part, compute)
        return part

    def compiled(self, cut: Cut, compute: Compute) -> Callable[[Tensor], Tensor]:
        """What lies behind a cut, to be trained through, compiled at its first use."""
        if cut.node not in self._compiled:
            part = between(self.layers.network, cut.node, None)
            train_fast(part, compute)
            self._compiled[cut.node] = torch.compile(part)
        return self._compiled[cut.node]
