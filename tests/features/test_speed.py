"""What was measured of one graph is not taken for another of the same name."""

from dataclasses import replace

from tlcompare.features.feed import measured_costs
from tlcompare.freezing.layers import build_and_trace
from tlcompare.machine.device import Compute


def test_another_graph_of_the_same_name_is_measured_anew(tmp_path, monkeypatch):
    """Another version of a library may give other nodes for the same network and size."""
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))
    compute = Compute("cpu", "fp32", 1)
    listed = [build_and_trace(name, 32) for name in ("timm:test_resnet", "timm:test_vit")]
    for layers in (*listed, *listed):
        costs = measured_costs(replace(layers, backbone="one name"), compute)
        assert (costs.forward >= 0).all()
        assert len(costs.forward) == len(costs.points)
    assert len(list((tmp_path / "speed").glob("*.json"))) == 2
