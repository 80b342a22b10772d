"""Heads on a frozen backbone: its features are vectors in memory, and several heads train as one batch of them.

For a whole backbone that is frozen, training is softmax regression on fixed vectors. The heads of several runs, which
may differ in seed and recipe, are one tensor each of weights and biases, so that a step of all costs about as much as
a step of one (as in the linear evaluation of DINOv2, arXiv 2304.07193, which trains a grid of heads at once).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlcompare.config import RunConfig
from tlcompare.data.splits import Split
from tlcompare.freezing.graph import Classifier, new_head
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan
from tlcompare.training.batches import Indices, in_order, shuffled
from tlcompare.training.device import Compute
from tlcompare.training.epochs import Epoch, Fitted, is_better, nothing_frozen_moves, require_finite
from tlcompare.training.evaluate import mean_log_loss
from tlcompare.training.feed import Feed, Stream
from tlcompare.training.fit import StepReport, class_weights
from tlcompare.training.memory import memory_bytes, peak_mb, reset_peak
from tlcompare.training.schedule import shares_of_peak

_MOST_WEIGHTS = 20_000_000
_BATCH = 32
_BETAS, _EPS, _MOMENTUM = (0.9, 0.999), 1e-8, 0.9
_MAY_DIFFER = (
    "unfreeze run_name experiment seed lr head_lr layer_decay weight_decay warmup_epochs label_smoothing dropout "
    "class_balance clip_norm head_first patience score_test"
).split()


@dataclass(frozen=True)
class _Best:
    """A head after an epoch that was better than all before it: weights (classes, features), biases (classes,)."""

    epoch: Epoch
    weight: Tensor
    bias: Tensor
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class TrainedHead:
    """All epochs of one head, each that was the best so far, and whether its loss was finite before any step."""

    epochs: list[Epoch]
    bests: list[_Best]
    began_well: bool


def train_together(a: RunConfig, b: RunConfig) -> bool:
    """Whether the heads of two runs on the same frozen backbone can train as one batch."""
    same = all(getattr(a, f.name) == getattr(b, f.name) for f in fields(RunConfig) if f.name not in _MAY_DIFFER)
    return same and (a.augment != "crop" or a.seed == b.seed)


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
    on_epoch: Callable[[Epoch], None] | None = None,
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
            most = _MOST_WEIGHTS // model.head.weight.numel()
            later = [replace(config, **{name: getattr(c, name) for name in _MAY_DIFFER}) for c in ahead[:most]]
            group = list(dict.fromkeys([config, *later]))
            trained |= zip(group, _train(group, feed, split, compute, on_step), strict=True)
        head = trained.pop(config)
        epochs: list[Epoch] = []
        best = head.bests[0] if head.bests else None
        for epoch in head.epochs:
            for what, loss in (("loss", epoch.train_loss), ("validation loss", epoch.val_loss)):
                require_finite(loss, what, f"epoch {epoch.number}", config, at_start=not head.began_well)
            epochs.append(epoch)
            if on_epoch:
                on_epoch(epoch)
            best = next((b for b in head.bests if b.epoch is epoch), best)
            assert best is not None
            if config.patience and epoch.number - best.epoch.number >= config.patience:
                break
        assert best is not None
        with torch.no_grad():
            model.head.weight.copy_(best.weight)
            model.head.bias.copy_(best.bias)
    model.eval()
    backward = len(epochs) * len(split.train)
    return Fitted(
        epochs=tuple(epochs),
        best_epoch=best.epoch.number,
        probabilities=best.probabilities,
        features_seconds=feed.seconds,
        prefix_images=feed.computed + passes,
        suffix_images=backward + len(epochs) * len(split.val),
        backward_images=backward,
        peak_memory_mb=peak_mb(compute.device),
        batch_halvings=0,
        frozen_digest=frozen_digest,
    )


def _train(
    group: Sequence[RunConfig], feed: Feed, split: Split, compute: Compute, on_step: StepReport | None
) -> list[TrainedHead]:
    """Train one head for each configuration, all at once; an epoch's seconds are each head's share."""
    first, images, device = group[0], feed.train.images, compute.device
    classes = len(images.store.classes)
    vectors, held_out = _table(feed.train, device), _table(feed.val, device)(split.val)
    labels = torch.tensor(images.store.labels, device=device)
    truth = np.asarray(images.store.labels)[split.val]
    heads = [new_head(held_out.shape[1], classes, c.seed) for c in group]
    parameters = [torch.stack([h.weight.detach() for h in heads]), torch.stack([h.bias.detach() for h in heads])]
    weight, bias = (p.to(device).requires_grad_() for p in parameters)
    optimizer = _Optimizer([weight, bias], group)
    random = [torch.Generator(device).manual_seed(c.seed) for c in group]
    balance = torch.stack([class_weights(images, split.train, c) for c in group]).to(device)
    smoothing = _column([c.label_smoothing for c in group], device)
    results: list[TrainedHead] = []
    for epoch in range(first.epochs):
        start = time.perf_counter()
        orders = [shuffled(split.train, first.batch_size, c.seed, epoch) for c in group]
        sums = torch.zeros(2, len(group), device=device)
        for step, rows in enumerate(zip(*orders, strict=True)):
            drawn = np.stack(rows)
            x = vectors(images.slots(drawn.ravel(), epoch)).view(*drawn.shape, -1)
            y = labels[torch.from_numpy(drawn).to(device)]
            logits = torch.baddbmm(bias.unsqueeze(1), _dropped(x, group, random), weight.transpose(1, 2))
            loss = _losses(logits, y, balance, smoothing)
            results = results or [TrainedHead([], [], finite) for finite in loss.isfinite().tolist()]
            torch.autograd.backward(loss.sum())
            shares = [shares_of_peak(c, epoch + step / len(orders[0])) for c in group]
            optimizer.step([share for share, _ in shares])
            sums += drawn.shape[1] * torch.stack([loss.detach(), (logits.argmax(2) == y).float().mean(1)])
        means = (sums / len(split.train)).tolist()
        with torch.inference_mode():
            logits = held_out @ weight.transpose(1, 2) + bias.unsqueeze(1)
            probabilities = logits.softmax(2).cpu().numpy()
        seconds = (time.perf_counter() - start) / len(group)
        for i, (config, head) in enumerate(zip(group, results, strict=True)):
            after = Epoch(
                number=epoch + 1,
                train_loss=means[0][i],
                train_accuracy=means[1][i],
                val_loss=mean_log_loss(probabilities[i], truth),
                val_accuracy=float((probabilities[i].argmax(1) == truth).mean()),
                lr=0.0,
                head_lr=config.head_lr * shares[i][0],
                seconds=seconds,
            )
            head.epochs.append(after)
            if is_better(after, head.bests[-1].epoch if head.bests else None):
                head.bests.append(_Best(after, weight[i].detach().clone(), bias[i].detach().clone(), probabilities[i]))
        if on_step:
            on_step(epoch + 1, 1, 1, means[0][0], means[1][0])
    return results


def _table(stream: Stream, device: str) -> Callable[[Indices], Tensor]:
    """Looks up the vectors of slots, which are read or computed once."""
    values = torch.cat([stream.advance(x).float() for x in stream.gather(in_order(stream.slots, _BATCH))])
    place = np.zeros(int(stream.slots[-1]) + 1, np.int64)
    place[stream.slots] = np.arange(len(stream.slots))
    return lambda wanted: values[torch.from_numpy(place[wanted]).to(device)]


def _dropped(x: Tensor, group: Sequence[RunConfig], random: Sequence[torch.Generator]) -> Tensor:
    """Dropout on vectors (heads, N, features), with each head's own rate and random numbers."""
    if not any(c.dropout for c in group):
        return x
    draws = torch.stack([torch.rand(x.shape[1:], generator=g, device=x.device) for g in random])
    rate = _column([c.dropout for c in group], x.device).unsqueeze(2)
    return x * (draws >= rate) / (1 - rate)


