"""`tuned` as people run it: a checkpoint after every epoch, and parameters, metrics and the model in MLflow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict

import mlflow
import mlflow.pytorch
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store
import torch
from torch import nn

from benchmarks.contestants import tuned
from benchmarks.work import Done, Job, Trial

STORES = (mlflow.store.model_registry.sqlalchemy_store, mlflow.store.tracking.sqlalchemy_store)
"""What MLflow imports when it comes to it; here before the clock starts, as it does for everybody."""


def run(job: Job) -> Done:
    return tuned.run(job, _in_mlflow)


@contextlib.contextmanager
def _in_mlflow(job: Job, trial: Trial) -> Iterator[tuned.Told]:
    trained: list[nn.Module] = []

    def told(epoch: int, model: nn.Module, optimizer: torch.optim.Optimizer, metrics: dict[str, float]) -> None:
        mlflow.log_metrics(metrics, step=epoch)
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, "last.pt")
        trained[:] = [model]

    with mlflow.start_run():
        mlflow.log_params(asdict(trial) | {"epochs": job.epochs, "image_size": job.image_size})
        yield told
        # Requirements that are given need not be found out, which takes MLflow longer than all the rest.
        mlflow.pytorch.log_model(trained[0], name="model", serialization_format="pickle", pip_requirements=["torch"])
