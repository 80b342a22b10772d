"""Augmentation as a pure function of image, view, policy and seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DEFAULT_VIEWS = {"none": 1, "flip": 2, "crop": 8}
_CROP_SCALE = (0.5, 1.0)
_CROP_RATIO = (3 / 4, 4 / 3)


def view_of(epoch: int, images: Sequence[int] | NDArray[np.int64], views: int) -> NDArray[np.int64]:
    """Which view of each image epoch number `epoch` (from 0) shows; every view comes once in `views` epochs."""
    return (np.asarray(images) + epoch) % views


def make_view(pixels: Tensor, view: int, policy: str, seed: int, image_key: int) -> Tensor:
    """View number `view` of one image.

    Args:
        pixels: uint8 of shape (3, S, S).
        view: from 0; view 0 is the image as it is, and view 1 of `flip` its mirror image.
        policy: `none`, `flip`, or `crop` (random resized crop and flip).
        seed: the run's seed.
        image_key: tells images apart, whatever the order they come in.

    Returns:
        uint8 of shape (3, S, S).
    """
    if view == 0 or policy == "none":
        return pixels
    if policy == "flip":
        return pixels.flip(-1) if view % 2 else pixels
    from torchvision.transforms.v2 import functional as transform  # slow to import

    random = np.random.default_rng((seed, image_key, view))
    side = pixels.shape[-1]
    area = random.uniform(*_CROP_SCALE) * side * side
    ratio = np.exp(random.uniform(*np.log(_CROP_RATIO)))
    height, width = (int(min(side, round(np.sqrt(area * r)))) for r in (1 / ratio, ratio))
    top, left = random.integers(side - height + 1), random.integers(side - width + 1)
    cropped: Tensor = transform.resized_crop(pixels, int(top), int(left), height, width, [side, side], antialias=True)
    return cropped.flip(-1) if random.random() < 0.5 else cropped


def normalise(pixels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """uint8 (N, 3, S, S) to float32 in channels-last memory, normalised per channel."""
    scale = torch.tensor([1 / (255 * s) for s in std], device=pixels.device).view(1, -1, 1, 1)
    offset = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=pixels.device).view(1, -1, 1, 1)
    return torch.addcmul(offset, pixels.to(torch.float32), scale).contiguous(memory_format=torch.channels_last)
