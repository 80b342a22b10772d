"""One job, run in this process."""

from __future__ import annotations

import traceback

from tlcompare.engines.jobs import Job, Outcome, Watch
from tlcompare.errors import UserError
from tlcompare.files import first_line
from tlcompare.machine.memory import device_lost
from tlcompare.machine.signals import stop_if_asked
from tlcompare.preparation import Workbench
from tlcompare.run import train_child
from tlcompare.training.epochs import Epoch, Paused, Pruned


def attempt(job: Job, watch: Watch, workbench: Workbench) -> Outcome:
    """Run a job; whatever fails in it is its outcome.

    Raises:
        KeyboardInterrupt, SystemExit: a signal came.
    """
    try:
        result = train_child(
            job.config, job.run_id, _Reporter(job, watch), workbench, job.keep_model, job.ahead, job.kept, job.logged
        )
    except Pruned as e:
        return Outcome("pruned", reason=str(e))
    except Paused as e:
        return Outcome("paused", reason=str(e))
    except Exception as e:
        stop_if_asked()  # a signal in the middle of a write to MLflow makes what follows fail
        known = isinstance(e, UserError)
        reason = str(e) if known else f"{type(e).__name__}: {first_line(e)}"
        return Outcome("failed", reason=reason, detail="" if known else traceback.format_exc(), lost=device_lost(e))
    return Outcome("finished", metrics=result.metrics)


class _Reporter:
    """Passes what a run reports on to a watch, and ends the run where the watch says so."""

    def __init__(self, job: Job, watch: Watch) -> None:
        self._job = job
        self._watch = watch

    def say(self, text: str) -> None:
        self._watch.said(self._job, text)

    def doing(self, what: str) -> None:
        self._watch.progress(self._job, what, None)

    def counting(self, what: str, done: int, total: int) -> None:
        self._watch.progress(self._job, what, done / total)

    def step(self, epoch: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        epochs = self._job.config.epochs
        self._watch.progress(self._job, f"epoch {epoch}/{epochs}", (epoch - 1 + step / steps) / epochs)

    def epoch(self, epoch: Epoch) -> None:
        if stop := self._watch.epoch(self._job, epoch):
            raise (Paused if stop.pauses else Pruned)(stop.reason)
