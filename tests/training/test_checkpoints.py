"""A training that broke off goes on to the bits it would have had."""

from dataclasses import replace

import pytest
import torch

from tests.training.bench import Bench
from tlcompare.training.checkpoints import Checkpoint, State

MODEL = "efficientnet_lite0"


class Broken(Exception):
    pass


def checkpoint(bench):
    return Checkpoint("backbone", bench.store, bench.split, bench.config, bench.compute)


def train(config, until=None):
    """Train with a checkpoint, broken off after an epoch if one is given; returns the model and what came of it."""
    bench = Bench(config)
    seen = []

    def on_epoch(epoch):
        seen.append(epoch.number)
        if epoch.number == until:
            raise Broken

    if until:
        with pytest.raises(Broken):
            bench.fit(checkpoint=checkpoint(bench), on_epoch=on_epoch)
        return bench, None, seen
    return bench, bench.fit(checkpoint=checkpoint(bench), on_epoch=on_epoch), seen


RECIPES = [
    {"unfreeze": "top", "dropout": 0.5},
    {"unfreeze": "all", "optimizer": "sgd", "head_first": 1},
    {"unfreeze": "30%", "patience": 1, "lr": 0.05},
]


@pytest.mark.parametrize("options", RECIPES, ids=lambda o: o["unfreeze"])
def test_a_training_broken_off_after_an_epoch_ends_with_the_same_bits(config, options):
    options = config(model=MODEL, epochs=3, **options)
    whole, expected, _ = train(options)
    checkpoint(whole).delete()
    train(options, until=1)
    bench, fitted, seen = train(options)
    assert seen == [e.number for e in expected.epochs]
    for name, tensor in whole.model.weights().items():
        assert torch.equal(bench.model.weights()[name], tensor), name
    assert (fitted.probabilities == expected.probabilities).all()
    timeless = [{k: v for k, v in vars(e).items() if k != "seconds"} for e in expected.epochs]
    assert [{k: v for k, v in vars(e).items() if k != "seconds"} for e in fitted.epochs] == timeless
    assert (fitted.suffix_images, fitted.backward_images) == (expected.suffix_images, expected.backward_images)
    assert fitted.frozen_digest == expected.frozen_digest
    checkpoint(bench).delete()


def test_another_training_does_not_go_on_from_it(config):
    options = config(model=MODEL, epochs=3, unfreeze="top")
    bench, _, _ = train(options, until=2)
    assert len(checkpoint(bench).load().epochs) == 2
    for other in ({"seed": 1}, {"lr": 0.5}, {"epochs": 4}, {"unfreeze": "all"}, {"val_seed": 3}):
        changed = Bench(config(model=MODEL, **{"epochs": 3, "unfreeze": "top"} | other))
        assert checkpoint(changed).load() is None
    checkpoint(bench).delete()
    assert checkpoint(bench).load() is None


def test_other_labels_are_another_training(config):
    bench = Bench(config(model=MODEL))
    first = replace(bench.store.files[0], label=2)
    relabelled = replace(bench.store, files=(first, *bench.store.files[1:]), digest="of other labels")
    given = (bench.split, bench.config, bench.compute)
    Checkpoint("backbone", bench.store, *given).save(State((), 1, {}, {}))
    assert Checkpoint("backbone", relabelled, *given).load() is None
    checkpoint(bench).delete()


def test_deleting_does_not_mind_other_processes(config, cache):
    """They delete the same one, and rename files between a look and the next."""
    bench = Bench(config(model=MODEL, seed=7))
    checkpoint(bench).save(State((), 1, {}, {}))
    (cache / "checkpoints" / ".gone").symlink_to(cache / "nowhere")
    checkpoint(bench).delete()
    checkpoint(bench).delete()
    assert checkpoint(bench).load() is None


def test_training_goes_on_without_checkpoints_where_they_cannot_be_written(config, monkeypatch, tmp_path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))
    bench = Bench(config(model=MODEL, epochs=2, unfreeze="top"))
    said = []
    fitted = bench.fit(checkpoint=checkpoint(bench), on_notice=said.append)
    assert len(fitted.epochs) == 2
    assert len(said) == 1
    assert "no checkpoints from here on" in said[0]
