"""What contestants on plain PyTorch share: the model with its weights, what trains, optimizer and schedule."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import timm
import torch
from torch import nn

from benchmarks.work import (
    BACKBONE,
    CLASSES,
    CLIP_NORM,
    DROPOUT,
    LABEL_SMOOTHING,
    WARMUP_EPOCHS,
    WEIGHT_DECAY,
    Job,
    Trial,
    traced,
)
from tlcompare.backbones.registry import get_backbone
from tlcompare.freezing.strategy import make_plan

PREPROCESSING = get_backbone(BACKBONE).preprocessing


@functools.cache
def _weights() -> dict[str, torch.Tensor]:
    source = get_backbone(BACKBONE).weights
    assert source is not None
    published = torch.load(source.fetch(), map_location="cpu", weights_only=True)
    names = timm.create_model("tf_efficientnet_lite0").state_dict()
    return dict(zip(names, published.values(), strict=True))


def make_model(trial: Trial) -> nn.Module:
    """EfficientNet-Lite0 with ImageNet weights and a new classifier."""
    torch.manual_seed(trial.seed)
    model = timm.create_model("tf_efficientnet_lite0", num_classes=CLASSES, drop_rate=DROPOUT)
    kept = {k: v for k, v in _weights().items() if not k.startswith("classifier")}
    model.load_state_dict(kept, strict=False)
    nn.init.uniform_(model.classifier.weight, -(model.num_features**-0.5), model.num_features**-0.5)
    nn.init.uniform_(model.classifier.bias, -(model.num_features**-0.5), model.num_features**-0.5)
    return model


def trained(trial: Trial) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the backbone's weights that a strategy trains, and of the modules that hold them."""
    parameters = make_plan(traced(64), trial.unfreeze, CLASSES).parameters
    return parameters, frozenset(name.rpartition(".")[0] for name in parameters)


def freeze(model: nn.Module, trial: Trial) -> list[nn.Module]:
    """Let what the strategy names and the classifier train; gives the modules that stay frozen."""
    names, modules = trained(trial)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in names or name.startswith("classifier"))
    owners = [(n, m) for n, m in model.named_modules() if m._parameters or m._buffers]
    return [m for n, m in owners if n not in modules and n != "classifier"]


def make_optimizer(model: nn.Module, trial: Trial, fused: bool = False) -> torch.optim.AdamW:
    groups: list[dict[str, Any]] = []
    for head, peak in ((True, trial.head_lr), (False, trial.lr)):
        own = [p for n, p in model.named_parameters() if p.requires_grad and n.startswith("classifier") == head]
        for decay, chosen in (
            (WEIGHT_DECAY, [p for p in own if p.ndim > 1]),
            (0.0, [p for p in own if p.ndim == 1]),
        ):
            if chosen:
                groups.append({"params": chosen, "lr": peak, "weight_decay": decay})
    return torch.optim.AdamW(groups, fused=fused)


def make_schedule(optimizer: torch.optim.Optimizer, job: Job, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Half an epoch of warm-up, then cosine; to be stepped after every batch."""
    warm_up, total = WARMUP_EPOCHS * steps, job.epochs * steps

    def share(step: int) -> float:
        if step < warm_up:
            return (step + 0.01) / (warm_up + 0.01)
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (total - warm_up)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def make_loss() -> nn.CrossEntropyLoss:
    return nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)


def clip(model: nn.Module) -> None:
    nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], CLIP_NORM)


def batches(count: int, size: int, random: torch.Generator) -> Iterator[torch.Tensor]:
    """Indices in random order; a last batch of one is left out."""
    for chosen in torch.randperm(count, generator=random).split(size):
        if len(chosen) > 1:
            yield chosen
