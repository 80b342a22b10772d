"""One run from end to end: pixels, split, freeze plan, training, evaluation, MLflow."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tlcompare.config import RunConfig
from tlcompare.errors import TrackingError
from tlcompare.freezing.graph import Classifier
from tlcompare.preparation import Prepared, announce, prepare
from tlcompare.progress import Reporter, reporting
from tlcompare.tracking.models import log_dataset, log_model
from tlcompare.tracking.record import final_metrics, log_end, log_epoch, log_predictions, log_start
from tlcompare.tracking.runs import RunLog, open_run, shown_uri, store_problem
from tlcompare.training.batches import Images
from tlcompare.training.evaluate import Scores, predict, score
from tlcompare.training.fit import Epoch, fit
from tlcompare.training.latency import folder, measure


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Attributes:
        run_id: of the MLflow run.
        prepared: what was trained, on what, with the settled configuration.
        metrics: the final metrics by their MLflow names.
    """

    run_id: str
    prepared: Prepared
    metrics: dict[str, float]


def train(config: RunConfig, expected_digest: str | None = None) -> RunResult:
    """Train one backbone under one strategy and log everything to MLflow.

    Args:
        config: the options.
        expected_digest: of the images an earlier run saw, to warn if they are others now.

    Raises:
        UserError: anything a user can mend; the run, if it had begun, is marked failed with the reason.
    """
    if problem := store_problem():
        raise TrackingError(f"the tracking store {shown_uri()} cannot be used: {problem}", "Check MLFLOW_TRACKING_URI.")
    with reporting(config.epochs) as reporter:
        prepared = prepare(config, reporter)
        announce(prepared, reporter)
        if expected_digest and expected_digest != prepared.store.digest:
            reporter.say("warning: the images are not those of the earlier run; expect another result")
        name = config.run_name or f"{config.model} {config.unfreeze}"
        with open_run(config, name) as log:
            return _train(log, prepared, reporter)


def _train(log: RunLog, prepared: Prepared, reporter: Reporter) -> RunResult:
    """The part of a run that happens inside its MLflow run."""
    config, compute, store, split = prepared.config, prepared.compute, prepared.store, prepared.split
    preprocessing = prepared.backbone.preprocessing
    log_start(log, prepared)
    dataset = log_dataset(prepared.source, store)
    model = Classifier(prepared.layers, prepared.plan.cut, len(store.classes), config.dropout)
    model.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    reporter.doing("measuring latency")
    latency = measure(model, config.model, preprocessing.size, compute)
    if latency.disturbed:
        reporter.say(f"warning: latency was measured on a busy machine; to measure it again, delete {folder()}")
    images = Images(store, preprocessing, str(config.augment), int(config.views or 1), config.seed, compute.device)

    def on_epoch(epoch: Epoch) -> None:
        reporter.epoch(epoch)
        log_epoch(log, epoch)

    fitted = fit(
        model,
        prepared.layers,
        prepared.plan,
        images,
        split,
        config,
        compute,
        on_step=reporter.step,
        on_epoch=on_epoch,
        on_notice=reporter.say,
    )
    reporter.doing("scoring, and logging the model")
    scores: dict[str, Scores] = {}
    for part, rows in {"val": split.val, "test": split.test}.items():
        if part == "test":
            if not config.score_test:
                continue
            log.tags({"tlcompare.test_opened": "true"})
        probabilities = predict(model, images, rows)
        scores[part] = score(probabilities, [store.labels[i] for i in rows], store.classes)
        log_predictions(log, prepared, part, rows, probabilities)
    names = {"backbone": config.model, "unfreeze": config.unfreeze}
    model_id, model_bytes = log_model(model, prepared.backbone, store.classes, names)
    metrics = final_metrics(prepared, fitted, scores, latency, model_bytes)
    log.scores(metrics, model_id, dataset)
    log_end(log, prepared, fitted, scores, latency)
    return RunResult(log.run_id, prepared, metrics)
