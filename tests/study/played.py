"""Jobs that are played from a table instead of trained, and runs that are kept in memory instead of in MLflow."""

import heapq
import io
import itertools
import uuid
from collections import Counter
from dataclasses import replace

from rich.console import Console

from tlcompare.engines.jobs import Outcome
from tlcompare.study.view import View
from tlcompare.tracking.reading import LoggedRun
from tlcompare.training.epochs import Epoch


def silent():
    """A view that nobody sees; what it said is in its console's file."""
    return View(Console(file=io.StringIO(), width=300), None)


class Paper:
    """The runs below a sweep's, as `Runs` has them."""

    def __init__(self):
        self.runs = {}
        self.discarded = []

    def all(self):
        return list(self.runs.values())

    def open(self, name, tags):
        run_id = uuid.uuid4().hex
        self.runs[run_id] = LoggedRun(run_id, name, "RUNNING", "", {}, {}, dict(tags))
        return run_id

    def reopen(self, run_id):
        there = self.runs.get(run_id)
        if there is not None:
            tags = {k: v for k, v in there.tags.items() if k not in ("tlcompare.state", "tlcompare.reason")}
            self.runs[run_id] = replace(there, status="RUNNING", tags=tags)
        return there is not None

    def end(self, run_id, state, reason, detail=""):
        if self.runs[run_id].status in ("RUNNING", "FINISHED", "SCHEDULED"):
            self._end(run_id, state, reason)

    def discard(self, run_id):
        self.discarded.append(self.runs.pop(run_id))

    def finish(self, job, state, metrics):
        """What a job writes to its run itself."""
        params = {"seed": str(job.config.seed), "unfreeze": job.config.unfreeze}
        self._end(job.run_id, state, "", metrics=metrics, params=params)

    def _end(self, run_id, state, reason, **logged):
        status = {"finished": "FINISHED", "failed": "FAILED", "paused": "SCHEDULED"}.get(state, "KILLED")
        tags = {**self.runs[run_id].tags, "tlcompare.state": state, "tlcompare.reason": reason}
        self.runs[run_id] = replace(self.runs[run_id], status=status, tags=tags, **logged)


class Played:
    """An engine that looks up how jobs go, with a clock that only it moves.

    Args:
        accuracy: of a configuration after an epoch, from 1; what it raises is how the job fails.
        slots: jobs at a time.
        runs: where finished jobs leave their metrics.
        happens: called with what is about to be told, one of `epoch`, `end` and `told`, and the job; may raise.
        lost: whether a job is lost after its first epoch.
    """

    def __init__(self, accuracy, slots=1, runs=None, happens=lambda what, job: None, lost=lambda job: False):
        self.accuracy = accuracy
        self.slots = slots
        self.runs = runs
        self.happens = happens
        self.lost = lost
        self.clock = 0.0
        self.asked = 0
        self.most_at_once = 0
        self.played = []
        self.epochs = Counter()

    def run(self, next_job, watch):
        coming, order = [], itertools.count()
        while True:
            while len(coming) < self.slots:
                self.asked += 1
                if (job := next_job()) is None:
                    break
                self.played.append((job.number, job.config))
                heapq.heappush(coming, (self.clock + 1, next(order), 1 + job.logged, job))
            self.most_at_once = max(self.most_at_once, len(coming))
            if not coming:
                return
            while (outcome := self._advance(coming, order, watch)) is None:
                pass
            job, outcome = outcome
            self.happens("end", job)
            watch.ended(job, outcome)
            self.happens("told", job)

    def _advance(self, coming, order, watch):
        """Play the next epoch; gives a job and its outcome if it is over."""
        self.clock, _, number, job = heapq.heappop(coming)
        try:
            accuracy = self.accuracy(job.config, number)
        except ArithmeticError as e:
            return job, Outcome("failed", reason=str(e))
        self.happens("epoch", job)
        self.epochs[job.number, number] += 1
        if number == 1 + job.logged:
            for earlier in range(1, number):
                _tell(watch, job, earlier, self.accuracy(job.config, earlier))
        stop = _tell(watch, job, number, accuracy)
        if self.lost(job):
            return job, Outcome("failed", reason="its process was lost", lost=True)
        if stop:
            state = "paused" if stop.pauses else "pruned"
            self._leave(job, state, {})
            return job, Outcome(state, reason=stop.reason)
        if number < job.config.epochs:
            heapq.heappush(coming, (self.clock + 1, next(order), number + 1, job))
            return None
        metrics = {"val/accuracy": accuracy, "cost/train_seconds": float(number)}
        self._leave(job, "finished", metrics)
        return job, Outcome("finished", metrics=metrics)

    def _leave(self, job, state, metrics):
        if self.runs is not None:
            self.runs.finish(job, state, metrics)


def _tell(watch, job, number, accuracy):
    return watch.epoch(job, Epoch(number, 1.0, 0.5, 1.0 - accuracy, accuracy, 0.0, 0.0, 1.0))
