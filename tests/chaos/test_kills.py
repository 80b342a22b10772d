"""Rows 1, 2, 3 and 5: processes that are killed or interrupted."""

import errno
import itertools
import json
import os
import random
import signal
from functools import partial
from pathlib import Path

import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState

from tests.chaos.sittings import MODEL, SMALL, begin, dies, end, found, kill_after, patched, slow
from tests.end_to_end.test_sweep import artifact, assert_they_agree, children, parent, study
from tests.struck import struck
from tlcompare.study.studies import Studies
from tlcompare.tracking.outbox import kept

pytestmark = pytest.mark.usefixtures("drawn_once")

EVERY_TRIAL = ["--pruner", "off", "--sampler", "random", "--log-models", "none"]


def begun():
    return Path("optuna.db").exists() and "s" in Studies("sqlite:///optuna.db").names()


def finished():
    """Runs of trials that are done, by the trial's number; none before the sweep has a run."""
    done = study("s").get_trials(states=(TrialState.COMPLETE,)) if begun() else []
    return {t.number: t.user_attrs["run_id"] for t in done}


def whole(count, before):
    """A sweep of `count` trials is complete, and those that were finished before are still the same."""
    assert before.items() <= finished().items()
    assert not [r.data.tags["tlcompare.reason"] for r in children("s") if r.info.status == "FAILED"]
    assert_they_agree("s", count)
    assert {t.state for t in study("s").trials} == {TrialState.COMPLETE}
    assert parent("s").info.status == "FINISHED"
    assert not kept()


def test_kills_at_random_moments(place, photos, many, survived):
    left, trials = many(1, 100), many(6, 40)
    while left:
        place()
        before = {}
        options = ["--epochs", 2, "--trials", trials, "--name", "s", *EVERY_TRIAL]
        command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]
        for _ in range(min(left, 10)):
            code, _ = kill_after(random.uniform(0.5, many(2, 8)), begin(*command))
            if code == 0:
                break
            assert code == -signal.SIGKILL
            assert before.items() <= finished().items()
            before = finished()
            left -= 1
            survived(1)
        code, _ = end(begin(*command))
        assert code == 0, Path("output.txt").read_text()
        whole(trials, before)


POINTS = [
    ("optuna", "create_study"),
    ("tlcompare.study.proposals", "ask"),
    ("tlcompare.tracking.sweeps", "Runs.open"),
    ("tlcompare.run", "log_epoch"),
    ("tlcompare.training.checkpoints", "Checkpoint.save"),
    ("tlcompare.training.checkpoints", "Checkpoint.delete"),
    ("tlcompare.tracking.sending", "SENDERS.values"),
    ("tlcompare.tracking.sending", "SENDERS.files"),
    ("tlcompare.tracking.sending", "SENDERS.model"),
    ("tlcompare.tracking.sending", "SENDERS.end"),
    ("tlcompare.study.ledger", "tell"),
    ("tlcompare.study.sweep", "leave_summary"),
]


def counted(file):
    """Write down every step that is trained through the network."""

    def change(train_step):
        def noted(trainer, *batch):
            progress, config = trainer.progress, trainer.config
            step = [trainer.plan.unfreeze, config.lr, config.seed, len(progress.epochs), progress.steps]
            with open(file, "a") as f:
                f.write(json.dumps(step) + "\n")
            return train_step(trainer, *batch)

        return noted

    patched("tlcompare.training.fit", "_train_step", change)


def test_every_named_point_is_there():
    assert all(callable(found(*point)[2]) for point in POINTS)


