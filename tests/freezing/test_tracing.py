"""What a network may do and still be listed: each of these is a few lines of one that exists."""

from typing import ClassVar

import pytest
import torch
from torch import nn

from tlcompare.backbones.backbone import Backbone
from tlcompare.data.images import Preprocessing
from tlcompare.freezing.digest import frozen_state
from tlcompare.freezing.graph import FEATURES, between, cut_points, latest_cut
from tlcompare.freezing.layers import trace
from tlcompare.freezing.strategy import make_plan, set_training


def listed(network, size=16):
    torch.manual_seed(0)
    preprocessing = Preprocessing(size, (0,) * 3, (1,) * 3, "bilinear", 1.0)
    return trace(Backbone("odd", lambda side: network, preprocessing, None), network)


class Tokens(nn.Module):
    """A transformer without attention: a table of positions and two blocks."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, 6, 4, 4)
        self.table = nn.Parameter(torch.randn(1, 16, 6))
        self.blocks = nn.ModuleList(Mixing() for _ in range(2))

    def forward(self, x, mask=None, is_causal=False):
        batch, _, height, width = x.shape
        if height != width:
            raise ValueError("squares only")
        x = self.embed(x).flatten(2).transpose(1, 2)
        waves = torch.arange(x.shape[1], device=x.device, dtype=x.dtype).sin()[:, None]
        x = x + self.table
        for block in self.blocks:
            x = block(x, waves, batch, height // 4)
            if mask is not None:
                x = x * mask
        return x.mean(1)


class Mixing(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.fc1, self.fc2 = nn.LayerNorm(6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.register_buffer("scale", torch.full((1,), 2.0), persistent=False)

    def forward(self, x, waves, batch, side):
        y = self.fc2(self.fc1(self.norm(x)) * waves)
        return x + y.reshape(batch, side, side, -1).flatten(1, 2) * self.scale


def test_values_that_depend_on_sizes_alone_do_not_cross_a_cut():
    layers = listed(Tokens())
    assert [x.operation for x in layers.layers[:4]] == ["input", "conv", "add", "norm"]
    assert layers.layers[2].parameters == ("table",)
    plan = make_plan(layers, "blocks.1", 2)
    assert plan.cut.after == "blocks.0.add"
    prefix, suffix = between(layers.network, None, plan.cut.node), between(layers.network, plan.cut.node, None)
    for images in (1, 5):
        x = torch.randn(images, 3, 16, 16)
        assert prefix(x).shape == (images, 16, 6)
        torch.testing.assert_close(suffix(prefix(x)), layers.network(x), rtol=0, atol=0)
    assert {n for n, _ in suffix.named_parameters()} == plan.parameters


def test_what_only_moves_numbers_is_counted_apart():
    layers = listed(Tokens())
    assert not {"reshape", "flatten", "transpose"} & {x.operation for x in layers.layers}
    assert layers.unlisted["flatten"] == 3
    assert "size" in layers.unlisted


class Grid(Tokens):
    """Branches on the pixels in one of its modules, which is taken as a whole."""

    def __init__(self):
        super().__init__()
        self.blocks[1] = Branching()


class Branching(nn.Module):
    """Changes what it is given before it turns out that it cannot be opened."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.shift = nn.Parameter(torch.ones(6))
        self.fc = nn.Linear(6, 6)

    def forward(self, x, waves, batch, side):
        x.mul_(2)
        x = self.fc(self.norm(x)) + self.shift
        return x if x.sum() > 0 else -x


def test_a_module_that_cannot_be_opened_is_listed_by_its_parts():
    layers = listed(Grid())
    inside = [x for x in layers.layers if x.name.startswith("blocks.1")]
    assert [(x.name, x.operation, x.weights) for x in inside] == [
        ("blocks.1.norm", "norm", 12),
        ("blocks.1.fc", "linear", 42),
        ("blocks.1", "branching", 6),
    ]
    assert make_plan(layers, "bn", 2).backbone_parameters == 24
    assert make_plan(layers, "re:blocks\\.1\\.fc", 2).cut.after == "blocks.0.add"
    assert make_plan(layers, "all", 2).backbone_parameters == layers.weights


class InPlace(nn.Module):
    """What is changed in place has its new value for whoever holds it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        y = kept = self.conv(x)
        y.mul_(self.gain)
        y += 1
        return (y + kept).mean((2, 3))


def test_changes_in_place_reach_everyone():
    network = InPlace()
    x = torch.randn(2, 3, 16, 16)
    wanted = network(x)
    torch.testing.assert_close(listed(network).network(x), wanted)


class TwoStreams(nn.Module):
    """Two tensors flow from block to block, one of them of patches."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, 4, 4, 4)
        self.blocks = nn.ModuleList(Exchange() for _ in range(3))

    def forward(self, x):
        whole = self.embed(x)
        patches = whole.flatten(2).transpose(1, 2).reshape(-1, 2, 2)
        for block in self.blocks:
            whole, patches = block(whole, patches)
        return whole.mean((2, 3))


