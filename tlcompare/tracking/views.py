"""Saved views of MLflow's run comparison: of the trials of a sweep, of the configurations of a decision.

MLflow keeps shared views as tags of the experiment, in a form it does not document: what the state holds was read
off MLflow 3.17. A view that another version does not understand is ignored by it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow

from tlcompare.errors import without_credentials
from tlcompare.tracking.log import RunLog
from tlcompare.tracking.reading import ROLE, SWEEP, readable
from tlcompare.tracking.store import client

_OURS, _LOCAL = "Strategies", "http://127.0.0.1:5000"
_COLUMNS = (
    "metrics.`val/accuracy`",
    "params.`backbone`",
    "params.`strategy`",
    "params.`depth`",
    "params.`lr`",
    "params.`seed`",
    "params.`trainable_parameters`",
    "metrics.`cost/train_seconds`",
    "metrics.`cost/seconds_per_100_images`",
    "tags.`tlcompare.state`",
)
_MEASURED = ("val_accuracy", "gain")
_DECIDED = (
    *(f"metrics.`{what}/{end}`" for what in _MEASURED for end in ("mean", "low", "high")),
    "metrics.`gain/p`",
    "metrics.`seeds`",
    "params.`backbone`",
    "params.`strategy`",
    "params.`depth`",
    "params.`verdict`",
    "params.`verdict_best`",
    "params.`trainable_parameters`",
    "metrics.`train_seconds/mean`",
)


def save_view(log: RunLog, sweep: str, decided: bool = False) -> str:
    """Save the view "Strategy comparison" of a sweep in its experiment, or "Decision" of one that was `decided`.

    Returns:
        Where it is: the part of the address after the server's.
    """
    key = f"tlcompare-{'decision-' if decided else ''}{sweep}"
    with readable():
        experiment = client().get_run(log.run_id).info.experiment_id
        view = {
            "name": f"{'Decision' if decided else 'Strategy comparison'}: {sweep}",
            "createdAt": int(time.time() * 1000),
            "state": json.dumps(_state(sweep, decided)),
        }
        client().set_experiment_tag(experiment, f"mlflow.sharedViewState.{key}", json.dumps(view))
    return f"#/experiments/{experiment}/runs?viewStateShareKey={key}&compareRunsMode=CHART"


def how_to_open(path: str) -> str:
    """The address of a page of the UI, or the command that serves it first."""
    uri = mlflow.get_tracking_uri()
    if uri.startswith("http"):
        return f"{without_credentials(uri).rstrip('/')}/{path}"
    here = uri.removeprefix("sqlite:///") in ("mlflow.db", str(Path("mlflow.db").absolute()))
    serve = "mlflow ui" if here else f"mlflow ui --backend-store-uri {without_credentials(uri)}"
    return f"{serve}, then {_LOCAL}/{path}"


def address_of(run_id: str) -> str:
    """The page of a run in MLflow's UI: at the tracking server, or where `mlflow ui` serves a database file.

    Raises:
        TrackingError: no such run, or MLflow does not answer.
    """
    uri = mlflow.get_tracking_uri()
    server = without_credentials(uri).rstrip("/") if uri.startswith("http") else _LOCAL
    with readable():
        return f"{server}/#/experiments/{client().get_run(run_id).info.experiment_id}/runs/{run_id}"


def _state(sweep: str, decided: bool) -> dict[str, Any]:
    groups = ("val_accuracy", "gain") if decided else ("val", "cost", "train")
    sections = [
        {"uuid": name.lower(), "name": name, "display": name == _OURS, "isReordered": True, "deleted": False}
        for name in (_OURS, *groups, "Model metrics", "System metrics")
    ]
    role, order = ("configuration", "val_accuracy/mean") if decided else ("trial", "val/accuracy")
    return {
        "searchFilter": f"tags.`{SWEEP}` = '{sweep}' AND tags.`{ROLE}` = '{role}'",
        "orderByKey": f"metrics.`{order}`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "selectedColumns": list(_DECIDED if decided else _COLUMNS),
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": _placed(_decided_charts() if decided else _trial_charts()),
        "compareRunSections": sections,
        "isAccordionReordered": True,
        "hideEmptyCharts": False,
    }


def _decided_charts() -> list[dict[str, Any]]:
    accuracy, seconds = _metric("val_accuracy/mean"), _metric("train_seconds/mean")
    return [
        {"type": "SCATTER", "xaxis": _param("depth"), "yaxis": accuracy},
        {"type": "SCATTER", "xaxis": seconds, "yaxis": accuracy},
        *({"type": "BAR", "metricKey": f"{what}/{end}"} for what in _MEASURED for end in ("low", "mean", "high")),
    ]


def _trial_charts() -> list[dict[str, Any]]:
    accuracy, depth, cost = _metric("val/accuracy"), _param("depth"), _metric("cost/train_seconds")
    chosen = ["backbone", "depth", "trainable_fraction", "log10_lr"]
    came = ["cost/train_seconds", "val/accuracy"]
    return [
        {"type": "PARALLEL", "selectedParams": chosen, "selectedMetrics": came, "showAllRuns": True},
        {"type": "SCATTER", "xaxis": depth, "yaxis": accuracy},
        {"type": "SCATTER", "xaxis": cost, "yaxis": accuracy},
        {"type": "CONTOUR", "xaxis": depth, "yaxis": _param("log10_lr"), "zaxis": accuracy},
        {"type": "BAR", "metricKey": "val/accuracy"},
    ]


def _placed(charts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    common = {"metricSectionId": _OURS.lower(), "runsCountToCompare": 100, "deleted": False, "isGenerated": False}
    return [{"uuid": f"{_OURS.lower()}-{i}", **chart, **common} for i, chart in enumerate(charts)]


def _metric(name: str) -> dict[str, str]:
    return {"key": name, "type": "METRIC"}


def _param(name: str) -> dict[str, str]:
    return {"key": name, "type": "PARAM"}
