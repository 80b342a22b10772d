"""tlcompare itself, with everything it logs to MLflow: one run for one trial, a sweep for several."""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib.backends.backend_agg
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store
import sklearn.metrics
import timm
import torchvision
import yaml

from benchmarks.work import (
    BACKBONE,
    BATCH_SIZE,
    CLASSES,
    CLIP_NORM,
    DROPOUT,
    LABEL_SMOOTHING,
    WARMUP_EPOCHS,
    WEIGHT_DECAY,
    Done,
    Job,
)
from tlcompare.config import resolve
from tlcompare.run import train
from tlcompare.study.planning import Request
from tlcompare.study.sweep import sweep
from tlcompare.tracking.reading import sweep_run, trials_of

HEAD_WEIGHTS = 1281 * CLASSES
IMPORTED = (matplotlib, mlflow, sklearn, timm, torchvision)
"""What tlcompare imports when it comes to it; here before the clock starts, as it does for everybody."""


def run(job: Job) -> Done:
    os.environ["TLCOMPARE_CACHE"] = job.cache
    options = {
        "data": job.data,
        "device": "cpu",
        "image_size": job.image_size,
        "epochs": job.epochs,
        "augment": "none",
        "batch_size": BATCH_SIZE,
        "clip_norm": CLIP_NORM,
        "dropout": DROPOUT,
        "label_smoothing": LABEL_SMOOTHING,
        "warmup_epochs": WARMUP_EPOCHS,
        "weight_decay": WEIGHT_DECAY,
    }
    listed = [{"unfreeze": t.unfreeze, "lr": t.lr, "head_lr": t.head_lr, "seed": t.seed} for t in job.trials]
    if len(listed) == 1:
        metrics = [train(resolve(options, {"model": BACKBONE}, listed[0])).metrics]
    else:
        seed = listed[0]["seed"]
        trials = [{"model": BACKBONE} | {k: v for k, v in t.items() if k != "seed"} for t in listed]
        Path("space.yaml").write_text(yaml.safe_dump({"about": "The benchmark's trials.", "trials": trials}))
        sweep(Request(name="bench", space="space.yaml", options=options | {"seed": seed}, limits={"jobs": job.jobs}))
        metrics = [r.metrics for r in trials_of(sweep_run("bench").run_id)]
    frozen = [m for m in metrics if m["cost/trainable_parameters"] == HEAD_WEIGHTS]
    return Done(
        [m["val/accuracy"] for m in metrics],
        prefix_images=int(sum(m["cost/prefix_images"] for m in metrics)),
        suffix_images=int(sum(m["cost/suffix_images"] for m in metrics)),
        head_multiply_adds=int(sum(m["cost/suffix_images"] + m["cost/backward_images"] for m in frozen)) * HEAD_WEIGHTS,
    )
