from dataclasses import replace

import torch

from tlcompare.freezing.graph import Classifier
from tlcompare.freezing.layers import build_and_trace
from tlcompare.freezing.strategy import make_plan
from tlcompare.machine.device import Compute
from tlcompare.training.latency import measure


def test_latency_is_measured_once_per_backbone(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))
    listed = build_and_trace("mobilenet", 32)
    calls = []
    compute = Compute("cpu", "bf16", 1)

    def latency(unfreeze, backbone="mobilenet"):
        model = Classifier(listed, make_plan(listed, unfreeze, 5).cut, 5, 0.0)
        model.register_forward_pre_hook(lambda *args: calls.append(1))
        return measure(model, replace(listed, backbone=backbone), compute)

    first = latency("frozen")
    assert 0 < first.p50_ms <= first.p95_ms
    assert first.seconds_per_100 > 0
    passes = len(calls)
    assert latency("50") == first
    assert latency("all") == first
    assert len(calls) == passes
    latency("frozen", "another")
    assert len(calls) == 2 * passes
    (path, _) = (tmp_path / "latency").glob("*.json")
    path.write_text("{")
    latency("frozen")
    latency("frozen", "another")
    assert len(calls) == 3 * passes
    assert not torch.is_inference_mode_enabled()
