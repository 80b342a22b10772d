"""What a run holds: settings at its start, scores, costs and a page to read at its end."""

from __future__ import annotations

import functools
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tlcompare import __version__
from tlcompare.config import RunConfig, resolve, to_yaml
from tlcompare.data.pixels import PixelStore
from tlcompare.escaping import plain
from tlcompare.machine.device import Compute
from tlcompare.preparation import Prepared, configuration_key
from tlcompare.tracking.earlier import logged_config
from tlcompare.tracking.figures import confusion, learning_curves
from tlcompare.tracking.log import RunLog
from tlcompare.tracking.reading import LoggedRun, history_of, predictions_of
from tlcompare.training.epochs import Epoch, Fitted
from tlcompare.training.evaluate import Scores
from tlcompare.training.latency import Latency


def log_start(log: RunLog, prepared: Prepared) -> None:
    """Everything that is known before training: parameters, plan, layer list, environment."""
    config, plan = prepared.config, prepared.plan
    log.params(params_of(prepared))
    log.tags(
        {
            "backbone": plan.backbone,
            "strategy": plan.unfreeze,
            "weights": prepared.weights,
            "pretrained": str(config.weights != "none").lower(),
            "tlcompare.version": __version__,
            "tlcompare.configuration": configuration_key(config, plan),
            "tlcompare.test_opened": "false",
            **({"tlcompare.network": prepared.backbone.origin} if prepared.backbone.origin else {}),
            **_git_tags(),
        }
    )
    log.text("config.yaml", to_yaml(config))
    log.json("plan.json", plan.to_dict())
    trained = {x.name for x in plan.layers}
    listed = [
        {
            "number": x.number,
            "from_end": plan.listed - x.number + 1,
            "name": x.name,
            "operation": x.operation,
            "block": x.block,
            "inner_block": x.inner,
            "weights": x.weights,
            "unfrozen": x.name in trained,
            "trainable": plan.trained_in(x),
        }
        for x in prepared.layers.layers
    ]
    log.table("layers.csv", pd.DataFrame(listed))
    log.json("environment.json", _environment(prepared.compute))
    log_odd_files(log, prepared)


def params_of(prepared: Prepared) -> dict[str, Any]:
    """The options of a run as they were settled, and what they came to."""
    config, plan, split, store = prepared.config, prepared.plan, prepared.split, prepared.store
    return (
        {k: v for k, v in asdict(config).items() if k not in ("experiment", "run_name")}
        | {
            "backbone": plan.backbone,
            "strategy": plan.unfreeze,
            "strategy_family": plan.family,
            "depth": round(plan.depth, 4),
            "unfrozen_layers": len(plan.layers),
            "listed_layers": plan.listed,
            "unfrozen_share": round(len(plan.layers) / plan.listed, 4),
            "trainable_parameters": plan.trainable_parameters,
            "trainable_fraction": round(plan.trainable_parameters / plan.total_parameters, 6),
            "log10_lr": round(math.log10(config.lr), 4),
            "cut": plan.cut.after,
            "classes": len(store.classes),
            "train_images": len(split.train),
            "val_images": len(split.val),
            "test_images": len(split.test),
            "data_digest": store.digest,
        }
        | {f"block.{block}": int(block in plan.blocks) for block in prepared.layers.blocks}
    )


def log_odd_files(log: RunLog, prepared: Prepared) -> None:
    """Log which files were left out, and which show the same image where that is odd."""
    if suspect := prepared.suspect_copies():
        log.json("suspect_copies.json", suspect)
    if prepared.store.bad:
        log.json("left_out.json", [asdict(b) for b in prepared.store.bad])


_EPOCH = {
    "train_loss": "train/epoch_loss",
    "train_accuracy": "train/epoch_accuracy",
    "val_loss": "val/epoch_loss",
    "val_accuracy": "val/epoch_accuracy",
    "lr": "train/lr",
    "head_lr": "train/head_lr",
    "seconds": "cost/epoch_seconds",
}
"""The metrics of an epoch, by what they are called there."""


def log_epoch(log: RunLog, epoch: Epoch) -> None:
    log.metrics_of_steps({epoch.number: {metric: getattr(epoch, name) for name, metric in _EPOCH.items()}})


