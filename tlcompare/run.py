"""One run from end to end: pixels, split, freeze plan, training, evaluation, MLflow."""

from __future__ import annotations

import math
import platform
import resource
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tlcompare import __version__
from tlcompare.backbones.registry import Backbone, get_backbone
from tlcompare.backbones.weights import load_weights
from tlcompare.config import RunConfig, to_yaml
from tlcompare.data.pixels import PixelStore, open_store
from tlcompare.data.sources import Source, find_source
from tlcompare.data.splits import Split, make_split, straddling
from tlcompare.data.views import DEFAULT_VIEWS
from tlcompare.errors import DataError
from tlcompare.freezing.graph import Classifier
from tlcompare.freezing.layers import LayerList, trace
from tlcompare.freezing.strategy import FreezePlan, make_plan
from tlcompare.progress import Reporter, reporting
from tlcompare.tracking.figures import confusion, learning_curves
from tlcompare.tracking.models import log_dataset, log_model
from tlcompare.tracking.runs import RunLog, open_run
from tlcompare.training.batches import Images
from tlcompare.training.device import Compute, choose_compute
from tlcompare.training.evaluate import Scores, predict, score
from tlcompare.training.fit import Epoch, Fitted, fit
from tlcompare.training.latency import Latency, measure


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Attributes:
        run_id: of the MLflow run.
        plan: what was trained.
        config: as settled, without any `auto`.
        metrics: the final metrics by their MLflow names.
        val_accuracy: of the kept epoch, in 0..1.
        test_accuracy: None where the test set stayed sealed.
    """

    run_id: str
    plan: FreezePlan
    config: RunConfig
    metrics: dict[str, float]
    val_accuracy: float
    test_accuracy: float | None


def train(config: RunConfig) -> RunResult:
    """Train one backbone under one strategy and log everything to MLflow.

    Raises:
        UserError: anything a user can mend; the run, if it had begun, is marked failed with the reason.
    """
    compute = choose_compute(config)
    backbone = get_backbone(config.model).at_size(config.image_size)
    torch.manual_seed(config.seed)
    network = backbone.build()
    layers = trace(backbone, network)
    make_plan(layers, config.unfreeze, classes=2)  # a strategy that cannot be is refused before anything slow
    with reporting(config.epochs) as reporter:
        source = find_source(config.data)
        config = _settle(config, compute, backbone, source)
        weights = load_weights(
            network, config.weights, backbone.weights, classifier=backbone.classifier, rename=backbone.rename
        )
        store = open_store(source, backbone.preprocessing, config.on_bad_image, reporter.reading)
        plan = make_plan(layers, config.unfreeze, len(store.classes))
        split = make_split(
            store.hashes,
            store.labels,
            store.classes,
            [f.part for f in store.files],
            val_fraction=config.val_fraction,
            test_fraction=config.test_fraction,
            seed=config.split_seed,
        )
        if config.score_test and not len(split.test):
            raise DataError(f"--score-test: {source.root} has no test images")
        _announce(reporter, plan, store, split, weights, compute)
        with open_run(config, config.run_name or f"{config.model} {config.unfreeze}") as log:
            _log_start(log, config, plan, layers, weights, compute, split, store)
            return _train(log, config, compute, backbone, source, store, split, layers, plan, reporter)


def _train(
    log: RunLog,
    config: RunConfig,
    compute: Compute,
    backbone: Backbone,
    source: Source,
    store: PixelStore,
    split: Split,
    layers: LayerList,
    plan: FreezePlan,
    reporter: Reporter,
) -> RunResult:
    """The part of a run that happens inside its MLflow run."""
    counts = Counter(store.classes[label] for label in store.labels)
    dataset = log_dataset(source, store, {name: counts[name] for name in store.classes})
    model = Classifier(layers, plan.cut, len(store.classes), config.dropout)
    model.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    latency = measure(model, config.model, backbone.preprocessing.size, compute)
    images = Images(
        store,
        backbone.preprocessing,
        str(config.augment),
        int(config.views or 1),
        config.seed,
        compute.device,
    )

    def on_epoch(epoch: Epoch) -> None:
        reporter.epoch(epoch)
        log.metrics(
            {
                "train/epoch_loss": epoch.train_loss,
                "train/epoch_accuracy": epoch.train_accuracy,
                "train/lr": epoch.lr,
                "train/head_lr": epoch.head_lr,
                "val/epoch_loss": epoch.val_loss,
                "val/epoch_accuracy": epoch.val_accuracy,
                "cost/epoch_seconds": epoch.seconds,
            },
            step=epoch.number,
        )

    fitted = fit(
        model,
        layers,
        plan,
        images,
        split,
        config,
        compute,
        on_step=reporter.step,
        on_epoch=on_epoch,
    )
    parts = {"val": split.val} | ({"test": split.test} if config.score_test else {})
    scores: dict[str, Scores] = {}
    for part, rows in parts.items():
        probabilities = predict(model, images, rows)
        scores[part] = score(probabilities, [store.labels[i] for i in rows], store.classes)
        log.table(f"predictions/{part}.csv", _predictions(store, rows, probabilities))
    model_id, model_bytes = log_model(
        model, backbone, store.classes, {"backbone": config.model, "unfreeze": config.unfreeze}
    )
    metrics = _final_metrics(scores, fitted, plan, latency, model_bytes, compute)
    mlflow.log_metrics(metrics, model_id=model_id, dataset=dataset)
    title = f"{config.model}, unfreeze {config.unfreeze}"
    log.figure("figures/learning_curves.png", learning_curves(fitted.epochs, fitted.best_epoch, title))
    for part, scored in scores.items():
        log.figure(f"figures/confusion_{part}.png", confusion(scored, f"{title}: {part}"))
        log.table(f"scores/{part}_classes.csv", pd.DataFrame([asdict(c) for c in scored.classes]))
    log.tags(
        {
            "mlflow.note.content": _note(plan, config, store, split, scores, fitted, latency, log.run_id),
            "tlcompare.frozen_digest": fitted.frozen_digest,
            "tlcompare.test_opened": str(config.score_test).lower(),
        }
    )
    return RunResult(
        run_id=log.run_id,
        plan=plan,
        config=config,
        metrics=metrics,
        val_accuracy=scores["val"].accuracy,
        test_accuracy=scores["test"].accuracy if "test" in scores else None,
    )


def _settle(config: RunConfig, compute: Compute, backbone: Backbone, source: Source) -> RunConfig:
    """The configuration with every `auto` replaced by what it came to."""
    augment = config.augment or ("flip" if source.mirrors else "none")
    return replace(
        config,
        image_size=backbone.preprocessing.size,
        augment=augment,
        views=config.views or DEFAULT_VIEWS[augment],
        precision=compute.precision,
        device=compute.device,
        threads=compute.threads,
    )


def _announce(
    reporter: Reporter, plan: FreezePlan, store: PixelStore, split: Split, weights: str, compute: Compute
) -> None:
    reporter.say(
        f"{plan.backbone}, unfreeze {plan.unfreeze}: {len(plan.layers)} of {plan.listed} layers, "
        f"{plan.trainable_parameters:,} of {plan.total_parameters:,} weights train; frozen up to {plan.cut.after}"
    )
    reporter.say(
        f"{store.name}: {len(split.train)} train, {len(split.val)} validation, {len(split.test)} test images "
        f"in {len(store.classes)} classes; {compute.device_name}, {compute.precision}, {compute.threads} threads"
    )
    if weights.startswith("none"):
        reporter.say(f"weights: {weights}")
    if store.bad:
        reporter.say(f"left out {len(store.bad)} unusable file(s); the run keeps the list")
    if shared := straddling(store.hashes, split):
        reporter.say(f"warning: {shared} image(s) are in more than one part of this data set's own split")


def _log_start(
    log: RunLog,
    config: RunConfig,
    plan: FreezePlan,
    layers: LayerList,
    weights: str,
    compute: Compute,
    split: Split,
    store: PixelStore,
) -> None:
    log.params(
        {k: v for k, v in asdict(config).items() if k not in ("experiment", "run_name")}
        | {
            "backbone": plan.backbone,
            "strategy": plan.unfreeze,
            "strategy_family": plan.family,
            "unfrozen_layers": len(plan.layers),
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
    )
    log.tags(
        {
            "backbone": plan.backbone,
            "strategy": plan.unfreeze,
            "weights": weights,
            "pretrained": str(config.weights != "none").lower(),
            "tlcompare.version": __version__,
            "tlcompare.straddling_images": straddling(store.hashes, split),
            "mlflow.source.git.commit": _git_commit(),
        }
    )
    log.text("config.yaml", to_yaml(config))
    log.json("plan.json", plan.to_dict())
    trained = {x.name for x in plan.layers}
    listed = [
        {
            "number": x.number,
            "from_end": len(layers.layers) - x.number + 1,
            "name": x.name,
            "operation": x.operation,
            "block": x.block,
            "weights": x.weights,
            "unfrozen": x.name in trained,
        }
        for x in layers.layers
    ]
    log.table("layers.csv", pd.DataFrame(listed))
    log.json("environment.json", _environment(compute))
    if store.bad:
        log.json("left_out.json", [asdict(b) for b in store.bad])


def _predictions(store: PixelStore, rows: NDArray[np.int64], probabilities: NDArray[np.float32]) -> pd.DataFrame:
    """One row per image: file, content hash, true and predicted class, and the probability of every class."""
    predicted = probabilities.argmax(1)
    table = {
        "file": [store.files[i].path for i in rows],
        "image": [store.hashes[i][:16] for i in rows],
        "true": [store.classes[store.files[i].label] for i in rows],
        "predicted": [store.classes[i] for i in predicted],
        "right": [int(store.files[i].label == p) for i, p in zip(rows, predicted, strict=True)],
    }
    return pd.DataFrame(table | {f"p({name})": probabilities[:, i] for i, name in enumerate(store.classes)})


def _final_metrics(
    scores: dict[str, Scores],
    fitted: Fitted,
    plan: FreezePlan,
    latency: Latency,
    model_bytes: int,
    compute: Compute,
) -> dict[str, float]:
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
        "cost/seconds_per_epoch": fitted.seconds / len(fitted.epochs),
        "cost/peak_memory_mb": _peak_memory_mb(compute),
        "cost/prefix_images": fitted.prefix_images,
        "cost/suffix_images": fitted.suffix_images,
        "cost/backward_images": fitted.backward_images,
        "cost/model_mb": model_bytes / 1e6,
        "cost/latency_p50_ms": latency.p50_ms,
        "cost/latency_p95_ms": latency.p95_ms,
        "cost/seconds_per_100_images": latency.seconds_per_100,
    }


def _peak_memory_mb(compute: Compute) -> float:
    """Highest memory of this process so far: on CUDA of the device, else resident."""
    if compute.device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _environment(compute: Compute) -> dict[str, Any]:
    packages = ("torch", "torchvision", "timm", "mlflow", "numpy", "pillow", "scikit-learn")
    return {
        "tlcompare": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": compute.device_name,
        "precision": compute.precision,
        "threads": compute.threads,
    } | {name: version(name) for name in packages}


def _git_commit() -> str:
    """The commit that is checked out; `unknown` where this file is installed rather than checked out."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", here.name) != here.name:
        return "unknown"
    return _git(here.parent, "rev-parse", "HEAD") or "unknown"


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


