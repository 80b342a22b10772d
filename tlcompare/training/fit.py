"""The training loop: a frozen prefix, a suffix and head that train, and the best epoch kept."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tlcompare.config import RunConfig
from tlcompare.data.splits import Split
from tlcompare.errors import TrainingError
from tlcompare.freezing.digest import digest, frozen_state
from tlcompare.freezing.graph import Classifier
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan, freeze, set_training
from tlcompare.training.batches import Images, Indices, shuffled
from tlcompare.training.device import Compute
from tlcompare.training.evaluate import mean_log_loss, out_of_memory, predict
from tlcompare.training.memory import peak_mb, reset_peak


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
        number: from 1.
        train_loss, train_accuracy: means over the epoch's training views, while the weights moved.
        val_loss: mean negative log likelihood on validation, in nats; val_accuracy in 0..1.
        lr, head_lr: learning rates at the epoch's last step; lr is 0 where only the head trains.
        seconds: training and validation.
    """

    number: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    lr: float
    head_lr: float
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """The result of training; the model holds the weights of the best epoch.

    Attributes:
        epochs: one entry per epoch run.
        best_epoch: number of the epoch with the best validation accuracy, ties going to the lower loss.
        seconds: of training and of validating after each epoch.
        prefix_images, suffix_images, backward_images: image-passes through prefix, suffix and backwards.
        peak_memory_mb: highest memory while training.
        batch_halvings: how often a batch was split because it did not fit into memory.
        frozen_digest: SHA-256 of everything frozen, the same before and after.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int
    seconds: float
    prefix_images: int
    suffix_images: int
    backward_images: int
    peak_memory_mb: float
    batch_halvings: int
    frozen_digest: str


StepReport = Callable[[int, int, int, float, float], None]


@dataclass
class _Counts:
    prefix: int = 0
    suffix: int = 0
    backward: int = 0
    halvings: int = 0


@dataclass
class _Trainer:
    """What every step needs."""

    model: Classifier
    images: Images
    config: RunConfig
    compute: Compute
    optimizer: torch.optim.Optimizer
    class_weights: Tensor
    micro_batch: int
    least_micro_batch: int
    on_notice: Callable[[str], None] | None
    counts: _Counts = field(default_factory=_Counts)


def fit(
    model: Classifier,
    layers: LayerList,
    plan: FreezePlan,
    images: Images,
    split: Split,
    config: RunConfig,
    compute: Compute,
    *,
    on_step: StepReport | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Fitted:
    """Train `model` in place and leave it with the weights of its best epoch.

    Args:
        model: the classifier, cut at the plan's cut, on `compute.device`.
        layers: its backbone's layer list.
        plan: what trains.
        images: where batches come from.
        split: rows to train on and to validate on; the test rows are not touched.
        config: the recipe.
        compute: device and precision.
        on_step: called with (epoch, step, steps, mean loss, mean accuracy), the numbers from 1.
        on_epoch: called after each epoch.
        on_notice: called with a sentence when a batch had to be split.

    Raises:
        TrainingError: a loss that is not finite, no memory for the smallest batch, or a frozen weight that moved.
    """
    norms_train = any(x.operation == "norm" and x.name in plan.whole for x in layers.layers)
    if config.batch_size == 1 and norms_train:
        raise TrainingError("--batch-size 1: norms that train need two images or more")
    before = digest(frozen_state(layers, plan))
    torch.manual_seed(config.seed)
    reset_peak(compute.device)
    trainer = _Trainer(
        model=model,
        images=images,
        config=config,
        compute=compute,
        optimizer=_make_optimizer(model, layers, plan, config),
        class_weights=_class_weights(images, split.train, config).to(compute.device),
        micro_batch=config.batch_size + 1,
        least_micro_batch=2 if norms_train else 1,
        on_notice=on_notice,
    )
    truth = np.asarray(images.store.labels)[split.val]
    epochs: list[Epoch] = []
    best: dict[str, Tensor] = {}
    best_key, best_epoch = (-1.0, -math.inf), 0
    for epoch in range(config.epochs):
        start = time.perf_counter()
        head_only = epoch < config.head_first
        freeze(layers.network, plan)
        if head_only:
            layers.network.requires_grad_(False)
        loss, accuracy = _train_epoch(trainer, layers, plan, split.train, epoch, head_only, on_step)
        probabilities = predict(model, images, split.val)
        trainer.counts.prefix += len(split.val)
        trainer.counts.suffix += len(split.val)
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
        if not math.isfinite(result.val_loss):
            raise TrainingError(
                f"the validation loss became {result.val_loss} in epoch {epoch + 1}: "
                + _likely_cause(epoch, len(epochs) + 1, config)
            )
        epochs.append(result)
        if on_epoch:
            on_epoch(result)
        if (key := (result.val_accuracy, -result.val_loss)) > best_key:
            best_key, best_epoch = key, result.number
            best = {name: t.detach().clone() for name, t in _changing(model, layers, plan).items()}
        elif config.patience and result.number - best_epoch >= config.patience:
            break
    for name, tensor in _changing(model, layers, plan).items():
        tensor.detach().copy_(best[name])
    after = digest(frozen_state(layers, plan))
    if after != before:
        raise TrainingError(f"a frozen weight or statistic of {plan.backbone} changed while training: this is a bug")
    model.eval()
    counts = trainer.counts
    return Fitted(
        epochs=tuple(epochs),
        best_epoch=best_epoch,
        seconds=sum(e.seconds for e in epochs),
        prefix_images=counts.prefix,
        suffix_images=counts.suffix,
        backward_images=counts.backward,
        peak_memory_mb=peak_mb(compute.device),
        batch_halvings=counts.halvings,
        frozen_digest=before,
    )


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
    config = trainer.config
    trainer.model.eval()
    trainer.model.dropout.train()
    if not head_only:
        set_training(layers, plan)
    batches = shuffled(rows, config.batch_size, config.seed, epoch)
    seen, loss_sum, right = 0, 0.0, 0
    for step, batch in enumerate(batches):
        _set_learning_rates(trainer.optimizer, config, epoch + step / len(batches))
        loss, correct = _train_step(trainer, batch, epoch)
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss} in epoch {epoch + 1}, step {step + 1} of {len(batches)}: "
                + _likely_cause(epoch, step, config)
            )
        seen, loss_sum, right = seen + len(batch), loss_sum + loss * len(batch), right + correct
        if on_step:
            on_step(epoch + 1, step + 1, len(batches), loss_sum / seen, right / seen)
    return loss_sum / seen, right / seen


def _train_step(trainer: _Trainer, batch: Indices, epoch: int) -> tuple[float, int]:
    """One optimizer step; a batch that does not fit into memory is halved and its gradients added up."""
    random_state = torch.get_rng_state()
    while True:
        try:
            trainer.optimizer.zero_grad(set_to_none=True)
            loss, correct = _accumulate(trainer, batch, epoch)
            break
        except RuntimeError as e:
            if not out_of_memory(e):
                raise
            least = trainer.least_micro_batch
            if min(trainer.micro_batch, len(batch)) <= least:
                raise TrainingError(
                    f"not enough memory to train on {least} image(s) at a time",
                    f"Take a smaller --image-size than {trainer.images.preprocessing.size}, or unfreeze less.",
                ) from e
        trainer.optimizer.zero_grad(set_to_none=True)
        trainer.micro_batch = max((min(trainer.micro_batch, len(batch)) + 1) // 2, trainer.least_micro_batch)
        trainer.counts.halvings += 1
        if trainer.on_notice:
            trainer.on_notice(
                f"out of memory: batches of {len(batch)} images are now computed {trainer.micro_batch} at a time"
            )
        torch.set_rng_state(random_state)
        gc.collect()
        if trainer.compute.device == "cuda":
            torch.cuda.empty_cache()
    if trainer.config.clip_norm and math.isfinite(loss):
        trained = [p for group in trainer.optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(trained, trainer.config.clip_norm)
    trainer.optimizer.step()
    return loss, correct


def _accumulate(trainer: _Trainer, batch: Indices, epoch: int) -> tuple[float, int]:
    """Forward and backward over a batch in micro-batches; returns the batch's mean loss and right answers."""
    labels = trainer.images.labels(batch)
    total_weight = trainer.class_weights[labels].sum()
    loss_sum, correct = torch.zeros((), device=labels.device), 0
    pieces = math.ceil(len(batch) / trainer.micro_batch)
    for rows in np.array_split(np.arange(len(batch)), pieces):
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        x = trainer.images.augmented(batch[part], epoch)
        with trainer.compute.autocast():
            with torch.no_grad():
                x = trainer.model.prefix(x)
            logits = trainer.model.rest(x).float()
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
        loss_sum += loss.detach()
        correct += int((logits.argmax(1) == labels[part]).sum())
    trainer.counts.prefix += len(batch)
    trainer.counts.suffix += len(batch)
    trainer.counts.backward += len(batch)
    return float(loss_sum), correct


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
        return torch.optim.SGD(groups, lr=config.lr, momentum=0.9)
    return torch.optim.AdamW(groups, lr=config.lr)


