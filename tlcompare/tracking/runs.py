"""MLflow runs: opened and closed truthfully, and filled."""

from __future__ import annotations

import functools
import json
import logging
import math
import os
import re
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import mlflow
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Metric, Param, RunStatus, RunTag

from tlcompare.config import RunConfig, read_yaml
from tlcompare.errors import TrackingError, UserError, without_credentials
from tlcompare.files import first_line

DEFAULT_EXPERIMENT = "tlcompare"
logging.getLogger("mlflow").setLevel(logging.ERROR)
_RANDOM_NAME = re.compile(r"[a-z]+-[a-z]+-\d+")  # what MLflow calls a run that was given no name


def client() -> MlflowClient:
    """MLflow's client for the current tracking store, made once for each."""
    return _client(str(mlflow.get_tracking_uri()))


@functools.cache
def _client(uri: str) -> MlflowClient:
    return MlflowClient(uri)


class Pruned(Exception):
    """Ends a run before its time because it promises nothing; the text says why."""


@dataclass(frozen=True)
class RunLog:
    """An open run."""

    run_id: str

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters, leaving alone those that `mlflow run` has logged itself."""
        there = client().get_run(self.run_id).data.params
        new = [Param(k, str(v)) for k, v in values.items() if k not in there]
        for start in range(0, len(new), 100):
            client().log_batch(self.run_id, params=new[start : start + 100])

    def tags(self, values: Mapping[str, Any]) -> None:
        tags = [RunTag(k, str(v)) for k, v in values.items()]
        for start in range(0, len(tags), 100):
            client().log_batch(self.run_id, tags=tags[start : start + 100])

    def metrics_of_steps(self, values: Mapping[int, Mapping[str, float]]) -> None:
        """Log metrics by step; values that are not finite, which break charts, are left out."""
        now = int(time.time() * 1000)
        finite = [Metric(k, v, now, step) for step, m in values.items() for k, v in m.items() if math.isfinite(v)]
        for start in range(0, len(finite), 1000):
            client().log_batch(self.run_id, metrics=finite[start : start + 1000])

    def scores(self, values: Mapping[str, float], model_id: str | None, dataset: MetaDataset) -> None:
        """Log final metrics, tied to the data they were measured on and to the model, if it is kept."""
        finite = {k: v for k, v in values.items() if math.isfinite(v)}
        mlflow.log_metrics(finite, model_id=model_id, dataset=dataset)

    def text(self, path: str, text: str) -> None:
        client().log_text(self.run_id, text, path)

    def json(self, path: str, value: Any) -> None:
        self.text(path, json.dumps(value, indent=1))

    def table(self, path: str, rows: Any) -> None:
        """Log a pandas table as CSV, which the UI shows as a table."""
        self.text(path, rows.to_csv(index=False, float_format="%.6g"))

    def figure(self, path: str, figure: Figure) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # a class name in a script that no font here has
            client().log_figure(self.run_id, figure, path)


@contextmanager
def open_run(config: RunConfig, run_id: str | None = None) -> Iterator[RunLog]:
    """A run that ends as what happened: finished, failed with its reason, or killed.

    The run with this id is taken, else the one that `mlflow run` opened, else one is made in the experiment.

    Raises:
        TrackingError: the tracking store does not answer.
    """
    try:
        active = mlflow.start_run(run_id=run_id) if run_id else _start(config)
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(
            f"the tracking store {shown_uri()} cannot be used: {first_line(e)}", "Check MLFLOW_TRACKING_URI."
        ) from e
    log = RunLog(active.info.run_id)
    status, state, reason = RunStatus.FINISHED, "finished", ""
    try:
        with terminable():
            yield log
    except Pruned as e:
        status, state, reason = RunStatus.KILLED, "pruned", str(e)
        raise
    except (KeyboardInterrupt, SystemExit):
        status, state, reason = RunStatus.KILLED, "interrupted", "interrupted"
        raise
    except BaseException as e:
        status, state = RunStatus.FAILED, "failed"
        reason = str(e) if isinstance(e, UserError) else f"{type(e).__name__}: {first_line(e)}"
        raise
    finally:
        try:
            reasons = {"tlcompare.reason": without_credentials(reason)[:4000]} if reason else {}
            log.tags({"tlcompare.state": state} | reasons)
        finally:
            mlflow.end_run(RunStatus.to_string(status))


def _start(config: RunConfig) -> mlflow.ActiveRun:
    name = run_name(config)
    opened = os.environ.get("MLFLOW_RUN_ID")
    if opened is None:
        mlflow.set_experiment(experiment_name(config))
    elif not _RANDOM_NAME.fullmatch(client().get_run(opened).info.run_name):
        name = ""
    return mlflow.start_run(run_name=name or None)


@contextmanager
def open_probe(config: RunConfig) -> Iterator[RunLog]:
    """A run for what is measured without training."""
    with open_run(replace(config, run_name=config.run_name or f"probe {config.model}")) as log:
        log.tags({"tlcompare.role": "probe"})
        yield log


def run_name(config: RunConfig) -> str:
    return config.run_name or f"{config.model} {config.unfreeze}"


def experiment_name(config: RunConfig) -> str:
    return config.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT


def logged_config(uri: str) -> tuple[dict[str, Any], str]:
    """The options of an earlier run, from `runs:/ID`, and the digest of the images it saw.

    Raises:
        TrackingError: no such run, or not one of this tool's.
    """
    run_id = uri.removeprefix("runs:/").strip("/").partition("/")[0]
    try:
        digest = client().get_run(run_id).data.params.get("data_digest", "")
        with tempfile.TemporaryDirectory() as folder:
            path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="config.yaml", dst_path=folder)
            return read_yaml(Path(path)), digest
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(f"run {run_id} in {shown_uri()} holds no config.yaml: {first_line(e)}") from e


def store_problem() -> str:
    """Why the tracking store cannot be used, found out within seconds; empty if it can."""
    patience = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
    before = {name: os.environ.get(name) for name in patience}
    os.environ.update({name: before[name] or value for name, value in patience.items()})
    try:
        client().search_experiments(max_results=1)
    except (mlflow.MlflowException, OSError) as e:
        return without_credentials(first_line(e))
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
    return ""


def require_store() -> None:
    """Check, within seconds, that the tracking store answers.

    Raises:
        TrackingError: it does not.
    """
    if problem := store_problem():
        raise TrackingError(f"the tracking store {shown_uri()} cannot be used: {problem}", "Check MLFLOW_TRACKING_URI.")


def tracking_uri() -> str:
    return str(mlflow.get_tracking_uri())


def shown_uri() -> str:
    """The tracking URI without a password in it."""
    return without_credentials(mlflow.get_tracking_uri())


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C does nothing within the block, nor ever to a process that was started in it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_signals: list[int] = []


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does: by an exception, and by `stop_if_asked` should that get lost."""
    if signal.getsignal(signal.SIGTERM) is _stop or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, _stop)
    if before[signal.SIGINT] is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        _signals.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_if_asked() -> None:
    """Raise once more what a signal has raised: in a finalizer or a callback from C, Python drops exceptions."""
    if _signals:
        _stop(_signals[-1], None)


def _stop(number: int, frame: FrameType | None) -> None:
    _signals.append(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