def _note(
    plan: FreezePlan,
    config: RunConfig,
    store: PixelStore,
    split: Split,
    scores: dict[str, Scores],
    fitted: Fitted,
    latency: Latency,
    run_id: str,
) -> str:
    """The run in Markdown, for the run's page."""
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
    return f"""{warning}{" ".join(lines)}

- **Trained:** {len(plan.layers)} of {plan.listed} layers, {plan.trainable_parameters:,} of \
{plan.total_parameters:,} weights ({share:.1%}). Blocks: {", ".join(plan.blocks) or "none, the head alone"}.
- **Frozen:** nothing up to `{plan.cut.after}` changed; the digest of every frozen weight and statistic is the same \
before and after training.
- **Training:** {len(fitted.epochs)} epochs in {fitted.seconds:.1f} s, epoch {fitted.best_epoch} kept; \
{len(split.train)} images of {store.name} in {len(store.classes)} classes, seed {config.seed}.
- **Inference**, the same for every strategy of this backbone: {latency.p50_ms:.1f} ms for one image (95th \
percentile {latency.p95_ms:.1f} ms), {latency.seconds_per_100:.2f} s for 100.
- **Again:** `tlcompare train --config runs:/{run_id}` · **classify:** `tlcompare predict runs:/{run_id}/model FILE`
"""
