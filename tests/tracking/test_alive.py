"""Runs whose process is gone are ended by the next command; those that go on are left alone."""

import os
import signal

import pytest
from mlflow import MlflowClient

from tlcompare.config import RunConfig
from tlcompare.tracking.alive import alive, died
from tlcompare.tracking.runs import open_run, ready


@pytest.fixture
def in_another_process():
    """Do something in a forked process that then waits to be killed; gives what kills it."""
    children = []

    def begin(work):
        reads, writes = os.pipe()
        children.append(os.fork())
        if not children[-1]:
            with work():
                os.write(writes, b".")
                signal.pause()
            os._exit(0)
        os.read(reads, 1)
        return lambda: end(children.pop())

    def end(child):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    yield begin
    for child in children:
        end(child)


@pytest.mark.parametrize(
    ("state", "status"), [(None, "KILLED"), ("finished", "FINISHED"), ("failed", "FAILED"), ("interrupted", "KILLED")]
)
def test_a_run_is_ended_once_its_process_is_gone(workplace, in_another_process, state, status):
    client = MlflowClient()
    run_id = client.create_run("0", tags={"tlcompare.state": state} if state else {}).info.run_id
    kill = in_another_process(lambda: alive(run_id))
    ready()
    assert client.get_run(run_id).info.status == "RUNNING"
    kill()
    assert died() == [run_id]
    ready()
    run = client.get_run(run_id)
    assert run.info.status == status
    assert run.data.tags["tlcompare.state"] == (state or "interrupted")
    assert ("its process was killed" == run.data.tags.get("tlcompare.reason")) == (state is None)
    assert not died()


def test_a_training_that_is_killed_is_ended(workplace, in_another_process):
    kill = in_another_process(lambda: open_run(RunConfig()))
    kill()
    ready()
    (run,) = MlflowClient().search_runs(["1"])
    assert run.info.status == "KILLED"


def test_runs_that_ended_or_are_of_another_store_are_left_alone(workplace, in_another_process, monkeypatch):
    with open_run(RunConfig()):
        assert not died()
    assert not died()
    gone = MlflowClient().create_run("0").info.run_id
    in_another_process(lambda: alive(gone))()
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workplace / 'other.db'}")
        assert not died()
    MlflowClient().delete_run(gone)
    ready()
    assert not died()


def test_a_run_that_the_store_has_no_more_is_forgotten(workplace, in_another_process):
    in_another_process(lambda: alive("0123456789abcdef0123456789abcdef"))()
    assert died()
    ready()
    assert not died()
