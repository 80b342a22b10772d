"""The training loop: what the feed gives goes through a suffix and head that train, and the best epoch is kept."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tlcompare.config import RunConfig
from tlcompare.data.batches import Images, Indices, shuffled
from tlcompare.data.splits import Split
from tlcompare.errors import MemoryShortage, TrainingError
from tlcompare.features.feed import Feed
from tlcompare.files import first_line
from tlcompare.freezing.digest import frozen_state
from tlcompare.freezing.graph import Classifier
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan, freeze, set_training
from tlcompare.machine.device import Compute
from tlcompare.machine.memory import out_of_memory, peak_mb, reset_peak, room_on
from tlcompare.machine.signals import is_interruption
from tlcompare.training.checkpoints import Checkpoint
from tlcompare.training.epochs import Epoch, Fitted, Paused, nothing_frozen_moves, require_finite
from tlcompare.training.evaluate import mean_log_loss, predict
from tlcompare.training.progress import Counts, Progress, restored, state_of
from tlcompare.training.schedule import shares_of_peak

StepReport = Callable[[int, int, int, float, float], None]
_STEPS_PER_LOOK = {"cpu": 1}
_MORE_STEPS = 32
"""Steps after which the loss is looked at: on other devices than the CPU, each look waits for the device."""


@dataclass
class _Trainer:
    """What every step needs."""

    layers: LayerList
    plan: FreezePlan
    model: Classifier
    rest: Callable[[Tensor], Tensor]
    feed: Feed
    config: RunConfig
    compute: Compute
    optimizer: torch.optim.Optimizer
    class_weights: Tensor
    least_micro_batch: int
    on_notice: Callable[[str], None]
    on_step: StepReport | None
    checkpoint: Checkpoint | None
    changing: dict[str, Tensor]
    progress: Progress


def fit(
    model: Classifier,
    layers: LayerList,
    plan: FreezePlan,
    feed: Feed,
    split: Split,
    config: RunConfig,
    compute: Compute,
    *,
    suffix: Callable[[Tensor], Tensor] | None = None,
    checkpoint: Checkpoint | None = None,
    on_step: StepReport | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> Fitted:
    """Train `model` in place and leave it with the weights of its best epoch.

    Args:
        model: the classifier, cut at the plan's cut, on `compute.device`.
        layers: its backbone's layer list.
        plan: what trains.
        feed: where batches come from.
        split: rows to train on and to validate on; the test rows are not touched.
        config: the recipe.
        compute: device and precision.
        suffix: what gives the numbers of the model's suffix sooner, to train through.
        checkpoint: where the training goes on from, if it was broken off, and is kept: now and then, and when a signal
            or a pause ends it.
        on_step: called with (epoch, step, steps, mean loss, mean accuracy), the numbers from 1.
        on_epoch: called after each epoch, and for those that the checkpoint had; may raise `Paused`.
        on_notice: called with a sentence when a batch had to be split, and where training goes on.

    Raises:
        TrainingError: a loss that is not finite, no memory for the smallest batch, or a frozen weight that moved.
    """
    norms_train = any(x.operation == "norm" and x.name in plan.whole for x in layers.layers)
    if config.batch_size == 1 and norms_train:
        raise TrainingError("--batch-size 1: norms that train need two images or more", "Give --batch-size 2 or more.")
    torch.manual_seed(config.seed)
    feed = feed.holding(room_on(compute.device))
    reset_peak(compute.device)
    trainer = _Trainer(
        layers=layers,
        plan=plan,
        model=model,
        rest=model.rest if suffix is None else lambda x: model.head(model.dropout(suffix(x))),
        feed=feed,
        config=config,
        compute=compute,
        optimizer=_make_optimizer(model, layers, plan, config),
        class_weights=class_weights(feed.train.images, split.train, config).to(compute.device),
        least_micro_batch=2 if norms_train else 1,
        on_notice=on_notice,
        on_step=on_step,
        checkpoint=checkpoint,
        changing=_changing(model, layers, plan),
        progress=Progress(
            Counts(prefix=feed.computed, micro_batch=config.batch_size + 1), torch.zeros(2, device=compute.device)
        ),
    )
    with nothing_frozen_moves(layers, plan) as frozen_digest:
        if checkpoint and (state := checkpoint.load()):
            trainer.progress = restored(state, trainer.changing, trainer.optimizer, feed.computed, compute.device)
            on_notice(f"going on {trainer.progress.place} of an earlier attempt, whose epochs and time count")
            for result in trainer.progress.epochs:
                on_epoch(result)
        progress = trainer.progress
        try:
            while not progress.is_over(config):
                result, probabilities = _run_epoch(trainer, split)
                progress.add(result, probabilities, trainer.changing)
                on_epoch(result)
        except BaseException as e:
            if (is_interruption(e) or isinstance(e, Paused)) and progress.between:
                _keep(trainer)
            raise
        progress.counts.peak_mb = max(progress.counts.peak_mb, peak_mb(compute.device))
        for name, tensor in trainer.changing.items():
            tensor.detach().copy_(progress.best_weights[name])
    return _fitted(progress, feed, frozen_digest)


def _fitted(progress: Progress, feed: Feed, frozen_digest: str) -> Fitted:
    counts = progress.counts
    return Fitted(
        epochs=tuple(progress.epochs),
        best_epoch=progress.best_epoch,
        probabilities=progress.best_probabilities,
        features_seconds=feed.seconds,
        prefix_images=counts.prefix + (counts.suffix if feed.leads else 0),
        suffix_images=counts.suffix,
        backward_images=counts.backward,
        peak_memory_mb=counts.peak_mb,
        batch_halvings=counts.halvings,
        frozen_digest=frozen_digest,
    )


def _run_epoch(trainer: _Trainer, split: Split) -> tuple[Epoch, NDArray[np.float32]]:
    """Train for the next epoch, or what is left of it, and validate; returns the probabilities of the validation images
    too."""
    progress = trainer.progress
    epoch = len(progress.epochs)
    if not progress.steps:
        progress.began = time.perf_counter()
    network = trainer.layers.network
    freeze(network, trainer.plan)
    if epoch < trainer.config.head_first:
        network.requires_grad_(False)
    loss, accuracy = _train_epoch(trainer, split.train)
    trainer.model.eval()
    stream = trainer.feed.val
    probabilities = predict(trainer.model.rest, stream, split.val)
    truth = np.asarray(stream.images.store.labels)[split.val]
    groups = trainer.optimizer.param_groups
    result = Epoch(
        number=epoch + 1,
        train_loss=loss,
        train_accuracy=accuracy,
        val_loss=mean_log_loss(probabilities, truth),
        val_accuracy=float((probabilities.argmax(1) == truth).mean()),
        lr=max((g["lr"] for g in groups if not g["head"]), default=0.0),
        head_lr=max(g["lr"] for g in groups if g["head"]),
        seconds=time.perf_counter() - progress.began,
    )
    require_finite(result.val_loss, "validation loss", f"epoch {epoch + 1}", trainer.config, at_start=False)
    return result, probabilities


def _keep(trainer: _Trainer) -> None:
    """Save where training stands, unless it cannot be saved; neither its time nor its memory is training's."""
    if trainer.checkpoint is None:
        return
    start, progress, device = time.perf_counter(), trainer.progress, trainer.compute.device
    progress.counts.peak_mb = max(progress.counts.peak_mb, peak_mb(device))
    try:
        trainer.checkpoint.save(state_of(progress, trainer.changing, trainer.optimizer, device))
    except OSError as e:
        trainer.on_notice(f"warning: no checkpoints from here on, which an interruption would cost: {first_line(e)}")
        trainer.checkpoint = None
    reset_peak(device)
    progress.began += time.perf_counter() - start


