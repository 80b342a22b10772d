"""Configurations with fresh seeds: a source of jobs."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tlcompare.config import RunConfig
from tlcompare.engines.jobs import Job, Outcome, Stop
from tlcompare.study.clock import SEEDS, Clock
from tlcompare.study.source import Over
from tlcompare.tracking.reading import LoggedRun
from tlcompare.tracking.runs import run_name
from tlcompare.training.epochs import Epoch
from tlcompare.training.heads import train_together


class Replicates:
    """Configurations with fresh seeds, in their order: a source of jobs.

    Args:
        missing: what is to be run.
        done: how many have finished in earlier sittings.
        kept: the cuts at which each backbone's features are kept, by their nodes.
        heads: of what is to be run, that in which nothing but the head trains.
        clock: of the decision that they are run for; what would take longer than is left does not begin.
    """

    noun = "replicates"
    metrics: tuple[str, ...] = ("val/accuracy",)

    def __init__(
        self,
        missing: Sequence[RunConfig],
        done: int,
        kept: Mapping[str, tuple[str, ...]],
        heads: Collection[RunConfig],
        clock: Clock,
    ) -> None:
        self._waiting = dict(enumerate(missing))
        self._told: set[str] = set()
        self._done = done
        self._kept = kept
        self._heads = heads
        self._clock = clock
        self._began: dict[int, float] = {}
        self._took: dict[RunConfig, float] = {}
        self.total = done + len(missing)

    def settle(self, runs: Sequence[LoggedRun]) -> set[str]:
        return self._told | {run.run_id for run in runs if run.status == "FINISHED"}

    def next(self) -> Job | Over:
        if not self._waiting:
            return Over("all replicates are done")
        number = min(self._waiting)
        if self._clock.left(SEEDS) <= self._took.get(_seedless(self._waiting[number]), 0.0):
            return Over("the time is over")
        config = self._waiting.pop(number)
        self._began[number] = time.monotonic()
        later = [c for c in self._waiting.values() if c in self._heads]
        ahead = tuple(c for c in later if train_together(c, config)) if config in self._heads else ()
        label = f"{config.model} {config.unfreeze} seed {config.seed}"
        name = f"{run_name(config)} seed {config.seed}"
        return Job(number, label, config, name, ahead=ahead, kept=self._kept[config.model])

    def opened(self, job: Job) -> None:
        pass

    def epoch(self, job: Job, epoch: Epoch) -> Stop | None:
        over = self._clock.left(SEEDS) <= 0 and epoch.number < job.config.epochs
        return Stop(f"ended after epoch {epoch.number}: the time is over") if over else None

    def again(self, job: Job) -> None:
        self._waiting[job.number] = job.config

    def ended(self, job: Job, outcome: Outcome) -> None:
        self._told.add(job.run_id)
        self._done += outcome.state == "finished"
        kind, seconds = _seedless(job.config), time.monotonic() - self._began[job.number]
        self._took[kind] = max(seconds, self._took.get(kind, 0.0))

    def result(self, outcome: Outcome) -> str:
        return f"{outcome.metrics['val/accuracy']:.2%}  {outcome.metrics['cost/train_seconds']:.1f} s"

    def best(self) -> str:
        return ""

    def done(self) -> int:
        return self._done


def _seedless(config: RunConfig) -> RunConfig:
    """The same for configurations that take as long as one another."""
    return replace(config, seed=0, val_seed=None)
