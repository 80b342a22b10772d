"""What a sweep has to show: its replicates, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tlcompare.errors import TrackingError
from tlcompare.evidence.contenders import Contender, contenders, raced
from tlcompare.evidence.questions import Questions
from tlcompare.evidence.race import Race, leader, race_of
from tlcompare.evidence.table import select_runs
from tlcompare.tracking.reading import QUESTIONS, LoggedRun, replicates_of, sweep_run, trials_of
from tlcompare.tracking.store import require_store


@dataclass(frozen=True)
class Evidence:
    """What a sweep has to show.

    Attributes:
        sweep: its run.
        trials: its trials' runs.
        contenders: the configurations that were run again with seeds of their own, the best first; of a race, the one
            first that its answers speak for.
        left_out: runs without a counterpart with the same seed in every other configuration.
        race: where all do not have the same seeds, but were raced over them.
    """

    sweep: LoggedRun
    trials: tuple[LoggedRun, ...]
    contenders: tuple[Contender, ...]
    left_out: tuple[str, ...]
    race: Race | None = None

    @property
    def backbones(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c.backbone for c in self.contenders))

    def of(self, backbone: str) -> list[Contender]:
        return [c for c in self.contenders if c.backbone == backbone]


def evidence_of(sweep: str) -> Evidence:
    """The evidence of a sweep, its replicates.

    Raises:
        TrackingError: no such sweep, or one that has no replicates.
    """
    require_store()
    parent = sweep_run(sweep)
    finished = [r for r in replicates_of(parent.run_id) if r.status == "FINISHED"]
    if not finished:
        raise TrackingError(
            f'the sweep "{sweep}" has no replicates, and one seed per configuration proves nothing',
            f"Run tlcompare replicate --sweep {sweep} --top 5 --seeds 10 first.",
        )
    trials = tuple(trials_of(parent.run_id))
    if QUESTIONS in parent.tags:
        every = raced(finished)
        race = race_of(Questions.from_json(parent.tags[QUESTIONS]), every)
        first = leader(race, every)
        return Evidence(parent, trials, (first, *(c for c in every if c is not first)), (), race)
    found, left_out = contenders(finished)
    return Evidence(parent, trials, tuple(found), tuple(left_out))


def candidates(
    run_ids: Sequence[str], experiment: str | None, sweep: str | None = None
) -> tuple[list[Contender], list[str], Race | None]:
    """What there is to choose from, the best first, the runs left out, and the race if there was one: of the runs
    named, else the replicates of a sweep or, where there are none, its trials, else every finished run of an
    experiment.

    Raises:
        TrackingError: no such run, sweep or experiment, or runs that cannot be compared.
    """
    require_store()
    if sweep is not None and any(r.status == "FINISHED" for r in replicates_of(sweep_run(sweep).run_id)):
        found = evidence_of(sweep)
        return list(found.contenders), list(found.left_out), found.race
    return *contenders(select_runs(run_ids, experiment, sweep)), None
