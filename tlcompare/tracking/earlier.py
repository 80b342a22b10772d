"""An earlier run, to be done again."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow

from tlcompare.config import read_yaml
from tlcompare.errors import TrackingError
from tlcompare.files import first_line
from tlcompare.tracking.store import client, require_store, shown_uri


@dataclass(frozen=True)
class Earlier:
    """An earlier run that is to be done again.

    Attributes:
        options: those of `train`.
        digest: of the images it saw.
        strategy: the layers it unfroze, as they were written.
        trained: how many weights of the backbone and the head it trained; 0 where that is not known.
    """

    options: dict[str, Any]
    digest: str
    strategy: str
    trained: int


def logged_config(uri: str) -> Earlier:
    """An earlier run, from `runs:/ID`.

    Raises:
        TrackingError: no such run, or not one of this tool's.
    """
    require_store()
    run_id = uri.removeprefix("runs:/").strip("/").partition("/")[0]
    try:
        params = client().get_run(run_id).data.params
        with tempfile.TemporaryDirectory() as folder:
            path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="config.yaml", dst_path=folder)
            return Earlier(
                read_yaml(Path(path)),
                params.get("data_digest", ""),
                params.get("strategy", ""),
                int(params.get("trainable_parameters", 0)),
            )
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(
            f"run {run_id} in {shown_uri()} holds no config.yaml: {first_line(e)}",
            "Take the id of a run of this tool from its page.",
        ) from e
