"""Runs whose process is gone are ended by the next command; those that go on are left alone."""

import contextlib
import os
import signal
import socket
import threading
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from tlcompare.config import RunConfig
from tlcompare.errors import TrackingError
from tlcompare.tracking.alive import alive, died
from tlcompare.tracking.log import RunLog
from tlcompare.tracking.outbox import kept
from tlcompare.tracking.runs import open_run, ready
from tlcompare.tracking.sending import SENDERS


@pytest.fixture
def in_another_process():
    """Do something in a forked process that then waits to be killed; gives what kills it."""
    children = []

    def begin(work):
        reads, writes = os.pipe()
        child = os.fork()
        if not child:
            try:
                with work():
                    os.write(writes, b".")
                    signal.pause()
            finally:
                os._exit(1)
        children.append(child)
        os.close(writes)
        with open(reads, "rb") as answer:
            assert answer.read(1)
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


def test_what_waits_to_be_sent_comes_before_the_end(workplace, in_another_process, monkeypatch):
    """The end of a run that finished while its store was gone may be among it."""
    run_id = MlflowClient().create_run("0").info.run_id
    in_another_process(lambda: alive(run_id))()
    with monkeypatch.context() as patch:
        patch.setitem(SENDERS, "end", refused)
        RunLog(run_id).end("FINISHED")
        ready()
        assert kept() == [run_id]
        assert MlflowClient().get_run(run_id).info.status == "RUNNING"
    ready()
    assert MlflowClient().get_run(run_id).info.status == "FINISHED"
    assert not died()


def refused(run_id, entry):
    raise mlflow.MlflowException("try again", TEMPORARILY_UNAVAILABLE)


def test_a_run_whose_end_can_be_neither_sent_nor_kept_is_ended_later(workplace, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(TrackingError, match="cannot be written"):  # noqa: PT012
        with open_run(RunConfig()):
            patch.setitem(SENDERS, "end", refused)
            (workplace / "cache").mkdir()
            (workplace / "cache" / "unsent").touch()
            (workplace / "cache" / "running").symlink_to(Path(os.environ["TLCOMPARE_CACHE"]) / "running")
            patch.setenv("TLCOMPARE_CACHE", str(workplace / "cache"))
    ready()
    (run,) = MlflowClient().search_runs(["1"])
    assert run.info.status == "FINISHED"


def test_a_server_that_goes_away_before_a_run_begins_is_asked_twice_at_most(workplace, monkeypatch):
    """MLflow alone would ask eight times, for minutes."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.getsockname()[1]}")
        threading.Thread(target=hang_up, args=(server, asked), daemon=True).start()
        with pytest.raises(TrackingError, match=r"cannot be used: .* Start it, or check MLFLOW_TRACKING_URI"):
            with open_run(RunConfig()):
                pass
    assert 1 <= len(asked) <= 2


def hang_up(server, asked):
    with contextlib.suppress(OSError):
        while True:
            server.accept()[0].close()
            asked.append(1)


def test_a_run_that_the_store_has_no_more_is_forgotten(workplace, in_another_process):
    in_another_process(lambda: alive("0123456789abcdef0123456789abcdef"))()
    assert died()
    ready()
    assert not died()
