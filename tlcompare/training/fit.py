"""The training loop: what the feed gives goes through a suffix and head that train, and the best epoch is kept."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
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
from tlcompare.machine.memory import out_of_memory, peak_mb, reset_peak
from tlcompare.training.checkpoints import (
    Checkpoint,
    State,
    optimizer_tensors,
    random_states,
    restore_optimizer,
    restore_random_states,
)
from tlcompare.training.epochs import Epoch, Fitted, is_better, nothing_frozen_moves, require_finite
from tlcompare.training.evaluate import mean_log_loss, predict
from tlcompare.training.schedule import shares_of_peak

StepReport = Callable[[int, int, int, float, float], None]
_STEPS_PER_LOOK = {"cpu": 1}
_MORE_STEPS = 32
"""Steps after which the loss is looked at: on other devices than the CPU, each look waits for the device."""


@dataclass
class _Counts:
    prefix: int = 0
    suffix: int = 0
    backward: int = 0
    halvings: int = 0
    micro_batch: int = 0
    peak_mb: float = 0.0


@dataclass
class _Trainer:
    """What every step needs."""

    model: Classifier
    rest: Callable[[Tensor], Tensor]
    feed: Feed
    config: RunConfig
    compute: Compute
    optimizer: torch.optim.Optimizer
    class_weights: Tensor
    least_micro_batch: int
    on_notice: Callable[[str], None]
    counts: _Counts


@dataclass
class _Progress:
    """The epochs so far, and what the best of them has left."""

    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    best_probabilities: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))

    def add(self, epoch: Epoch, probabilities: NDArray[np.float32], changing: dict[str, Tensor]) -> None:
        best = self.epochs[self.best_epoch - 1] if self.epochs else None
        self.epochs.append(epoch)
        if is_better(epoch, best):
            self.best_epoch = epoch.number
            self.best_probabilities = probabilities
            self.best_weights = {name: t.detach().clone() for name, t in changing.items()}

    def is_over(self, config: RunConfig) -> bool:
        done = len(self.epochs)
        return done >= config.epochs or 0 < config.patience <= done - self.best_epoch


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
        checkpoint: where the training goes on from, if it was interrupted, and is kept after each epoch.
        on_step: called with (epoch, step, steps, mean loss, mean accuracy), the numbers from 1.
        on_epoch: called after each epoch, and for those that the checkpoint had.
        on_notice: called with a sentence when a batch had to be split, and where training goes on.

    Raises:
        TrainingError: a loss that is not finite, no memory for the smallest batch, or a frozen weight that moved.
    """
    norms_train = any(x.operation == "norm" and x.name in plan.whole for x in layers.layers)
    if config.batch_size == 1 and norms_train:
        raise TrainingError("--batch-size 1: norms that train need two images or more", "Give --batch-size 2 or more.")
    torch.manual_seed(config.seed)
    reset_peak(compute.device)
    trainer = _Trainer(
        model=model,
        rest=model.rest if suffix is None else lambda x: model.head(model.dropout(suffix(x))),
        feed=feed,
        config=config,
        compute=compute,
        optimizer=_make_optimizer(model, layers, plan, config),
        class_weights=class_weights(feed.train.images, split.train, config).to(compute.device),
        least_micro_batch=2 if norms_train else 1,
        on_notice=on_notice,
        counts=_Counts(prefix=feed.computed, micro_batch=config.batch_size + 1),
    )
    progress = _Progress()
    with nothing_frozen_moves(layers, plan) as frozen_digest:
        changing = _changing(model, layers, plan)
        if checkpoint and (state := checkpoint.load()):
            on_notice(f"going on after epoch {len(state.epochs)} of an earlier attempt, whose epochs and time count")
            progress = _restore(trainer, changing, state)
            for result in progress.epochs:
                on_epoch(result)
        while not progress.is_over(config):
            result, probabilities = _run_epoch(trainer, layers, plan, split, len(progress.epochs), on_step)
            progress.add(result, probabilities, changing)
            trainer.counts.peak_mb = max(trainer.counts.peak_mb, peak_mb(compute.device))
            if checkpoint:
                checkpoint = _keep(checkpoint, trainer, changing, progress)
                reset_peak(compute.device)
            on_epoch(result)
        for name, tensor in changing.items():
            tensor.detach().copy_(progress.best_weights[name])
    return _fitted(progress, trainer.counts, feed, frozen_digest)


def _fitted(progress: _Progress, counts: _Counts, feed: Feed, frozen_digest: str) -> Fitted:
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


def _run_epoch(
    trainer: _Trainer,
    layers: LayerList,
    plan: FreezePlan,
    split: Split,
    epoch: int,
    on_step: StepReport | None,
) -> tuple[Epoch, NDArray[np.float32]]:
    """Train for an epoch, numbered from 0, and validate; returns the probabilities of the validation images too."""
    start = time.perf_counter()
    head_only = epoch < trainer.config.head_first
    freeze(layers.network, plan)
    if head_only:
        layers.network.requires_grad_(False)
    loss, accuracy = _train_epoch(trainer, layers, plan, split.train, epoch, head_only, on_step)
    trainer.model.eval()
    stream = trainer.feed.val
    probabilities = predict(trainer.model.rest, stream, split.val)
    trainer.counts.suffix += len(split.val)
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
        seconds=time.perf_counter() - start,
    )
    require_finite(result.val_loss, "validation loss", f"epoch {epoch + 1}", trainer.config, at_start=False)
    return result, probabilities


