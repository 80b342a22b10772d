"""Augmentation as a pure function of image, view, policy and seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

DEFAULT_VIEWS = {"none": 1, "flip": 2, "crop": 8}
_CROP_SCALE = (0.5, 1.0)
_CROP_RATIO = (3 / 4, 4 / 3)
_STRIDE = 0x9E3779B97F4A7C15


def view_of(epoch: int, images: Sequence[int] | NDArray[np.int64], views: int) -> NDArray[np.int64]:
    """Which view of each image epoch number `epoch` (from 0) shows; every view comes once in `views` epochs."""
    return (np.asarray(images) + epoch) % views


def make_views(pixels: Tensor, views: NDArray[np.int64], policy: str, seed: int, keys: NDArray[np.uint64]) -> Tensor:
    """A view of every image.

    Args:
        pixels: uint8 of shape (N, 3, S, S), on any device.
        views: the number of each image's view, from 0; view 0 is the image as it is, and view 1 of `flip` its mirror
            image.
        policy: `none`, `flip`, or `crop` (random resized crop and flip).
        seed: the run's seed.
        keys: tell images apart, whatever the order they come in.

    Returns:
        uint8 of shape (N, 3, S, S), on the same device.
    """
    if policy == "none" or not views.any():
        return pixels
    if policy == "flip":
        other, changed = pixels.flip(-1), views % 2 > 0
    else:
        other, changed = _cropped(pixels, _uniform(seed, keys, views, 5)), views > 0
    wanted = torch.from_numpy(np.arange(len(pixels)) + len(pixels) * changed).to(pixels.device)
    return torch.cat([pixels, other]).movedim(1, -1).index_select(0, wanted).movedim(-1, 1)


def _cropped(pixels: Tensor, random: NDArray[np.float64]) -> Tensor:
    """Random resized crops (Szegedy et al., arXiv 1409.4842), half of them mirrored.

    Args:
        pixels: of the images.
        random: numbers in 0..1, (N, 5).
    """
    side = pixels.shape[-1]
    share, ratio, top, left, mirror = random.T
    area = (_CROP_SCALE[0] + share * (_CROP_SCALE[1] - _CROP_SCALE[0])) * side * side
    shortest, longest = np.log(_CROP_RATIO)
    ratios = np.exp(shortest + ratio * (longest - shortest))
    height, width = (np.minimum(side, np.round(np.sqrt(area * r))) for r in (1 / ratios, ratios))
    rows = _places(np.floor(top * (side - height + 1)), height, side)
    columns = _places(np.floor(left * (side - width + 1)), width, side)
    columns = np.where(mirror[:, None] < 0.5, columns[:, ::-1], columns)
    x, y = (torch.from_numpy(places.astype(np.float32)).to(pixels.device) for places in (columns, rows))
    shape = (len(pixels), side, side)
    where = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], -1)
    found = nn.functional.grid_sample(pixels.float(), where, "bilinear", "border", align_corners=True)
    return found.round_().to(torch.uint8)


def _places(begin: NDArray[np.float64], length: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Where each pixel of a crop comes from that is stretched to the whole side: -1 is the first pixel, 1 the last."""
    inside = (np.arange(side) + 0.5) * length[:, None] / side - 0.5
    places: NDArray[np.float64] = (begin[:, None] + inside.clip(0, length[:, None] - 1)) * 2 / (side - 1) - 1
    return places


def _uniform(seed: int, keys: NDArray[np.uint64], views: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Numbers in 0..1, (N, count), that depend on seed, key and view alone (SplitMix64: Steele, Lea and Flood 2014)."""
    state = _mixed(np.full(len(keys), seed % 2**64, np.uint64))
    for part in (keys, views.astype(np.uint64)):
        state = _mixed(state ^ part)
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_STRIDE)
    numbers: NDArray[np.float64] = (_mixed(state[:, None] + steps) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return numbers


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x + np.uint64(_STRIDE)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def normalise(pixels: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """uint8 (N, 3, S, S) to float32 in channels-last memory, normalised per channel."""
    scale = torch.tensor([1 / (255 * s) for s in std], device=pixels.device).view(1, -1, 1, 1)
    offset = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=pixels.device).view(1, -1, 1, 1)
    return torch.addcmul(offset, pixels.to(torch.float32), scale).contiguous(memory_format=torch.channels_last)
