"""What may be claimed: differences that hold over seeds and images after correction for how many were looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tlcompare.errors import ConfigError, did_you_mean
from tlcompare.evidence.contenders import FROZEN, Contender
from tlcompare.evidence.statistics import ALPHA, Interval, Scores, SignFlip, holm, seeds_needed, sign_flip

BETTER, WORSE, UNDECIDED = "better", "worse", "cannot conclude"
RULE = (
    "A difference counts if both the sign-flip test over seeds and the two-level interval test over seeds and images "
    "are below 0.05 after Holm's correction for all comparisons made."
)


@dataclass(frozen=True)
class Comparison:
    """A contender against another.

    Attributes:
        difference: in validation accuracy, the contender's minus the other's.
        flips: the permutation test over seeds.
        p: the larger p-value of the two tests, corrected for all comparisons of its family.
        family: how many those were.
    """

    contender: Contender
    other: Contender
    difference: Interval
    flips: SignFlip
    p: float
    family: int

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `cannot conclude`."""
        if self.p > ALPHA:
            return UNDECIDED
        return BETTER if self.difference.estimate > 0 else WORSE

    @property
    def turned(self) -> Comparison:
        """The other against the contender."""
        d = self.difference
        return replace(
            self,
            contender=self.other,
            other=self.contender,
            difference=replace(d, estimate=-d.estimate, low=-d.high, high=-d.low),
        )

    @property
    def why_undecided(self) -> str:
        """Why there is no verdict: too few seeds for any, or a difference within the noise."""
        if self.flips.least * self.family > ALPHA:
            return f"too few seeds: {self.family} comparisons need {seeds_needed(self.family)}"
        return "within the noise"

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
    """

    with_baseline: tuple[Comparison, ...]
    with_best: tuple[Comparison, ...]
    with_best_tail: tuple[Comparison, ...]
    between: tuple[Comparison, ...]

    def against_baseline(self, contender: Contender) -> Comparison | None:
        return next((c for c in self.with_baseline if c.contender is contender), None)

    def against_best(self, contender: Contender) -> Comparison | None:
        return next((c for c in self.with_best if c.contender is contender), None)


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


def not_worse(contender: Contender, other: Contender, margin: float) -> bool:
    """Whether the contender is shown to be at most `margin` (in 0..1) below the other: the whole 95 % interval of the
    difference is above that. One seed shows nothing."""
    return contender is other or (len(contender.runs) > 1 and contender.minus(other).low > -margin)


def compare(pairs: Sequence[tuple[Contender, Contender]]) -> list[Comparison]:
    """The first of each pair against the second, corrected for all of them."""
    differences = [a.minus(b) for a, b in pairs]
    flips = [sign_flip(_by_seed(a) - _by_seed(b)) for a, b in pairs]
    corrected = holm([max(d.p, f.p) for d, f in zip(differences, flips, strict=True)])
    found = zip(pairs, differences, flips, corrected, strict=True)
    return [Comparison(a, b, d, f, p, len(pairs)) for (a, b), d, f, p in found]


def _by_seed(contender: Contender) -> Scores:
    return np.asarray(np.nanmean(contender.right, 1))
