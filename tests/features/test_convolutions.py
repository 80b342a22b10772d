from copy import deepcopy

import pytest
import torch
from timm.layers import Conv2dSame
from torch import fx, nn

from tlcompare.backbones.registry import BUILT_IN
from tlcompare.features.backbone import SharedBackbone
from tlcompare.features.convolutions import train_fast
from tlcompare.freezing.depthwise import (
    DepthwiseConv,
    Gradients,
    depthwise,
    input_ways,
    padded,
    use_gradients,
    weight_ways,
)
from tlcompare.freezing.graph import Classifier
from tlcompare.freezing.layers import build_and_trace
from tlcompare.freezing.pointwise import PointwiseConv, as_products, pointwise
from tlcompare.freezing.strategy import freeze, make_plan, set_training
from tlcompare.machine.device import Compute


def ways_of(convolution, x):
    left, geometry = padded(convolution, x)
    assert left.dtype == x.dtype
    inputs, weights = input_ways(convolution.weight, geometry, x.dtype), weight_ways()
    return [Gradients(i, "stock") for i in inputs] + [Gradients("stock", w) for w in weights]


def gradients_of(module, x, y):
    """The gradients of the input and of the weights."""
    x = x.clone().requires_grad_(True)
    return torch.autograd.grad(module(x), [x, *module.parameters()], y)


def calling(module):
    """A network of this module alone."""
    graph = fx.Graph()
    graph.output(graph.call_module("called", (graph.placeholder("x"),)))
    return fx.GraphModule({"called": module}, graph)


def assert_same_gradients(convolution, x, dtype, tolerance):
    """Every way gives the gradients that autograd gives in float64."""
    convolution = convolution.double()
    y = torch.randn_like(convolution(x.double()))
    exact = gradients_of(convolution, x.double(), y)
    convolution = convolution.to(dtype)
    tried = ways_of(convolution, x.to(dtype))
    for ways in tried:
        found = gradients_of(DepthwiseConv(convolution, ways), x.to(dtype), y.to(dtype))
        for gradient, right in zip(found, exact, strict=True):
            assert gradient.dtype == dtype
            assert gradient.shape == right.shape
            error = (gradient.double() - right).norm() / right.norm()
            assert error < tolerance, (convolution, ways, float(error))
    return tried


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_every_way_gives_the_gradients_of_float64_for_every_depthwise_layer(name, dtype, tolerance):
    torch.manual_seed(0)
    found = list(depthwise(build_and_trace(name, 64).network))
    assert len(found) == {"mobilenet": 13, "resnet50": 0, "efficientnet_lite0": 16}[name]
    for node, convolution in found:
        x = torch.randn(2, *node.all_input_nodes[0].meta["shape"])
        assert_same_gradients(convolution, x, dtype, tolerance)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(
    ("convolution", "side"),
    [
        (nn.Conv2d(6, 6, 5, groups=6), (9, 7)),
        (nn.Conv2d(6, 6, 5, 2, 2, groups=6, bias=False), (9, 6)),
        (nn.Conv2d(6, 6, 3, 3, 1, groups=6), (11, 11)),
        (nn.Conv2d(6, 6, 3, 1, 4, 2, groups=6), (7, 9)),
        (nn.Conv2d(6, 6, 5, 2, 4, 2, groups=6), (13, 10)),
        (nn.Conv2d(6, 6, 3, 1, 3, groups=6), (5, 5)),
        (nn.Conv2d(6, 6, (3, 7), (2, 1), (0, 3), groups=6), (8, 8)),
        (nn.Conv2d(6, 6, 4, padding="same", groups=6), (6, 5)),
        (nn.Conv2d(6, 6, 4, padding="same", dilation=3, groups=6), (6, 5)),
        (nn.Conv2d(6, 6, 7, padding="valid", groups=6), (8, 9)),
        (Conv2dSame(6, 6, 5, 2, groups=6), (10, 7)),
        (Conv2dSame(6, 6, 3, 2, dilation=2, groups=6), (9, 8)),
        (nn.Conv2d(6, 6, 7, padding=3, groups=6), (1, 1)),
        (nn.Conv2d(6, 6, 5, 2, 2, groups=6), (2, 1)),
    ],
    ids=str,
)
def test_odd_sizes_strides_dilation_one_sided_padding_and_tiny_maps(convolution, side):
    torch.manual_seed(0)
    x = torch.randn(3, 6, *side)
    network = calling(convolution)
    assert [m for _, m in depthwise(network)] == [convolution]
    tried = assert_same_gradients(convolution, x, torch.float32, 1e-5)
    assert Gradients("stock", "strips") in tried
    assert_same_gradients(convolution, x, torch.bfloat16, 3e-2)
    flips = Gradients("flipped", "stock") in tried
    reach = [d * (k - 1) for d, k in zip(convolution.dilation, convolution.kernel_size, strict=True)]
    amounts = padded(convolution, x)[1].padding
    assert flips == (convolution.stride == (1, 1) and all(p <= r for p, r in zip(amounts, reach, strict=True)))


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(6, 12, 3, groups=6),
        nn.Conv2d(6, 6, 3, groups=3),
        nn.Conv2d(6, 6, 3, groups=6, padding=1, padding_mode="reflect"),
        nn.Conv2d(1, 1, 3),
    ],
    ids=str,
)
def test_what_is_not_depthwise_is_left_alone(other):
    network = calling(other)
    assert not list(depthwise(network))
    use_gradients(network, {"called": Gradients("float32", "strips")})
    assert [n.target for n in network.graph.nodes if n.op == "call_module"] == ["called"]


