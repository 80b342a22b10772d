import pytest
import torch

from tlcompare.config import RunConfig
from tlcompare.features.parallel import throughput
from tlcompare.features.speed import speed_key
from tlcompare.freezing.layers import build_and_trace
from tlcompare.machine.device import Compute
from tlcompare.machine.measured import measured_once
from tlcompare.study.parallel import jobs_beside, jobs_for


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))


def test_what_gets_done_side_by_side_is_measured_once(monkeypatch):
    monkeypatch.setattr("tlcompare.features.parallel._SECONDS", 0.05)
    layers, before = build_and_trace("timm:test_resnet", 32), torch.get_num_threads()
    try:
        found = throughput(layers, Compute("cpu", "fp32", 2))
        assert set(found) == {1, 2}
        assert all(images > 0 for images in found.values())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    monkeypatch.setattr("tlcompare.features.parallel._measure", None)
    assert throughput(layers, Compute("cpu", "fp32", 2)) == found


@pytest.mark.parametrize(
    ("images", "gigabytes", "jobs"),
    [
        ({"1": 10, "2": 18, "4": 17}, 64, 2),
        ({"1": 10, "2": 10.2}, 64, 1),
        ({"1": 10}, 64, 1),
        ({"1": 10, "2": 18}, 2, 1),
        ({"1": 10, "2": 15, "4": 20}, 6, 4),
        ({"1": 10, "2": 15, "4": 20}, 4, 2),
    ],
)
def test_as_many_as_get_most_done_and_fit_into_memory(monkeypatch, images, gigabytes, jobs):
    monkeypatch.setattr("tlcompare.study.parallel.memory_bytes", lambda: gigabytes * 1e9)
    config = RunConfig(model="timm:test_resnet", image_size=32, device="cpu", precision="fp32")
    compute = Compute("cpu", "fp32", torch.get_num_threads())
    measured_once("parallel", speed_key(build_and_trace(config.model, 32), compute), lambda: images)
    said = []
    assert jobs_for(config, said.append) == jobs
    assert said[0].startswith(f"--jobs auto: {jobs} at a time (timm:test_resnet, images per second")


def test_as_many_as_there_are_threads_for():
    assert jobs_beside(1) == torch.get_num_threads()
    assert jobs_beside(1000) == 1
