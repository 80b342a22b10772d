"""How each kind of thing is written to a run of MLflow, so that writing it twice leaves it there once."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import yaml
from mlflow import MlflowException
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, RunTag
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Map
from PIL import Image

import tlcompare
from tlcompare import serving
from tlcompare.files import cache_dir, sealed, sha256_of, unsealed, write_atomically
from tlcompare.tracking.store import client

_REQUIRED = "mlflow torch torchvision timm safetensors numpy pandas pillow pyyaml filelock".split()
"""What a served model needs, in the versions that are installed here; what a version says of its build behind a +
is not on the package index."""


_FILES = "trained"
"""Where the weights and the description of a model lie among its artifacts."""


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
    experiment, _ = _origin(run_id)
    return list(client().search_logged_models([experiment], filter_string=f"source_run_id = '{run_id}'"))


@functools.lru_cache(maxsize=64)
def _origin(run_id: str) -> tuple[str, int]:
    """The experiment of a run and when it began, which never change."""
    run = client().get_run(run_id).info
    return str(run.experiment_id), int(run.start_time)


def _log(run_id: str, **what: Any) -> None:
    """What is sent is there when this returns, whatever MLFLOW_ENABLE_ASYNC_LOGGING says."""
    client().log_batch(run_id, **what, synchronous=True)


def _values(run_id: str, entry: Entry) -> None:
    """Parameters, but those that are there, since `mlflow run` logs some itself; tags; and metrics: those that were
    measured on a data set are tied to the run's model, if it has one.

    As many at a time as MLflow takes: 100 parameters and tags, 1,000 in all.
    """
    body = entry.body
    there = client().get_run(run_id).data.params if body.get("params") else {}
    params = [Param(k, v) for k, v in body.get("params", {}).items() if k not in there]
    tags = [RunTag(k, v) for k, v in body.get("tags", {}).items()]
    measured = body.get("metrics", ())
    models = models_of(run_id) if any("dataset_name" in m for m in measured) else []
    tied = {"model_id": models[0].model_id, "run_id": run_id} if models else {}
    metrics = [Metric(**m, **(tied if "dataset_name" in m else {})) for m in measured]
    while params or tags or metrics:
        _log(run_id, params=params[:100], tags=tags[:100], metrics=metrics[:800])
        params, tags, metrics = params[100:], tags[100:], metrics[800:]


def _of_one_kind(kind: str) -> Callable[[str, Entry], None]:
    """For entries that version 0.1 has kept, which hold parameters or tags alone."""
    return lambda run_id, entry: _values(run_id, Entry("values", {kind: entry.body}))


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
    experiment, _ = _origin(run_id)
    logged = client().create_logged_model(experiment, "model", run_id, params=dict(entry.body))
    with ExitStack() as unfinished, tempfile.TemporaryDirectory() as temporary:
        unfinished.callback(_mark_failed, logged.model_id)
        saved = Path(temporary) / "saved"
        for path, text in _beside_the_weights().items():
            (saved / path).parent.mkdir(parents=True, exist_ok=True)
            (saved / path).write_text(text, encoding="utf-8")
        package = Path(tlcompare.__file__).parent
        compiled = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, saved / "code" / package.name, ignore=compiled, copy_function=_link)
        shutil.copytree(str(entry.files), saved / "artifacts" / _FILES, copy_function=_link)
        described = Model.from_dict(_parsed((saved / "MLmodel").read_text(encoding="utf-8")))
        described.artifact_path, described.run_id = logged.artifact_location, run_id
        described.model_id = described.model_uuid = logged.model_id
        described.utc_time_created = str(datetime.now(UTC).replace(tzinfo=None))
        described.model_size_bytes = sum(f.stat().st_size for f in saved.rglob("*") if f.is_file())
        described.save(saved / "MLmodel")
        client().log_model_artifacts(logged.model_id, str(saved))
        client().log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        client().finalize_logged_model(logged.model_id, "READY")
        unfinished.pop_all()


def _link(source: str, target: str) -> None:
    """The same file at another place; a copy, where that is on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@functools.cache
def _parsed(description: str) -> dict[str, Any]:
    """MLflow's description of a model, which takes longer to read than to write."""
    parsed: dict[str, Any] = yaml.safe_load(description)
    return parsed


@functools.cache
def _requirements() -> list[str]:
    return [f"{name}=={version(name).partition('+')[0]}" for name in _REQUIRED]


def _beside_the_weights() -> dict[str, str]:
    """The files that MLflow saves for any model of this tool, weights and code left out: texts by their paths.

    They are the same for all, and take MLflow a second: kept for as long as nothing in them changes.
    """
    depends = [_requirements(), platform.python_version(), sha256_of(Path(serving.__file__))]
    place = cache_dir() / "pyfunc" / hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:24]
    kept: dict[str, str] | None = unsealed(place)
    if kept is None:
        with tempfile.TemporaryDirectory() as folder:
            empty, saved = Path(folder) / _FILES, Path(folder) / "saved"
            empty.mkdir()
            mlflow.pyfunc.save_model(
                saved,
                python_model=str(Path(serving.__file__)),
                artifacts={"model": str(empty)},
                code_paths=[str(Path(tlcompare.__file__).parent)],
                signature=_signature(),
                input_example=_example(),
                pip_requirements=_requirements(),
            )
            shutil.rmtree(saved / "code")
            files = [path for path in saved.rglob("*") if path.is_file()]
            kept = {str(path.relative_to(saved)): path.read_text(encoding="utf-8") for path in files}
        write_atomically(place, sealed(kept))
    return kept


def _mark_failed(model_id: str) -> None:
    with suppress(MlflowException, OSError):
        client().finalize_logged_model(model_id, "FAILED")


def _end(run_id: str, entry: Entry) -> None:
    """End a run, never before it began: the clock may have been set back."""
    _, began = _origin(run_id)
    client().set_terminated(run_id, entry.body["status"], max(entry.body["time"], began))


SENDERS: dict[str, Callable[[str, Entry], None]] = {
    "values": _values,
    "params": _of_one_kind("params"),
    "tags": _of_one_kind("tags"),
    "metrics": _values,
    "scores": _values,
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