def _keep(
    checkpoint: Checkpoint, trainer: _Trainer, changing: dict[str, Tensor], progress: _Progress
) -> Checkpoint | None:
    """Save where training stands; returns None, once it cannot be saved."""
    tensors = {f"now.{name}": t for name, t in changing.items()}
    if progress.best_epoch < len(progress.epochs):
        tensors |= {f"best.{name}": t for name, t in progress.best_weights.items()}
    tensors |= {"probabilities": torch.from_numpy(progress.best_probabilities)}
    tensors |= optimizer_tensors(trainer.optimizer) | random_states(trainer.compute.device)
    try:
        checkpoint.save(State(tuple(progress.epochs), progress.best_epoch, asdict(trainer.counts), tensors))
    except OSError as e:
        trainer.on_notice(f"warning: no checkpoints from here on, which an interruption would cost: {first_line(e)}")
        return None
    return checkpoint


def _restore(trainer: _Trainer, changing: dict[str, Tensor], state: State) -> _Progress:
    """Put training where a checkpoint has it."""
    tensors = state.tensors
    for name, tensor in changing.items():
        tensor.detach().copy_(tensors[f"now.{name}"])
    restore_optimizer(trainer.optimizer, tensors)
    restore_random_states(tensors)
    # What the interrupted attempt has computed of the prefix is there now, and was not computed this time.
    trainer.counts = replace(_Counts(**state.counts), prefix=state.counts["prefix"] + trainer.counts.prefix)
    kept = "best" if state.best_epoch < len(state.epochs) else "now"
    weights = {name: tensors[f"{kept}.{name}"] for name in changing}
    return _Progress(list(state.epochs), state.best_epoch, weights, tensors["probabilities"].numpy())


def _train_epoch(
    trainer: _Trainer,
    layers: LayerList,
    plan: FreezePlan,
    rows: Indices,
    epoch: int,
    head_only: bool,
    on_step: StepReport | None,
) -> tuple[float, float]:
    """One pass over the training rows; returns mean loss and accuracy."""
    config, stream = trainer.config, trainer.feed.train
    trainer.model.eval()
    trainer.model.dropout.train()
    if not head_only:
        set_training(layers, plan)
    batches = shuffled(rows, config.batch_size, config.seed, epoch)
    steps, look = len(batches), _STEPS_PER_LOOK.get(trainer.compute.device, _MORE_STEPS)
    gathered = stream.gather(stream.images.slots(batch, epoch) for batch in batches)
    totals = torch.zeros(2, device=trainer.compute.device)
    seen, loss, accuracy = 0, math.nan, math.nan
    for step, (batch, x) in enumerate(zip(batches, gathered, strict=True)):
        _set_learning_rates(trainer.optimizer, config, epoch + step / steps)
        totals += len(batch) * _train_step(trainer, x, stream.images.labels(batch))
        seen += len(batch)
        if step % look == 0 or step + 1 == steps:
            loss, accuracy = (totals / seen).tolist()
            where = f"epoch {epoch + 1}, step {step + 1} of {steps}"
            require_finite(loss, "loss", where, config, at_start=epoch == step == 0)
            if on_step:
                on_step(epoch + 1, step + 1, steps, loss, accuracy)
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
            if min(trainer.counts.micro_batch, len(x)) <= least:
                raise MemoryShortage(
                    f"not enough memory to train on {least} image(s) at a time",
                    f"Take a smaller --image-size than {trainer.feed.train.images.preprocessing.size}, "
                    "or unfreeze less.",
                ) from e
        trainer.optimizer.zero_grad(set_to_none=True)
        half = max((min(trainer.counts.micro_batch, len(x)) + 1) // 2, trainer.least_micro_batch)
        trainer.counts.micro_batch = half
        trainer.counts.halvings += 1
        trainer.on_notice(f"out of memory: batches of {len(x)} images are now computed {half} at a time")
        torch.set_rng_state(random_state)
        gc.collect()
        if trainer.compute.device == "cuda":
            torch.cuda.empty_cache()
    if trainer.config.clip_norm:
        trained = [p for group in trainer.optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(trained, trainer.config.clip_norm)
    trainer.optimizer.step()
    trainer.counts.suffix += len(x)
    trainer.counts.backward += len(x)
    return result


def _accumulate(trainer: _Trainer, x: Tensor, labels: Tensor) -> Tensor:
    """Forward and backward over a batch in micro-batches; returns the batch's mean loss and accuracy."""
    total_weight = trainer.class_weights[labels].sum()
    result = torch.zeros(2, device=labels.device)
    pieces = math.ceil(len(x) / trainer.counts.micro_batch)
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
