"""How far a training has come: the epochs so far, the best of them, and where the one after them stands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlcompare.config import RunConfig
from tlcompare.machine.signals import whole
from tlcompare.training.checkpoints import (
    State,
    optimizer_tensors,
    random_states,
    restore_optimizer,
    restore_random_states,
)
from tlcompare.training.epochs import Epoch, is_better


@dataclass
class Counts:
    """What a training has used: passes of images, the size of its batches, memory."""

    prefix: int = 0
    suffix: int = 0
    backward: int = 0
    halvings: int = 0
    micro_batch: int = 0
    peak_mb: float = 0.0


@dataclass
class Progress:
    """Where a training stands.

    Attributes:
        counts: what it has used.
        totals: sums over the images of the next epoch so far: of the loss, and of what was right; on the device.
        epochs: those that are done.
        best_epoch: the number of the best of them; 0 if there is none.
        best_weights: of that epoch, by their names.
        best_probabilities: of the validation images in that epoch.
        steps: how many steps of the next epoch are done.
        began: when that epoch would have begun, had nothing come between, by `time.perf_counter`.
        between: whether nothing is half done: training could go on from here.
    """

    counts: Counts
    totals: Tensor
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    best_probabilities: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    steps: int = 0
    began: float = 0.0
    between: bool = True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """What happens within the block happens whole, or is known not to have."""
        with whole():
            self.between = False
            yield
            self.between = True

    def add(self, epoch: Epoch, probabilities: NDArray[np.float32], changing: Mapping[str, Tensor]) -> None:
        """Take in an epoch, the probabilities that it gave, and the weights that training has changed."""
        with self.changing():
            best = self.epochs[self.best_epoch - 1] if self.epochs else None
            self.epochs.append(epoch)
            self.counts.suffix += len(probabilities)
            if is_better(epoch, best):
                self.best_epoch = epoch.number
                self.best_probabilities = probabilities
                self.best_weights = {name: t.detach().clone() for name, t in changing.items()}
            self.totals.zero_()
            self.steps = 0

    def is_over(self, config: RunConfig) -> bool:
        done = len(self.epochs)
        return done >= config.epochs or 0 < config.patience <= done - self.best_epoch

    @property
    def place(self) -> str:
        """In words."""
        done = len(self.epochs)
        return f"after step {self.steps} of epoch {done + 1}" if self.steps else f"after epoch {done}"


def state_of(
    progress: Progress, changing: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, device: str
) -> State:
    """What is to be kept of a training, between two steps."""
    tensors = {f"now.{name}": t for name, t in changing.items()}
    if _best_is_past(progress.epochs, progress.best_epoch, progress.steps):
        tensors |= {f"best.{name}": t for name, t in progress.best_weights.items()}
    tensors |= {"probabilities": torch.from_numpy(progress.best_probabilities), "totals": progress.totals}
    tensors |= optimizer_tensors(optimizer) | random_states(device)
    return State(
        epochs=tuple(progress.epochs),
        best_epoch=progress.best_epoch,
        steps=progress.steps,
        seconds=time.perf_counter() - progress.began,
        counts=asdict(progress.counts),
        tensors=tensors,
    )


def restored(
    state: State, changing: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, computed: int, device: str
) -> Progress:
    """Put a training where a checkpoint has it; `computed` images have passed the frozen part in this attempt."""
    tensors = state.tensors
    for name, tensor in changing.items():
        tensor.detach().copy_(tensors[f"now.{name}"])
    restore_optimizer(optimizer, tensors)
    restore_random_states(tensors)
    kept = "best" if _best_is_past(state.epochs, state.best_epoch, state.steps) else "now"
    return Progress(
        # What the interrupted attempt has computed of the prefix is there now, and was not computed this time.
        counts=replace(Counts(**state.counts), prefix=state.counts["prefix"] + computed),
        totals=tensors["totals"].to(device),
        epochs=list(state.epochs),
        best_epoch=state.best_epoch,
        best_weights={name: tensors[f"{kept}.{name}"] for name in changing} if state.epochs else {},
        best_probabilities=tensors["probabilities"].numpy(),
        steps=state.steps,
        began=time.perf_counter() - state.seconds,
    )


def _best_is_past(epochs: Sequence[Epoch], best_epoch: int, steps: int) -> bool:
    """Whether the weights of the best epoch are no longer those of the network."""
    return bool(epochs) and (steps > 0 or best_epoch < len(epochs))
