"""How trials are executed: one after another in this process, or in several processes.

An engine takes jobs as it has room for them, tells the watch how they go, and knows nothing of Optuna. One for a
cluster would be one more class with a `run` like these.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol

from tlcompare.config import RunConfig
from tlcompare.errors import UserError
from tlcompare.files import first_line
from tlcompare.machine.memory import device_lost
from tlcompare.preparation import Workbench
from tlcompare.run import train_child
from tlcompare.study.objective import Objective, worth_keeping
from tlcompare.tracking.outbox import send
from tlcompare.tracking.reading import logged
from tlcompare.tracking.runs import Pruned
from tlcompare.tracking.signals import stop_if_asked, undisturbed
from tlcompare.training.epochs import Epoch

_GRACE_S = 6.0


@dataclass(frozen=True)
class Job:
    """One trial, ready to run anywhere.

    Attributes:
        number: of the trial.
        label: the trial in a few words.
        config: what to train.
        run_id: of its MLflow run.
        log_models: `all`, `best` or `none`.
        objectives: what the sweep is after.
        best: the values of the best trials so far, one row each; with `best`, a model that any of them beats in
            everything is not kept.
        ahead: configurations of trials to come whose heads may train together with this one's.
        kept: the cuts, by their nodes, at which features of the backbone are kept.
    """

    number: int
    label: str
    config: RunConfig
    run_id: str
    log_models: str
    objectives: tuple[Objective, ...]
    best: tuple[tuple[float, ...], ...]
    ahead: tuple[RunConfig, ...] = ()
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        state: finished, pruned or failed.
        metrics: the final metrics, of a finished trial.
        reason: why it failed or was pruned.
        detail: the traceback of a failure that is no user's mistake.
        lost: whether it failed because its process or device was lost, so that it may go well another time; nothing
            else can run in that process.
    """

    state: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    detail: str = ""
    lost: bool = False


class Watch(Protocol):
    """Who is told how trials go."""

    def said(self, job: Job, text: str) -> None: ...

    def progress(self, job: Job, what: str, share: float | None) -> None: ...

    def epoch(self, job: Job, epoch: Epoch) -> str:
        """An epoch is done. Returns why the trial should end now, or nothing."""

    def ended(self, job: Job, outcome: Outcome) -> None: ...


NextJob = Callable[[], Job | None]


class Engine(Protocol):
    """Runs trials."""

    def run(self, next_job: NextJob, watch: Watch) -> None:
        """Run jobs as long as there are any. `next_job` is asked when there is room for one, and may have one again
        after it had none: a job that was lost."""


class InProcess:
    """One trial after another, in this process; should it lose its device, the others run in one of their own."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def run(self, next_job: NextJob, watch: Watch) -> None:
        while (job := next_job()) is not None:
            outcome = _attempt(job, watch, self._workbench)
            watch.ended(job, outcome)
            if outcome.lost:
                Processes(1).run(next_job, watch)


class Processes:
    """`count` trials at a time, each in a process of its own that lives as long as the sweep."""

    def __init__(self, count: int) -> None:
        self._count = count

    def run(self, next_job: NextJob, watch: Watch) -> None:
        every: list[_Worker] = []
        busy: list[_Worker] = []
        try:
            while True:
                while len(busy) < self._count and (job := next_job()) is not None:
                    busy.append(_Worker(job))
                    every.append(busy[-1])
                if not busy:
                    return
                ready = wait([w.connection for w in busy])
                for worker in [w for w in busy if w.connection in ready]:
                    outcome = worker.listen(watch)
                    if outcome is None:
                        continue
                    watch.ended(worker.job, outcome)
                    gone = outcome.lost or not worker.process.is_alive()
                    following = None if gone else next_job()
                    if following is None:
                        busy.remove(worker)
                    else:
                        worker.start(following)
        finally:
            _stop(every, busy)


class _Worker:
    """A process that runs one job at a time."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_work, args=(theirs,), daemon=True)
        with undisturbed(signal.SIGINT):
            self.process.start()
        theirs.close()
        self.start(job)

    def start(self, job: Job) -> None:
        self.job = job
        with suppress(OSError):  # of a process that has just died, `listen` tells
            self.connection.send(job)

    def listen(self, watch: Watch) -> Outcome | None:
        """Pass one message on; returns the outcome if the job is over."""
        try:
            kind, arguments = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            if (outcome := _in_mlflow(self.job)) is not None:
                return outcome
            code = self.process.exitcode or 0
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            hint = "; the usual cause is too little memory" if code == -signal.SIGKILL else ""
            return Outcome("failed", reason=f"the worker process ended {how}{hint}", lost=True)
        if kind == "ended":
            told: Outcome = arguments[0]
            return told
        if kind == "epoch":
            answer = watch.epoch(self.job, *arguments)
            with suppress(OSError):
                self.connection.send(answer)
        else:
            getattr(watch, kind)(self.job, *arguments)
        return None


def _in_mlflow(job: Job) -> Outcome | None:
    """How the run of a job has ended, if its process was lost before it could say so."""
    send(job.run_id)
    run = logged(job.run_id)
    state, reason = run.tags.get("tlcompare.state"), run.tags.get("tlcompare.reason", "")
    if run.status == "RUNNING" or state not in ("finished", "pruned"):
        return None
    return Outcome(state, metrics=run.metrics, reason=reason)


def _stop(workers: Sequence[_Worker], busy: Sequence[_Worker]) -> None:
    """End every process: an idle one of itself, a trial that is running as interrupted if it can in the grace time."""
    for worker in workers:
        if worker in busy:
            worker.process.terminate()
        else:
            worker.connection.close()
    deadline = time.monotonic() + _GRACE_S
    for worker in workers:
        worker.process.join(max(deadline - time.monotonic(), 0))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _work(connection: Connection) -> None:
    """The life of a worker process: it ends with the sweep, however that ends."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    remote, workbench = _Remote(connection), Workbench()
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        outcome = _attempt(job, remote, workbench)
        remote.send("ended", outcome)
        if outcome.lost:
            return


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


class _Remote:
    """The watch as a worker process sees it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, kind: str, *arguments: Any) -> None:
        self._connection.send((kind, arguments))

    def said(self, job: Job, text: str) -> None:
        self.send("said", text)

    def progress(self, job: Job, what: str, share: float | None) -> None:
        self.send("progress", what, share)

    def epoch(self, job: Job, epoch: Epoch) -> str:
        self.send("epoch", epoch)
        answer: str = self._connection.recv()
        return answer

    def ended(self, job: Job, outcome: Outcome) -> None:
        self.send("ended", outcome)


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
        if reason := self._watch.epoch(self._job, epoch):
            raise Pruned(reason)


def _attempt(job: Job, watch: Watch, workbench: Workbench) -> Outcome:
    """Run a job; whatever fails in it is its outcome."""

    def keep_model(metrics: Mapping[str, float]) -> bool:
        if job.log_models == "best":
            return worth_keeping(metrics, job.objectives, job.best)
        return job.log_models == "all"

    try:
        result = train_child(job.config, job.run_id, _Reporter(job, watch), workbench, keep_model, job.ahead, job.kept)
    except Pruned as e:
        return Outcome("pruned", reason=str(e))
    except Exception as e:
        stop_if_asked()  # a signal in the middle of a write to MLflow makes what follows fail
        known = isinstance(e, UserError)
        reason = str(e) if known else f"{type(e).__name__}: {first_line(e)}"
        return Outcome("failed", reason=reason, detail="" if known else traceback.format_exc(), lost=device_lost(e))
    return Outcome("finished", metrics=result.metrics)
