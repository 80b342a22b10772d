"""Batches of images from the pixel store, and the order they come in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlcompare.data.images import Preprocessing
from tlcompare.data.pixels import PixelStore
from tlcompare.data.views import make_views, normalise, view_of
from tlcompare.machine.device import upload

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Images:
    """Images of a store, and their views, as a network wants them.

    Attributes:
        store: the pixels.
        preprocessing: the normalisation.
        policy: augmentation.
        views: how many views an image has.
        seed: of the views.
        device: where batches go.
    """

    store: PixelStore
    preprocessing: Preprocessing
    policy: str
    views: int
    seed: int
    device: str

    def slots(self, rows: Indices, epoch: int) -> Indices:
        """Numbers of the views of these images that epoch number `epoch` (from 0) shows: row times views plus view."""
        return rows * self.views + view_of(epoch, rows, self.views)

    def rows(self, slots: Indices) -> Indices:
        """Numbers of the images that these are views of."""
        return slots // self.views

    def pixels(self, rows: Indices) -> Tensor:
        """Images as they are kept: uint8 (N, 3, S, S) in channels-last memory, on the device."""
        return upload(torch.from_numpy(self.store.pixels[rows]).permute(0, 3, 1, 2), self.device)

    def look(self, pixels: Tensor, slots: Indices) -> Tensor:
        """These views of images, whose pixels those are: uint8 (N, 3, S, S)."""
        rows, views = np.divmod(slots, self.views)
        return make_views(pixels, views, self.policy, self.seed, self.store.keys[rows])

    def gather(self, slots: Indices) -> Tensor:
        """Pixels of these views: uint8 (N, 3, S, S), on the device."""
        return self.look(self.pixels(self.rows(slots)), slots)

    def ready(self, pixels: Tensor) -> Tensor:
        """Pixels normalised: float32 (N, 3, S, S)."""
        return normalise(pixels, self.preprocessing.mean, self.preprocessing.std)

    def labels(self, rows: Indices) -> Tensor:
        """Class indices: int64 (N,), on the CPU."""
        return torch.tensor([self.store.files[row].label for row in rows])


@dataclass(frozen=True)
class Lookup:
    """What belongs to numbers.

    Attributes:
        numbers: in ascending order.
        values: a row for each, feature maps and images in channels-last memory.
    """

    numbers: Indices
    values: Tensor

    def __call__(self, wanted: Indices) -> Tensor:
        """The rows of these numbers."""
        places = torch.from_numpy(np.searchsorted(self.numbers, wanted)).to(self.values.device)
        if self.values.dim() != 4:
            return self.values.index_select(0, places)
        return self.values.movedim(1, -1).index_select(0, places).movedim(-1, 1)


def shuffled(rows: Indices, batch_size: int, seed: int, epoch: int) -> list[Indices]:
    """The rows in an order that depends on seed and epoch alone, in batches; none has a single image."""
    order = np.random.default_rng((seed, epoch)).permutation(rows)
    batches = list(in_order(order, batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        alone = batches.pop()
        batches[-1] = np.concatenate([batches[-1], alone])
    return batches


def in_order(rows: Indices, batch_size: int) -> Iterator[Indices]:
    """The rows as they are, in batches."""
    for start in range(0, len(rows), batch_size):
        yield rows[start : start + batch_size]
