import shutil
import signal

import pytest
from mlflow import MlflowException

from tests.struck import free, struck
from tlcompare.machine.signals import terminable
from tlcompare.tracking.store import client, require_store, sqlite_file


def test_a_signal_at_any_statement_leaves_the_store_free_for_what_follows(workplace):
    stopped = 0
    for at in range(1, 1000):
        run_id = client().create_run("0").info.run_id
        try:
            with terminable(), struck(workplace / "mlflow.db", signal.SIGTERM, at):
                client().log_metric(run_id, "loss", 0.5)
                client().search_runs(["0"], max_results=1)
                client().set_terminated(run_id)
        except SystemExit:
            stopped += 1
            assert free(workplace / "mlflow.db"), at
        else:
            break
    assert stopped > 20


def test_a_database_that_is_not_whole_is_not_at_its_place(workplace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workplace / 'new.db'}")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), struck(workplace / ".new.db.new", signal.SIGINT, 9) as statements:
            client().search_experiments()
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(statements) >= 9
    assert not (workplace / "new.db").exists()


def test_an_address_may_have_options(workplace, monkeypatch):
    shutil.copy("mlflow.db", "with options.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workplace / 'with options.db'}?timeout=5")
    require_store()
    assert {f.name for f in workplace.iterdir() if not f.name.startswith(".")} == {"mlflow.db", "with options.db"}


def test_the_file_of_an_address(workplace):
    (workplace / "link").symlink_to(workplace)
    for url in (
        "sqlite:///a.db",
        "sqlite:///link/a.db",
        f"sqlite:///../{workplace.name}/a.db",
        f"sqlite+pysqlite:///{workplace}/a.db?timeout=5",
    ):
        assert sqlite_file(url) == workplace / "a.db", url
    for url in ("sqlite://", "sqlite:///:memory:", "postgresql://host/a.db", "http://host:5000", "./mlruns"):
        assert sqlite_file(url) is None


def test_a_server_that_is_waited_for_is_named(monkeypatch, caplog):
    monkeypatch.setattr("tlcompare.tracking.store._SAY_AGAIN_S", -1.0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    with pytest.raises(MlflowException):
        client().search_experiments(max_results=1)
    assert "http://***@127.0.0.1:9 does not answer; waiting for it" in caplog.text
