"""Finished runs, read back from MLflow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import mlflow
from mlflow.entities import Run

from tlcompare.errors import TrackingError, did_you_mean
from tlcompare.files import first_line
from tlcompare.tracking.runs import DEFAULT_EXPERIMENT, client, shown_uri

SWEEP = "tlcompare.sweep"
TRIAL = "tlcompare.trial"
ROLE = "tlcompare.role"


@dataclass(frozen=True)
class LoggedRun:
    """A run as MLflow holds it."""

    run_id: str
    name: str
    status: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def runs_by_id(run_ids: Sequence[str]) -> list[LoggedRun]:
    """The runs with these ids.

    Raises:
        TrackingError: there is no such run.
    """
    try:
        return [_logged(client().get_run(run_id.removeprefix("runs:/"))) for run_id in run_ids]
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(f"in {shown_uri()}: {first_line(e)}", "Take the id from the run's page.") from e


def runs_of_experiment(name: str | None) -> list[LoggedRun]:
    """The finished runs of an experiment, the oldest first.

    Raises:
        TrackingError: there is no such experiment.
    """
    name = name or os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT
    with readable():
        experiment = client().get_experiment_by_name(name)
        if experiment is None:
            near = did_you_mean(name, [e.name for e in client().search_experiments()])
            raise TrackingError(f'{shown_uri()} has no experiment "{name}"', near)
        return _search([experiment.experiment_id], "attributes.status = 'FINISHED'")


def sweep_run(name: str) -> LoggedRun:
    """The run of a sweep, by the sweep's name.

    Raises:
        TrackingError: there is no such sweep.
    """
    sweeps = _sweeps()
    if name in sweeps:
        return sweeps[name]
    every = sorted(sweeps)
    there = f"There are {', '.join(every)}." if every else "There is none: tlcompare sweep --help"
    raise TrackingError(f'{shown_uri()} has no sweep "{name}"', f"{did_you_mean(name, every)} {there}".strip())


def sweep_names() -> list[str]:
    return sorted(_sweeps())


def trials_of(parent_run_id: str) -> list[LoggedRun]:
    """The runs of a sweep's trials, in the order of their numbers."""
    with readable():
        parent = client().get_run(parent_run_id)
        runs = _search([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent_run_id}'")
    return sorted((r for r in runs if TRIAL in r.tags), key=lambda r: int(r.tags[TRIAL]))


@contextmanager
def readable() -> Iterator[None]:
    """Turns MLflow's failure to answer into one sentence."""
    try:
        yield
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(f"{shown_uri()} cannot be read: {first_line(e)}", "Check MLFLOW_TRACKING_URI.") from e


def _search(experiments: list[str], condition: str) -> list[LoggedRun]:
    """Every run that meets the condition, the oldest first."""
    runs: list[LoggedRun] = []
    token = None
    while token != "":
        page = client().search_runs(experiments, condition, order_by=["attributes.start_time ASC"], page_token=token)
        runs += [_logged(run) for run in page]
        token = page.token or ""
    return runs


def _sweeps() -> dict[str, LoggedRun]:
    """The runs of all sweeps by name, in all experiments; of two with the same name, the newer."""
    with readable():
        everywhere = [e.experiment_id for e in client().search_experiments()]
        return {run.tags[SWEEP]: run for run in _search(everywhere, f"tags.`{ROLE}` = 'sweep'")}


def _logged(run: Run) -> LoggedRun:
    info, data = run.info, run.data
    return LoggedRun(info.run_id, info.run_name, info.status, data.params, data.metrics, data.tags)
