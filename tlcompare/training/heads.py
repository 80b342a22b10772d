"""Heads on a frozen backbone: its features are vectors in memory, and several heads train as one batch of them.

For a whole backbone that is frozen, training is softmax regression on fixed vectors. The heads of several runs, which
may differ in seed and recipe, go forward and backward as one batch of matrices (as in the linear evaluation of DINOv2,
arXiv 2304.07193, which trains a grid of heads at once).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tlcompare.config import RunConfig
from tlcompare.data.batches import Lookup, in_order, shuffled
from tlcompare.data.splits import Split
from tlcompare.features.feed import Feed, Stream
from tlcompare.freezing.graph import Classifier, new_head
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan
from tlcompare.machine.device import Compute
from tlcompare.machine.memory import memory_bytes, peak_mb, reset_peak
from tlcompare.training.epochs import Epoch, Fitted, is_better, nothing_frozen_moves, require_finite
from tlcompare.training.evaluate import mean_log_loss
from tlcompare.training.fit import StepReport, class_weights
from tlcompare.training.schedule import shares_of_peak

_MOST_VALUES = 20_000_000
_BATCH = 32
_MAY_DIFFER = (
    "unfreeze run_name experiment seed lr head_lr layer_decay weight_decay warmup_epochs label_smoothing dropout "
    "class_balance clip_norm head_first patience score_test"
).split()


@dataclass(frozen=True)
class _Best:
    """A head after its best epoch: weights (classes, features), biases (classes,), validation probabilities."""

    epoch: Epoch
    weight: Tensor
    bias: Tensor
    probabilities: NDArray[np.float32]


@dataclass
class TrainedHead:
    """One head as training leaves it.

    Attributes:
        config: its recipe.
        began_well: whether its loss was finite before any step.
        features_seconds: what the vectors took to compute, where they were not kept.
        epochs: one entry per epoch, up to the one after which patience ends training.
        best: the head after the best of them.
    """

    config: RunConfig
    began_well: bool
    features_seconds: float
    epochs: list[Epoch] = field(default_factory=list)
    best: _Best | None = None

    def add(self, epoch: Epoch, weight: Tensor, bias: Tensor, probabilities: NDArray[np.float32]) -> None:
        """Take note of an epoch, unless patience has ended training before it."""
        waited = self.epochs[-1].number - self.best.epoch.number if self.best else 0
        if self.config.patience and waited >= self.config.patience:
            return
        self.epochs.append(epoch)
        if self.best is None or is_better(epoch, self.best.epoch):
            self.best = _Best(epoch, weight.detach().clone(), bias.detach().clone(), probabilities)


def train_together(a: RunConfig, b: RunConfig) -> bool:
    """Whether the heads of two runs, both with a frozen backbone, see the same vectors and can train as one batch."""
    same = all(getattr(a, f.name) == getattr(b, f.name) for f in fields(RunConfig) if f.name not in _MAY_DIFFER)
    seeded = a.augment == "crop" or a.weights == "none"
    return same and (a.seed == b.seed or not seeded)


def vectors_fit(feed: Feed, features: int) -> bool:
    """Whether the feature vectors of a run take at most a quarter of this machine's memory."""
    return feed.slots * features * 4 <= memory_bytes() / 4


