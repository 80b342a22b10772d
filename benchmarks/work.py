"""What everybody has to do: images, trials, recipe, initial weights."""

from __future__ import annotations

import functools
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tlcompare.freezing.layers import LayerList

BACKBONE = "efficientnet_lite0"
CLASSES = 10
BATCH_SIZE = 32
HEAD_LR, WEIGHT_DECAY, LABEL_SMOOTHING, DROPOUT, CLIP_NORM, WARMUP_EPOCHS = 3e-3, 0.01, 0.1, 0.2, 1.0, 0.5
_JPEG_SIDE = 144


@dataclass(frozen=True)
class Trial:
    """One training: what is unfrozen, the backbone's learning rate, the head's, and the seed."""

    unfreeze: str
    lr: float = 3e-4
    head_lr: float = HEAD_LR
    seed: int = 0


@dataclass(frozen=True)
class Job:
    """What one contestant is asked to do in one process.

    Attributes:
        trials: to train, one after the other or as the contestant likes.
        data: folder with train and val folders of class folders of JPEG files.
        image_size: side of the network's input in pixels.
        epochs: of each trial.
        precision: fp32 or bf16, whichever stock PyTorch trains faster in here; for `tuned`.
        cache: folder that may hold what earlier jobs left.
        count: count operations instead of taking the time.
        jobs: how many trials tlcompare trains at a time, as its `--jobs` takes it.
    """

    trials: tuple[Trial, ...]
    data: str
    image_size: int
    epochs: int
    precision: str
    cache: str
    count: bool = False
    jobs: int | str = 1

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Job:
        given = json.loads(text)
        return Job(**given | {"trials": tuple(Trial(**t) for t in given["trials"])})


@dataclass(frozen=True)
class Done:
    """What a contestant gave.

    Attributes:
        accuracies: the best validation accuracy of each trial.
        once_seconds: what it did once for all trials took.
        prefix_images, suffix_images: image-passes through the frozen part and the rest, where it counts them itself.
        head_multiply_adds: of heads that train outside of any module.
    """

    accuracies: list[float]
    once_seconds: float = 0.0
    prefix_images: int | None = None
    suffix_images: int | None = None
    head_multiply_adds: int = 0


def write_images(folder: Path, images: int) -> None:
    """scikit-learn's digits as JPEG files of 144 pixels, a fifth of them for validation, as many of every class."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))[:images]
    for number, index in enumerate(order):
        part = "val" if number % 5 == 4 else "train"
        path = folder / part / str(digits.target[index]) / f"{index:04}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = Image.fromarray((digits.images[index] * 255 / 16).astype(np.uint8))
        packed = io.BytesIO()
        grey.convert("RGB").resize((_JPEG_SIDE, _JPEG_SIDE), Image.Resampling.BICUBIC).save(packed, "JPEG", quality=90)
        path.write_bytes(packed.getvalue())


@functools.cache
def traced(side: int) -> LayerList:
    """The backbone's layers, with random weights, for images of a side in pixels."""
    from tlcompare.freezing.layers import build_and_trace

    return build_and_trace(BACKBONE, side)


def default_space(trials: int) -> tuple[Trial, ...]:
    """The default space: baselines, then depths at any layer or block and learning rates, drawn at random."""
    from tlcompare.freezing.strategy import tail

    layers = traced(64)
    random = np.random.default_rng(0)
    chosen = [Trial("frozen"), Trial("top"), Trial("block7+top"), Trial("all")]
    while len(chosen) < trials:
        unfreeze = tail(layers, random.uniform(), random.choice(["layer", "block"]))
        chosen.append(Trial(unfreeze, lr=float(10 ** random.uniform(-5, np.log10(3e-3)))))
    return tuple(chosen[:trials])


def shallow_trials(trials: int) -> tuple[Trial, ...]:
    """Half of them frozen and half with the last block, over a range of learning rates."""
    rates = np.geomspace(3e-4, 3e-2, -(-trials // 2))
    return tuple(Trial(u, head_lr=float(rate)) for rate in rates for u in ("frozen", "top"))[:trials]
