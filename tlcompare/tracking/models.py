"""Models and data sets in MLflow."""

from __future__ import annotations

import io
import json
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Map
from PIL import Image

import tlcompare
from tlcompare import serving
from tlcompare.backbones.registry import Backbone
from tlcompare.data.pixels import PixelStore
from tlcompare.data.sources import Source
from tlcompare.errors import TrackingError
from tlcompare.files import first_line
from tlcompare.freezing.graph import Classifier
from tlcompare.tracking.runs import client

_REQUIRED = ("mlflow", "torch", "torchvision", "timm", "safetensors", "numpy", "pandas", "pillow", "pyyaml")


def log_model(
    run_id: str, model: Classifier, backbone: Backbone, classes: Sequence[str], params: dict[str, str]
) -> str:
    """Log a trained model to a run as a pyfunc from code.

    MLflow's own `log_model` would load it again and predict with it, which takes longer than all the rest.

    Returns:
        The model's id in MLflow.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "classifier"
        folder.mkdir()
        serving.save(folder, model, backbone, classes)
        run = client().get_run(run_id).info
        logged = client().create_logged_model(run.experiment_id, "model", run_id, params=params)
        try:
            saved = Path(temporary) / "saved"
            mlflow.pyfunc.save_model(
                saved,
                python_model=str(Path(serving.__file__)),
                artifacts={"model": str(folder)},
                code_paths=[str(Path(tlcompare.__file__).parent)],
                signature=_signature(),
                input_example=_example(),
                pip_requirements=[f"{name}=={version(name)}" for name in _REQUIRED],
                mlflow_model=Model(
                    artifact_path=logged.artifact_location,
                    model_uuid=logged.model_id,
                    run_id=run_id,
                    model_id=logged.model_id,
                ),
            )
            client().log_model_artifacts(logged.model_id, str(saved))
            client().finalize_logged_model(logged.model_id, "READY")
            client().log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        except BaseException:
            client().finalize_logged_model(logged.model_id, "FAILED")
            raise
    return str(logged.model_id)


def load_model(uri: str) -> serving.Predictor:
    """The model at an MLflow URI: `runs:/ID/model`, `models:/NAME@ALIAS`, `models:/ID`, or a folder.

    Raises:
        TrackingError: nothing there, or not a model of this tool.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = Path(mlflow.artifacts.download_artifacts(uri, dst_path=folder))
            description = next(iter(sorted(found.rglob(serving.DESCRIPTION_FILE))), None)
            if description is None:
                raise TrackingError(f"{uri} is not a model of this tool")
            return serving.load(description.parent)
    except (MlflowException, OSError) as e:
        raise TrackingError(f'no model "{uri}": {first_line(e)}', "Take the URI from the run's page.") from e


def log_dataset(source: Source, store: PixelStore) -> MetaDataset:
    """Log the data set of the active run: name, origin, digest and images per class."""
    count = Counter(store.labels)
    counts = {name: count[label] for label, name in enumerate(store.classes)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a folder matches two kinds of source, which are the same one
        origin = resolve_dataset_source(str(source.root))
    dataset = MetaDataset(origin, name=store.name, digest=store.digest)
    tags = {"classes": json.dumps(counts)[:5000], "origin": source.origin}
    try:
        mlflow.log_input(dataset, context="training", tags=tags)
    except MlflowException:  # two processes that log the same data set for the first time get into each other's way
        mlflow.log_input(dataset, context="training", tags=tags)
    return dataset


def _signature() -> ModelSignature:
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.binary, "image")]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "class"),
                ColSpec(DataType.double, "probability"),
                ColSpec(Map(DataType.double), "probabilities"),
            ]
        ),
    )


def _example() -> pd.DataFrame:
    """A PNG of a colour gradient."""
    ramp = np.linspace(0, 255, 32, dtype=np.uint8)
    red, green = np.meshgrid(ramp, ramp)
    packed = io.BytesIO()
    Image.fromarray(np.stack([red, green, red[::-1]], axis=2)).save(packed, "PNG")
    return pd.DataFrame({"image": [packed.getvalue()]})