def fit_head(
    model: Classifier,
    layers: LayerList,
    plan: FreezePlan,
    feed: Feed,
    split: Split,
    config: RunConfig,
    compute: Compute,
    *,
    ahead: Sequence[RunConfig] = (),
    trained: dict[RunConfig, TrainedHead] | None = None,
    on_step: StepReport | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Fitted:
    """Train the head of `model`, whose whole backbone is frozen, as `fit` does, together with those of runs to come.

    Args:
        model, layers, plan, split, config, compute, on_step, on_epoch: as for `fit`.
        feed: where the vectors come from.
        ahead: configurations of later runs, which may train together with this one.
        trained: what earlier calls trained ahead; what this one does is added.

    Raises:
        TrainingError: a loss that is not finite, or a frozen weight that moved.
    """
    trained = {} if trained is None else trained
    reset_peak(compute.device)
    with nothing_frozen_moves(layers, plan) as frozen_digest:
        passes = 0
        if config not in trained:
            passes = 0 if feed.at_cut else feed.slots
            classes, features = model.head.weight.shape
            most = _MOST_VALUES // (features * max(classes, config.batch_size))
            later = [replace(config, **{name: getattr(c, name) for name in _MAY_DIFFER}) for c in ahead[:most]]
            group = list(dict.fromkeys([config, *later]))
            trained |= zip(group, _train(group, feed, split, compute, on_step), strict=True)
        head = trained.pop(config)
        for epoch in head.epochs:
            for what, loss in (("loss", epoch.train_loss), ("validation loss", epoch.val_loss)):
                require_finite(loss, what, f"epoch {epoch.number}", config, at_start=not head.began_well)
            on_epoch(epoch)
        best = head.best
        assert best is not None
        with torch.no_grad():
            model.head.weight.copy_(best.weight)
            model.head.bias.copy_(best.bias)
    model.eval()
    backward = len(head.epochs) * len(split.train)
    return Fitted(
        epochs=tuple(head.epochs),
        best_epoch=best.epoch.number,
        probabilities=best.probabilities,
        features_seconds=feed.seconds + head.features_seconds,
        prefix_images=feed.computed + passes,
        suffix_images=backward + len(head.epochs) * len(split.val),
        backward_images=backward,
        peak_memory_mb=peak_mb(compute.device),
        batch_halvings=0,
        frozen_digest=frozen_digest,
    )


def _train(
    group: Sequence[RunConfig], feed: Feed, split: Split, compute: Compute, on_step: StepReport | None
) -> list[TrainedHead]:
    """Train one head for each configuration, all at once; an epoch's seconds are each head's share.

    What is computed for all together gives each head the bits that it would have alone.
    """
    first, images, device = group[0], feed.train.images, compute.device
    start = time.perf_counter()
    vectors, held_out = _vectors(feed.train), _vectors(feed.val)(split.val)
    computing = 0.0 if feed.at_cut else time.perf_counter() - start
    labels = torch.tensor(images.store.labels, device=device)
    truth = np.asarray(images.store.labels)[split.val]
    heads = [new_head(held_out.shape[1], len(images.store.classes), c.seed).to(device) for c in group]
    optimizers = [_make_optimizer(head, c) for head, c in zip(heads, group, strict=True)]
    random = [torch.Generator(device).manual_seed(c.seed) for c in group]
    balance = [class_weights(images, split.train, c).to(device) for c in group]
    results: list[TrainedHead] = []
    for epoch in range(first.epochs):
        start = time.perf_counter()
        orders = [shuffled(split.train, first.batch_size, c.seed, epoch) for c in group]
        sums = torch.zeros(len(group), 2, device=device)
        for step, rows in enumerate(zip(*orders, strict=True)):
            drawn = np.stack(rows)
            y = labels[torch.from_numpy(drawn).to(device)]
            x = _dropped(vectors(images.slots(drawn.ravel(), epoch)).view(*drawn.shape, -1), group, random)
            biases, weights = torch.stack([h.bias for h in heads]), torch.stack([h.weight for h in heads])
            logits = _logits(x, weights, biases)
            losses = [_loss(*each) for each in zip(logits, y, balance, group, strict=True)]
            results = results or [
                TrainedHead(c, bool(loss.isfinite()), computing) for c, loss in zip(group, losses, strict=True)
            ]
            torch.autograd.backward(losses)
            for head, optimizer, config in zip(heads, optimizers, group, strict=True):
                if config.clip_norm:
                    nn.utils.clip_grad_norm_(head.parameters(), config.clip_norm)
                share, _ = shares_of_peak(config, epoch + step / len(orders[0]))
                for settings in optimizer.param_groups:
                    settings["lr"] = config.head_lr * share
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            right = (logits.argmax(2) == y).float().mean(1)
            sums += drawn.shape[1] * torch.stack([torch.stack(losses).detach(), right], 1)
        means = (sums / len(split.train)).tolist()
        with torch.inference_mode():
            probabilities = [head(held_out).softmax(1).cpu().numpy() for head in heads]
        seconds = (time.perf_counter() - start) / len(group)
        for i, head in enumerate(heads):
            after = Epoch(
                number=epoch + 1,
                train_loss=means[i][0],
                train_accuracy=means[i][1],
                val_loss=mean_log_loss(probabilities[i], truth),
                val_accuracy=float((probabilities[i].argmax(1) == truth).mean()),
                lr=0.0,
                head_lr=optimizers[i].param_groups[0]["lr"],
                seconds=seconds,
            )
            results[i].add(after, head.weight, head.bias, probabilities[i])
        if on_step:
            on_step(epoch + 1, 1, 1, *means[0])
    return results


def _vectors(stream: Stream) -> Lookup:
    """The vectors of slots, which are read or computed once."""
    batches = stream.gather(in_order(stream.slots, _BATCH))
    return Lookup(stream.slots, torch.cat([stream.advance(x).float() for x in batches]))


def _logits(x: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Of vectors (heads, N, features); a batch of one matrix, which the library computes another way, as one of two."""
    heads = len(x)
    x, weights, biases = (t if heads > 1 else t.expand(2, *t.shape[1:]) for t in (x, weights, biases))
    return torch.baddbmm(biases.unsqueeze(1), x, weights.transpose(1, 2))[:heads]


def _dropped(x: Tensor, group: Sequence[RunConfig], random: Sequence[torch.Generator]) -> Tensor:
    """Dropout on vectors (heads, N, features), with each head's own rate and random numbers."""
    if not any(c.dropout for c in group):
        return x
    draws = torch.stack([torch.rand(x.shape[1:], generator=g, device=x.device) for g in random])
    rate = torch.tensor([c.dropout for c in group], device=x.device).view(-1, 1, 1)
    return x * (draws >= rate) / (1 - rate)


def _loss(logits: Tensor, labels: Tensor, balance: Tensor, config: RunConfig) -> Tensor:
    total = nn.functional.cross_entropy(
        logits, labels, weight=balance, label_smoothing=config.label_smoothing, reduction="sum"
    )
    return total / balance[labels].sum()


def _make_optimizer(head: nn.Linear, config: RunConfig) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": [head.weight], "weight_decay": config.weight_decay},
        {"params": [head.bias]},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.head_lr, momentum=0.9, fused=True)
    return torch.optim.AdamW(groups, lr=config.head_lr, weight_decay=0.0, fused=True)
