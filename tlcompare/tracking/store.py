"""The tracking store: where it is, and whether it answers."""

from __future__ import annotations

import errno
import functools
import logging
import math
import os
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import mlflow
import requests
from mlflow import MlflowClient
from sqlalchemy import Engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from tlcompare.errors import TrackingError, UserError, without_credentials
from tlcompare.files import is_of_the_disk, locked, of_a_full_disk
from tlcompare.machine.signals import undisturbed, whole, wholly

_SQLITE_PATIENCE_MS = 60_000
_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_SHORT = {_RETRIES: "1", _TIMEOUT: "10"}
_SAY_AGAIN_S = 60.0
_log = logging.getLogger(__name__)


class _Waiting(logging.Filter):
    """Says that a server is waited for, once in a while; urllib3 tells of each attempt."""

    said = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        patient = os.environ.get(_RETRIES) != _SHORT[_RETRIES]
        if str(record.msg).startswith("Retrying") and patient and time.monotonic() - self.said > _SAY_AGAIN_S:
            self.said = time.monotonic()
            _log.warning("%s does not answer; waiting for it", shown_uri())
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Waiting())


def client() -> MlflowClient:
    """MLflow's client for the current tracking store, made once for each.

    Raises:
        TrackingError: the address is none of a store, or of one that cannot be opened.
        MlflowException: it does not answer for now.
    """
    try:
        return _client(tracking_uri())
    except Exception as e:  # whatever MLflow, the migrations of its tables or a database's driver raise
        if isinstance(e, mlflow.MlflowException) and gone(e):
            raise
        raise unusable(e) from e


@functools.cache
def _client(uri: str) -> MlflowClient:
    if file := sqlite_file(uri):
        if file.is_dir():  # which MLflow would try to open for minutes
            raise ValueError(f"{file} is a folder")
        _make_database(file)
    return wholly(MlflowClient(uri)) if is_a_file(uri) else MlflowClient(uri)


@event.listens_for(Engine, "connect")
def _wait_for_others(connection: Any, record: Any) -> None:
    """Several processes on one SQLite file wait for each other, where SQLite's five seconds would not do."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout = {_SQLITE_PATIENCE_MS}")


def tracking_uri() -> str:
    return str(mlflow.get_tracking_uri())


def store_id() -> str:
    """What tells this store apart from others, without a password in it."""
    file = sqlite_file(tracking_uri())
    return f"sqlite:///{file}" if file else shown_uri()


def sqlite_file(url: str) -> Path | None:
    """The file that an SQLAlchemy URL of SQLite names, however it is written; None for other URLs."""
    if not is_a_file(url):
        return None
    with suppress(SQLAlchemyError):
        if (database := make_url(url).database) not in (None, "", ":memory:"):
            return Path(str(database)).resolve()
    return None


def undivided() -> AbstractContextManager[None]:
    """A block that a signal does not cut in two, if the store is a file; a server that hangs can be left."""
    return whole() if is_a_file(tracking_uri()) else nullcontext()


def is_a_file(uri: str) -> bool:
    return uri.startswith("sqlite")


def shown_uri() -> str:
    """The tracking URI without a password in it."""
    return without_credentials(tracking_uri())


def remedy() -> str:
    """What to do about a store that cannot be used."""
    start = "Start it, or check" if tracking_uri().startswith("http") else "Check"
    return f"{start} MLFLOW_TRACKING_URI."


@contextmanager
def short_of_patience(timeout: bool = True) -> Iterator[None]:
    """Within the block, a tracking server that does not answer is given up after seconds, where MLflow takes minutes;
    what the user has set for MLflow stands. Without `timeout`, one that takes a connection has MLflow's time."""
    with _environment({n: v for n, v in _SHORT.items() if n not in os.environ and (timeout or n != _TIMEOUT)}):
        yield


@contextmanager
def cleaning_up() -> Iterator[None]:
    """What is left to be written after an interruption: it takes seconds, whatever the user has set for MLflow, is not
    interrupted itself, and is left for later where it cannot be written."""
    with undisturbed(signal.SIGINT, signal.SIGTERM), _environment(_SHORT), suppress(UserError, OSError):
        yield


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def gone(e: Exception) -> bool:
    """Whether MLflow failed because its store does not answer for now, and not for what it was asked."""
    if isinstance(e, mlflow.MlflowException):
        status = e.get_http_status_code()
        return _for_now(status) and not (status == _BUG and is_a_file(tracking_uri()))
    if isinstance(e, requests.HTTPError) and e.response is not None:
        return _for_now(e.response.status_code)
    no_answer = (ConnectionError, TimeoutError, requests.ConnectionError, requests.Timeout)
    return isinstance(e, no_answer) or is_of_the_disk(e) or getattr(e, "errno", None) == errno.ESTALE


_BUG = 500
"""What MLflow says of a database file that it cannot write something to; of one that is locked or full it says 503."""


def _for_now(status: int) -> bool:
    return status >= 500 or status in (408, 429)


def _make_database(path: Path) -> None:
    """Make a new SQLite file beside its place: MLflow takes up to a minute, and what it was killed over cannot be
    opened again."""
    if path.exists():
        return
    with locked(path):
        if not path.exists():
            unfinished = path.with_name(f".{path.name}.new")
            unfinished.unlink(missing_ok=True)
            try:
                MlflowClient(f"sqlite:///{unfinished}").search_experiments(max_results=1)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)


def require_store() -> None:
    """Check, within seconds, that the tracking store answers.

    Raises:
        TrackingError: it does not.
    """
    try:
        with short_of_patience():
            client().search_experiments(max_results=1)
    except (mlflow.MlflowException, SQLAlchemyError, OSError) as e:
        raise unusable(e) from e


def unusable(e: Exception) -> TrackingError:
    """The error to raise for a store that failed."""
    hint = f"Install that package. {remedy()}" if isinstance(e, ImportError) else remedy()
    why, hint = of_a_full_disk(e, hint)
    if "mlflow db upgrade" in str(e):
        why = "its tables are those of another version of MLflow"
        hint = f"Make a copy of it, then: mlflow db upgrade {shown_uri()}; or take that other version."
    elif "MLFLOW_ALLOW_FILE_STORE" in str(e):
        why = "it is a folder of files, which MLflow no longer writes to"
        hint = (
            "Copy it into a database: mlflow migrate-filestore --source mlruns --target sqlite:///mlflow.db; or leave "
            "it where it is and begin one: MLFLOW_TRACKING_URI=sqlite:///mlflow.db"
        )
    return TrackingError(f"the tracking store {shown_uri()} cannot be used: {why}", hint)
