"""Networks for other sizes of image than their own."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from tlcompare.backbones.registry import get_backbone
from tlcompare.backbones.weights import load_weights
from tlcompare.errors import BackboneError
from tlcompare.freezing.layers import build_and_trace, trace


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("test_vit", 64),
        ("test_vit", 256),
        *(
            pytest.param(name, 64, marks=pytest.mark.slow)
            for name in (
                "beit_base_patch16_224",
                "mvitv2_tiny",
                "tnt_s_patch16_224",
                "flexivit_small",
            )
        ),
    ],
)
def test_position_embeddings_are_resampled_as_timm_does(tmp_path, name, size):
    torch.manual_seed(0)
    file = tmp_path / "model.safetensors"
    save_file(timm.create_model(name).state_dict(), file)
    theirs = timm.create_model(
        name, pretrained=True, pretrained_cfg_overlay={"file": str(file)}, num_classes=0, img_size=size
    )
    backbone = get_backbone(f"timm:{name}").at_size(size)
    network = backbone.build()
    load_weights(network, str(file), None, rename=backbone.rename)
    for tensor, (name, other) in zip(network.state_dict().values(), theirs.state_dict().items(), strict=True):
        torch.testing.assert_close(tensor, other, msg=name)
    x = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        torch.testing.assert_close(trace(backbone, network).network(x), theirs.eval()(x))


def test_position_embeddings_of_torchvision_are_resampled_too(tmp_path):
    backbone = get_backbone("torchvision:vit_b_32")
    file = tmp_path / "model.safetensors"
    save_file(backbone.build().state_dict(), file)
    small = backbone.at_size(64)
    network = small.build()
    load_weights(network, str(file), None, classifier=True, rename=small.rename)
    assert network.encoder.pos_embedding.shape == (1, 5, 768)
    assert network.encoder.pos_embedding.std() > 0


def test_a_size_that_a_network_cannot_have_says_which_it_was_made_for():
    with pytest.raises(BackboneError, match=r"cannot .* 65 pixels.*made for 224 pixels"):
        build_and_trace("torchvision:maxvit_t", 65)


def test_networks_made_for_large_images_take_small_ones():
    listed = build_and_trace("timm:vit_small_patch14_dinov2", 56)
    assert listed.layers[-1].shape == (17, 384)
    assert get_backbone("timm:vit_small_patch14_dinov2").preprocessing.size == 518