def log_predictions(
    log: RunLog, store: PixelStore, part: str, rows: NDArray[np.int64], probabilities: NDArray[np.float32]
) -> None:
    """One row per image: file, content hash, true and predicted class, and the probability of every class."""
    predicted = probabilities.argmax(1)
    table = {
        "file": [store.files[i].path for i in rows],
        "image": [store.hashes[i][:16] for i in rows],
        "true": [store.classes[store.files[i].label] for i in rows],
        "predicted": [store.classes[i] for i in predicted],
        "right": [int(store.files[i].label == p) for i, p in zip(rows, predicted, strict=True)],
    }
    columns = table | {f"p({name})": probabilities[:, i] for i, name in enumerate(store.classes)}
    log.table(f"predictions/{part}.csv", pd.DataFrame(columns))


def log_end(
    log: RunLog,
    prepared: Prepared,
    fitted: Fitted,
    scores: Mapping[str, Scores],
    latency: Latency,
    model_kept: bool,
    drawn: bool,
) -> None:
    """Scores per class, the run's page and, if they are to be `drawn` now, its figures."""
    if drawn:
        counts = {part: (s.confusion, [c.name for c in s.classes]) for part, s in scores.items()}
        _draw(log, prepared.config, fitted.epochs, fitted.best_epoch, counts)
    for part, scored in scores.items():
        log.table(f"scores/{part}_classes.csv", pd.DataFrame([asdict(c) for c in scored.classes]))
    log.tags(
        {
            "mlflow.note.content": _note(log.run_id, prepared, fitted, scores, latency, model_kept),
            "tlcompare.frozen_digest": fitted.frozen_digest,
        }
    )


def draw_figures(run: LoggedRun) -> None:
    """Log the figures of a run, drawn from what it has logged.

    Raises:
        TrackingError: what it has logged cannot be read.
    """
    found = predictions_of(run, "val")
    classes = sorted({*found["true"], *found["predicted"]})
    place = {name: i for i, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (found["true"].map(place), found["predicted"].map(place)), 1)
    config = resolve(logged_config(run.run_id).options)
    epochs, best = epochs_of(run), int(run.metrics["train/best_epoch"])
    _draw(RunLog(run.run_id), config, epochs, best, {"val": (counts, classes)})


def epochs_of(run: LoggedRun) -> list[Epoch]:
    """The epochs of a run, the first first, as it has logged them.

    Raises:
        TrackingError: MLflow does not answer.
    """
    columns = {name: history_of(run, metric) for name, metric in _EPOCH.items()}
    numbers = sorted(columns["train_loss"])
    return [Epoch(n, **{name: c.get(n, math.nan) for name, c in columns.items()}) for n in numbers]


def _draw(
    log: RunLog,
    config: RunConfig,
    epochs: Sequence[Epoch],
    best_epoch: int,
    counts: Mapping[str, tuple[NDArray[np.int64], Sequence[str]]],
) -> None:
    """The figures of a run; `counts` are true against predicted class, with the names of the classes, by part."""
    title = f"{config.model}, unfreeze {config.unfreeze}"
    log.figure("figures/learning_curves.png", learning_curves(epochs, best_epoch, config, title))
    for part, (matrix, classes) in counts.items():
        log.figure(f"figures/confusion_{part}.png", confusion(matrix, classes, f"{title}: {part}"))


