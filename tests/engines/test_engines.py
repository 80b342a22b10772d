"""One contract for every engine, on real runs."""

import multiprocessing

import pytest
from mlflow import MlflowClient
from tlcompare.study.engines import InProcess, Job, Processes

from tlcompare.preparation import Workbench
from tlcompare.tracking.reading import runs_by_id


class Watcher:
    """Prunes trial 1 after its first epoch, and kills the worker of trial 3 once it is alone."""

    def __init__(self):
        self.epochs = {}
        self.outcomes = {}
        self.running = 0
        self.most_at_once = 0

    def said(self, job, text):
        pass

    def progress(self, job, what, share):
        assert share is None or 0 <= share <= 1

    def epoch(self, job, epoch):
        self.epochs.setdefault(job.number, []).append(epoch.number)
        if job.number == 3 and self.running == 1:
            for process in multiprocessing.active_children():
                process.kill()
        return "not promising" if job.number == 1 else ""

    def ended(self, job, outcome):
        self.outcomes[job.number] = outcome
        self.running -= 1


def jobs(config, watcher, **options):
    experiment = MlflowClient().create_experiment("engines")
    for number, option in enumerate(options["each"]):
        run = MlflowClient().create_run(experiment).info
        watcher.running += 1
        watcher.most_at_once = max(watcher.most_at_once, watcher.running)
        options = config(**{"epochs": 2} | option)
        yield Job(number, f"#{number}", options, run_id=run.run_id, keep_model=keep_none)


EACH = [{}, {"unfreeze": "top"}, {"weights": "gone.pth"}, {"epochs": 100, "unfreeze": "top"}]


@pytest.mark.parametrize(
    ("engine", "slots"), [(InProcess(Workbench()), 1), (Processes(2), 2)], ids=["in process", "processes"]
)
def test_an_engine_runs_prunes_and_survives(workplace, config, engine, slots):
    watcher = Watcher()
    each = EACH if slots > 1 else EACH[:3]
    each_job = jobs(config, watcher, each=each)
    engine.run(lambda: next(each_job, None), watcher)
    assert watcher.most_at_once == slots
    finished, pruned, failed = (watcher.outcomes[n] for n in range(3))
    assert finished.state == "finished"
    assert 0 <= finished.metrics["val/accuracy"] <= 1
    assert watcher.epochs[0] == [1, 2]
    assert (pruned.state, pruned.reason) == ("pruned", "not promising")
    assert watcher.epochs[1] == [1]
    assert failed.state == "failed"
    assert "no weights file" in failed.reason
    assert multiprocessing.active_children() == []
    runs = runs_by_id([r.info.run_id for r in every_run()])
    states = {r.tags.get("tlcompare.state"): r.status for r in runs}
    assert states["finished"] == "FINISHED"
    assert states["pruned"] == "KILLED"
    assert states["failed"] == "FAILED"
    if slots > 1:
        assert watcher.outcomes[3].state == "failed"
        assert (
            "the worker process ended by signal 9; the usual cause is too little memory" in watcher.outcomes[3].reason
        )


def every_run():
    client = MlflowClient()
    return client.search_runs([client.get_experiment_by_name("engines").experiment_id])
