"""Lightning with a BaseFinetuning callback, and its users' usual data loaders."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import BaseFinetuning

from benchmarks.contestants._torch import freeze, make_loss, make_model, make_optimizer, make_schedule
from benchmarks.contestants.notebook import make_loaders
from benchmarks.work import CLIP_NORM, Done, Job, Trial

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def run(job: Job) -> Done:
    return Done([_train(job, trial) for trial in job.trials])


def _train(job: Job, trial: Trial) -> float:
    warnings.simplefilter("ignore")
    L.seed_everything(trial.seed, verbose=False)
    loaders = make_loaders(job)
    module = _Module(job, trial, len(loaders["train"]))
    trainer = L.Trainer(
        max_epochs=job.epochs,
        accelerator="cpu",
        callbacks=[_Freeze(trial)],
        gradient_clip_val=CLIP_NORM,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, loaders["train"], loaders["val"])
    return max(module.accuracies)


class _Freeze(BaseFinetuning):
    def __init__(self, trial: Trial) -> None:
        super().__init__()
        self._trial = trial

    def freeze_before_training(self, pl_module: Any) -> None:
        self.freeze(freeze(pl_module.model, self._trial), train_bn=False)

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
        pass


class _Module(L.LightningModule):
    def __init__(self, job: Job, trial: Trial, steps: int) -> None:
        super().__init__()
        self.model = make_model(trial)
        self.loss_of = make_loss()
        self.accuracies: list[float] = []
        self._job, self._trial, self._steps = job, trial, steps
        self._right = self._seen = 0

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = make_optimizer(self.model, self._trial)
        schedule = make_schedule(optimizer, self._job, self._steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        return self.loss_of(self.model(batch[0]), batch[1])

    def validation_step(self, batch: Any, index: int) -> None:
        self._right += int((self.model(batch[0]).argmax(1) == batch[1]).sum())
        self._seen += len(batch[1])

    def on_validation_epoch_end(self) -> None:
        self.accuracies.append(self._right / self._seen)
        self._right = self._seen = 0
