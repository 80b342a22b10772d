"""What a strategy is said to cost, against what it costs."""

import os
import subprocess
import sys

import pytest
import torch

from tlcompare.freezing.digest import digest
from tlcompare.freezing.layers import build_and_trace
from tlcompare.freezing.strategy import make_plan
from tlcompare.machine.device import Compute
from tlcompare.training.footprint import footprint, shares_behind

FP32 = Compute("cpu", "fp32", 1)
TRAIN = """
import re, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from tlcompare.freezing.graph import Classifier
from tlcompare.freezing.layers import build_and_trace
from tlcompare.freezing.strategy import freeze, make_plan, set_training
from tlcompare.machine.device import Compute
from tlcompare.machine.memory import peak_mb, reset_peak
from tlcompare.training.footprint import footprint, shares_behind

name, size, unfreeze, batch, precision = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
compute = Compute("cpu", precision, 1)
layers = build_and_trace(name, size)
plan = make_plan(layers, unfreeze, 5)
expected = footprint(layers, plan, compute, 5, batch)
model = Classifier(layers, plan.cut, 5, 0.0).to(memory_format=torch.channels_last)
freeze(layers.network, plan)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
with torch.no_grad():
    features = torch.cat([model.prefix(torch.rand(4, 3, size, size)) for _ in range(batch // 4)])
set_training(layers, plan)
reset_peak("cpu")
resident = int(re.search(r"VmRSS:\\s+(\\d+) kB", Path("/proc/self/status").read_text()).group(1)) * 1024 / 1e6
for _ in range(3):
    with compute.autocast():
        logits = model.rest(features)
    torch.nn.functional.cross_entropy(logits.float(), torch.zeros(batch, dtype=torch.long)).backward()
    optimizer.step()
    optimizer.zero_grad()
print(expected.optimizer_mb + expected.activations_mb, peak_mb("cpu") - resident)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="peaks are Linux's")
@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        "mobilenet 96 50 64 fp32",
        "torchvision:resnet18 128 all 64 fp32",
        "torchvision:resnet18 128 all 64 bf16",
        "torchvision:resnet18 128 layer4 64 fp32",
        "efficientnet_lite0 128 all 64 fp32",
        "efficientnet_lite0 128 block6-top 64 fp32",
        "timm:vit_tiny_patch16_224 224 all 32 fp32",
        "timm:vit_tiny_patch16_224 224 blocks.10-norm 64 bf16",
        "timm:convnext_atto 128 all 64 fp32",
    ],
)
def test_memory_is_what_training_takes(case):
    """Of a process of its own, whose allocator gives back what is freed."""
    command = [sys.executable, "-c", TRAIN, *case.split()]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "262144", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    expected, measured = map(float, done.stdout.split())
    assert expected == pytest.approx(measured, rel=0.2)


def test_operations_are_those_of_the_network_and_of_what_trains():
    layers = build_and_trace("mobilenet", 64)
    found = {text: footprint(layers, make_plan(layers, text, 5), FP32, 5, 8) for text in ("frozen", "block13", "all")}
    convolutions = sum(
        2 * x.weights * x.shape[1] * x.shape[2] for x in layers.layers if x.operation == "conv" and len(x.shape) == 3
    )
    forward = found["all"].forward_gflops
    assert forward == pytest.approx(convolutions / 1e9, rel=0.01)
    assert {f.forward_gflops for f in found.values()} == {forward}
    assert found["all"].step_gflops == pytest.approx(3 * forward, rel=0.05)
    assert found["frozen"].step_gflops < found["block13"].step_gflops < 0.5 * forward
    assert found["frozen"].memory_mb < found["block13"].memory_mb < found["all"].memory_mb


def test_looking_changes_nothing():
    torch.manual_seed(0)
    layers = build_and_trace("mobilenet", 32)
    before = digest(layers.network.state_dict())
    footprint(layers, make_plan(layers, "all", 5), FP32, 5, 8)
    assert digest(layers.network.state_dict()) == before
    assert not any(m.training for m in layers.network.modules())


def test_the_share_of_operations_behind_each_cut():
    layers = build_and_trace("timm:test_resnet", 64)
    shares = shares_behind(layers)
    assert shares[make_plan(layers, "all", 5).cut.node] == 1
    assert shares[make_plan(layers, "frozen", 5).cut.node] == 0
    deeper = [shares[make_plan(layers, text, 5).cut.node] for text in ("layer4", "layer3-layer4", "layer1-layer4")]
    assert 0 < deeper[0] < deeper[1] < deeper[2] < 1
    behind = torch.tensor(list(shares.values()))
    assert (behind.diff() <= 0).all()
