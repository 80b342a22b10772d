"""The questions of a decision, fixed before the seeds that answer them, and what these have answered so far.

First: is the configuration that explored best better than the baseline? Only once that is answered, at the full level:
which of its rivals are worse, and which are as good within a margin? The first question does not pay for the others
(gatekeeping), and each question spends its own level over the looks (Glimm, Maurer and Bretz, Statistics in Medicine
29, 2010). Among the rivals, Holm's correction holds at every look (Bartroff and Song, arXiv 1304.6309).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from scipy import stats

from tlcompare.evidence.looks import LOOKS, Looks, Sequential, look, nominal
from tlcompare.evidence.statistics import ALPHA, Scores, holm, variance_by_seeds

BETTER, WORSE, AS_GOOD, OPEN, GIVEN_UP = "better", "worse", "as good", "open", "cannot conclude"
_HOPE = 0.1
"""Chance of an answer by the last look, if things go on as they have, below which a question is given up."""


@dataclass(frozen=True)
class Questions:
    """What is asked of configurations, which are named by their keys.

    Attributes:
        winner: what explored best of all that unfreezes something.
        baseline: what it must beat.
        rivals: the other contenders.
        margin: how much less accurate what is as good may be, in 0..1.
        top: among how many of the best the rivals are.
        first_seed: the seeds are this one and those that follow.
        looks: when answers are sought.
    """

    winner: str
    baseline: str
    rivals: tuple[str, ...]
    margin: float
    top: int = 5
    first_seed: int = 0
    looks: Looks = LOOKS

    @property
    def all(self) -> tuple[str, ...]:
        return (self.winner, self.baseline, *self.rivals)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Questions:
        values = json.loads(text)
        looks = Looks(*(tuple(values["looks"][name]) for name in ("seeds", "spent")))
        return Questions(**values | {"rivals": tuple(values["rivals"]), "looks": looks})


@dataclass(frozen=True)
class Needed:
    """What would settle a question, if things go on as they have.

    Attributes:
        seeds: how many; None where none would.
        images: how many validation images, with the seeds of the last look; None where none would.
    """

    seeds: int | None
    images: int | None


@dataclass(frozen=True)
class Answer:
    """What is known of a contender against another.

    Attributes:
        contender, other: their keys.
        seen: their difference when it was last looked at; None before.
        p: of the verdict, corrected for looks and for the family of the question.
        verdict: better, worse, as good (no more than the margin below the other, or above the baseline), open, or
            cannot conclude.
        needed: what would settle it, where it is given up.
    """

    contender: str
    other: str
    seen: Sequential | None
    p: float
    verdict: str
    needed: Needed | None = None

    @property
    def settled(self) -> bool:
        return self.verdict in (BETTER, WORSE, AS_GOOD)


@dataclass(frozen=True)
class Standing:
    """All answers so far.

    Attributes:
        worth: the winner against the baseline.
        rivals: each rival against the winner.
        wanted: how many seeds each configuration should have next, where that is more than it has; none if it is over.
    """

    worth: Answer
    rivals: tuple[Answer, ...]
    wanted: Mapping[str, int]


def standing(questions: Questions, right: Mapping[str, Scores], trained_on: int | None) -> Standing:
    """What the seeds so far have answered, and which are wanted next.

    Args:
        questions: that were fixed before.
        right: of each configuration 1 where a seed had an image right, float of shape (seeds, images), NaN where the
            image was not among its validation images; the seeds are the same for all, in the same order, but not all
            configurations need have as many.
        trained_on: number of training images, where each seed had its own division of the images; else None.
    """
    worth = _worth(questions, right, trained_on)
    rivals = tuple(Answer(rival, questions.winner, None, 1.0, OPEN) for rival in questions.rivals)
    if worth.verdict == BETTER:
        rivals = _rivals(questions, right, trained_on)
    return Standing(worth, rivals, _wanted(questions, right, worth, rivals))


def _paired(right: Mapping[str, Scores], a: str, b: str) -> Scores:
    seeds = min(len(right.get(a, ())), len(right.get(b, ())))
    return np.asarray(right[a][:seeds] - right[b][:seeds]) if seeds else np.empty((0, 0))


def _worth(questions: Questions, right: Mapping[str, Scores], trained_on: int | None) -> Answer:
    """The main question; one interval answers it in all directions, so that they share the level."""
    a, b, margin = questions.winner, questions.baseline, questions.margin
    differences = _paired(right, a, b)
    seen = look(differences, trained_on, questions.looks)
    if seen is None:
        return Answer(a, b, None, 1.0, OPEN)
    if seen.p <= ALPHA:
        return Answer(a, b, seen, seen.p, BETTER if seen.difference.estimate > 0 else WORSE)
    near = look(differences, trained_on, questions.looks, zero=margin)
    assert near is not None
    if near.p <= ALPHA and seen.difference.estimate < margin:
        return Answer(a, b, seen, near.p, AS_GOOD)
    return _unsettled(Answer(a, b, seen, seen.p, OPEN), differences, trained_on, questions, margin, ALPHA)


def _rivals(questions: Questions, right: Mapping[str, Scores], trained_on: int | None) -> tuple[Answer, ...]:
    """The rivals against the winner: worse, or no more than the margin below it; of the two, only one can be false."""
    margin = questions.margin
    answers = []
    for rival in questions.rivals:
        differences = _paired(right, rival, questions.winner)
        seen = look(differences, trained_on, questions.looks)
        near = look(differences, trained_on, questions.looks, zero=-margin)
        if seen is None or near is None:
            answers.append(Answer(rival, questions.winner, None, 1.0, OPEN))
            continue
        estimate = seen.difference.estimate
        kinds = [(seen.p, BETTER if estimate > 0 else WORSE)]
        kinds += [(near.p, AS_GOOD)] if estimate > -margin else []
        answers.append(Answer(rival, questions.winner, seen, *min(kinds)))
    corrected = holm([a.p for a in answers])
    open_ones = sum(p > ALPHA for p in corrected)
    found = []
    for answer, p in zip(answers, corrected, strict=True):
        answer = replace(answer, p=p, verdict=answer.verdict if p <= ALPHA else OPEN)
        if answer.verdict == OPEN and answer.seen is not None:
            differences = _paired(right, answer.contender, answer.other)
            answer = _unsettled(answer, differences, trained_on, questions, -margin, ALPHA / open_ones)
        found.append(answer)
    return tuple(found)


def _unsettled(
    answer: Answer, differences: Scores, trained_on: int | None, questions: Questions, bound: float, level: float
) -> Answer:
    """An open answer, given up where neither a difference nor that it lies on this side of `bound` can be hoped for."""
    looks = questions.looks
    if max(hope(differences, trained_on, looks, zero, level) for zero in (0.0, bound)) > _HOPE:
        return answer
    needs = [needed(differences, trained_on, looks, zero, level) for zero in (0.0, bound)]
    seeds = [n.seeds for n in needs if n.seeds is not None]
    images = [n.images for n in needs if n.images is not None]
    least = Needed(min(seeds, default=None), min(images, default=None))
    return replace(answer, verdict=GIVEN_UP, needed=least)


def _wanted(
    questions: Questions, right: Mapping[str, Scores], worth: Answer, rivals: Sequence[Answer]
) -> dict[str, int]:
    """Up to the next look for what is open; a rival first gets the seeds that the winner has."""
    there = {key: len(right.get(key, ())) for key in questions.all}
    seeds = questions.looks.seeds
    if worth.verdict == OPEN:
        goal = _next(seeds, min(there[questions.winner], there[questions.baseline]))
        return {key: goal for key in (questions.winner, questions.baseline) if goal and there[key] < goal}
    if worth.verdict != BETTER:
        return {}
    going = [a.contender for a in rivals if a.verdict == OPEN]
    if not going:
        return {}
    least = min(there[key] for key in going)
    goal = _next(seeds, least)
    return {key: goal for key in (questions.winner, *going) if goal and there[key] < goal}


def _next(seeds: Sequence[int], there: int) -> int:
    """The next look after so many seeds; 0 if there is none."""
    return next((n for n in seeds if n > there), 0)


def hope(scores: Scores, trained_on: int | None, looks: Looks, zero: float, level: float) -> float:
    """The chance that a mean is told from `zero` at the last look, if the seeds to come are like those there are
    (conditional power: Lan, Simon and Halperin, Sequential Analysis 1, 1982)."""
    seeds, last = len(scores), looks.seeds[-1]
    if seeds >= last:
        return 0.0
    v = variance_by_seeds(scores, trained_on)
    away, least = _away(scores, zero), _bound(looks, level) * np.sqrt(v.of_seeds / last + v.of_images)
    to_come = np.sqrt(v.of_seeds * (last - seeds)) / last
    return float(stats.norm.sf((least - away) / to_come)) if to_come else float(away > least)


def needed(scores: Scores, trained_on: int | None, looks: Looks, zero: float, level: float) -> Needed:
    """With how many seeds, or images, a mean like that of these scores would be told from `zero` as often as not; more
    than there are, since these did not suffice."""
    v = variance_by_seeds(scores, trained_on)
    allowed = (_away(scores, zero) / _bound(looks, level)) ** 2
    last = looks.seeds[-1]
    seeds = int(np.ceil(v.of_seeds / (allowed - v.of_images))) if allowed > v.of_images else None
    room, there = allowed - v.beyond_images / last, float((~np.isnan(scores)).sum(1).mean())
    of_one = ((v.of_seeds - v.beyond_images) / last + v.of_images) * there
    images = int(np.ceil(of_one / room)) if room > 0 else 0
    return Needed(seeds and max(seeds, len(scores) + 1), images if images > there else None)


def visible(differences: Scores, trained_on: int | None, looks: Looks) -> float:
    """The smallest mean difference that can be shown by the last look, in 0..1, as far as images alone limit it.

    Args:
        differences: of one pair of runs, float of shape (1, images).
        trained_on: as for `interval`.
        looks: when there are looks.
    """
    images = differences.shape[1]
    share = 1.0 if trained_on is None else 1 / looks.seeds[-1] + images / trained_on
    return _bound(looks, ALPHA) * float(np.sqrt(share * differences.var(ddof=1) / images))


def _away(scores: Scores, zero: float) -> float:
    return abs(float(np.nanmean(scores, 1).mean()) - zero)


def _bound(looks: Looks, level: float) -> float:
    """Of standard errors, how many a mean must be away from what it is tested against at the last look."""
    return float(stats.norm.isf(nominal(looks, level)[-1] / 2))
