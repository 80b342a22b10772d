"""MLflow runs: opened and closed truthfully, and filled."""

from __future__ import annotations

import os
import re
import shlex
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlflow
from mlflow.entities import Experiment, Run
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.file_utils import local_file_uri_to_path

from tlcompare.config import RunConfig, checked, flag
from tlcompare.errors import ConfigError, TrackingError, UserError, without_credentials
from tlcompare.files import expanded, first_line
from tlcompare.machine.signals import is_interruption
from tlcompare.tracking.alive import alive, died, settled
from tlcompare.tracking.log import GatheringLog, RunLog
from tlcompare.tracking.outbox import catch_up, kept, send
from tlcompare.tracking.store import (
    client,
    gone,
    is_a_file,
    require_store,
    short_of_patience,
    shown_uri,
    sqlite_file,
    tracking_uri,
    undivided,
    unusable,
)
from tlcompare.training.epochs import Paused, Pruned

DEFAULT_EXPERIMENT = "tlcompare"
STUDY_ID = "tlcompare.study_id"
CHECKPOINT = "tlcompare.checkpoint"
"""Where a paused run goes on from."""
PAUSED = "SCHEDULED"
"""What MLflow says of the status of such a run."""
_ATTEMPT = "tlcompare.attempt"
_TAKEN = ("tlcompare.state", "tlcompare.role")
_RANDOM_NAME = re.compile(r"[a-z]+-[a-z]+-\d+")  # what MLflow calls a run that was given no name


def ready() -> None:
    """Before runs are added: the store answers, what was kept is sent, and what died has ended.

    Raises:
        TrackingError: the store does not answer.
    """
    require_store()
    catch_up()
    end_died()


def end_died() -> None:
    """End the runs whose process was killed, unless something of theirs waits to be sent, which may be their end."""
    waiting = kept()
    for run_id in died():
        if run_id not in waiting:
            try:
                with short_of_patience():
                    run = client().get_run(run_id)
                if (run.info.status, run.info.lifecycle_stage) == ("RUNNING", "active"):
                    _end(RunLog(run_id), run.data.tags.get("tlcompare.state"))
            except mlflow.MlflowException as e:
                if gone(e):
                    return
            settled(run_id)


def _end(log: RunLog, state: str | None) -> None:
    if state is None:
        log.tags({"tlcompare.state": "interrupted", "tlcompare.reason": "its process was killed"})
    log.end({"finished": "FINISHED", "failed": "FAILED"}.get(state or "", "KILLED"))


@contextmanager
def open_run(config: RunConfig, run_id: str | None = None) -> Iterator[GatheringLog]:
    """A run that ends as what happened: finished, paused, failed with its reason, or killed; what it logs is sent now
    and then.

    The run with this id is taken, else the one that `mlflow run` opened, else one is made in the experiment.

    Raises:
        TrackingError: the tracking store does not answer.
    """
    status, state, reason = "FINISHED", "finished", ""
    in_sweep = run_id is not None  # which ends its runs itself
    with ExitStack() as beginning:
        beginning.enter_context(undivided())
        try:
            with short_of_patience(timeout=False):
                log = GatheringLog(run_id or _begin(config))
        except (mlflow.MlflowException, OSError) as e:
            raise unusable(e) from e
        with nullcontext() if in_sweep else alive(log.run_id):
            try:
                beginning.close()
                yield log
            except Pruned as e:
                status, state, reason = "KILLED", "pruned", str(e)
                raise
            except Paused as e:
                status, state, reason = PAUSED, "paused", str(e)
                raise
            except BaseException as e:
                if is_interruption(e):
                    status, state, reason = "KILLED", "interrupted", "interrupted"
                else:
                    status, state = "FAILED", "failed"
                    reason = str(e) if isinstance(e, UserError) else f"{type(e).__name__}: {first_line(e)}"
                raise
            finally:
                reasons = {"tlcompare.reason": without_credentials(reason)[:4000]} if reason else {}
                try:
                    log.tags({"tlcompare.state": state} | reasons)
                finally:
                    log.end(status)
                    settled(log.run_id)
                    send(log.run_id)


def _begin(config: RunConfig) -> str:
    """The run that `mlflow run` has opened, or a new one; returns its id."""
    name = run_name(config)
    opened = opened_by_mlflow(config)
    if opened is None:
        return new_run(experiment_id(config), name, {})
    named = not _RANDOM_NAME.fullmatch(opened.info.run_name)
    client().update_run(opened.info.run_id, status="RUNNING", name=None if named else name)
    return str(opened.info.run_id)


def new_run(experiment: str, name: str, tags: Mapping[str, str]) -> str:
    """Make a run and return its id; a server that made it but lost the answer has been asked for another by MLflow."""
    attempt = {} if is_a_file(tracking_uri()) else {_ATTEMPT: uuid.uuid4().hex}
    made = client().create_run(experiment, run_name=name, tags=resolve_tags({**tags, **attempt})).info.run_id
    for token in attempt.values():
        for run in client().search_runs([experiment], f"tags.`{_ATTEMPT}` = '{token}'"):
            if run.info.run_id != made:
                client().delete_run(run.info.run_id)
    return str(made)


def opened_by_mlflow(config: RunConfig | None = None, study_id: str = "") -> Run | None:
    """The run that `mlflow run` has opened for this process, the first time this is asked."""
    run = free_run(config, study_id)
    os.environ.pop("MLFLOW_RUN_ID", None)
    return run


