import pytest
import torch
from torch import nn

from tlcompare.backbones.registry import BUILT_IN
from tlcompare.freezing.digest import digest
from tlcompare.freezing.graph import between, cut_points, latest_cut
from tlcompare.freezing.inference import folded
from tlcompare.freezing.layers import build_and_trace


def with_statistics(name):
    """A backbone whose norms do something, as those of a trained one do."""
    torch.manual_seed(0)
    listed = build_and_trace(name, 64)
    for module in listed.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return listed


def norms(part):
    """How many batch norms are computed."""
    called = [part.get_submodule(n.target) for n in part.graph.nodes if n.op == "call_module"]
    return sum(isinstance(m, nn.BatchNorm2d) for m in called)


@pytest.mark.parametrize("name", BUILT_IN)
def test_folded_prefixes_give_what_the_network_gives_at_every_block(name):
    listed = with_statistics(name)
    before = digest(listed.network.state_dict())
    x = torch.randn(3, 3, 64, 64)
    cuts = [latest_cut(listed, {y.name for y in listed.layers if y.block == b}) for b in listed.blocks]
    cuts.append(cut_points(listed)[-1])
    start, value = cut_points(listed)[0], x
    with torch.inference_mode():
        for cut in dict.fromkeys(cuts):
            plain = between(listed.network, None, cut.node)(x)
            prefix = folded(between(listed.network, None, cut.node))
            assert norms(prefix) == 0
            scale = plain.abs().max()
            torch.testing.assert_close(prefix(x), plain, rtol=0, atol=float(1e-5 * scale))
            value = folded(between(listed.network, start.node, cut.node))(value)
            start = cut
            torch.testing.assert_close(value, plain, rtol=0, atol=float(1e-5 * scale))
            with torch.autocast("cpu", torch.bfloat16):
                half = prefix(x).float()
            assert (half - plain).square().mean().sqrt() < 0.05 * plain.square().mean().sqrt() + 1e-6
    assert digest(listed.network.state_dict()) == before
    assert all(p.requires_grad for p in listed.network.parameters())


def test_a_convolution_that_others_use_too_is_not_folded():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)
            self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(3))

        def forward(self, x):
            y = self.conv(x)
            return self.norms[0](y) + y + self.norms[1](self.conv(x)) + self.norms[2](x.repeat(1, 2, 1, 1)[:, :4])

    torch.manual_seed(0)
    network = torch.fx.symbolic_trace(Shared().eval())
    for norm in network.norms.children():
        norm.running_mean.normal_()
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(folded(network)(x), network(x))
    assert norms(folded(network)) == 3
