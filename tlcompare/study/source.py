"""What a coordinator takes its jobs from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tlcompare.engines.jobs import Job, Outcome, Stop
from tlcompare.tracking.reading import LoggedRun
from tlcompare.training.epochs import Epoch


@dataclass(frozen=True)
class NotNow:
    """No job can begin before one that is running has ended."""


@dataclass(frozen=True)
class Over:
    """No job is left, and why; should one that is running be lost, there is that one again."""

    reason: str


class Source(Protocol):
    """Says which job comes next, and hears how each went.

    What of that a restart needs is in a store when a call returns: a source that is made anew goes on where another one
    was when it was killed.

    Attributes:
        noun: what its jobs are called, several of them.
        total: how many jobs there are to be, those of earlier sittings included.
        metrics: what a finished job must have a finite value of.
    """

    noun: str
    metrics: tuple[str, ...]

    @property
    def total(self) -> int: ...

    def settle(self, runs: Sequence[LoggedRun]) -> set[str]:
        """Learn how jobs ended whose end was not told, and let the others that were running wait for another attempt.

        Args:
            runs: all MLflow runs of jobs of this source.

        Returns:
            The ids of the runs whose outcome is known and stands.
        """

    def next(self) -> Job | NotNow | Over:
        """Asked whenever there is room for a job; what it gives runs next. Only one that was paused has a run yet."""

    def opened(self, job: Job) -> None:
        """The job has its MLflow run now."""

    def epoch(self, job: Job, epoch: Epoch) -> Stop | None:
        """An epoch of a job is done. Returns whether the job should end now, and how."""

    def again(self, job: Job) -> None:
        """The job was lost, and its run with it: it comes next."""

    def ended(self, job: Job, outcome: Outcome) -> None:
        """The job is over; told once."""

    def result(self, outcome: Outcome) -> str:
        """A finished job's values in words."""

    def best(self) -> str:
        """The best so far in words; empty where none is sought."""

    def done(self) -> int:
        """How many jobs have an outcome."""
