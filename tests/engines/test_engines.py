"""One contract for every engine; those that train do so with real runs."""

import multiprocessing
from dataclasses import replace

import pytest
from mlflow import MlflowClient

from tests.study.played import Paper, Played
from tlcompare.engines.choice import engine_for
from tlcompare.engines.jobs import Job, Stop, keep_none
from tlcompare.preparation import Workbench
from tlcompare.tracking.reading import runs_by_id


class Hub:
    """Hands out jobs and is told how they go. Trial 1 is pruned, trial 5 pauses once, trial 4 comes when all others
    have ended, and the worker of trial 3, if there is one, is killed once it is alone."""

    def __init__(self, jobs):
        self.waiting = jobs
        self.paused = []
        self.epochs = {}
        self.outcomes = {}
        self.running = self.most_at_once = self.asked = 0

    def next_job(self):
        self.asked += 1
        if self.paused and not self.running:
            self.running += 1
            return self.paused.pop()
        if not self.waiting or (self.waiting[0].number == 4 and self.running):
            return None
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        return self.waiting.pop(0)

    def said(self, job, text):
        pass

    def progress(self, job, what, share):
        assert share is None or 0 <= share <= 1

    def epoch(self, job, epoch):
        self.epochs.setdefault(job.number, []).append(epoch.number)
        if job.number == 3 and self.running == 1:
            for process in multiprocessing.active_children():
                process.kill()
                process.join()
        if epoch.number == 1 and job.logged == 0 and job.number in (1, 5):
            return Stop("not promising", pauses=job.number == 5)
        return None

    def ended(self, job, outcome):
        self.running -= 1
        if outcome.state == "paused":
            self.paused.append(replace(job, logged=1))
            return
        assert job.number not in self.outcomes
        self.outcomes[job.number] = outcome


SMALL = {"model": "timm:test_resnet", "weights": "none", "epochs": 2}
DEEP = {"unfreeze": "layer4"}
EACH = {0: {}, 1: DEEP, 2: {"weights": "gone.pth"}, 3: DEEP | {"epochs": 100}, 5: DEEP, 4: {}}


def accuracy(config, epoch):
    if config.weights == "gone.pth":
        raise ArithmeticError("no weights file")
    return 0.5


def trained(slots):
    def make():
        experiment = MlflowClient().create_experiment("engines")
        return engine_for(slots, Workbench()), lambda: MlflowClient().create_run(experiment).info.run_id

    return make


def played(slots):
    def make():
        runs = Paper()
        return Played(accuracy, slots, runs), lambda: runs.open("", {})

    return make


TRAINED = (trained(1), trained(2))


@pytest.fixture
def forked(monkeypatch):
    """Workers are forked, and inherit the ends of their pipes, so that idle ones are not waited for."""
    fork = multiprocessing.get_context("fork")
    monkeypatch.setattr("tlcompare.engines.processes.multiprocessing.get_context", lambda kind: fork)
    monkeypatch.setattr("tlcompare.engines.processes._GRACE_S", 0.3)


@pytest.mark.slow
def test_workers_that_begin_anew(workplace, config):
    test_an_engine_runs_prunes_and_survives(workplace, config, None, TRAINED[1], 2, True)


@pytest.mark.parametrize(
    ("make", "slots", "kills"),
    [(TRAINED[0], 1, False), (TRAINED[1], 2, True), (played(1), 1, False), (played(3), 3, False)],
    ids=["in process", "two processes", "played", "played, three at a time"],
)
def test_an_engine_runs_prunes_and_survives(workplace, config, forked, make, slots, kills):
    engine, open_run = make()
    jobs = [
        Job(number, f"#{number}", config(**SMALL | options), run_id=open_run(), keep_model=keep_none)
        for number, options in EACH.items()
        if kills or number != 3
    ]
    count, numbers, ids = len(jobs), [job.number for job in jobs], [job.run_id for job in jobs]
    hub = Hub(jobs)
    engine.run(hub.next_job, hub)
    assert not hub.waiting
    assert hub.most_at_once == slots
    assert hub.asked <= 2 * (count + 1) + slots
    finished, pruned, failed, last, paused = (hub.outcomes[n] for n in (0, 1, 2, 4, 5))
    assert (finished.state, last.state, paused.state) == ("finished", "finished", "finished")
    assert 0 <= finished.metrics["val/accuracy"] <= 1
    assert hub.epochs[0] == hub.epochs[4] == [1, 2]
    assert (pruned.state, pruned.reason) == ("pruned", "not promising")
    assert hub.epochs[1] == [1]
    assert hub.epochs[5] == [1, 1, 2], "told again, and gone on from there"
    assert failed.state == "failed"
    assert "no weights file" in failed.reason
    assert multiprocessing.active_children() == []
    if kills:
        assert hub.outcomes[3].lost
        assert "the worker process ended by signal 9; the usual cause is too little memory" in hub.outcomes[3].reason
    assert len(hub.outcomes) == count
    if make in TRAINED:
        runs = {n: run for n, run in zip(numbers, runs_by_id(ids), strict=True)}
        assert [runs[n].status for n in range(3)] == ["FINISHED", "KILLED", "FAILED"]
        assert [runs[n].tags["tlcompare.state"] for n in range(3)] == ["finished", "pruned", "failed"]
        assert runs[0].metrics["val/accuracy"] == finished.metrics["val/accuracy"]
        assert runs[1].tags["tlcompare.reason"] == "not promising"
        client, run_id = MlflowClient(), runs[5].run_id
        assert [m.step for m in client.get_metric_history(run_id, "val/epoch_loss")] == [1, 2]
        assert len(client.get_run(run_id).inputs.dataset_inputs) == 1
        assert runs[5].metrics["cost/backward_images"] == 2 * int(runs[5].params["train_images"])
        assert runs[5].tags["tlcompare.state"] == "finished"


@pytest.mark.parametrize("make", [*TRAINED, played(1)], ids=["in process", "two processes", "played"])
@pytest.mark.parametrize("where", ["next_job", "epoch"])
def test_what_is_raised_where_an_engine_tells_or_asks_ends_it(workplace, config, forked, make, where):
    """Ctrl-C, or a store that is gone: no process is left."""
    engine, open_run = make()
    hub = Hub([Job(n, f"#{n}", config(**SMALL), run_id=open_run(), keep_model=keep_none) for n in range(2)])
    asked = hub.next_job

    def interrupted(*_):
        raise KeyboardInterrupt

    if where == "epoch":
        hub.epoch = interrupted
    next_job = asked if where == "epoch" else lambda: asked() if hub.asked < 1 else interrupted()
    with pytest.raises(KeyboardInterrupt):
        engine.run(next_job, hub)
    assert multiprocessing.active_children() == []