def test_kills_at_every_named_point(place, photos, many, survived):
    """The study comes first and the summary last; between, every sitting takes the sweep at most one trial further."""
    sides = ("before", "after")
    trials, epochs_each = many((4, 2), (16, 3))
    for _ in range(many(1, 10)):
        folder = place()
        deaths = [(*point, when) for point in POINTS for when in sides]
        deaths = random.sample(deaths, many(3, len(deaths)))
        options = ["--epochs", epochs_each, "--trials", trials, "--name", "s", "--pruner", "off", "--sampler", "random"]
        command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]
        for death in sorted(deaths, key=lambda d: (d[1] != "create_study", d[1] == "leave_summary", random.random())):

            def before(death=death, folder=folder):
                counted(folder / "steps.txt")
                kept_at_every_step()
                dies(*death, call=2 if death[1] in EVERY_EPOCH else 1)

            done, steps = finished(), repeated(folder)
            code, _ = end(begin(*command, before=before))
            assert code == -signal.SIGKILL, (death, Path("output.txt").read_text())
            assert done.items() <= finished().items(), death
            assert repeated(folder) <= steps + 1, death
            survived(2)
        done, steps = finished(), repeated(folder)
        code, _ = end(begin(*command, before=partial(counted, folder / "steps.txt")))
        assert code == 0, Path("output.txt").read_text()
        whole(trials, done)
        assert repeated(folder) <= steps + 1


def kept_at_every_step():
    """In this process, a checkpoint is kept at every step, as if each had taken a minute."""
    patched("tlcompare.training.checkpoints", "Checkpoint.due", lambda due: True)


EVERY_EPOCH = ("log_epoch", "Checkpoint.save")


def repeated(folder):
    """How many steps were trained once more."""
    file = folder / "steps.txt"
    trained = file.read_text().splitlines() if file.exists() else []
    return len(trained) - len(set(trained))


@pytest.mark.parametrize(("number", "code"), [slow(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals(place, photos, many, survived, number, code):
    left, trials = many(1, 25), many(4, 12)
    while left:
        place()
        before = {}
        options = ["--epochs", 3, "--trials", trials, "--name", "s", *EVERY_TRIAL]
        command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]
        for _ in range(min(left, 5)):
            ended, seconds = kill_after(random.uniform(many(0.5, 1.5), many(1.5, 3)), begin(*command), number)
            if ended == 0:
                break
            assert seconds < many(60, 10)  # the default tests may run where everything is slow
            assert before.items() <= finished().items()
            before = finished()
            if begun():
                assert ended == code, Path("output.txt").read_text()
                assert not study("s").get_trials(states=(TrialState.RUNNING,))
            else:
                assert ended in (code, -number)  # the shell shows both as the same
            left -= 1
            survived(3)
        assert end(begin(*command))[0] == 0, Path("output.txt").read_text()
        whole(trials, before)


@pytest.mark.parametrize(
    ("database", "statements", "number", "code"),
    [("optuna.db", (100, 300), signal.SIGINT, 130), slow("mlflow.db", (200, 700), signal.SIGTERM, 143)],
)
def test_signals_within_a_statement(place, photos, many, survived, database, statements, number, code):
    options = ["--epochs", 2, "--trials", 3, "--name", "s", *EVERY_TRIAL]
    command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]
    for _ in range(many(1, 25)):
        folder = place()
        at = random.randint(*statements)
        ended, seconds = end(begin(*command, before=struck(folder / database, number, at).__enter__))
        assert (ended, seconds < many(60, 10)) == (code, True), (at, Path("output.txt").read_text())
        before = finished()
        runs = [parent("s"), *children("s")]
        assert not study("s").get_trials(states=(TrialState.RUNNING,)), at
        assert {r.info.status for r in runs} <= {"FINISHED", "KILLED"}, at
        assert end(begin(*command))[0] == 0, Path("output.txt").read_text()
        whole(3, before)
        survived(3)


def interrupted_once():
    """In this process, Ctrl-C comes after the first epoch."""

    def change(add):
        def interrupting(*given):
            add(*given)
            os.kill(os.getpid(), signal.SIGINT)

        return interrupting

    patched("tlcompare.run", "log_epoch", change)


def test_a_second_signal_does_not_cut_the_clean_up(place, photos, survived):
    place()
    options = ["--epochs", 2, "--trials", 3, "--name", "s", *EVERY_TRIAL]
    command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]

    def before():
        interrupted_once()

        def change(leave_table):
            def impatient(log):
                os.kill(os.getpid(), signal.SIGTERM)
                leave_table(log)

            return impatient

        patched("tlcompare.study.sweep", "leave_table", change)

    code, _ = end(begin(*command, before=before))
    assert code == 130, Path("output.txt").read_text()
    assert {r.info.status for r in [parent("s"), *children("s")]} == {"KILLED"}
    assert not study("s").get_trials(states=(TrialState.RUNNING,))
    assert end(begin(*command))[0] == 0, Path("output.txt").read_text()
    whole(3, {})
    survived(3)


