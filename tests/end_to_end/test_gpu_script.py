"""The script for machines with a GPU, tried on the CPU."""

import json
from dataclasses import replace

import pytest

from benchmarks import gpu
from tlcompare.features.store import FeatureStore
from tlcompare.training.checkpoints import Checkpoint

TINY = gpu.Options("cpu", ("efficientnet_lite0",), images=40, side=32, batch=8, minutes=9, out="gpu.json")


@pytest.fixture
def ground(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))
    return gpu._ground("efficientnet_lite0", gpu.synthetic(TINY.images, TINY.side), TINY)


def test_the_checks_hold(ground):
    assert [row["value"] for row in gpu.checks(ground)] == ["ok", "ok", "ok"]


def moved_before(fit):
    def moved(model, *arguments, **options):
        model.backbone.get_buffer("bn1.running_mean").add_(1)
        return fit(model, *arguments, **options)

    return moved


@pytest.mark.parametrize(
    ("number", "place", "name", "changed"),
    [
        (0, FeatureStore, "read", lambda read: lambda store, slots: read(store, slots).flip(0)),
        (1, Checkpoint, "load", lambda load: lambda checkpoint: None),
        (2, gpu, "fit", moved_before),
    ],
)
def test_a_check_fails_where_it_should(ground, monkeypatch, number, place, name, changed):
    monkeypatch.setattr(place, name, changed(getattr(place, name)))
    assert gpu.checks(ground)[number]["value"] == "FAILED"


@pytest.mark.slow
def test_it_runs_to_its_end(tmp_path, capsys):
    out = tmp_path / "gpu.json"
    rows = gpu.run(replace(TINY, out=str(out)))
    kept = json.loads(out.read_text())
    assert kept["rows"] == rows
    assert kept["left out"] == []
    assert not [row for row in rows if row["value"] == "FAILED" or row["way"] == "FAILED"]
    ours = [r for r in rows if r["way"] == "tlcompare"]
    assert [r["what"].split()[-1] for r in ours] == ["W1", "W2", "W3", "W4"]
    assert "4 at a time" in capsys.readouterr().out
    late = gpu.run(replace(TINY, out=str(out), minutes=0))
    assert late == []
    assert len(json.loads(out.read_text())["left out"]) == 8
