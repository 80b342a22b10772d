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
from tlcompare.data.views import make_view, normalise, view_of

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

    def gather(self, slots: Indices) -> Tensor:
        """Pixels of these views: uint8 (N, 3, S, S) in channels-last memory, on the CPU."""
        rows, views = np.divmod(slots, self.views)
        pixels = torch.from_numpy(self.store.pixels[rows]).permute(0, 3, 1, 2)
        for place in np.flatnonzero(views):
            image_key = int(self.store.hashes[rows[place]][:15], 16)
            pixels[place] = make_view(pixels[place], int(views[place]), self.policy, self.seed, image_key)
        return pixels

    def ready(self, pixels: Tensor) -> Tensor:
        """Pixels on the device, normalised: float32 (N, 3, S, S)."""
        on_device = pixels.to(self.device, non_blocking=True)
        return normalise(on_device, self.preprocessing.mean, self.preprocessing.std)

    def labels(self, rows: Indices) -> Tensor:
        """Class indices: int64 (N,), on the CPU."""
        return torch.tensor([self.store.files[row].label for row in rows])


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
