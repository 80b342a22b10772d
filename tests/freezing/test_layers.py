import pytest
import torch
from torch import nn

from tlcompare.backbones.backbone import Backbone
from tlcompare.backbones.registry import BUILT_IN, get_backbone
from tlcompare.data.images import Preprocessing
from tlcompare.errors import BackboneError
from tlcompare.freezing._tracing import output_of
from tlcompare.freezing.graph import FEATURES, between, latest_cut
from tlcompare.freezing.layers import trace
from tlcompare.freezing.strategy import make_plan

OTHERS = (
    "torchvision:resnet18",
    "torchvision:mobilenet_v3_small",
    "torchvision:squeezenet1_1",
    "torchvision:shufflenet_v2_x0_5",
    "timm:resnet18",
    "timm:mobilenetv3_small_050",
    "timm:convnext_atto",
)
# Attention gives a tuple, and shufflenet splits tensors in two.
FIXED_SIZE = (
    "torchvision:vit_b_32",
    "torchvision:googlenet",
    "timm:vit_tiny_patch16_224",
    "timm:levit_128s",
    "torchvision:vgg11",
)


@pytest.mark.parametrize(
    ("name", "count", "weights", "blocks"),
    [
        ("mobilenet", 86, 3_206_976, ["stem", *(f"block{i}" for i in range(1, 14))]),
        ("resnet50", 173, 23_508_032, ["conv1", "conv2", "conv3", "conv4", "conv5"]),
        ("efficientnet_lite0", 141, 3_371_008, ["stem", *(f"block{i}" for i in range(1, 8)), "top"]),
    ],
)
def test_the_lists_of_the_built_in_backbones(layer_list, name, count, weights, blocks):
    listed = layer_list(name)
    assert len(listed.layers) == count
    assert listed.weights == sum(x.weights for x in listed.layers) == weights
    assert list(listed.blocks) == blocks
    assert [x.number for x in listed.layers] == list(range(1, count + 1))
    assert len({x.name for x in listed.layers}) == count


def test_resnet50_lists_a_block_as_keras_does(layer_list):
    operations = [x.operation for x in layer_list("resnet50").layers[-10:]]
    conv = ["conv", "norm"]
    assert operations == [*conv, "activation", *conv, "activation", *conv, "add", "activation"]


@pytest.mark.parametrize("name", [*BUILT_IN, *OTHERS])
def test_the_traced_network_computes_the_same(name):
    backbone = get_backbone(name).at_size(64)
    torch.manual_seed(0)
    network = backbone.build().eval()
    heads: list[torch.Tensor] = []
    if backbone.classifier:
        last = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
        last.register_forward_pre_hook(lambda module, inputs: heads.append(inputs[0].detach().clone()))
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        result = network(x)
        wanted = heads[0] if heads else result
        wanted = wanted.mean((2, 3)) if wanted.dim() == 4 else wanted
        given = trace(backbone, network).network(x)
    assert wanted.std() > 0
    torch.testing.assert_close(given, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_every_weight_belongs_to_one_layer(layer_list, name):
    listed = layer_list(name)
    owned = [p for x in listed.layers for p in x.parameters]
    assert sorted(owned) == sorted(n for n, _ in listed.network.named_parameters())
    assert sum(x.weights for x in listed.layers) == listed.weights
    assert listed.layers[0].operation == "input"


@pytest.mark.slow
@pytest.mark.parametrize("name", FIXED_SIZE)
def test_networks_with_a_fixed_input_size(layer_list, name):
    test_every_weight_belongs_to_one_layer(lambda n: layer_list(n, None), name)


@pytest.mark.slow
def test_every_torchvision_model_can_be_listed_or_says_why():
    import torchvision.models as zoo

    small = [m for m in zoo.list_models(module=zoo) if not any(s in m for s in ("_h_", "_l_", "128gf", "32gf"))]
    refused = []
    for name in small:
        backbone = get_backbone(f"torchvision:{name}")
        try:
            listed = trace(backbone, backbone.build())
        except BackboneError as e:
            refused.append(str(e))
            continue
        assert make_plan(listed, "all", 5).backbone_parameters == listed.weights
        for block in listed.blocks:
            cut = latest_cut(listed, {x.name for x in listed.layers if x.block == block})
            node = next(n for n in listed.network.graph.nodes if n.name == cut.node)
            assert node.meta["rows"] == 1
            assert (cut.after == FEATURES) == (node is output_of(listed.network))
    assert len(small) >= 70
    assert refused == []


def test_a_cut_is_never_where_a_tuple_flows(layer_list):
    listed = layer_list("torchvision:shufflenet_v2_x0_5")
    x = torch.randn(2, 3, 64, 64)
    for depth in range(10, len(listed.layers), 20):
        cut = make_plan(listed, str(depth), 5).cut
        prefix, suffix = between(listed.network, None, cut.node), between(listed.network, cut.node, None)
        assert cut.after != FEATURES
        assert prefix(x).shape[1:] == cut.shape
        torch.testing.assert_close(suffix(prefix(x)), listed.network(x))


def test_googlenet_sees_what_its_weights_were_trained_on():
    assert get_backbone("torchvision:googlenet").build().transform_input


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x):
        return self.fc(x.mean((2, 3))) if x.sum() > 0 else x


def test_what_cannot_be_traced_is_a_clear_error():
    backbone = Backbone(
        "branching", lambda size: Branching(), Preprocessing(8, (0,) * 3, (1,) * 3, "bilinear", 1.0), None, True
    )
    with pytest.raises(BackboneError, match='"branching at 8 pixels" cannot be traced'):
        trace(backbone, Branching())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mobilnet", 'Did you mean "mobilenet"'),
        ("torchvision:resnet19", 'Did you mean "resnet1'),
        ("timm:resnet18x", "timm has no model"),
        ("timm:resnet18.nope", "timm has no weights"),
        ("keras:vgg", "keras:vgg cannot be made"),
    ],
)
def test_unknown_backbones_are_refused(name, said):
    with pytest.raises(BackboneError, match=said):
        get_backbone(name)