def _set_learning_rates(optimizer: torch.optim.Optimizer, config: RunConfig, at: float) -> None:
    """Set every group's rate for the point `at`, in epochs: the head alone first, then warm-up and cosine for all."""
    if at < config.head_first:
        head, rest = _cosine(at / config.head_first), 0.0
    else:
        since, length = at - config.head_first, config.epochs - config.head_first
        warm_up = min(config.warmup_epochs, length / 2)
        if since < warm_up:
            head = rest = (since + 0.01) / (warm_up + 0.01)
        else:
            head = rest = _cosine((since - warm_up) / (length - warm_up))
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * (head if group["head"] else rest)


def _cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))


def _class_weights(images: Images, rows: Indices, config: RunConfig) -> Tensor:
    count = torch.bincount(images.labels(rows).cpu(), minlength=len(images.store.classes)).float()
    if config.class_balance == "none":
        return torch.ones(len(count))
    return len(rows) / (len(count) * count)


def _changing(model: Classifier, layers: LayerList, plan: FreezePlan) -> dict[str, Tensor]:
    """Weights and buffers that training moves."""
    frozen = {f"backbone.{name}" for name in frozen_state(layers, plan)}
    return {name: tensor for name, tensor in model.weights().items() if name not in frozen}


def _likely_cause(epoch: int, step: int, config: RunConfig) -> str:
    if epoch == 0 and step == 0:
        return "it was so before any step, so look at the weights (--weights) and the precision (--precision fp32)"
    return f"the learning rate is the usual cause; try --lr {config.lr / 10:g} --head-lr {config.head_lr / 10:g}"
