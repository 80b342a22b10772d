"""One run from end to end: pixels, split, freeze plan, training, evaluation, MLflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch

from tlcompare.config import RunConfig
from tlcompare.data.batches import Images
from tlcompare.errors import MemoryShortage, TrainingError
from tlcompare.features.feed import make_feed
from tlcompare.freezing.graph import Classifier, cut_points
from tlcompare.machine.memory import enough_memory
from tlcompare.machine.signals import stop_if_asked
from tlcompare.preparation import Prepared, Workbench, announce, prepare
from tlcompare.progress import Reporter, reporting
from tlcompare.tracking.earlier import Earlier
from tlcompare.tracking.log import GatheringLog
from tlcompare.tracking.models import log_dataset, log_model, weights_here
from tlcompare.tracking.reading import LoggedRun
from tlcompare.tracking.record import final_metrics, log_end, log_epoch, log_predictions, log_start, params_of
from tlcompare.tracking.runs import CHECKPOINT, free_run, open_run, ready, run_name
from tlcompare.training.checkpoints import Checkpoint
from tlcompare.training.epochs import Epoch, Fitted, Paused, Pruned
from tlcompare.training.evaluate import Scores, predict, score
from tlcompare.training.fit import fit
from tlcompare.training.heads import fit_head, vectors_fit
from tlcompare.training.latency import measure


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

    @property
    def logged(self) -> LoggedRun:
        """It as MLflow holds it, or will once its server answers again."""
        params = {name: str(value) for name, value in params_of(self.prepared).items()}
        return LoggedRun(self.run_id, run_name(self.prepared.config), "FINISHED", "", params, self.metrics, {})


def train(config: RunConfig, earlier: Earlier | None = None) -> RunResult:
    """Train one backbone under one strategy and log everything to MLflow.

    Args:
        config: the options.
        earlier: the run that this is to repeat, to warn if images or layers are others now.

    Raises:
        UserError: anything a user can mend; the run, if it had begun, is marked failed with the reason.
    """
    ready()
    free_run(config)
    with reporting(config.epochs) as reporter:
        workbench = Workbench(weights_here)
        prepared = prepare(config, reporter, workbench)
        announce(prepared, reporter)
        if earlier and earlier.digest and earlier.digest != prepared.store.digest:
            reporter.say("warning: the images are not those of the earlier run; expect another result")
        trained = prepared.plan.trainable_parameters
        if earlier and earlier.trained not in (0, trained) and earlier.strategy == prepared.plan.unfreeze:
            reporter.say(
                f"warning: {earlier.strategy} trained {earlier.trained:,} weights in the earlier run and trains "
                f"{trained:,} now: its layers were listed by another version, or it had other classes"
            )
        with ExitStack() as after, open_run(config) as log:
            return _train(log, prepared, reporter, workbench, after, drawn=True)


def train_child(
    config: RunConfig,
    run_id: str,
    reporter: Reporter,
    workbench: Workbench,
    keep_model: Callable[[Mapping[str, float]], bool],
    ahead: Sequence[RunConfig],
    kept: Sequence[str],
    logged: int = 0,
) -> RunResult:
    """Train in an MLflow run that was made for it, as one of several runs of a process.

    Args:
        config: the options.
        run_id: of that run; whatever fails is in it.
        reporter: is told of every epoch, and may raise `Pruned` then.
        workbench: what the runs of this process share.
        keep_model: whether the model is worth keeping, from the final metrics.
        ahead: runs to come whose heads may train together with this one's.
        kept: the cuts, by their nodes, at which these runs keep features of this backbone.
        logged: epochs that the run has already, from before it paused.

    Raises:
        Pruned, Paused: as the reporter raised it.
        UserError: what went wrong, also in the run.
    """
    with ExitStack() as after, open_run(config, run_id) as log:
        prepared = prepare(config, reporter, workbench)
        return _train(log, prepared, reporter, workbench, after, keep_model, ahead, kept, logged)


@contextmanager
def _until_over(checkpoint: Checkpoint) -> Iterator[None]:
    """Delete the checkpoint when the block ends, unless it ends by what another attempt may go on from."""
    try:
        yield
    except (MemoryShortage, Paused):
        raise
    except (Pruned, TrainingError):
        checkpoint.delete()
        raise
    checkpoint.delete()


def _train(
    log: GatheringLog,
    prepared: Prepared,
    reporter: Reporter,
    workbench: Workbench,
    after: ExitStack,
    keep_model: Callable[[Mapping[str, float]], bool] = lambda metrics: True,
    ahead: Sequence[RunConfig] = (),
    kept: Sequence[str] | None = None,
    logged: int = 0,
    drawn: bool = False,
) -> RunResult:
    """The part of a run that happens inside its MLflow run, its figures `drawn` or not; `after` is what happens once
    that has ended."""
    config, compute, store, split = prepared.config, prepared.compute, prepared.store, prepared.split
    preprocessing, plan, layers = prepared.backbone.preprocessing, prepared.plan, prepared.layers
    log_start(log, prepared)
    log.send()
    dataset = log_dataset(log.run_id, prepared.source, store)
    model = Classifier(layers, plan.cut, len(store.classes), config.dropout, config.seed)
    model.to(compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    reporter.doing("measuring latency")
    latency = measure(model, layers, compute)
    if latency.disturbed:
        reporter.say("warning: latency was measured on a busy machine; a run in an hour measures it again")
    images = Images(store, preprocessing, str(config.augment), int(config.views or 1), config.seed, compute.device)
    feed = make_feed(
        prepared.shared,
        plan,
        images,
        split,
        config,
        compute,
        None if kept is None else [c for c in cut_points(layers) if c.node in kept],
        partial(reporter.counting, "computing frozen features"),
        reporter.say,
    )

    def on_epoch(epoch: Epoch) -> None:
        stop_if_asked()
        if epoch.number > logged:
            log_epoch(log, epoch)
        reporter.epoch(epoch)

    shared = prepared.shared
    suffix = shared.compiled(plan.cut, compute) if config.compile else shared.trained(plan, compute)
    checkpoint = Checkpoint(prepared.shared.digest, store, split, config, compute, feed.start)
    after.enter_context(_until_over(checkpoint))
    fitting: Callable[..., Fitted] = partial(fit, suffix=suffix, checkpoint=checkpoint, on_notice=reporter.say)
    if not plan.parameters and vectors_fit(feed, layers.features):
        fitting = partial(fit_head, ahead=ahead, trained=workbench.heads)
    with enough_memory():
        reports = {"on_step": reporter.step, "on_epoch": on_epoch}
        try:
            fitted = fitting(model, layers, plan, feed, split, config, compute, **reports)
        except Paused:
            log.tags({CHECKPOINT: checkpoint.name})
            raise
    reporter.doing("scoring, and logging the model")
    probabilities = {"val": fitted.probabilities}
    if config.score_test:
        log.tags({"tlcompare.test_opened": "true"})
        whole = replace(feed.val, store=None, lead=None)
        probabilities["test"] = predict(model, whole, split.test)
    scores: dict[str, Scores] = {}
    labels = store.labels
    for part, rows in {"val": split.val, "test": split.test}.items():
        if part in probabilities:
            scores[part] = score(probabilities[part], [labels[i] for i in rows], store.classes)
            log_predictions(log, store, part, rows, probabilities[part])
    model_bytes = sum(tensor.nbytes for tensor in model.weights().values())
    metrics = final_metrics(prepared, fitted, scores, latency, model_bytes)
    if kept_model := keep_model(metrics):
        names = {"backbone": config.model, "unfreeze": config.unfreeze}
        log_model(log.run_id, model, prepared.backbone, store.classes, names)
    log.scores(metrics, dataset)
    log_end(log, prepared, fitted, scores, latency, kept_model, drawn)
    return RunResult(log.run_id, prepared, metrics)