METRICS = (
    *(f"val/{name}" for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece")),
    *(f"train/{name}" for name in ("loss", "accuracy", "best_epoch", "epochs_run", "batch_halvings")),
    *(f"cost/{name}_parameters" for name in ("trainable", "frozen", "total")),
    *(
        f"cost/{name}"
        for name in ("train_seconds", "features_seconds", "seconds_per_epoch", "peak_memory_mb", "model_mb")
    ),
    *(f"cost/{name}_images" for name in ("prefix", "suffix", "backward")),
    *(f"cost/{name}" for name in ("latency_p50_ms", "latency_p95_ms", "seconds_per_100_images")),
)
"""Names of the metrics that every finished run has, the test set left sealed."""


def final_metrics(
    prepared: Prepared, fitted: Fitted, scores: Mapping[str, Scores], latency: Latency, model_bytes: int
) -> dict[str, float]:
    """Scores and costs of the kept epoch, by their names in MLflow."""
    plan = prepared.plan
    kept = fitted.epochs[fitted.best_epoch - 1]
    metrics = {f"{part}/{name}": value for part, s in scores.items() for name, value in s.metrics().items()}
    return metrics | {
        "train/loss": kept.train_loss,
        "train/accuracy": kept.train_accuracy,
        "train/best_epoch": fitted.best_epoch,
        "train/epochs_run": len(fitted.epochs),
        "train/batch_halvings": fitted.batch_halvings,
        "cost/trainable_parameters": plan.trainable_parameters,
        "cost/frozen_parameters": plan.total_parameters - plan.trainable_parameters,
        "cost/total_parameters": plan.total_parameters,
        "cost/train_seconds": fitted.seconds,
        "cost/features_seconds": fitted.features_seconds,
        "cost/seconds_per_epoch": (fitted.seconds - fitted.features_seconds) / len(fitted.epochs),
        "cost/peak_memory_mb": fitted.peak_memory_mb,
        "cost/prefix_images": fitted.prefix_images,
        "cost/suffix_images": fitted.suffix_images,
        "cost/backward_images": fitted.backward_images,
        "cost/model_mb": model_bytes / 1e6,
        "cost/latency_p50_ms": latency.p50_ms,
        "cost/latency_p95_ms": latency.p95_ms,
        "cost/seconds_per_100_images": latency.seconds_per_100,
    }


def _environment(compute: Compute) -> dict[str, Any]:
    return {
        "tlcompare": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": compute.device_name,
        "precision": compute.precision,
        "threads": compute.threads,
    } | _versions()


@functools.cache
def _versions() -> dict[str, str]:
    packages = ("torch", "torchvision", "timm", "mlflow", "numpy", "pillow", "scikit-learn")
    return {name: version(name) for name in packages}


def _note(
    run_id: str,
    prepared: Prepared,
    fitted: Fitted,
    scores: Mapping[str, Scores],
    latency: Latency,
    model_kept: bool,
) -> str:
    """The run in Markdown, for the run's page."""
    plan, config, store, split = prepared.plan, prepared.config, prepared.store, prepared.split
    warning = "**RANDOM WEIGHTS: nothing here was pretrained.**\n\n" if config.weights == "none" else ""
    names = {"val": "Validation", "test": "Test"}
    sizes = {"val": len(split.val), "test": len(split.test)}
    lines = [
        f"**{names[part]} accuracy {s.accuracy:.2%}** on {sizes[part]} images; balanced {s.balanced_accuracy:.2%}, "
        f"macro F1 {s.macro_f1:.3f}, log loss {s.log_loss:.3f}, calibration error {s.ece:.3f}."
        for part, s in scores.items()
    ]
    if "test" not in scores:
        lines[0] += " The test set was not opened."
    share = plan.trainable_parameters / plan.total_parameters
    classify = f" · **classify:** `tlcompare predict runs:/{run_id}/model FILE`" if model_kept else ""
    return f"""{warning}{" ".join(lines)}

- **Trained:** {len(plan.layers)} of {plan.listed} layers, {plan.trainable_parameters:,} of \
{plan.total_parameters:,} weights ({share:.1%}). Blocks: {", ".join(plan.blocks) or "none, the head alone"}.
- **Frozen:** nothing up to `{plan.cut.after}` changed; the digest of every frozen weight and statistic is the same \
before and after training.
- **Training:** {len(fitted.epochs)} epochs in {fitted.seconds:.1f} s, epoch {fitted.best_epoch} kept; \
{len(split.train)} images of {plain(store.name)} in {len(store.classes)} classes, seed {config.seed}.
- **Inference**, the same for every strategy of this backbone: {latency.p50_ms:.1f} ms for one image (95th \
percentile {latency.p95_ms:.1f} ms), {latency.seconds_per_100:.2f} s for 100.
- **Again:** `tlcompare train --config runs:/{run_id}`{classify}
"""


@functools.cache
def _git_tags() -> dict[str, str]:
    """The commit that is checked out and whether files differ from it; nothing where this is installed."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", here.name) != here.name:
        return {}
    changed = bool(_git(here.parents[1], "status", "--porcelain", "."))
    commit = _git(here.parent, "rev-parse", "HEAD")
    return {"mlflow.source.git.commit": commit, "tlcompare.git_dirty": str(changed).lower()}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
