"""What a store misses is kept, and sent once it answers."""

import os
import threading

import pytest
import requests
from mlflow import MlflowClient, MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from tlcompare.errors import TrackingError
from tlcompare.tracking.outbox import forget, kept, put, send, send_kept
from tlcompare.tracking.sending import Entry
from tlcompare.tracking.store import client, gone
from tlcompare.tracking.sweeps import Runs


@pytest.fixture
def run_id(workplace):
    return MlflowClient().create_run("0").info.run_id


@pytest.fixture
def outage(monkeypatch):
    """Put entries while the store is gone, under its own name."""

    def during(run_id, *entries):
        here = os.environ["MLFLOW_TRACKING_URI"]
        with monkeypatch.context() as patch:
            patch.setattr("tlcompare.tracking.outbox.store_id", lambda: here)
            patch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
            patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
            for entry in entries:
                put(run_id, entry)

    return during


def tag(name, value="x"):
    return Entry("tags", {name: value})


def tags_of(run_id):
    return {k: v for k, v in MlflowClient().get_run(run_id).data.tags.items() if not k.startswith("mlflow.")}


def test_entries_are_sent_in_their_order(run_id, outage, tmp_path):
    (tmp_path / "files" / "sub").mkdir(parents=True)
    (tmp_path / "files" / "sub" / "a.txt").write_text("content")
    outage(run_id, tag("t", "first"), Entry("files", {}, tmp_path / "files"), tag("t", "second"))
    assert kept() == [run_id]
    assert tags_of(run_id) == {}
    put(run_id, tag("t", "third"))
    assert tags_of(run_id) == {}
    sent = send_kept()
    assert (sent.entries, sent.waiting) == (4, {})
    assert tags_of(run_id) == {"t": "third"}
    assert [f.path for f in MlflowClient().list_artifacts(run_id, "sub")] == ["sub/a.txt"]
    assert not kept()


def test_the_password_is_in_no_warning(run_id, outage, caplog):
    outage(run_id, tag("t"))
    assert "kept and sent later" in caplog.text
    assert "secret" not in caplog.text
    forget(run_id)


def test_several_may_send_the_same_run(run_id, outage):
    outage(run_id, *(tag(f"t{i}") for i in range(5)))
    done = []
    threads = [threading.Thread(target=lambda: done.append(send(run_id))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 4
    assert len(tags_of(run_id)) == 5


def test_what_is_refused_waits_with_its_reason(run_id, outage):
    outage(run_id, tag("x" * 300), tag("t"))
    assert not send(run_id)
    assert "exceeds" in send_kept().waiting[run_id]
    forget(run_id)
    assert not kept()
    assert send(run_id)


def test_what_a_store_refuses_at_once_is_an_error(run_id):
    with pytest.raises(MlflowException, match="exceeds"):
        put(run_id, tag("x" * 300))
    assert not kept()


def test_entries_of_another_store_are_left_alone(run_id, outage, monkeypatch, tmp_path):
    outage(run_id, tag("t"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'other.db'}")
    assert not kept()
    assert not send_kept().entries
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert send(run_id)


def test_what_can_be_neither_sent_nor_kept_is_an_error(run_id, outage, monkeypatch, tmp_path):
    (tmp_path / "unsent").write_text("a file where the folder should be")
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))
    with pytest.raises(TrackingError, match="cannot be written, nor can"):
        outage(run_id, tag("t"))


def answered(status):
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (requests.ConnectionError(), True),
        (requests.ReadTimeout(), True),
        (ConnectionResetError(), True),
        (OSError(28, "No space left on device"), True),
        (MlflowException("database is locked", TEMPORARILY_UNAVAILABLE), True),
        (answered(503), True),
        (answered(429), True),
        (answered(413), False),
        (answered(403), False),
        (PermissionError(13, "Permission denied"), False),
        (MlflowException.invalid_parameter_value("no"), False),
    ],
)
def test_what_counts_as_gone(failure, expected):
    assert gone(failure) is expected


def test_what_is_discarded_leaves_nothing_to_send_even_if_that_is_cut_short(run_id, outage, monkeypatch):
    def cut_short(run_id):
        raise KeyboardInterrupt

    outage(run_id, tag("t"))
    monkeypatch.setattr(client(), "delete_run", cut_short)
    with pytest.raises(KeyboardInterrupt):
        Runs("", "", "trial").discard(run_id)
    assert not kept()
