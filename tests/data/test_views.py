import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from tlcompare.data.views import make_views, normalise, view_of

PIXELS = torch.arange(3 * 16 * 16, dtype=torch.int64).remainder(251).to(torch.uint8).reshape(3, 16, 16)


def make_view(pixels, view, policy, seed, key):
    """Of one image, which must not depend on what it is made with."""
    (alone,) = make_views(pixels[None], np.array([view]), policy, seed, np.array([key], np.uint64))
    others = torch.stack([pixels.flip(1), pixels, pixels.flip(2)]).contiguous(memory_format=torch.channels_last)
    together = make_views(others, np.array([0, view, 5]), policy, seed, np.array([9, key, 8], np.uint64))
    assert torch.equal(together[1], alone)
    assert torch.equal(together[0], pixels.flip(1))
    return alone


def test_flip_has_two_exact_views():
    assert torch.equal(make_view(PIXELS, 0, "flip", 0, 1), PIXELS)
    assert torch.equal(make_view(PIXELS, 1, "flip", 0, 1), PIXELS.flip(-1))
    assert torch.equal(make_view(PIXELS, 1, "none", 0, 1), PIXELS)


def test_a_view_is_a_pure_function_of_image_view_and_seed():
    def crop(*key):
        return make_view(PIXELS, key[0], "crop", key[1], key[2])

    assert torch.equal(crop(3, 0, 7), crop(3, 0, 7))
    others = [crop(4, 0, 7), crop(3, 1, 7), crop(3, 0, 8)]
    assert all(not torch.equal(crop(3, 0, 7), other) for other in others)
    assert crop(3, 0, 7).shape == PIXELS.shape
    assert crop(3, 0, 7).dtype == torch.uint8
    assert torch.equal(crop(0, 0, 7), PIXELS)


def test_a_crop_is_that_of_torchvision_of_a_box_within_the_bounds():
    side, count = 64, 200
    across = torch.arange(side, dtype=torch.uint8).expand(side, side)
    noise = torch.randint(0, 256, (side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    image = torch.stack([across, across.T, noise])
    keys = np.arange(count, dtype=np.uint64)
    shares, ratios, mirrored = [], [], 0
    for view in make_views(image.expand(count, -1, -1, -1), np.ones(count, np.int64), "crop", 0, keys):
        (left, right), (top, bottom) = ([int(x) for x in c.aminmax()] for c in view[:2])
        height, width = bottom - top + 1, right - left + 1
        box = functional.resized_crop(image, top, left, height, width, [side, side], antialias=True)
        flipped = view[0, 0, 0] > view[0, 0, -1]
        difference = (view.flip(-1) if flipped else view).int() - box.int()
        assert difference.abs().max() <= 1
        mirrored += int(flipped)
        shares.append(height * width / side**2)
        ratios.append(width / height)
    assert 0.48 < min(shares) < 0.55
    assert 0.85 < max(shares) <= 1
    assert 0.74 < min(ratios) < 0.8
    assert 1.25 < max(ratios) < 1.36
    assert 70 < mirrored < 130


@pytest.mark.parametrize("views", [1, 2, 8])
def test_every_view_comes_once_in_as_many_epochs(views):
    shown = [view_of(epoch, [0, 5, 6], views).tolist() for epoch in range(views)]
    for image in range(3):
        assert sorted(row[image] for row in shown) == list(range(views))


def test_normalise():
    x = normalise(PIXELS[None], (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    wanted = (PIXELS.float() / 255 - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / torch.tensor([0.2, 0.3, 0.4]).view(
        3, 1, 1
    )
    torch.testing.assert_close(x[0], wanted)
