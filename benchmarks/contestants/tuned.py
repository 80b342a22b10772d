"""The same loop with everything done right but feature reuse.

Images are decoded once and kept as bytes in memory, convolutions run channels-last in the faster precision, frozen
layers are in eval mode and outside autograd, the optimizer is fused.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torchvision import datasets, transforms

from benchmarks.contestants._torch import (
    PREPROCESSING,
    batches,
    clip,
    freeze,
    make_loss,
    make_model,
    make_optimizer,
    make_schedule,
)
from benchmarks.work import BATCH_SIZE, Done, Job, Trial

Images = tuple[torch.Tensor, torch.Tensor]
Told = Callable[[int, nn.Module, torch.optim.Optimizer, dict[str, float]], None]
"""Is called after each epoch with its number, the model, the optimizer and what it gave."""


@contextlib.contextmanager
def _nothing_kept(job: Job, trial: Trial) -> Iterator[Told]:
    yield lambda epoch, model, optimizer, metrics: None


def run(job: Job, keeping: Callable[[Job, Trial], contextlib.AbstractContextManager[Told]] = _nothing_kept) -> Done:
    """Train every trial; `keeping` gives what is told of its epochs."""
    start = time.perf_counter()
    images = {part: load(job, part) for part in ("train", "val")}
    once = time.perf_counter() - start
    accuracies = []
    for trial in job.trials:
        with keeping(job, trial) as told:
            accuracies.append(train_one(job, trial, images, told))
    return Done(accuracies, once)


def train_one(job: Job, trial: Trial, images: dict[str, Images], told: Told) -> float:
    model = make_model(trial).to(memory_format=torch.channels_last)
    frozen = freeze(model, trial)
    optimizer, loss_of = make_optimizer(model, trial, fused=True), make_loss()
    random = torch.Generator().manual_seed(trial.seed)
    pixels, labels = images["train"]
    schedule = make_schedule(optimizer, job, -(-len(labels) // BATCH_SIZE))
    autocast = torch.autocast("cpu", torch.bfloat16) if job.precision == "bf16" else contextlib.nullcontext()
    best = 0.0
    for epoch in range(job.epochs):
        model.train()
        total = torch.zeros(())
        for module in frozen:
            module.eval()
        for chosen in batches(len(labels), BATCH_SIZE, random):
            optimizer.zero_grad(set_to_none=True)
            with autocast:
                logits = model(normalised(pixels[chosen]))
            loss = loss_of(logits.float(), labels[chosen])
            loss.backward()
            total += loss.detach() * len(chosen)
            clip(model)
            optimizer.step()
            schedule.step()
        model.eval()
        right = 0
        with torch.inference_mode(), autocast:
            for part, truth in zip(images["val"][0].split(64), images["val"][1].split(64), strict=True):
                right += int((model(normalised(part)).argmax(1) == truth).sum())
        accuracy = right / len(images["val"][1])
        best = max(best, accuracy)
        told(epoch, model, optimizer, {"train/loss": float(total) / len(labels), "val/accuracy": accuracy})
    return best


def load(job: Job, part: str) -> Images:
    """Pixels uint8 (N, 3, S, S) in channels-last memory, and labels."""
    side = int(job.image_size / PREPROCESSING.crop_share)
    transform = transforms.Compose(
        [
            transforms.Resize(side, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(job.image_size),
            transforms.PILToTensor(),
        ]
    )
    pairs = list(datasets.ImageFolder(f"{job.data}/{part}", transform))
    pixels = torch.stack([x for x, _ in pairs]).contiguous(memory_format=torch.channels_last)
    return pixels, torch.tensor([y for _, y in pairs])


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    mean = torch.tensor(PREPROCESSING.mean).view(1, 3, 1, 1) * 255
    std = torch.tensor(PREPROCESSING.std).view(1, 3, 1, 1) * 255
    return (pixels.float() - mean) / std
