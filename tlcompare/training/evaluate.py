"""Scores of a trained model, computed in float32 from per-image probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tlcompare.data.batches import Indices, in_order
from tlcompare.features.feed import Stream
from tlcompare.machine.memory import out_of_memory

ECE_BINS = 15
_BATCH = 64


@dataclass(frozen=True)
class ClassScore:
    """Precision, recall and F1 of one class; `images` is how many there are of it."""

    name: str
    precision: float
    recall: float
    f1: float
    images: int


@dataclass(frozen=True)
class Scores:
    """Scores on one set of images.

    Attributes:
        accuracy, balanced_accuracy, macro_f1: shares in 0..1.
        log_loss: mean negative log probability of the true class, in nats.
        ece: expected calibration error over 15 equal-width bins (Guo et al., arXiv 1706.04599), in 0..1.
        classes: per class.
        confusion: counts of shape (true class, predicted class).
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    log_loss: float
    ece: float
    classes: tuple[ClassScore, ...]
    confusion: NDArray[np.int64]

    def metrics(self) -> dict[str, float]:
        """The scalar scores by name."""
        names = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece")
        return {name: getattr(self, name) for name in names}


def predict(network: Callable[[Tensor], Tensor], stream: Stream, slots: Indices) -> NDArray[np.float32]:
    """Class probabilities, float32 of shape (len(slots), classes), in full precision.

    Args:
        network: in eval mode; from what the stream gives to logits.
        stream, slots: as for `outputs`.
    """
    return outputs(network, stream, slots).float().softmax(1).cpu().numpy()


def outputs(network: Callable[[Tensor], Tensor], stream: Stream, slots: Indices) -> Tensor:
    """What a network in eval mode gives for each slot, on the device.

    Args:
        network: from what the stream gives.
        stream: where images or features come from.
        slots: of the views to look at; of a stream without augmentation these are the rows.
    """
    size = _BATCH
    while True:
        try:
            with torch.inference_mode():
                gathered = stream.gather(in_order(slots, size))
                return torch.cat([network(stream.advance(x)) for x in gathered])
        except RuntimeError as e:
            if not out_of_memory(e) or size == 1:
                raise
        size //= 2


def score(probabilities: NDArray[np.float32], labels: Sequence[int], classes: Sequence[str]) -> Scores:
    """Scores of probabilities (N, C) against labels (N,); a class without images does not count in means."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    truth = np.asarray(labels)
    every = list(range(len(classes)))
    predicted = probabilities.argmax(1)
    precision, recall, f1, count = precision_recall_fscore_support(truth, predicted, labels=every, zero_division=0)
    there = count > 0
    return Scores(
        accuracy=float((predicted == truth).mean()),
        balanced_accuracy=float(recall[there].mean()),
        macro_f1=float(f1[there].mean()),
        log_loss=mean_log_loss(probabilities, truth),
        ece=expected_calibration_error(probabilities, truth),
        classes=tuple(
            ClassScore(name, float(precision[i]), float(recall[i]), float(f1[i]), int(count[i]))
            for i, name in enumerate(classes)
        ),
        confusion=confusion_matrix(truth, predicted, labels=every),
    )


def mean_log_loss(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Mean negative log probability of the true class, in nats."""
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


def expected_calibration_error(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Mean gap between confidence and accuracy over equal-width bins of confidence, weighted by images."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == truth
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = (abs(right[bins == b].sum() - confidence[bins == b].sum()) for b in range(ECE_BINS))
    return math.fsum(float(g) for g in gaps) / len(truth)
