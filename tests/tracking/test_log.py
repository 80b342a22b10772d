"""How often a run writes to its store."""

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from tlcompare.cli import main
from tlcompare.tracking import log as logs
from tlcompare.tracking import record
from tlcompare.tracking.log import GatheringLog, RunLog
from tlcompare.tracking.sending import SENDERS


@pytest.fixture
def sent(monkeypatch):
    """The kinds of entries that were sent, in their order; of values, which there were."""
    kinds = []

    def noting(kind, sender):
        def send(run_id, entry):
            held = [name for name, values in entry.body.items() if values] if kind == "values" else [kind]
            kinds.append("+".join(held))
            sender(run_id, entry)

        return send

    for kind, sender in SENDERS.items():
        monkeypatch.setitem(SENDERS, kind, noting(kind, sender))
    return kinds


@pytest.fixture
def run_id(workplace):
    return MlflowClient().create_run("0").info.run_id


def fill(log):
    log.params({"a": 1})
    log.tags({"b": 2})
    log.text("one/c.txt", "c")
    log.params({"d": 3})
    log.metrics_of_steps({1: {"e": 4.0}, 2: {"e": 5.0, "f": float("nan")}})
    log.json("one/g.json", [6])
    log.metrics_of_steps({3: {"e": 7.0}})
    log.end("FINISHED")


EVERYTHING = {
    "params": {"a": "1", "d": "3"},
    "steps": [1, 2, 3],
    "files": {"one/c.txt", "one/g.json"},
    "status": "FINISHED",
    "tag": "2",
}


def held_by(run_id):
    client = MlflowClient()
    run = client.get_run(run_id)
    return {
        "params": run.data.params,
        "steps": [m.step for m in client.get_metric_history(run_id, "e")],
        "files": {f.path for f in client.list_artifacts(run_id, "one")},
        "status": run.info.status,
        "tag": run.data.tags["b"],
    }


def test_what_belongs_to_a_few_seconds_goes_together(run_id, sent):
    fill(GatheringLog(run_id))
    assert sent == ["params+tags+metrics", "files", "end"]
    assert held_by(run_id) == EVERYTHING


def test_the_rest_goes_at_once(run_id, sent):
    fill(RunLog(run_id))
    assert sent == ["params", "tags", "files", "params", "metrics", "files", "metrics", "end"]
    assert held_by(run_id) == EVERYTHING


def test_what_takes_longer_is_seen_meanwhile(run_id, sent, monkeypatch):
    log = GatheringLog(run_id)
    log.params({"a": 1})
    assert not sent
    monkeypatch.setattr(logs, "_TOGETHER_S", 0.0)
    log.metrics_of_steps({1: {"e": 4.0}})
    assert sent == ["params+metrics"]
    log.text("c.txt", "c")
    assert sent == ["params+metrics", "files"]


def test_more_than_mlflow_takes_at_a_time(run_id):
    log = GatheringLog(run_id)
    log.params({f"p{i}": i for i in range(250)})
    log.tags({f"t{i}": i for i in range(120)})
    log.metrics_of_steps({i: {"e": 1.0, "f": 2.0} for i in range(1700)})
    log.send()
    client = MlflowClient()
    assert len(client.get_run(run_id).data.params) == 250
    assert "t119" in client.get_run(run_id).data.tags
    assert len(client.get_metric_history(run_id, "f")) == 1700


def test_a_trial_writes_once_before_it_trains_and_once_after_it(photos, workplace, sent, monkeypatch):
    drawn = []
    for name in ("learning_curves", "confusion"):
        real = getattr(record, name)
        monkeypatch.setattr(record, name, lambda *a, name=name, real=real: drawn.append(name) or real(*a))
    small = {"model": "timm:test_resnet", "weights": "none", "image-size": 32, "epochs": 3, "threads": 1, "trials": 3}
    options = [f"--{name}={value}" for name, value in small.items()]
    command = ["sweep", f"--data={photos}", *options, "--pruner=off", "--name=s"]
    assert CliRunner().invoke(main, command).exit_code == 0
    assert drawn == ["learning_curves", "confusion"]
    trial = ["params+tags", "files", "dataset", "model", "tags+metrics", "files", "end"]
    start = sent.index("params+tags")
    assert sent[start : start + 3 * len(trial)] == 3 * trial
