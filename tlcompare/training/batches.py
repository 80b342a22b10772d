"""Batches of normalised images from the pixel store."""

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
    """Images of a store as a network wants them.

    Attributes:
        store: the pixels.
        preprocessing: the normalisation.
        policy: augmentation of training images.
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

    def plain(self, rows: Indices) -> Tensor:
        """Images as they are: float32 (N, 3, S, S)."""
        return self._normalised([self._pixels(row) for row in rows])

    def augmented(self, rows: Indices, epoch: int) -> Tensor:
        """The view of each image that epoch number `epoch` (from 0) shows: float32 (N, 3, S, S)."""
        views = view_of(epoch, rows, self.views)
        return self._normalised(
            [
                make_view(self._pixels(row), int(view), self.policy, self.seed, int(self.store.hashes[row][:15], 16))
                for row, view in zip(rows, views, strict=True)
            ]
        )

    def labels(self, rows: Indices) -> Tensor:
        """Class indices: int64 (N,)."""
        return torch.tensor([self.store.files[row].label for row in rows], device=self.device)

    def _pixels(self, row: int) -> Tensor:
        return torch.from_numpy(np.array(self.store.pixels[row])).permute(2, 0, 1)

    def _normalised(self, pixels: list[Tensor]) -> Tensor:
        stacked = torch.stack(pixels).to(self.device)
        return normalise(stacked, self.preprocessing.mean, self.preprocessing.std)


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
