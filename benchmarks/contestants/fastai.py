"""fastai: a Learner over its own data loaders, `freeze_to` and `fit`."""

from __future__ import annotations

import warnings
from functools import partial

import torch
from fastai.vision.all import (
    Adam,
    CrossEntropyLossFlat,
    GradientClip,
    ImageDataLoaders,
    Learner,
    Normalize,
    ParamScheduler,
    Resize,
    ResizeMethod,
    SchedCos,
    SchedLin,
    accuracy,
    combine_scheds,
    params,
    set_seed,
)

from benchmarks.contestants._torch import PREPROCESSING, make_model, trained
from benchmarks.work import (
    BATCH_SIZE,
    CLIP_NORM,
    LABEL_SMOOTHING,
    WARMUP_EPOCHS,
    WEIGHT_DECAY,
    Done,
    Job,
    Trial,
)


def run(job: Job) -> Done:
    warnings.simplefilter("ignore")
    return Done([_train(job, trial) for trial in job.trials])


def _train(job: Job, trial: Trial) -> float:
    set_seed(trial.seed)
    loaders = ImageDataLoaders.from_folder(
        job.data,
        train="train",
        valid="val",
        item_tfms=Resize(job.image_size, method=ResizeMethod.Squish),
        batch_tfms=Normalize.from_stats(PREPROCESSING.mean, PREPROCESSING.std),
        bs=BATCH_SIZE,
        num_workers=0 if job.count else 2,
        device=torch.device("cpu"),
    )
    names, _ = trained(trial)
    learner = Learner(
        loaders,
        make_model(trial),
        loss_func=CrossEntropyLossFlat(label_smoothing=LABEL_SMOOTHING),
        opt_func=partial(Adam, wd=WEIGHT_DECAY, sqr_mom=0.999, eps=1e-8),
        splitter=partial(_groups, names=names),
        metrics=accuracy,
        train_bn=False,
        cbs=[GradientClip(CLIP_NORM)],
    )
    learner.freeze_to(1)
    warm_up = WARMUP_EPOCHS / job.epochs

    def scheduled(peak: float) -> object:
        return combine_scheds([warm_up, 1 - warm_up], [SchedLin(peak / 50, peak), SchedCos(peak, 0)])

    learner.create_opt()
    rates = [scheduled(rate) for rate in (trial.lr, trial.lr, trial.head_lr)][-len(learner.opt.param_lists) :]
    with learner.no_bar(), learner.no_logging():
        learner.fit(job.epochs, cbs=[_PerGroup(rates)])
    return max(float(values[2]) for values in learner.recorder.values)


class _PerGroup(ParamScheduler):
    """A schedule for the learning rate of every group."""

    def __init__(self, rates: list[object]) -> None:
        super().__init__({"lr": lambda at: [rate(at) for rate in rates]})


def _groups(model: torch.nn.Module, names: frozenset[str]) -> list[list[torch.nn.Parameter]]:
    """Frozen, unfrozen, head; without the second where nothing is unfrozen."""
    named = dict(model.named_parameters())
    unfrozen = [p for n, p in named.items() if n in names]
    head = params(model.classifier)
    frozen = [p for n, p in named.items() if n not in names and not n.startswith("classifier")]
    return [group for group in (frozen, unfrozen, head) if group or group is frozen]
