"""Finished runs, read back from MLflow."""

from __future__ import annotations

import os
from collections.abc import Sequence

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from tlcompare.errors import TrackingError, did_you_mean
from tlcompare.files import first_line
from tlcompare.tracking.runs import DEFAULT_EXPERIMENT, shown_uri


def runs_by_id(run_ids: Sequence[str]) -> list[Run]:
    """The runs with these ids.

    Raises:
        TrackingError: there is no such run.
    """
    try:
        return [MlflowClient().get_run(run_id.removeprefix("runs:/")) for run_id in run_ids]
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(f"in {shown_uri()}: {first_line(e)}", "Take the id from the run's page.") from e


def runs_of_experiment(name: str | None) -> list[Run]:
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
        runs: list[Run] = []
        token = None
        while token != "":
            page = client.search_runs(
                [experiment.experiment_id],
                "attributes.status = 'FINISHED'",
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            runs += page
            token = page.token or ""
        return runs
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(f"{shown_uri()} cannot be read: {first_line(e)}", "Check MLFLOW_TRACKING_URI.") from e