def test_a_full_disk_does_not_hide_an_interruption(place, photos, survived):
    place()
    options = ["--epochs", 2, "--trials", 3, "--name", "s", *EVERY_TRIAL]
    command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]

    def full(log):
        raise OSError(errno.ENOSPC, "No space left on device")

    def before():
        interrupted_once()
        patched("tlcompare.study.sweep", "leave_table", lambda leave_table: full)

    code, _ = end(begin(*command, before=before))
    output = Path("output.txt").read_text()
    assert code == 130, output
    assert "Go on with: tlcompare sweep --name s" in output
    assert end(begin(*command))[0] == 0, Path("output.txt").read_text()
    whole(3, {})
    survived(3)


RECIPES = [
    ("layer4", "adamw", 0.3),
    ("all", "sgd", 0.0),
    ("30%", "adamw", 0.5),
]


def test_an_interrupted_run_has_the_bits_of_one_that_was_not(place, photos, many, survived):
    for attempt, (unfreeze, optimizer, dropout) in zip(range(many(1, 30)), itertools.cycle(random.sample(RECIPES, 3))):
        place()
        recipe = ["--unfreeze", unfreeze, "--optimizer", optimizer, "--dropout", dropout, "--epochs", 4]
        command = ["train", *MODEL, "--data", photos, *SMALL, *recipe, "--seed", attempt]
        assert end(begin(*command))[0] == 0, Path("output.txt").read_text()
        death = ("tlcompare.run", "log_epoch", random.choice(["before", "after"]), random.randint(1, 4))

        def before(death=death):
            kept_at_every_step()
            dies(*death)

        assert end(begin(*command, before=before))[0] == -signal.SIGKILL
        assert end(begin(*command))[0] == 0, Path("output.txt").read_text()
        assert "going on after " in Path("output.txt").read_text()
        client = MlflowClient()
        runs = client.search_runs(["1"], "attributes.status = 'FINISHED'")
        assert len(runs) == 2
        # Times, memory, and passes that a warm cache saves are not results.
        costs = ("seconds", "_mb", "latency", "prefix_images")
        results = [{k: v for k, v in r.data.metrics.items() if not any(c in k for c in costs)} for r in runs]
        assert results[0] == results[1]
        assert artifact(runs[0], "predictions/val.csv") == artifact(runs[1], "predictions/val.csv")
        for metric in ("train/epoch_loss", "val/epoch_loss"):
            one, other = ([m.value for m in client.get_metric_history(r.info.run_id, metric)] for r in runs)
            assert one == other
        from tlcompare.tracking.models import load_model

        one, other = (load_model(f"runs:/{r.info.run_id}/model").model.weights() for r in runs)
        assert all((one[name] == other[name]).all() for name in one)
        survived(5)


@pytest.mark.slow
def test_a_kill_while_the_tracking_database_is_made(place, photos, survived):
    folder = place()
    (folder / "mlflow.db").unlink()
    command = ["train", *MODEL, "--unfreeze", "frozen", "--data", photos, *SMALL, "--epochs", 1]
    code, _ = end(begin(*command, before=lambda: dies("mlflow.store.db.utils", "_upgrade_db", "before")))
    assert code == -signal.SIGKILL
    assert not (folder / "mlflow.db").exists()
    assert end(begin(*command))[0] == 0, Path("output.txt").read_text()
    assert len(MlflowClient().search_runs(["1"])) == 1
    survived(1)
