"""One run from end to end: pixels, split, freeze plan, training, evaluation, MLflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from tlcompare.config import RunConfig
from tlcompare.freezing.graph import Classifier
from tlcompare.preparation import Prepared, announce, prepare
from tlcompare.progress import Reporter, reporting
from tlcompare.tracking.models import log_dataset, log_model
from tlcompare.tracking.record import final_metrics, log_end, log_epoch, log_predictions, log_start
from tlcompare.tracking.runs import RunLog, open_run, require_store, stop_if_asked
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
    require_store()
    with reporting(config.epochs) as reporter:
        prepared = prepare(config, reporter)
        announce(prepared, reporter)
        if expected_digest and expected_digest != prepared.store.digest:
            reporter.say("warning: the images are not those of the earlier run; expect another result")
        with open_run(config) as log:
            return _train(log, prepared, reporter, keep_model=lambda metrics: True)


def train_child(
    config: RunConfig,
    run_id: str,
    reporter: Reporter,
    keep_model: Callable[[Mapping[str, float]], bool],
) -> RunResult:
    """Train as one trial of a sweep, in the MLflow run that the sweep made for it.

    Args:
        config: the options.
        run_id: of that run; whatever fails is in it.
        reporter: is told of every epoch, and may raise `Pruned` then.
        keep_model: whether the model is worth keeping, from the final metrics.

    Raises:
        Pruned: as the reporter raised it.
        UserError: what went wrong, also in the run.
    """
    with open_run(config, run_id) as log:
        return _train(log, prepare(config, reporter), reporter, keep_model)


def _train(
    log: RunLog, prepared: Prepared, reporter: Reporter, keep_model: Callable[[Mapping[str, float]], bool]
) -> RunResult:
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
        stop_if_asked()
        log_epoch(log, epoch)
        reporter.epoch(epoch)

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
    model_bytes = sum(tensor.nbytes for tensor in model.weights().values())
    metrics = final_metrics(prepared, fitted, scores, latency, model_bytes)
    model_id = None
    if keep_model(metrics):
        names = {"backbone": config.model, "unfreeze": config.unfreeze}
        model_id = log_model(model, prepared.backbone, store.classes, names)
    log.scores(metrics, model_id, dataset)
    log_end(log, prepared, fitted, scores, latency, model_kept=model_id is not None)
    return RunResult(log.run_id, prepared, metrics)
