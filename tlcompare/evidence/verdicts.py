"""What may be claimed: differences that hold over seeds and images after correction for how many were looked at, and
how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tlcompare.errors import ConfigError, did_you_mean
from tlcompare.evidence.contenders import FROZEN, Contender, paired, within
from tlcompare.evidence.questions import AS_GOOD, BETTER, GIVEN_UP, WORSE, Answer, Needed
from tlcompare.evidence.race import Race
from tlcompare.evidence.statistics import ALPHA, Interval, holm, seeds_needed, sign_flip

UNDECIDED = "cannot conclude"
_RULE = (
    "A difference counts if both the sign-flip test over seeds and the two-level interval test over seeds and images "
    "are at most 0.05 after "
)
RULE = _RULE + "Holm's correction for all comparisons made."
RACED_RULE = _RULE + (
    "correction for the looks that were fixed beforehand, and among the rivals Holm's. As good: shown in the same way "
    "to lose no more than {margin}."
)


@dataclass(frozen=True)
class Comparison:
    """A contender against another.

    Attributes:
        difference: in validation accuracy, the contender's minus the other's.
        flips: p-value of the permutation test over seeds.
        p: the larger p-value of the two tests, corrected for all comparisons of its family.
        family: how many those were.
        verdict: `better`, `worse`, `as good` within the margin that was asked for, or `cannot conclude`.
        why_undecided: too few seeds for any verdict, a difference within the noise, what would settle it.
    """

    contender: Contender
    other: Contender
    difference: Interval
    flips: float
    p: float
    family: int
    verdict: str
    why_undecided: str

    @property
    def turned(self) -> Comparison:
        """The other against the contender."""
        d = self.difference
        return replace(
            self,
            contender=self.other,
            other=self.contender,
            difference=replace(d, estimate=-d.estimate, low=-d.high, high=-d.low),
            verdict={BETTER: WORSE, WORSE: BETTER}.get(self.verdict, self.verdict),
        )

    @property
    def said(self) -> str:
        """The verdict, with its reason where there is none."""
        return f"{UNDECIDED} ({self.why_undecided})" if self.verdict == UNDECIDED else self.verdict


@dataclass(frozen=True)
class Claims:
    """All comparisons of a set of contenders, corrected together.

    Attributes:
        with_baseline: every contender against the baseline of its backbone.
        with_best: every contender against the best of its backbone.
        with_best_tail: every contender that trains everything from some layer on against the best of these, where that
            is not the best of all.
        between: the best of each backbone against the best of all.
        margin: within which a contender of a race was to be as good; None where there was no race.
    """

    with_baseline: tuple[Comparison, ...]
    with_best: tuple[Comparison, ...]
    with_best_tail: tuple[Comparison, ...]
    between: tuple[Comparison, ...]
    margin: float | None = None

    @property
    def rule(self) -> str:
        """When a difference counts."""
        return RULE if self.margin is None else RACED_RULE.format(margin=in_points(self.margin))

    def against_baseline(self, contender: Contender) -> Comparison | None:
        return next((c for c in self.with_baseline if c.contender is contender), None)

    def against_best(self, contender: Contender) -> Comparison | None:
        return next((c for c in self.with_best if c.contender is contender), None)

    def others_against(self, contender: Contender) -> list[Comparison]:
        """The comparisons that were made of others with this one, in either direction, but for those with the
        baseline."""
        made = (*self.with_best, *self.between)
        return [c if c.other is contender else c.turned for c in made if contender in (c.contender, c.other)]

    def not_worse(self, contender: Contender, other: Contender, margin: float) -> bool:
        """Whether the contender is shown to be at most `margin` (in 0..1) below the other: in a race, by its verdict;
        else by the whole 95 % interval of the difference. One seed shows nothing."""
        if contender is other:
            return True
        if self.margin is None:
            return len(contender.runs) > 1 and contender.minus(other).low > -margin
        found = [c for c in self.with_best if c.contender is contender and c.other is other]
        return any(c.verdict in (AS_GOOD, BETTER) for c in found)


def in_points(share: float) -> str:
    """A share in percentage points: `1 point`, `0.5 points`."""
    return f"{share * 100:g} point{'' if round(share * 100, 9) == 1 else 's'}"


def claims_of(contenders: Sequence[Contender], race: Race | None, baseline: str = FROZEN) -> Claims:
    """What may be claimed of contenders, the best first: what their race over seeds has answered, else all comparisons.

    Raises:
        ConfigError: no contender has the baseline's strategy, or the race was against another.
    """
    if race is None:
        return make_claims(contenders, baseline)
    by_key = {c.key: c for c in contenders}
    if (there := by_key.get(race.questions.baseline)) and there.strategy != baseline:
        hint = "A race answers the questions that were fixed before its seeds."
        raise ConfigError(f'--baseline "{baseline}": the race was against {there.strategy}', hint)
    worth = _answered([race.standing.worth], by_key)
    rivals = _answered(race.standing.rivals, by_key)
    turned = tuple(c.turned for c in (*worth, *(r for r in rivals if r.verdict == BETTER)))
    return Claims(worth, (*rivals, *turned), (), (), race.questions.margin)


def _answered(answers: Sequence[Answer], contenders: Mapping[str, Contender]) -> tuple[Comparison, ...]:
    return tuple(
        Comparison(
            contenders[a.contender],
            contenders[a.other],
            within(a.seen.difference, -1.0),
            a.seen.flips,
            a.p,
            len(answers),
            a.verdict if a.settled else UNDECIDED,
            needs(a.needed) if a.verdict == GIVEN_UP else "more seeds are to come",
        )
        for a in answers
        if a.seen is not None and {a.contender, a.other} <= contenders.keys()
    )


def needs(needed: Needed | None) -> str:
    """What would settle a question."""
    parts = [f"{needed.seeds:,} seeds"] if needed and needed.seeds else []
    parts += [f"{needed.images:,} validation images"] if needed and needed.images else []
    return f"it would take about {' or '.join(parts)}" if parts else "no number of seeds would settle it"


def make_claims(contenders: Sequence[Contender], baseline: str = FROZEN) -> Claims:
    """Compare contenders, the best first, with the baseline and with the best of their backbones, and those with one
    another.

    Args:
        contenders: the best first.
        baseline: the strategy that others must beat; the best of several with this strategy.

    Raises:
        ConfigError: no contender has the baseline's strategy.
    """
    if all(c.strategy != baseline for c in contenders):
        near = did_you_mean(baseline, (c.strategy for c in contenders))
        there = f"There are {', '.join(dict.fromkeys(c.strategy for c in contenders))}."
        raise ConfigError(f'--baseline "{baseline}" is none of the strategies compared', f"{near} {there}".strip())
    to_baseline: list[tuple[Contender, Contender]] = []
    to_best: list[tuple[Contender, Contender]] = []
    to_tail: list[tuple[Contender, Contender]] = []
    bests = {c.backbone: c for c in reversed(contenders)}
    for backbone, best in bests.items():
        own = [c for c in contenders if c.backbone == backbone]
        base = next((c for c in own if c.strategy == baseline), None)
        to_baseline += [(c, base) for c in own if base is not None and c is not base]
        to_best += [(c, best) for c in own if c is not best and c is not base and best is not base]
        tails = [c for c in own if c.is_tail]
        to_tail += [(c, tails[0]) for c in tails[1:] if tails[0] is not best]
    between = [(best, contenders[0]) for best in bests.values() if best is not contenders[0]]
    pairs = list(dict.fromkeys([*to_baseline, *to_best, *to_tail, *between]))
    every = {(c.contender, c.other): c for c in compare(pairs)}

    def chosen(pairs: Sequence[tuple[Contender, Contender]]) -> tuple[Comparison, ...]:
        return tuple(every[pair] for pair in pairs)

    turned = tuple(c.turned for c in chosen(to_baseline) if c.contender is bests[c.contender.backbone])
    against = tuple(c for c in chosen(to_baseline) if c.other is bests[c.contender.backbone])
    return Claims(chosen(to_baseline), (*chosen(to_best), *turned, *against), chosen(to_tail), chosen(between))


def seeds_for(configurations: Sequence[int]) -> int:
    """Seeds that a verdict needs where each backbone has so many configurations, the baseline among them."""
    each = sum(max(2 * n - 3, 1) for n in configurations if n > 1)
    return seeds_needed(max(each + len(configurations) - 1, 1))


def compare(pairs: Sequence[tuple[Contender, Contender]]) -> list[Comparison]:
    """The first of each pair against the second, corrected for all of them."""
    differences = [a.minus(b) for a, b in pairs]
    flips = [sign_flip(np.asarray(np.nanmean(paired(a, b), 1))) for a, b in pairs]
    corrected = holm([max(d.p, f.p) for d, f in zip(differences, flips, strict=True)])
    return [
        Comparison(
            a,
            b,
            difference,
            flip.p,
            p,
            len(pairs),
            UNDECIDED if p > ALPHA else BETTER if difference.estimate > 0 else WORSE,
            _too_few(len(pairs)) if flip.least * len(pairs) > ALPHA else "within the noise",
        )
        for (a, b), difference, flip, p in zip(pairs, differences, flips, corrected, strict=True)
    ]


def _too_few(comparisons: int) -> str:
    return f"too few seeds: {comparisons} comparisons need {seeds_needed(comparisons)}"
