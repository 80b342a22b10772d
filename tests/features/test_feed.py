"""What training reads, held on the device or not."""

import math

import numpy as np
import pytest
import torch

from tests.training.bench import Bench
from tlcompare.features.store import FeatureStore
from tlcompare.training.fit import fit

MODEL = "efficientnet_lite0"


def curves(fitted):
    return [(e.train_loss, e.val_loss, e.val_accuracy) for e in fitted.epochs]


@pytest.mark.parametrize(("unfreeze", "augment"), [("20%", "flip"), ("all", "flip"), ("all", "crop")])
def test_training_from_what_is_held_gives_the_same_bits(config, unfreeze, augment):
    options = {"model": MODEL, "weights": "none", "unfreeze": unfreeze, "augment": augment, "epochs": 2}
    results, held = [], []
    for room in (0, math.inf):
        bench = Bench(config(**options))
        feed = bench.feed([bench.plan.cut] if unfreeze != "all" else []).holding(room)
        held.append((feed.train.bytes_held, feed.val.bytes_held))
        results.append(fit(bench.model, bench.layers, bench.plan, feed, bench.split, bench.config, bench.compute))
    assert held[0] == (0, 0)
    per_row = 3 * 32**2 if unfreeze == "all" else 4 * math.prod(bench.plan.cut.shape)
    train = len(bench.split.train) * (1 if unfreeze == "all" else 2)
    assert held[1] == (train * per_row, len(bench.split.val) * per_row), "images once, whatever views are shown of them"
    assert curves(results[0]) == curves(results[1])
    assert np.array_equal(results[0].probabilities, results[1].probabilities)


def test_what_is_held_is_read_once(config, monkeypatch):
    bench = Bench(config(model=MODEL, weights="none", unfreeze="20%"))
    feed = bench.feed([bench.plan.cut])
    reads, read = [], FeatureStore.read

    def counted(store, slots):
        reads.append(len(slots))
        return read(store, slots)

    monkeypatch.setattr(FeatureStore, "read", counted)
    held = feed.holding(math.inf)
    assert sum(reads) == feed.slots + 2, "and one of each to know how large it is"
    reads.clear()
    slots = feed.train.slots[::-1][:5].copy()
    (one,), (other,) = ([*stream.gather([slots])] for stream in (feed.train, held.train))
    assert torch.equal(one, other)
    assert one.stride() == other.stride()
    assert reads == [5]


def test_no_more_is_held_than_there_is_room_for(config):
    bench = Bench(config(model=MODEL, weights="none", unfreeze="all"))
    feed = bench.feed()
    train, val = (len(rows) * 3 * 32**2 for rows in (bench.split.train, bench.split.val))
    for room, expected in ((train - 1, (0, val)), (train, (train, 0)), (train + val, (train, val))):
        held = feed.holding(room)
        assert (held.train.bytes_held, held.val.bytes_held) == expected


def test_a_device_without_room_reads_as_before(config, monkeypatch):
    bench = Bench(config(model=MODEL, weights="none", unfreeze="all"))
    stream = bench.feed().train
    monkeypatch.setattr(torch, "cat", lambda tensors: torch.empty(2**46, dtype=torch.uint8))
    assert stream.holding(math.inf) is stream