def _train_epoch(trainer: _Trainer, rows: Indices) -> tuple[float, float]:
    """One pass over the training rows, or what is left of it; returns mean loss and accuracy."""
    config, stream, progress = trainer.config, trainer.feed.train, trainer.progress
    epoch = len(progress.epochs)
    trainer.model.eval()
    trainer.model.dropout.train()
    if epoch >= config.head_first:
        set_training(trainer.layers, trainer.plan)
    batches = shuffled(rows, config.batch_size, config.seed, epoch)
    steps, look = len(batches), _STEPS_PER_LOOK.get(trainer.compute.device, _MORE_STEPS)
    if progress.steps:
        _set_learning_rates(trainer.optimizer, config, epoch + (progress.steps - 1) / steps)
    left = batches[progress.steps :]
    seen = len(rows) - sum(map(len, left))
    for batch, x in zip(left, stream.gather(stream.images.slots(batch, epoch) for batch in left), strict=True):
        step = progress.steps
        with progress.changing():
            _set_learning_rates(trainer.optimizer, config, epoch + step / steps)
            progress.totals += len(batch) * _train_step(trainer, x, stream.images.labels(batch))
            progress.steps += 1
        seen += len(batch)
        if step % look == 0 or step + 1 == steps:
            loss, accuracy = (progress.totals / seen).tolist()
            where = f"epoch {epoch + 1}, step {step + 1} of {steps}"
            require_finite(loss, "loss", where, config, at_start=epoch == step == 0)
            if trainer.on_step:
                trainer.on_step(epoch + 1, step + 1, steps, loss, accuracy)
        if trainer.checkpoint and trainer.checkpoint.due:
            _keep(trainer)
    loss, accuracy = (progress.totals / seen).tolist()
    return loss, accuracy