def _losses(logits: Tensor, labels: Tensor, balance: Tensor, smoothing: Tensor) -> Tensor:
    """Cross-entropy with label smoothing and class weights, as torch's: (heads, N, classes) to one per head."""
    log_probabilities = logits.log_softmax(2)
    weights = balance.gather(1, labels)
    of_label = -log_probabilities.gather(2, labels.unsqueeze(2)).squeeze(2)
    of_all = -(log_probabilities * balance.unsqueeze(1)).mean(2)
    return ((1 - smoothing) * weights * of_label + smoothing * of_all).sum(1) / weights.sum(1)


class _Optimizer:
    """AdamW (arXiv 1711.05101) or SGD with momentum, gradients clipped, each head with its own settings."""

    def __init__(self, parameters: Sequence[Tensor], group: Sequence[RunConfig]) -> None:
        device = parameters[0].device
        self._parameters = parameters
        self._adam = group[0].optimizer == "adamw"
        self._peak = [c.head_lr for c in group]
        self._decay = _column([c.weight_decay for c in group], device)
        self._clip = _column([c.clip_norm or float("inf") for c in group], device)
        self._first = [torch.zeros_like(p) for p in parameters]
        self._second = [torch.zeros_like(p) for p in parameters]
        self._steps = 0

    @torch.no_grad()
    def step(self, shares: Sequence[float]) -> None:
        """One step at these shares of the peak learning rates, after which there are no gradients."""
        self._steps += 1
        rate = _column([peak * share for peak, share in zip(self._peak, shares, strict=True)], self._decay.device)
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).norm(dim=0).unsqueeze(1)
        scale = (self._clip / (norm + 1e-6)).clamp(max=1)
        for p, gradient, m, v in zip(self._parameters, gradients, self._first, self._second, strict=True):
            decay = self._decay if p.dim() == 3 else torch.zeros_like(self._decay)
            shaped = [t.view(-1, *[1] * (p.dim() - 1)) for t in (scale, rate, decay)]
            self._update(p, gradient * shaped[0], m, v, shaped[1], shaped[2])
            p.grad = None

    def _update(self, p: Tensor, gradient: Tensor, m: Tensor, v: Tensor, rate: Tensor, decay: Tensor) -> None:
        if not self._adam:
            m.mul_(_MOMENTUM).add_(gradient + decay * p)
            p.sub_(rate * m)
            return
        p.mul_(1 - rate * decay)
        m.lerp_(gradient, 1 - _BETAS[0])
        v.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
        second = (v / (1 - _BETAS[1] ** self._steps)).sqrt_().add_(_EPS)
        p.sub_(rate / (1 - _BETAS[0] ** self._steps) * m / second)


def _column(values: Sequence[float], device: torch.device | str) -> Tensor:
    return torch.tensor(values, device=device).unsqueeze(1)
