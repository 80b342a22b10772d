"""A pretrained network with its input, its weights and the names of its blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from tlcompare.backbones.weights import StateDict, WeightSource
from tlcompare.data.images import Preprocessing
from tlcompare.errors import BackboneError
from tlcompare.files import first_line

OWN = "own:"
"""How names of networks begin that were given as such; they are known to this process alone."""


@dataclass(frozen=True)
class Backbone:
    """A pretrained network by name.

    Attributes:
        name: as the user writes it.
        make: makes the network with random weights, for images of a side in pixels.
        preprocessing: input size, normalisation, interpolation.
        weights: where its pretrained weights come from; None if nobody publishes any.
        classifier: whether the network ends in a classifier that has to come off.
        rename: turns published weights into the network's, where names, or position embeddings for another size of
            image, differ; None where they do not.
        block_names: pairs of a pattern for module paths and the block's name; empty means the network's own.
        own_size: the side that it was made for, if it is to take another.
        origin: where its code is, of a network of the user's own.
    """

    name: str
    make: Callable[[int], nn.Module]
    preprocessing: Preprocessing
    weights: WeightSource | None
    classifier: bool = False
    rename: Callable[[StateDict, nn.Module], StateDict] | None = None
    block_names: tuple[tuple[str, str], ...] = ()
    own_size: int | None = None
    origin: str = ""

    def at_size(self, size: int | None) -> Backbone:
        """The same backbone on inputs of another side, in pixels."""
        if size in (None, self.preprocessing.size):
            return self
        own = None if self.origin else self.own_size or self.preprocessing.size
        return replace(self, preprocessing=replace(self.preprocessing, size=size), own_size=own)

    def build(self) -> nn.Module:
        """The network with random weights.

        Raises:
            BackboneError: it cannot be made for this size of image.
        """
        try:
            return self.make(self.preprocessing.size)
        except (AssertionError, ValueError, RuntimeError, ArithmeticError) as e:
            if self.own_size is None:
                raise
            raise BackboneError(
                f"{self.name} cannot be made for {self.preprocessing.size} pixels: {first_line(e)}", self.size_hint
            ) from e

    @property
    def size_hint(self) -> str:
        """What to do where a size of image does not work."""
        return f"It was made for {self.own_size} pixels: leave --image-size out, or try another."


GIVEN: dict[str, Backbone] = {}
"""Networks of the user's own that this process knows, by their names."""


def given(backbone: Backbone) -> Backbone:
    """Remember a network of the user's own by its name."""
    GIVEN[backbone.name] = backbone
    return backbone
