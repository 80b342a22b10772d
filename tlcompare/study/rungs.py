"""Successive halving that promotes and resumes (ASHA, arXiv 1810.05934): trials train to a rung, and those that are
among the best there go on; the others pause, and go on from their checkpoints once they are among the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from optuna.trial import FrozenTrial, TrialState
from scipy import stats

from tlcompare.config import RunConfig

ONE_IN = 2
"""Of so many trials at a rung, the best is promoted."""
CHECKED = 10
"""Of so many trials, one trains to its end whatever it shows, so that it can be seen what the rungs are worth."""
_END = 2
_KEY = "rungs"


@dataclass(frozen=True)
class Climb:
    """How far a trial has come.

    Attributes:
        first: the rung that it trains to whatever it shows.
        goal: the rung that it may train to, of 0, 1 and 2, the last being the end of its training.
        losses: the lowest validation loss until each rung that it has passed.
        paused: whether it waits there.
    """

    first: int
    goal: int
    losses: tuple[float, ...] = ()
    paused: bool = False

    @property
    def ends(self) -> bool:
        """Whether it trains to its end."""
        return self.goal == _END


def rungs_of(config: RunConfig) -> tuple[int, ...]:
    """After how many epochs a trial is at each rung: a ninth, a third and all of those that train more than the head
    alone. All trials have the learning rates of their whole length, so that what was trained can go on."""
    alone, trained = config.head_first, config.epochs - config.head_first
    return (*(alone + math.ceil(trained / part) for part in (9, 3)), config.epochs)


def begun(rungs: Sequence[int], share: float, to_the_end: bool) -> Climb:
    """Where a trial begins, whose epochs cost this share of those that train the whole backbone: it trains first for
    what the first rung costs such a one."""
    dear = rungs[0] if not to_the_end else math.inf
    first = max(i for i, epochs in enumerate(rungs) if i == 0 or epochs * share <= dear)
    return Climb(first, first)


def passed(climb: Climb, rungs: Sequence[int], epoch: int, loss: float) -> Climb:
    """A trial after an epoch, its lowest loss so far being known."""
    reached = sum(epochs <= epoch for epochs in rungs)
    return replace(climb, losses=climb.losses + (loss,) * (reached - len(climb.losses)))


def leads(climb: Climb, others: Sequence[Climb]) -> bool:
    """Whether a trial is among the best half, rounded down, of all that have passed the rung that it is at."""
    return climb.losses[-1] <= _worst_that_leads((climb, *others), len(climb.losses) - 1)


def _worst_that_leads(climbs: Iterable[Climb], rung: int) -> float:
    """The highest loss at a rung of those that lead there."""
    there = sorted(climb.losses[rung] for climb in climbs if len(climb.losses) > rung)
    count = len(there) // ONE_IN
    return there[count - 1] if count else -math.inf


def promoted(climb: Climb) -> Climb:
    """A trial that goes on to the next rung."""
    return replace(climb, goal=min(len(climb.losses), _END), paused=False)


def next_promoted(climbs: Mapping[int, Climb]) -> int | None:
    """Which paused trial goes on, by its number: of those that lead at their rung, the best of the highest."""
    worst = [_worst_that_leads(climbs.values(), rung) for rung in range(_END)]
    leading = [
        (-len(climb.losses), climb.losses[-1], number)
        for number, climb in climbs.items()
        if climb.paused and climb.losses[-1] <= worst[len(climb.losses) - 1]
    ]
    return min(leading)[2] if leading else None


# In Optuna's trials


def attribute(climb: Climb) -> tuple[str, dict[str, object]]:
    """Name and value under which a trial in Optuna has it."""
    return _KEY, asdict(climb)


def climb_of(trial: FrozenTrial) -> Climb | None:
    """How far a trial is, if it has begun under rungs."""
    kept = trial.user_attrs.get(_KEY)
    return None if kept is None else Climb(**kept | {"losses": tuple(kept["losses"])})


def climbs_of(trials: Sequence[FrozenTrial]) -> dict[int, Climb]:
    """How far each trial is, by its number."""
    return {t.number: climb for t in trials if (climb := climb_of(t)) is not None}


def paused(trials: Sequence[FrozenTrial]) -> set[int]:
    """The trials that wait at a rung, by their numbers."""
    waiting = [t for t in trials if t.state == TrialState.WAITING]
    return {number for number, climb in climbs_of(waiting).items() if climb.paused}


def epochs_of(trials: Sequence[FrozenTrial]) -> int:
    """How many epochs they have trained in all."""
    return sum(t.last_step or 0 for t in trials)


def agreement(trials: Sequence[FrozenTrial], maximize: bool) -> tuple[float, int]:
    """Spearman's rank correlation of what trials showed at the first rung and at their end, 1 where the order is the
    same, and over how many: those that were trained to their end in any case; not a number for fewer than three, or
    where all showed the same."""
    climbs = climbs_of(trials)
    checked = [t for t in trials if t.state == TrialState.COMPLETE and (c := climbs.get(t.number)) and c.first == _END]
    firsts = [-climbs[t.number].losses[0] for t in checked]
    ends = [t.values[0] if maximize else -t.values[0] for t in checked]
    if len(checked) < 3 or 1 in (len(set(firsts)), len(set(ends))):
        return math.nan, len(checked)
    return float(np.asarray(stats.spearmanr(firsts, ends))[0]), len(checked)
