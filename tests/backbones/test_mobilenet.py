import timm
import torch

from tlcompare.backbones.registry import get_backbone
from tlcompare.backbones.weights import load_weights
from tlcompare.freezing.layers import trace


def randomised(network):
    """Random weights and statistics, so that no layer is the identity by chance."""
    torch.manual_seed(0)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.5 + 0.1 if tensor.dim() == 1 else torch.randn_like(tensor) * 0.1)
    return network.eval()


def test_it_computes_what_timm_computes(tmp_path):
    from safetensors.torch import save_file

    theirs = randomised(timm.create_model("mobilenetv1_100"))
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    backbone = get_backbone("mobilenet").at_size(96)
    ours = backbone.build()
    load_weights(ours, str(tmp_path / "model.safetensors"), None, rename=backbone.rename)
    x = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        maps = theirs.forward_features(x)
        assert maps.std() > 1e-3
        torch.testing.assert_close(ours.eval()(x), maps, rtol=1e-5, atol=1e-5)
        traced = trace(backbone, ours).network
        torch.testing.assert_close(traced(x), theirs.forward_head(maps, pre_logits=True), rtol=1e-5, atol=1e-5)


def test_it_has_the_86_layers_of_keras():
    backbone = get_backbone("mobilenet").at_size(64)
    layers = trace(backbone, backbone.build()).layers
    assert len(layers) == 86
    assert [x.number for x in layers if x.operation == "pad"] == [11, 24, 37, 74]
    assert layers[0].operation == "input"
    assert layers[86 - 30].name == "block9.dw_bn"
    assert layers[86 - 50].name == "block6.pad"