def _train_step(trainer: _Trainer, x: Tensor, labels: Tensor) -> Tensor:
    """One optimizer step; a batch that does not fit into memory is halved and its gradients added up.

    Returns:
        The batch's mean loss and accuracy, on the device.
    """
    random_state = torch.get_rng_state()
    while True:
        try:
            trainer.optimizer.zero_grad(set_to_none=True)
            result = _accumulate(trainer, x, labels.to(trainer.compute.device, non_blocking=True))
            break
        except RuntimeError as e:
            if not out_of_memory(e):
                raise
            least = trainer.least_micro_batch
            if min(trainer.progress.counts.micro_batch, len(x)) <= least:
                raise MemoryShortage(
                    f"not enough memory to train on {least} image(s) at a time",
                    f"Take a smaller --image-size than {trainer.feed.train.images.preprocessing.size}, "
                    "or unfreeze less.",
                ) from e
        trainer.optimizer.zero_grad(set_to_none=True)
        half = max((min(trainer.progress.counts.micro_batch, len(x)) + 1) // 2, trainer.least_micro_batch)
        trainer.progress.counts.micro_batch = half
        trainer.progress.counts.halvings += 1
        trainer.on_notice(f"out of memory: batches of {len(x)} images are now computed {half} at a time")
        torch.set_rng_state(random_state)
        gc.collect()
        if trainer.compute.device == "cuda":
            torch.cuda.empty_cache()
    if trainer.config.clip_norm:
        trained = [p for group in trainer.optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(trained, trainer.config.clip_norm)
    trainer.optimizer.step()
    trainer.progress.counts.suffix += len(x)
    trainer.progress.counts.backward += len(x)
    return result


def _accumulate(trainer: _Trainer, x: Tensor, labels: Tensor) -> Tensor:
    """Forward and backward over a batch in micro-batches; returns the batch's mean loss and accuracy."""
    total_weight = trainer.class_weights[labels].sum()
    result = torch.zeros(2, device=labels.device)
    pieces = math.ceil(len(x) / trainer.progress.counts.micro_batch)
    for rows in np.array_split(np.arange(len(x)), pieces):
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        start = trainer.feed.train.advance(x[part])
        with trainer.compute.autocast():
            logits = trainer.rest(start).float()
        loss = (
            nn.functional.cross_entropy(
                logits,
                labels[part],
                weight=trainer.class_weights,
                label_smoothing=trainer.config.label_smoothing,
                reduction="sum",
            )
            / total_weight
        )
        torch.autograd.backward(loss)
        right = (logits.argmax(1) == labels[part]).sum() / len(x)
        result += torch.stack([loss.detach(), right])
    return result


def _make_optimizer(model: Classifier, layers: LayerList, plan: FreezePlan, config: RunConfig) -> torch.optim.Optimizer:
    """Groups by learning rate and weight decay; the head's come first. `peak` is a group's peak learning rate."""
    groups: list[dict[str, Any]] = []

    def add(parameters: list[nn.Parameter], peak: float, head: bool) -> None:
        for decay, chosen in (
            (config.weight_decay, [p for p in parameters if p.ndim > 1]),
            (0.0, [p for p in parameters if p.ndim <= 1]),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": peak, "peak": peak, "weight_decay": decay, "head": head})

    add(list(model.head.parameters()), config.head_lr, True)
    weights = dict(layers.network.named_parameters())
    seen: set[str] = set()
    for distance, block in enumerate(reversed(layers.blocks)):
        names = [p for x in layers.layers if x.block == block for p in x.parameters if p in plan.parameters - seen]
        seen.update(names)
        add([weights[n] for n in dict.fromkeys(names)], config.lr * config.layer_decay**distance, False)
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=0.9, fused=True)
    return torch.optim.AdamW(groups, lr=config.lr, fused=True)


def _set_learning_rates(optimizer: torch.optim.Optimizer, config: RunConfig, at: float) -> None:
    """Set every group's rate for the point `at`, in epochs."""
    head, rest = shares_of_peak(config, at)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * (head if group["head"] else rest)


def class_weights(images: Images, rows: Indices, config: RunConfig) -> Tensor:
    """Weight of every class in the loss, from the training images."""
    count = torch.bincount(images.labels(rows), minlength=len(images.store.classes)).float()
    if config.class_balance == "none":
        return torch.ones(len(count))
    return len(rows) / (len(count) * count)


def _changing(model: Classifier, layers: LayerList, plan: FreezePlan) -> dict[str, Tensor]:
    """Weights and buffers that training moves."""
    frozen = {f"backbone.{name}" for name in frozen_state(layers, plan)}
    return {name: tensor for name, tensor in model.weights().items() if name not in frozen}
