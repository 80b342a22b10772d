import pytest
import torch

from tlcompare.data.views import make_view, normalise, view_of

PIXELS = torch.arange(3 * 16 * 16, dtype=torch.int64).remainder(251).to(torch.uint8).reshape(3, 16, 16)


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
