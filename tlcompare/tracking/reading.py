"""Finished runs, read back from MLflow."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from tlcompare.errors import TrackingError, did_you_mean
from tlcompare.files import first_line
from tlcompare.tracking.runs import DEFAULT_EXPERIMENT, shown_uri


@dataclass(frozen=True)
class LoggedRun:
    """A run as MLflow holds it."""

    run_id: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]


def runs_by_id(run_ids: Sequence[str]) -> list[LoggedRun]:
    """The runs with these ids.

    Raises:
        TrackingError: there is no such run.
    """
    try:
        return [_logged(MlflowClient().get_run(run_id.removeprefix("runs:/"))) for run_id in run_ids]
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(f"in {shown_uri()}: {first_line(e)}", "Take the id from the run's page.") from e


def runs_of_experiment(name: str | None) -> list[LoggedRun]:
    """The finished runs of an experiment, the oldest first.

    Raises:
        TrackingError: there is no such experiment.
    """
    name = name or os.environ.get("MLFLOW_EXPERIMENT_NAME") or DEFAULT_EXPERIMENT
    client = MlflowClient()
    try:
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            near = did_you_mean(name, [e.name for e in client.search_experiments()])
            raise TrackingError(f'{shown_uri()} has no experiment "{name}"', near)
        runs: list[LoggedRun] = []
        token = None
        while token != "":
            page = client.search_runs(
                [experiment.experiment_id],
                "attributes.status = 'FINISHED'",
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            runs += [_logged(run) for run in page]
            token = page.token or ""
        return runs
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(f"{shown_uri()} cannot be read: {first_line(e)}", "Check MLFLOW_TRACKING_URI.") from e


def _logged(run: Run) -> LoggedRun:
    return LoggedRun(run.info.run_id, run.data.params, run.data.metrics)
