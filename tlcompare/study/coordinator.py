"""What joins a source of jobs to the engine that runs them, and keeps MLflow in step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tlcompare.engines.jobs import Engine, Job, Outcome, Stop
from tlcompare.machine.signals import is_interruption, stop_if_asked
from tlcompare.study.source import NotNow, Over, Source
from tlcompare.study.view import View
from tlcompare.tracking.outbox import catch_up, ending
from tlcompare.tracking.reading import LoggedRun
from tlcompare.tracking.store import cleaning_up
from tlcompare.tracking.sweeps import Runs
from tlcompare.training.epochs import Epoch

_FAILURES_IN_A_ROW = 5
_ATTEMPTS = 3


class Coordinator:
    """Hands a source's jobs to an engine and tells it what came of them, each end once.

    Every job gets its MLflow run here, a lost one another attempt, and a series of failures ends it all.

    Attributes:
        failed: the jobs that failed for good in this sitting, with their reasons.
        gave_up: whether too many of them did in a row.
    """

    def __init__(self, source: Source, runs: Runs, view: View) -> None:
        self._source = source
        self._runs = runs
        self._view = view
        self._running: set[int] = set()
        self._attempts: Counter[int] = Counter()
        self._in_a_row = 0
        self._over = ""
        self.failed: list[str] = []
        self.gave_up = False

    def settle(self) -> None:
        """Bring source and MLflow to agree, before anything runs: no run is left of a job that will run again."""
        for run in self._unsettled():
            self._runs.discard(run.run_id)

    def run(self, engine: Engine, name: str) -> str:
        """Run everything there is, under a name to show. Returns why it is over."""
        self._view.begin(name, self._source.done(), self._source.total, self._source.best())
        engine.run(self._next_job, self)
        catch_up()
        self.settle()  # a server that made a run and lost the answer was asked for another
        return self._over

    @contextmanager
    def unfinished(self, command: str) -> Iterator[None]:
        """Nothing is left running where the block breaks off, and what goes on from there is said: `command`."""
        try:
            yield
        except BaseException as e:
            stays = "what was finished stays"
            # What cannot be written now, because a store is gone, is put right when it goes on.
            with cleaning_up():
                self._end_running()
            with cleaning_up():
                stays = f"{self._source.done()} {self._source.noun} are done and stay"
            ended = "Interrupted" if is_interruption(e) else "Broken off"
            self._view.say(f"{ended}; {stays}. Go on with: {command}")
            raise

    def _next_job(self) -> Job | None:
        stop_if_asked()
        if self.gave_up:
            return None
        answer = self._source.next()
        if isinstance(answer, Over):
            self._over = answer.reason
            return None
        if isinstance(answer, NotNow):
            if not self._running:
                raise RuntimeError(f"a source of {self._source.noun} waits for one to end, and none is running")
            return None
        if answer.run_id and self._runs.reopen(answer.run_id):
            job = answer
        else:
            job = replace(answer, run_id=self._runs.open(answer.run_name, answer.tags), logged=0)
        self._source.opened(job)
        self._running.add(job.number)
        self._view.started(job)
        return job

    # What the engine tells

    def said(self, job: Job, text: str) -> None:
        self._view.say(text, of=job.label)

    def progress(self, job: Job, what: str, share: float | None) -> None:
        self._view.progress(job, what, share)

    def epoch(self, job: Job, epoch: Epoch) -> Stop | None:
        self._view.epoch(job, epoch)
        return self._source.epoch(job, epoch)

    def ended(self, job: Job, outcome: Outcome) -> None:
        outcome = self._checked(outcome)
        self._running.remove(job.number)
        self._attempts[job.number] += 1
        if outcome.lost and self._attempts[job.number] < _ATTEMPTS:
            self._runs.discard(job.run_id)
            self._source.again(job)
            self._view.again(job, outcome.reason)
            return
        if outcome.state == "failed":
            self._runs.end(job.run_id, "failed", outcome.reason, outcome.detail)
        self._source.ended(job, outcome)
        self._count(job, outcome)
        self._view.ended(job, self._shown(outcome), self._source.best(), self._source.done())

    def _checked(self, outcome: Outcome) -> Outcome:
        """The outcome; a failure, if a value is missing without which it is worth nothing."""
        missing = [m for m in self._source.metrics if not math.isfinite(outcome.metrics.get(m, math.nan))]
        if outcome.state == "finished" and missing:
            return Outcome("failed", reason=f"{', '.join(missing)} is not a number")
        return outcome

    def _shown(self, outcome: Outcome) -> str:
        if outcome.state == "finished":
            return self._source.result(outcome)
        return {"failed": f"FAILED: {outcome.reason}", "paused": outcome.reason}.get(outcome.state, "pruned")

    def _count(self, job: Job, outcome: Outcome) -> None:
        """Count failures in a row; what comes once they were too many no longer changes the verdict."""
        if outcome.state == "failed":
            self.failed.append(f"{job.label}: {outcome.reason}")
        if self.gave_up:
            return
        self._in_a_row = self._in_a_row + 1 if outcome.state == "failed" else 0
        if self._in_a_row >= _FAILURES_IN_A_ROW:
            self.gave_up = True
            self._over = (
                f"{self._in_a_row} {self._source.noun} in a row failed, the first with: {self.failed[-self._in_a_row]}"
            )

    # What is left behind

    def _unsettled(self) -> list[LoggedRun]:
        """Runs whose outcome the source does not know."""
        runs = self._runs.all()
        settled = self._source.settle(runs)
        return [run for run in runs if run.run_id not in settled]

    def _end_running(self) -> None:
        """Nothing is left running in MLflow but what has an end that waits to be sent."""
        waiting = ending()
        for run in self._unsettled():
            if run.status == "RUNNING" and run.run_id not in waiting:
                self._runs.end(run.run_id, "interrupted", "interrupted")
