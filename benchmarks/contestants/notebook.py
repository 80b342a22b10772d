"""The loop of the PyTorch transfer-learning tutorial: ImageFolder, DataLoader, decode and resize every time, fp32."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.contestants._torch import (
    PREPROCESSING,
    clip,
    freeze,
    make_loss,
    make_model,
    make_optimizer,
    make_schedule,
)
from benchmarks.work import BATCH_SIZE, Done, Job, Trial


def run(job: Job) -> Done:
    return Done([_train(job, trial) for trial in job.trials])


def _train(job: Job, trial: Trial) -> float:
    model = make_model(trial)
    freeze(model, trial)
    loaders = make_loaders(job)
    optimizer, loss_of = make_optimizer(model, trial), make_loss()
    schedule = make_schedule(optimizer, job, len(loaders["train"]))
    best = 0.0
    for _ in range(job.epochs):
        model.train()
        for images, labels in loaders["train"]:
            optimizer.zero_grad()
            loss = loss_of(model(images), labels)
            loss.backward()
            clip(model)
            optimizer.step()
            schedule.step()
            loss.item()
        model.eval()
        right = seen = 0
        with torch.no_grad():
            for images, labels in loaders["val"]:
                right += (model(images).argmax(1) == labels).sum().item()
                seen += len(labels)
        best = max(best, right / seen)
    return best


def make_loaders(job: Job) -> dict[str, DataLoader]:
    side = int(job.image_size / PREPROCESSING.crop_share)
    transform = transforms.Compose(
        [
            transforms.Resize(side, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(job.image_size),
            transforms.ToTensor(),
            transforms.Normalize(PREPROCESSING.mean, PREPROCESSING.std),
        ]
    )
    sets = {part: datasets.ImageFolder(f"{job.data}/{part}", transform) for part in ("train", "val")}
    workers = 0 if job.count else 2
    return {part: DataLoader(s, BATCH_SIZE, shuffle=part == "train", num_workers=workers) for part, s in sets.items()}