def parts(name, unfreeze):
    """A classifier in float64, its plan, and what it is trained through."""
    torch.manual_seed(0)
    layers = build_and_trace(name, 64)
    layers.network.double()
    for module in layers.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    plan = make_plan(layers, unfreeze, 5)
    model = Classifier(layers, plan.cut, 5, 0.0)
    shared = SharedBackbone(layers, "none")
    trained = shared.trained(plan, Compute("cpu", "fp32", torch.get_num_threads()))
    model.eval()
    freeze(layers.network, plan)
    set_training(layers, plan)
    return model, plan, trained


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("unfreeze", ["all", "first:12", "20", "bias", "bn"])
def test_what_is_trained_through_gives_the_values_and_gradients_of_the_network(name, unfreeze):
    model, plan, trained = parts(name, unfreeze)
    x = torch.randn(4, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        x = model.prefix(x)
    weights = [p for n, p in model.backbone.named_parameters() if n in plan.parameters]
    norms = [m for m in model.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    right = model.suffix(x)
    wanted = torch.autograd.grad(right.square().mean(), weights)
    seen = [int(m.num_batches_tracked) for m in norms]
    found = trained(x)
    torch.testing.assert_close(found, right)
    assert [int(m.num_batches_tracked) for m in norms] == [n + m.training for n, m in zip(seen, norms, strict=True)]
    torch.testing.assert_close(torch.autograd.grad(found.square().mean(), weights), wanted)


@pytest.mark.parametrize(("unfreeze", "norms"), [("all", 53), ("first:12", 4), ("bn", 53), ("bias", 53), ("conv4", 19)])
def test_frozen_norms_behind_the_cut_are_folded_and_those_that_train_are_not(unfreeze, norms):
    _, _, trained = parts("resnet50", unfreeze)
    called = [trained.get_submodule(n.target) for n in trained.graph.nodes if n.op == "call_module"]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in called) == norms


def test_a_choice_is_measured_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))
    layers = build_and_trace("mobilenet", 32)
    compute = Compute("cpu", "fp32", torch.get_num_threads())

    def chosen(compute):
        part = deepcopy(layers.network)
        train_fast(part, compute)
        modules = {n.name: part.get_submodule(n.target) for n in part.graph.nodes if n.op == "call_module"}
        return {n: getattr(m, "gradients", type(m).__name__) for n, m in modules.items()}

    first = chosen(compute)
    assert (len(list(depthwise(layers.network))), len(list(pointwise(layers.network)))) == (13, 13)
    monkeypatch.setattr("tlcompare.features.convolutions._fastest", None)
    assert chosen(compute) == first
    assert "PointwiseConv" not in chosen(Compute("cuda", "bf16", 1)).values()


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(6, 8, 1),
        nn.Conv2d(6, 4, 1, bias=False),
        nn.Conv2d(6, 4, 1, padding="same"),
        nn.Conv2d(6, 4, (1, 1), padding="valid", dilation=3),
    ],
    ids=str,
)
def test_a_convolution_of_one_pixel_is_a_product_of_matrices(convolution):
    torch.manual_seed(0)
    network = calling(convolution)
    as_products(network, {"called"})
    assert isinstance(network.get_submodule("pointwise_called"), PointwiseConv)
    x = torch.randn(3, 6, 5, 4).contiguous(memory_format=torch.channels_last)
    y = network(x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, convolution(x))
    for gradient, right in zip(
        gradients_of(network, x, torch.ones_like(y)), gradients_of(convolution, x, torch.ones_like(y)), strict=True
    ):
        torch.testing.assert_close(gradient, right)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(x).dtype == torch.bfloat16
    assert not list(pointwise(network))


@pytest.mark.parametrize(
    "other",
    [nn.Conv2d(6, 6, 1, 2), nn.Conv2d(6, 6, 1, padding=1), nn.Conv2d(6, 6, 1, groups=2), nn.Conv2d(6, 6, 3, padding=1)],
    ids=str,
)
def test_what_is_more_than_a_product_is_left_alone(other):
    assert not list(pointwise(calling(other)))
