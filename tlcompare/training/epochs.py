"""What training gives: an entry per epoch, the best of them, and the proof that nothing frozen moved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlcompare.config import RunConfig
from tlcompare.errors import TrainingError
from tlcompare.freezing.digest import digest, frozen_state
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan


class Pruned(Exception):
    """Raised where an epoch is told: the run ends, because it promises nothing; the text says why."""


class Paused(Exception):
    """Raised where an epoch is told: training ends there, and may go on from its checkpoint; the text says why."""


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
        probabilities: of the validation images after that epoch, float32 of shape (images, classes).
        features_seconds: what the features it was trained on took to compute, whenever that was.
        prefix_images: image-passes through the frozen part that this run made itself.
        suffix_images, backward_images: image-passes through the rest, and backwards.
        peak_memory_mb: highest memory while training.
        batch_halvings: how often a batch was split because it did not fit into memory.
        frozen_digest: SHA-256 of everything frozen, the same before and after.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int
    probabilities: NDArray[np.float32]
    features_seconds: float
    prefix_images: int
    suffix_images: int
    backward_images: int
    peak_memory_mb: float
    batch_halvings: int
    frozen_digest: str

    @property
    def seconds(self) -> float:
        """Of features, training, and validating after each epoch: as if nothing had been there before."""
        return self.features_seconds + sum(e.seconds for e in self.epochs)


def is_better(epoch: Epoch, best: Epoch | None) -> bool:
    """By validation accuracy, ties going to the lower loss."""
    if best is None:
        return True
    return (epoch.val_accuracy, -epoch.val_loss) > (best.val_accuracy, -best.val_loss)


@contextmanager
def nothing_frozen_moves(layers: LayerList, plan: FreezePlan) -> Iterator[str]:
    """Gives the digest of everything frozen, and checks it when the block ends well.

    Raises:
        TrainingError: a frozen weight or statistic changed.
    """
    before = digest(frozen_state(layers, plan))
    yield before
    if digest(frozen_state(layers, plan)) != before:
        raise TrainingError(
            f"a frozen weight or statistic of {plan.backbone} changed while training",
            "This is a bug: report it with the command.",
        )


def require_finite(loss: float, what: str, where: str, config: RunConfig, *, at_start: bool) -> None:
    """Check a loss.

    Raises:
        TrainingError: it is not finite; says where and what the usual cause is.
    """
    if math.isfinite(loss):
        return
    cause = (
        "It was so before any step: look at the weights (--weights) and the precision (--precision fp32)."
        if at_start
        else f"The learning rate is the usual cause; try --lr {config.lr / 10:g} --head-lr {config.head_lr / 10:g}."
    )
    raise TrainingError(f"the {what} became {loss} in {where}", cause)