def free_run(config: RunConfig | None = None, study_id: str = "") -> Run | None:
    """The run that MLFLOW_RUN_ID names, which `mlflow run` sets, if what is done here can go into it.

    Args:
        config: what is going to be trained in it.
        study_id: of the sweep whose run it is to be.

    Raises:
        TrackingError: there is no such run, it has ended, or it holds something else.
    """
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if not run_id:
        return None
    try:
        run = client().get_run(run_id)
    except mlflow.MlflowException as e:
        if gone(e):
            raise
        raise TrackingError(
            f"MLFLOW_RUN_ID is {run_id}, which {shown_uri()} does not have",
            "Unset it, or set MLFLOW_TRACKING_URI to its store.",
        ) from e
    if problem := _not_free(run, config, study_id):
        raise TrackingError(f"MLFLOW_RUN_ID is {run_id}, {problem}", "Unset it, and a run of its own is made.")
    require_files_of(run_id)
    return run


def _not_free(run: Run, config: RunConfig | None, study_id: str) -> str:
    """Why nothing more can go into a run that something else has opened; empty if it can."""
    if run.info.lifecycle_stage != "active":
        return "a run that was deleted"
    if run.info.status != "RUNNING":
        return f"a run that has ended ({run.info.status})"
    tags = run.data.tags
    if any(name in tags for name in _TAKEN) and not (study_id and tags.get(STUDY_ID) == study_id):
        return "a run that another command has filled"
    for name, value in asdict(config).items() if config else ():
        there = run.data.params.get(name)
        if there is not None and not _means(name, there, value):
            return f"a run with {flag(name)} {there}, not {value}"
    return ""


def _means(name: str, logged: str, value: Any) -> bool:
    """Whether a parameter that was logged is this value of an option; what is chosen here may be anything."""
    if value is None or logged == str(value):
        return True
    if name in ("data", "weights"):
        return expanded(logged).resolve() == expanded(str(value)).resolve()
    try:
        return bool(checked(name, logged) == value)
    except ConfigError:
        return False


@contextmanager
def open_probe(config: RunConfig) -> Iterator[RunLog]:
    """A run for what is measured without training."""
    with open_run(replace(config, run_name=config.run_name or f"probe {config.model}")) as log:
        log.tags({"tlcompare.role": "probe"})
        yield log


def run_name(config: RunConfig) -> str:
    return config.run_name or f"{config.model} {config.unfreeze}"


def experiment_id(config: RunConfig) -> str:
    """The experiment of a run, which is made if it is not there.

    Raises:
        TrackingError: it was deleted, or its name cannot be.
        MlflowException: the store does not answer.
    """
    name = experiment_name(config.experiment)
    try:
        with undivided():
            found = client().get_experiment_by_name(name) or _new_experiment(name)
    except mlflow.MlflowException as e:
        if gone(e):
            raise
        hint = "Take another --experiment."
        raise TrackingError(f'the experiment "{name}" cannot be used: {first_line(e)}', hint) from e
    if found.lifecycle_stage != "active":
        raise TrackingError(
            f'the experiment "{name}" was deleted',
            f"Restore it: mlflow experiments restore -x {found.experiment_id}; or take another --experiment.",
        )
    _require_files(found)
    return str(found.experiment_id)


def require_files_of(run_id: str) -> None:
    """Check that the files of a run and those beside it are where the store says, which holds absolute paths.

    Raises:
        TrackingError: their folder is gone, with the project's around it.
        MlflowException: there is no such run, or the store does not answer.
    """
    _require_files(client().get_experiment(client().get_run(run_id).info.experiment_id))


def _require_files(experiment: Experiment) -> None:
    if urlsplit(experiment.artifact_location).scheme not in ("", "file"):
        return
    folder = Path(local_file_uri_to_path(experiment.artifact_location))
    project = folder.parent.parent
    if project.exists() or not client().search_runs([experiment.experiment_id], max_results=1):
        return
    store = sqlite_file(tracking_uri())
    now = str(store.parent) if store and (store.parent / folder.parent.name).is_dir() else "NEW_PLACE"
    link = f"ln -s {shlex.quote(now)} {shlex.quote(str(project))}"
    raise TrackingError(
        f"the files of earlier runs are to be in {folder}, and {project} is gone: was the project moved or renamed?",
        f"Move it back, or let the old place lead to the new one: {link}",
    )


def experiment_name(given: str | None) -> str:
    """The experiment that was given, else that of MLFLOW_EXPERIMENT_NAME or MLFLOW_EXPERIMENT_ID, else `tlcompare`.

    Raises:
        TrackingError: the variables name no experiment, or two.
        MlflowException: the store does not answer.
    """
    name, number = os.environ.get("MLFLOW_EXPERIMENT_NAME"), os.environ.get("MLFLOW_EXPERIMENT_ID")
    if given or not number:
        return given or name or DEFAULT_EXPERIMENT
    try:
        found = str(client().get_experiment(number).name)
    except mlflow.MlflowException as e:
        if gone(e):
            raise
        raise TrackingError(
            f"MLFLOW_EXPERIMENT_ID is {number}, which {shown_uri()} does not have",
            "Unset it, or set MLFLOW_TRACKING_URI to its store.",
        ) from e
    if name and name != found:
        raise TrackingError(
            f'MLFLOW_EXPERIMENT_ID is {number}, the experiment "{found}", and MLFLOW_EXPERIMENT_NAME is "{name}"',
            "Unset one of them.",
        )
    return found


def _new_experiment(name: str) -> Experiment:
    try:
        return client().get_experiment(client().create_experiment(name))
    except mlflow.MlflowException:
        if made := client().get_experiment_by_name(name):  # by another process, just now
            return made
        raise
