"""A training that broke off goes on to the bits it would have had."""

from dataclasses import replace

import pytest
import torch

from tests.training.bench import Bench
from tlcompare.training.checkpoints import Checkpoint, State

MODEL = "efficientnet_lite0"


def checkpoint(bench):
    return Checkpoint("backbone", bench.store, bench.split, bench.config, bench.compute)


def train(config, until=None, **options):
    """Train with a checkpoint, ended by Ctrl-C after (epoch, step) if given; returns the model and what came of it."""
    bench = Bench(config)
    seen = []

    def on_epoch(epoch):
        seen.append(epoch.number)
        if (epoch.number, None) == until:
            raise KeyboardInterrupt

    def on_step(epoch, step, *_):
        if (epoch, step) == until:
            raise KeyboardInterrupt

    reports = {"on_epoch": on_epoch, "on_step": on_step, "checkpoint": checkpoint(bench)}
    if until:
        with pytest.raises(KeyboardInterrupt):
            bench.fit(**reports, **options)
        return bench, None, seen
    return bench, bench.fit(**reports, **options), seen


def assert_same_bits(bench, fitted, whole, expected):
    for name, tensor in whole.model.weights().items():
        assert torch.equal(bench.model.weights()[name], tensor), name
    assert (fitted.probabilities == expected.probabilities).all()
    timeless = [{k: v for k, v in vars(e).items() if k != "seconds"} for e in expected.epochs]
    assert [{k: v for k, v in vars(e).items() if k != "seconds"} for e in fitted.epochs] == timeless
    assert (fitted.suffix_images, fitted.backward_images) == (expected.suffix_images, expected.backward_images)
    assert fitted.frozen_digest == expected.frozen_digest


PLACES = ["an epoch's end", "first step", "a step", "last step"]
RECIPES = [
    ({"unfreeze": "top", "dropout": 0.5}, (1, None), "after epoch 1"),
    ({"unfreeze": "all", "optimizer": "sgd", "head_first": 1}, (2, 1), "after step 1 of epoch 2"),
    ({"unfreeze": "30%", "patience": 1, "lr": 0.05}, (1, 2), "after step 2 of epoch 1"),
    ({"unfreeze": "top"}, (2, 3), "after step 3 of epoch 2"),
]


@pytest.mark.parametrize(("options", "until", "place"), RECIPES, ids=PLACES)
def test_a_training_that_a_signal_ended_ends_with_the_same_bits(config, options, until, place):
    options = config(model=MODEL, epochs=3, **options)
    whole, expected, _ = train(options)
    assert checkpoint(whole).load() is None
    train(options, until)
    state = checkpoint(whole).load()
    assert (len(state.epochs), state.steps) == (until[0] - (until[1] is not None), until[1] or 0)
    said = []
    bench, fitted, seen = train(options, on_notice=said.append)
    assert said[0] == f"going on {place} of an earlier attempt, whose epochs and time count"
    assert seen == [e.number for e in expected.epochs]
    assert_same_bits(bench, fitted, whole, expected)
    checkpoint(bench).delete()


def test_a_training_goes_on_from_where_it_was_kept_last(config, monkeypatch):
    """After a kill, which leaves no time to keep anything."""
    options = config(model=MODEL, epochs=2, unfreeze="top", dropout=0.5)
    whole, expected, _ = train(options)
    monkeypatch.setattr(Checkpoint, "due", True)
    train(options, (2, 2))
    kept = checkpoint(whole).load()
    assert (len(kept.epochs), kept.steps) == (1, 2)
    monkeypatch.undo()
    bench, fitted, _ = train(options)
    assert_same_bits(bench, fitted, whole, expected)
    checkpoint(bench).delete()


def test_nothing_is_kept_of_a_step_that_is_half_done(config):
    bench = Bench(config(model=MODEL, epochs=2, unfreeze="top"))
    steps = []

    def struck(module, gradient, _):
        steps.append(1)
        if len(steps) == 2:
            raise KeyboardInterrupt

    bench.model.head.register_full_backward_hook(struck)
    with pytest.raises(KeyboardInterrupt):
        bench.fit(checkpoint=checkpoint(bench))
    assert checkpoint(bench).load() is None


def test_keeping_waits_for_a_minute_and_takes_a_fiftieth_of_the_time(config, monkeypatch):
    bench = Bench(config(model=MODEL, epochs=2, unfreeze="top"))
    clock = [1000.0]
    monkeypatch.setattr("tlcompare.training.checkpoints.time.monotonic", lambda: clock[0])
    kept = checkpoint(bench)
    due = []
    for seconds in (59, 2, 0):
        clock[0] += seconds
        due.append(kept.due)
    assert due == [False, True, True]

    def slow(*_):
        clock[0] += 3

    monkeypatch.setattr("tlcompare.training.checkpoints.write_atomically", slow)
    kept.save(State((), 0, 0, 0.0, {}, {}))
    due = []
    for seconds in (61, 88, 2):
        clock[0] += seconds
        due.append(kept.due)
    assert due == [False, False, True]


def test_another_training_does_not_go_on_from_it(config):
    options = config(model=MODEL, epochs=3, unfreeze="top")
    bench, _, _ = train(options, (2, None))
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
    Checkpoint("backbone", bench.store, *given).save(State((), 0, 0, 0.0, {}, {}))
    assert Checkpoint("backbone", relabelled, *given).load() is None
    checkpoint(bench).delete()


def test_deleting_does_not_mind_other_processes(config, cache):
    """They delete the same one, and rename files between a look and the next."""
    bench = Bench(config(model=MODEL, seed=7))
    checkpoint(bench).save(State((), 0, 0, 0.0, {}, {}))
    (cache / "checkpoints" / ".gone").symlink_to(cache / "nowhere")
    checkpoint(bench).delete()
    checkpoint(bench).delete()
    assert checkpoint(bench).load() is None


def test_training_goes_on_without_checkpoints_where_they_cannot_be_written(config, monkeypatch, tmp_path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))
    monkeypatch.setattr(Checkpoint, "due", True)
    bench = Bench(config(model=MODEL, epochs=2, unfreeze="top"))
    said = []
    fitted = bench.fit(checkpoint=checkpoint(bench), on_notice=said.append)
    assert len(fitted.epochs) == 2
    assert len(said) == 1
    assert "no checkpoints from here on" in said[0]