class Exchange(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Linear(2, 2)

    def forward(self, whole, patches):
        patches = self.fc(patches)
        told = patches.reshape(whole.shape[0], 16, 4).transpose(1, 2).reshape(whole.shape[0], 4, 4, 4)
        return self.norm(self.conv(whole)) + told, patches


def test_where_two_tensors_flow_both_are_cut_side_by_side():
    layers = listed(TwoStreams())
    plan = make_plan(layers, "blocks.2", 2)
    assert plan.cut.after == "blocks.1.add"
    assert plan.cut.shape == (64 + 64,)
    x = torch.randn(3, 3, 16, 16)
    whole = layers.network(x)
    cuts = [c for c in cut_points(layers) if len(c.shape) == 1 and c.after != FEATURES]
    assert [c.after for c in cuts] == ["embed", "blocks.0.add", "blocks.1.add"]
    features = between(layers.network, None, cuts[0].node)(x)
    middle = between(layers.network, cuts[0].node, cuts[1].node)(features)
    torch.testing.assert_close(between(layers.network, cuts[1].node, None)(middle), whole)
    everything = between(layers.network, None, None)
    assert not [n for n in everything.graph.nodes if "pack" in n.name]
    torch.testing.assert_close(everything(x), whole)


def test_a_weight_of_which_only_a_summary_enters_has_a_layer_too():
    class Loose(InPlace):
        def __init__(self):
            super().__init__()
            self.loose = nn.Parameter(torch.ones(2))
            self.idle = nn.Parameter(torch.ones(2)) if self.loose is not None else None

        def forward(self, x):
            return super().forward(x) * self.loose.softmax(0).sum() if self.idle is not None else x

    layers = listed(Loose())
    assert layers.layers[-1].parameters == ("loose",)
    assert make_plan(layers, "all", 2).backbone_parameters == layers.weights == 3 * 4 * 9 + 4 + 1 + 2


@pytest.mark.parametrize("images", [1, 4])
def test_a_traced_network_takes_any_number_of_images(images):
    layers = listed(Tokens())
    assert layers.network(torch.randn(images, 3, 16, 16)).shape == (images, 6)


def test_a_network_that_remembers_what_it_met_is_left_as_it_was():
    class Caching(Tokens):
        met: ClassVar[dict] = {}

        def forward(self, x):
            self.met = self.met or {"table": self.table * 2}
            return super().forward(x) + self.met["table"].mean()

    network = Caching()
    layers = listed(network)
    assert not network.met
    with torch.no_grad():
        network.table.zero_()
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(layers.network(x), network(x))


def test_the_digest_is_that_of_the_graph_and_not_of_the_weights():
    a, b, other = listed(Tokens()), listed(Tokens()), listed(Grid())
    with torch.no_grad():
        b.network.table.add_(1)
    assert a.digest == b.digest != other.digest
    assert listed(InPlace(), 16).digest != listed(InPlace(), 32).digest


def test_cuts_before_all_that_trains():
    layers = listed(Tokens())
    for x in layers.layers:
        if x.parameters:
            assert latest_cut(layers, {x.name}).number < x.number


class Guarded(Branching):
    """Of its parts, the norm has statistics, and there is a dropout."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(16), nn.Dropout(0.5)

    def forward(self, x, waves, batch, side):
        return super().forward(self.drop(x), waves, batch, side)


def test_of_a_module_that_cannot_be_opened_only_the_parts_that_are_chosen_train():
    class Network(Tokens):
        def __init__(self):
            super().__init__()
            self.blocks[1] = Guarded()

    layers = listed(Network())
    modes = {}
    for unfreeze in ("re:blocks\\.1", "re:blocks\\.1\\.norm", "all"):
        plan = make_plan(layers, unfreeze, 2)
        set_training(layers, plan)
        parts = ("norm", "fc", "drop")
        modes[unfreeze] = [layers.network.get_submodule(f"blocks.1.{p}").training for p in parts]
        moving = "blocks.1.norm.running_mean" not in frozen_state(layers, plan)
        assert moving == modes[unfreeze][0]
    assert modes == {
        "re:blocks\\.1": [False, False, False],
        "re:blocks\\.1\\.norm": [True, False, False],
        "all": [True, True, True],
    }


def test_tensors_that_are_not_in_the_order_of_the_images_are_no_place_to_cut():
    class Doubled(TwoStreams):
        def forward(self, x):
            whole = self.embed(x)
            both = torch.cat([whole, whole.flip(2)]).flatten(2)[..., :2]
            for block in self.blocks:
                whole, both = block.norm(block.conv(whole)) + both.mean(), block.fc(both)
            return whole.mean((2, 3)) + both.reshape(2, whole.shape[0], -1).mean((0, 2))[:, None]

    layers = listed(Doubled())
    assert not [c for c in cut_points(layers) if "pack" in c.node]


def test_a_weight_that_two_layers_share_is_the_first_ones():
    class Tied(Tokens):
        def __init__(self):
            super().__init__()
            self.blocks[1].fc1.weight = self.blocks[0].fc1.weight

    layers = listed(Tied())
    plan = make_plan(layers, "blocks.0", 2)
    assert "blocks.0.fc1.weight" in plan.parameters
    assert not [n for n in make_plan(layers, "blocks.1", 2).parameters if n.endswith("fc1.weight")]
    assert make_plan(layers, "all", 2).backbone_parameters == layers.weights


def test_statistics_of_a_norm_without_weights_move_too():
    class Plain(InPlace):
        def __init__(self):
            super().__init__()
            self.norm, self.last = nn.BatchNorm2d(4, affine=False), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return self.last(self.norm(self.conv(x)))

    layers = listed(Plain())
    assert [x.operation for x in layers.layers[-3:]] == ["conv", "norm", "conv"]
    assert make_plan(layers, "2", 2).cut.after == "conv"
