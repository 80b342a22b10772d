"""Models and data sets in MLflow."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlflow
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.exceptions import MlflowException

from tlcompare import serving
from tlcompare.backbones.backbone import Backbone
from tlcompare.data.pixels import PixelStore
from tlcompare.data.sources import Source
from tlcompare.errors import TrackingError
from tlcompare.files import cache_dir, first_line, sha256_of, write_atomically
from tlcompare.freezing.graph import Classifier
from tlcompare.tracking.outbox import put
from tlcompare.tracking.sending import Entry
from tlcompare.tracking.store import require_store

_IN_THE_STORE = ("runs:", "models:", "mlflow-artifacts:")
_MOST = 500
"""Characters of a data set's tag, by MLflow's schema."""


def log_model(
    run_id: str, model: Classifier, backbone: Backbone, classes: Sequence[str], params: dict[str, str]
) -> None:
    """Log a trained model to a run."""
    with tempfile.TemporaryDirectory() as folder:
        serving.save(Path(folder), model, backbone, classes)
        put(run_id, Entry("model", params, Path(folder)))


def load_model(uri: str, into: serving.Predictor | None = None) -> serving.Predictor:
    """The model at an MLflow URI: `runs:/ID/model`, `models:/NAME@ALIAS`, `models:/ID`, or a folder.

    Args:
        uri: where it is.
        into: as for `serving.load`.

    Raises:
        TrackingError: nothing there, or not a model of this tool.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = Path(re.sub("^file:(//)?", "", uri))
        if not found.is_dir():
            if ":" not in uri:
                raise TrackingError(f'"{uri}" is no folder, and no address such as runs:/ID/model', serving.TAKE_URI)
            if uri.startswith(_IN_THE_STORE):
                require_store()
            found = _fetched(uri, folder)
        description = next(iter(sorted(found.rglob(serving.DESCRIPTION_FILE))), None)
        if description is None:
            raise TrackingError(f"{uri} is not a model of this tool", serving.TAKE_URI)
        return serving.load(description.parent, uri, into)


def weights_here(weights: str) -> str:
    """The `weights` of a configuration; if they are a model in MLflow, a file with those, kept in the cache.

    Raises:
        TrackingError: nothing there, or not a model of this tool.
    """
    if not weights.startswith(_IN_THE_STORE):
        return weights
    require_store()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = next(iter(sorted(_fetched(weights, folder).rglob(serving.WEIGHTS_FILE))), None)
        if found is None:
            raise TrackingError(f"{weights} is not a model of this tool", serving.TAKE_URI)
        kept = cache_dir() / "weights" / f"{sha256_of(found)[:32]}.safetensors"
        if not kept.is_file() or sha256_of(kept) != sha256_of(found):
            write_atomically(kept, found.read_bytes())
        return str(kept)


def _fetched(uri: str, folder: str) -> Path:
    try:
        return Path(mlflow.artifacts.download_artifacts(uri, dst_path=folder))
    except ImportError as e:
        raise TrackingError(f"{uri} cannot be fetched: {first_line(e)}", "Install that package.") from e
    except ValueError as e:
        raise TrackingError(f'"{uri}" is no address of a model', serving.TAKE_URI) from e
    except (MlflowException, OSError) as e:
        raise TrackingError(f'no model "{uri}": {first_line(e)}', serving.TAKE_URI) from e


def log_dataset(run_id: str, source: Source, store: PixelStore) -> dict[str, Any]:
    """Log the data set of a run: name, origin, digest and images per class.

    Returns:
        The data set as MLflow describes it.
    """
    count = Counter(store.labels)
    counts = {name: count[label] for label, name in enumerate(store.classes)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a folder matches two kinds of source, which are the same one
        origin = resolve_dataset_source(str(source.root))
    dataset = MetaDataset(origin, name=store.name, digest=store.digest).to_dict()
    listed = json.dumps(counts)
    if len(listed) > _MOST:
        listed = f"{len(counts)} classes of {min(counts.values())} to {max(counts.values())} images"
    tags = {"classes": listed, "origin": source.origin[:_MOST], "mlflow.data.context": "training"}
    put(run_id, Entry("dataset", {"dataset": dataset, "tags": tags}))
    return dict(dataset)
