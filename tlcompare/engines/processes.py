"""Jobs in several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from tlcompare.engines.attempt import attempt
from tlcompare.engines.jobs import Job, NextJob, Outcome, Stop, Watch
from tlcompare.machine.guest import as_a_guest
from tlcompare.machine.signals import terminable, undisturbed
from tlcompare.preparation import Workbench
from tlcompare.tracking.models import weights_here
from tlcompare.tracking.outbox import send
from tlcompare.tracking.reading import logged
from tlcompare.training.epochs import Epoch

_GRACE_S = 6.0


class Processes:
    """`count` jobs at a time, each in a process of its own that takes the next one until there is none."""

    def __init__(self, count: int) -> None:
        self._count = count

    def run(self, next_job: NextJob, watch: Watch) -> None:
        every: list[_Worker] = []
        busy: list[_Worker] = []
        idle: list[_Worker] = []
        try:
            while True:
                while len(busy) < self._count and (job := next_job()) is not None:
                    idle = [worker for worker in idle if worker.process.is_alive()]
                    if idle:
                        busy.append(idle.pop())
                        busy[-1].start(job)
                    else:
                        busy.append(_Worker(job))
                        every.append(busy[-1])
                if not busy:
                    return
                for worker, outcome in _next_ends(busy, watch):
                    busy.remove(worker)
                    if not outcome.lost:
                        idle.append(worker)
                    watch.ended(worker.job, outcome)
        finally:
            _stop(every, busy)


def _next_ends(busy: Sequence[_Worker], watch: Watch) -> Iterator[tuple[_Worker, Outcome]]:
    """Pass on what the workers tell until a job is over; several may be at once."""
    none_yet = True
    while none_yet:
        ready = wait([w.connection for w in busy])
        for worker in [w for w in busy if w.connection in ready]:
            outcome = worker.listen(watch)
            if outcome is not None:
                none_yet = False
                yield worker, outcome


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
    if run.status == "RUNNING" or state not in ("finished", "pruned", "paused"):
        return None
    return Outcome(state, metrics=run.metrics, reason=reason)


def _stop(workers: Sequence[_Worker], busy: Sequence[_Worker]) -> None:
    """End every process: an idle one of itself, a job that is running as interrupted if it can in the grace time."""
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
    """The life of a worker process: it ends with the one that began it, however that ends."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    remote, workbench = _Remote(connection), Workbench(weights_here)
    with terminable(), as_a_guest("mlflow"):
        while True:
            try:
                job = connection.recv()
            except EOFError:
                return
            outcome = attempt(job, remote, workbench)
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

    def epoch(self, job: Job, epoch: Epoch) -> Stop | None:
        self.send("epoch", epoch)
        answer: Stop | None = self._connection.recv()
        return answer

    def ended(self, job: Job, outcome: Outcome) -> None:
        self.send("ended", outcome)
