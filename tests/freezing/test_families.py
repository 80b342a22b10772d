"""One small member of many families of timm and torchvision: cuts, norms and weights are what the network has."""

import pytest

from benchmarks.families import MEMBERS, examine

QUICK = (
    "torchvision:convnext_tiny",
    "torchvision:vit_b_32",
    "timm:cs3darknet_focus_s",
    "timm:eva02_tiny_patch14_224",
    "timm:hrnet_w18_small",
    "timm:levit_128s",
    "timm:mvitv2_tiny",
    "timm:nf_resnet26",
    "timm:tnt_s_patch16_224",
    "timm:vit_small_patch16_dinov3",
    "timm:xcit_nano_12_p16_224",
)
WITHOUT_CUTS = {
    "torchvision:densenet121",
    "timm:densenet121",
    "timm:coat_tiny",
    "timm:selecsls42",
    "timm:vit_srelpos_small_patch16_224",
}
UNUSED_WEIGHTS = {"timm:efficientvim_m1"}


def check(name):
    found = examine(name, sizes=(64,))
    assert bool(found.uncut) == (name in WITHOUT_CUTS)
    assert found.on_time == ("densenet" not in name)
    assert found.same
    assert found.norms
    assert found.everything == (name not in UNUSED_WEIGHTS)


@pytest.mark.parametrize("name", QUICK)
def test_a_family(name):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [m for m in MEMBERS if m not in QUICK])
def test_every_family(name):
    check(name)
