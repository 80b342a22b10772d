import pytest
import torch

from tlcompare.backbones.registry import BUILT_IN
from tlcompare.freezing.graph import FEATURES, Classifier, between, latest_cut
from tlcompare.freezing.strategy import make_plan


@pytest.mark.parametrize("name", BUILT_IN)
def test_prefix_and_suffix_make_the_whole_at_every_block(layer_list, name):
    listed = layer_list(name)
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        whole = listed.network.eval()(x)
        for block in listed.blocks:
            changing = {y.name for y in listed.layers if y.block == block}
            cut = latest_cut(listed, changing).node
            prefix, suffix = between(listed.network, None, cut), between(listed.network, cut, None)
            middle = prefix(x)
            kept = middle.clone()
            torch.testing.assert_close(suffix(middle), whole, rtol=0, atol=0)
            assert torch.equal(middle, kept), "the suffix must not write into what the prefix gave"


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_cut_is_before_every_trainable_layer_and_as_late_as_can_be(layer_list, name):
    listed = layer_list(name)
    for depth in range(3, len(listed.layers), 3):
        plan = make_plan(listed, str(depth), 5)
        first = min(x.number for x in plan.layers if x.weights)
        assert plan.cut.number < first
        prefix, suffix = between(listed.network, None, plan.cut.node), between(listed.network, plan.cut.node, None)
        trainable = {n for n, _ in suffix.named_parameters()}
        assert plan.parameters <= trainable
        assert not plan.parameters & {n for n, _ in prefix.named_parameters()}


def test_inside_a_residual_block_the_cut_moves_back_to_a_single_tensor(layer_list):
    plan = make_plan(layer_list("resnet50"), "6", 5)
    assert plan.layers[0].name == "layer4.2.bn2"
    assert plan.cut.after == "layer4.1.relu_2"


def test_a_frozen_backbone_is_cut_after_the_pooling(layer_list):
    plan = make_plan(layer_list("efficientnet_lite0"), "frozen", 7)
    assert (plan.cut.after, plan.cut.shape) == (FEATURES, (1280,))
    model = Classifier(layer_list("efficientnet_lite0"), plan.cut, 7, 0.0).eval()
    with torch.inference_mode():
        x = torch.randn(2, 3, 64, 64)
        assert model.prefix(x).shape == (2, 1280)
        assert model(x).shape == (2, 7)
        assert not list(model.suffix.parameters())


def test_a_classifier_holds_every_weight_once(layer_list):
    listed = layer_list("mobilenet")
    model = Classifier(listed, make_plan(listed, "30", 5).cut, 5, 0.2)
    trained = [t for n, t in model.weights().items() if "running" not in n and "num_batches" not in n]
    assert sum(t.numel() for t in trained) == 3_206_976 + 5_125
