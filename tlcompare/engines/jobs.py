"""What an engine runs, what comes of it, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tlcompare.config import RunConfig
from tlcompare.training.epochs import Epoch

Metrics = Mapping[str, float]


def keep_all(metrics: Metrics) -> bool:
    """Every job's model is kept."""
    return True


def keep_none(metrics: Metrics) -> bool:
    """No job's model is kept."""
    return False


@dataclass(frozen=True)
class Job:
    """One training that can run anywhere.

    Attributes:
        number: by which it is known.
        label: it in a few words.
        config: what to train.
        run_name, tags: of its MLflow run.
        run_id: of that run, once it is there.
        keep_model: from its final metrics, whether its model is kept; goes to where the job runs, so it can be pickled.
        ahead: configurations of jobs to come whose heads may train together with this one's.
        kept: the cuts, by their nodes, at which features of the backbone are kept.
        logged: of a job that was paused, the epochs that its run has already.
    """

    number: int
    label: str
    config: RunConfig
    run_name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str = ""
    keep_model: Callable[[Metrics], bool] = keep_all
    ahead: tuple[RunConfig, ...] = ()
    kept: tuple[str, ...] = ()
    logged: int = 0


@dataclass(frozen=True)
class Stop:
    """That a job is to end after an epoch, and why; or to pause, so that it can go on from there later."""

    reason: str
    pauses: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        state: finished, pruned, paused or failed.
        metrics: the final metrics, of a finished job.
        reason: why it failed, was pruned or paused.
        detail: the traceback of a failure that is no user's mistake.
        lost: whether it failed because its process or device was lost, so that it may go well another time; nothing
            else can run in that process.
    """

    state: str
    metrics: Metrics = field(default_factory=dict)
    reason: str = ""
    detail: str = ""
    lost: bool = False


class Watch(Protocol):
    """Who is told how jobs go."""

    def said(self, job: Job, text: str) -> None: ...

    def progress(self, job: Job, what: str, share: float | None) -> None: ...

    def epoch(self, job: Job, epoch: Epoch) -> Stop | None:
        """An epoch is done. Returns whether the job should end now, and how."""

    def ended(self, job: Job, outcome: Outcome) -> None: ...


NextJob = Callable[[], Job | None]


class Engine(Protocol):
    """Runs jobs, and knows neither where they come from nor what their outcomes mean."""

    def run(self, next_job: NextJob, watch: Watch) -> None:
        """Run jobs until there is none and nothing runs.

        `next_job` is asked whenever there is room for one: at the beginning, and after each end. That there is none
        then does not mean that there will be none after the next end.
        """
