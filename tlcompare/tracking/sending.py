"""How each kind of thing is written to a run of MLflow, so that writing it twice leaves it there once."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowException
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Map
from PIL import Image

import tlcompare
from tlcompare import serving
from tlcompare.tracking.store import client

_REQUIRED = "mlflow torch torchvision timm safetensors numpy pandas pillow pyyaml filelock".split()
"""What a served model needs, in the versions that are installed here; what a version says of its build behind a +
is not on the package index."""


@dataclass(frozen=True)
class Entry:
    """Something to be written to a run.

    Attributes:
        kind: one of `SENDERS`.
        body: plain values.
        files: a folder with the files that belong to it.
    """

    kind: str
    body: Mapping[str, Any]
    files: Path | None = None


def models_of(run_id: str) -> list[Any]:
    """The models that a run has logged."""
    experiment = client().get_run(run_id).info.experiment_id
    return list(client().search_logged_models([experiment], filter_string=f"source_run_id = '{run_id}'"))


def _log(run_id: str, **what: Any) -> None:
    """What is sent is there when this returns, whatever MLFLOW_ENABLE_ASYNC_LOGGING says."""
    client().log_batch(run_id, **what, synchronous=True)


def _params(run_id: str, entry: Entry) -> None:
    """Parameters, but those that are there: `mlflow run` logs some itself."""
    there = client().get_run(run_id).data.params
    new = [Param(k, v) for k, v in entry.body.items() if k not in there]
    for start in range(0, len(new), 100):
        _log(run_id, params=new[start : start + 100])


def _tags(run_id: str, entry: Entry) -> None:
    tags = [RunTag(k, v) for k, v in entry.body.items()]
    for start in range(0, len(tags), 100):
        _log(run_id, tags=tags[start : start + 100])


def _metrics(run_id: str, entry: Entry) -> None:
    metrics = [Metric(**m) for m in entry.body["metrics"]]
    for start in range(0, len(metrics), 1000):
        _log(run_id, metrics=metrics[start : start + 1000])


def _scores(run_id: str, entry: Entry) -> None:
    """Metrics that are tied to the data they were measured on and, if the run has one, to its model."""
    models = models_of(run_id)
    tied = {"model_id": models[0].model_id, "run_id": run_id} if models else {}
    _log(run_id, metrics=[Metric(**m, **tied) for m in entry.body["metrics"]])


def _files(run_id: str, entry: Entry) -> None:
    client().log_artifacts(run_id, str(entry.files))


def _dataset(run_id: str, entry: Entry) -> None:
    tags = [InputTag(k, v) for k, v in entry.body["tags"].items()]
    inputs = [DatasetInput(Dataset(**entry.body["dataset"]), tags)]
    try:
        client().log_inputs(run_id, datasets=inputs)
    except MlflowException:  # two processes that log the same data set for the first time get into each other's way
        client().log_inputs(run_id, datasets=inputs)


def _model(run_id: str, entry: Entry) -> None:
    """A trained model as a pyfunc from code.

    MLflow's own `log_model` would load it again and predict with it, which takes longer than all the rest.
    """
    for earlier in models_of(run_id):
        if str(earlier.status) == "READY":
            return
        client().delete_logged_model(earlier.model_id)
    run = client().get_run(run_id).info
    logged = client().create_logged_model(run.experiment_id, "model", run_id, params=dict(entry.body))
    with ExitStack() as unfinished, tempfile.TemporaryDirectory() as temporary:
        unfinished.callback(_mark_failed, logged.model_id)
        saved = Path(temporary) / "saved"
        mlflow.pyfunc.save_model(
            saved,
            python_model=str(Path(serving.__file__)),
            artifacts={"model": str(entry.files)},
            code_paths=[str(Path(tlcompare.__file__).parent)],
            signature=_signature(),
            input_example=_example(),
            pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in _REQUIRED],
            mlflow_model=Model(
                artifact_path=logged.artifact_location,
                model_uuid=logged.model_id,
                run_id=run_id,
                model_id=logged.model_id,
            ),
        )
        client().log_model_artifacts(logged.model_id, str(saved))
        client().log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        client().finalize_logged_model(logged.model_id, "READY")
        unfinished.pop_all()


def _mark_failed(model_id: str) -> None:
    with suppress(MlflowException, OSError):
        client().finalize_logged_model(model_id, "FAILED")


def _end(run_id: str, entry: Entry) -> None:
    """End a run, never before it began: the clock may have been set back."""
    began = client().get_run(run_id).info.start_time
    client().set_terminated(run_id, entry.body["status"], max(entry.body["time"], began))


SENDERS: dict[str, Callable[[str, Entry], None]] = {
    "params": _params,
    "tags": _tags,
    "metrics": _metrics,
    "scores": _scores,
    "files": _files,
    "dataset": _dataset,
    "model": _model,
    "end": _end,
}


def _signature() -> ModelSignature:
    """Text, which MLflow hands over as it came: bytes it would decode itself, in tables only, and without a word where
    the base64 is of the other alphabet."""
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "image")]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "class"),
                ColSpec(DataType.double, "probability"),
                ColSpec(Map(DataType.double), "probabilities"),
            ]
        ),
    )


def _example() -> pd.DataFrame:
    """A PNG of a colour gradient, in base64."""
    ramp = np.linspace(0, 255, 32, dtype=np.uint8)
    red, green = np.meshgrid(ramp, ramp)
    packed = io.BytesIO()
    Image.fromarray(np.stack([red, green, red[::-1]], axis=2)).save(packed, "PNG")
    return pd.DataFrame({"image": [base64.b64encode(packed.getvalue()).decode()]})
