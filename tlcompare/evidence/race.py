"""Runs that were raced over seeds, and the questions that this was to answer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlcompare.evidence.contenders import Contender
from tlcompare.evidence.questions import BETTER, Answer, Questions, Standing, standing
from tlcompare.evidence.statistics import Scores


@dataclass(frozen=True)
class Race:
    """Questions that were fixed before the seeds, and what these have answered."""

    questions: Questions
    standing: Standing


def race_of(questions: Questions, contenders: Sequence[Contender]) -> Race:
    """What the runs of these contenders have answered so far, and which seeds are wanted next."""
    asked = [c for c in contenders if c.key in questions.all]
    return Race(questions, standing(questions, _aligned(questions, asked), _trained_on(asked)))


def _trained_on(contenders: Sequence[Contender]) -> int | None:
    """Number of training images, where every seed had its own division of the images."""
    return next((c.trained_on for c in contenders if c.trained_on is not None), None)


def course(questions: Questions, contenders: Sequence[Contender]) -> tuple[Standing, ...]:
    """What was known at each look of a race, from before its first seed to as far as there are seeds."""
    asked = [c for c in contenders if c.key in questions.all]
    right, divided = _aligned(questions, asked), _trained_on(asked)
    seen: dict[str, int] = {}
    steps = []
    while True:
        steps.append(standing(questions, {key: right[key][:n] for key, n in seen.items()}, divided))
        wanted = steps[-1].wanted
        if not wanted or any(len(right.get(key, ())) < n for key, n in wanted.items()):
            return tuple(steps)
        seen |= wanted


def leader(race: Race, contenders: Sequence[Contender]) -> Contender:
    """The contender to use: where the winner is better than the baseline, the one with the highest mean of all, paired
    by seed and image with the winner; the baseline where that is better or as good; else the one of the two with the
    higher mean.

    Args:
        race: of these contenders.
        contenders: the best mean first.
    """
    by_key = {c.key: c for c in contenders}
    winner, baseline, worth = race.questions.winner, race.questions.baseline, race.standing.worth
    if worth.verdict == BETTER:
        ahead = [a for a in race.standing.rivals if _gain(a) > 0]
        return by_key[max(ahead, key=_gain).contender if ahead else winner]
    if worth.settled:
        return by_key[baseline]
    return next((c for c in contenders if c.key in (winner, baseline)), contenders[0])


def _gain(answer: Answer) -> float:
    return answer.seen.difference.estimate if answer.seen else 0.0


def _aligned(questions: Questions, contenders: Sequence[Contender]) -> dict[str, Scores]:
    """By key, right or wrong for the seeds from the first on, as far as there is no gap, and for the images of all."""
    column = {file: i for i, file in enumerate(sorted({f for c in contenders for f in c.files}))}
    found = {}
    for c in contenders:
        rows = _without_gap(c.seeds, questions.first_seed)
        right = np.full((len(rows), len(column)), np.nan)
        right[:, [column[f] for f in c.files]] = c.right[rows]
        found[c.key] = right
    return found


def _without_gap(seeds: Sequence[str], first: int) -> list[int]:
    """Where the seeds from the first on are, until one is missing."""
    found = itertools.takewhile(lambda seed: str(seed) in seeds, itertools.count(first))
    return [seeds.index(str(seed)) for seed in found]
