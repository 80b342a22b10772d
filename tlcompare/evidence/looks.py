"""Looking at paired runs while their seeds come in: tests that may be repeated, at a level that is paid for beforehand.

The looks, and how much of the level may be spent by each, are fixed before the first seed (Lan and DeMets, Biometrika
70, 1983). What is claimed at a look is right as often as if there had been that look alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from tlcompare.evidence.statistics import ALPHA, Interval, Scores, interval

_LEAST_P = 1e-5
_MOST_P = 0.99
_STEPS = 12
_LEVELS = 48
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)


@dataclass(frozen=True)
class Looks:
    """When a question is looked at.

    Attributes:
        seeds: how many seeds there are at each look, in ascending order.
        spent: the share of the level that may be spent by each look, in ascending order; the last is 1.
    """

    seeds: tuple[int, ...]
    spent: tuple[float, ...]

    def done(self, seeds: int) -> int:
        """How many looks there have been with so many seeds."""
        return sum(s <= seeds for s in self.seeds)


LOOKS = Looks((6, 8, 12, 16), (0.63, 0.8, 0.9, 1.0))
"""With six seeds sign flips can just reach 0.05, and that takes five eighths of the level."""


def looks_to(most: int) -> Looks:
    """The looks of `LOOKS`, but that the last is at `most` seeds, of which there are six or more."""
    seeds = (*(n for n in LOOKS.seeds[:-1] if n < most), most)
    return Looks(seeds, (*LOOKS.spent[: len(seeds) - 1], 1.0))


@dataclass(frozen=True)
class Sequential:
    """A paired difference, as it was when it was last looked at.

    Attributes:
        difference: its mean, with an interval that holds at all looks together (Jennison and Turnbull, Journal of the
            Royal Statistical Society B 51, 1989), and its p-value corrected for the looks.
        flips: p-value of the sign flips over seeds, corrected for the looks.
        looks: how many there have been.
    """

    difference: Interval
    flips: float
    looks: int

    @property
    def p(self) -> float:
        """The larger of the two p-values."""
        return max(self.difference.p, self.flips)


def look(scores: Scores, trained_on: int | None, looks: Looks = LOOKS, zero: float = 0.0) -> Sequential | None:
    """What so many seeds show of a mean difference; None before the first look.

    Seeds beyond the last look that there has been wait for the next.

    Args:
        scores: differences, float of shape (seeds, images), in the order in which the seeds came; NaN where an image
            was not in that seed's part.
        trained_on: as for `interval`.
        looks: when there are looks.
        zero: the difference that is tested against; the interval is that of the difference itself.
    """
    done = looks.done(len(scores))
    if not done:
        return None
    bounds = nominal(looks, ALPHA)
    seen = [scores[:seeds] for seeds in looks.seeds[:done]]
    single = [interval(s - zero, trained_on) for s in seen]
    p = min(_over_looks(one.p, number, looks) for number, one in enumerate(single))
    last = interval(seen[-1], trained_on, alpha=bounds[done - 1])
    flips = flips_over_looks(np.nanmean(seen[-1], 1) - zero, looks)
    return Sequential(Interval(last.estimate, last.low, last.high, p, last.seeds, last.images), flips, done)


def flips_over_looks(differences: NDArray[np.float64], looks: Looks = LOOKS) -> float:
    """The smallest level at which sign flips would have rejected, by now, that paired differences are about 0.

    Exact: given their sizes, all signs are equally likely, and with them all courses that the looks can take.

    Args:
        differences: of shape (seeds,), in the order in which the seeds came; at least as many as the first look has.
        looks: when there are looks.
    """
    done = looks.done(len(differences))
    last = looks.seeds[done - 1]
    # Mirrored courses are as extreme as one another, so that half of them stand for all.
    signs = 1 - 2 * ((np.arange(2 ** (last - 1))[:, None] >> np.arange(last)) & 1)
    sums = [np.abs(signs[:, :seeds] @ differences[:seeds]) for seeds in looks.seeds[:done]]
    sums = [np.round(s, 9) for s in sums]
    return _least_level(lambda level: _rejected(sums, looks, level))


def _rejected(sums: list[NDArray[np.float64]], looks: Looks, level: float) -> bool:
    """Whether the course that was taken, which is the first, is among the rejected; by look, the most extreme of those
    that were not rejected before are, as far as what may be spent goes."""
    courses = len(sums[0])
    going = np.ones(courses, bool)
    for statistic, share in zip(sums, looks.spent, strict=False):
        room = int(np.floor(level * share * courses + 1e-9)) - int((~going).sum())
        ranked = np.sort(statistic[going])[::-1]
        # Of equal ones all or none are rejected: the bound is above the first that there is no room for.
        bound = ranked[room] if 0 <= room < len(ranked) else np.inf if room < 0 else -np.inf
        out = going & (statistic > bound)
        if out[0]:
            return True
        going &= ~out
    return False


@functools.lru_cache(maxsize=512)
def nominal(looks: Looks, level: float) -> tuple[float, ...]:
    """The p-value below which a test rejects at each look, so that all together err with probability `level`.

    For a normal mean of independent seeds, by recursive integration (Armitage, McPherson and Rowe, Journal of the
    Royal Statistical Society A 132, 1969). Images that all looks share make looks more alike, and then it errs less.
    """
    spending = np.diff([0.0, *looks.spent]) * level
    bounds: list[float] = []
    places = density = weights = np.empty(0)
    for number, (seeds, share) in enumerate(zip(looks.seeds, spending, strict=True)):
        if number == 0:
            step, before = np.sqrt(seeds), (np.zeros(1), np.ones(1))
        else:
            step, before = np.sqrt(seeds - looks.seeds[number - 1]), (places, density * weights)

        def leaves(bound: float, step: float = step, before: tuple[Scores, Scores] = before) -> float:
            at, mass = before
            return float(mass @ (stats.norm.sf((bound - at) / step) + stats.norm.sf((bound + at) / step)))

        bound = optimize.brentq(lambda b, share=share: leaves(b) - share, 0.0, 12 * np.sqrt(seeds))
        bounds.append(float(2 * stats.norm.sf(bound / np.sqrt(seeds))))
        at, mass = before
        places, weights = _NODES * bound, _WEIGHTS * bound
        density = stats.norm.pdf((places[:, None] - at) / step) @ mass / step
    return tuple(bounds)


def _over_looks(p: float, number: int, looks: Looks) -> float:
    """The level at which a p-value at this look would just be rejected; whether it is below `ALPHA` is exact."""
    levels, bounds = _table(looks)
    at = np.log(max(p, 1e-300))
    found = float(np.exp(np.interp(at, np.log(bounds[:, number]), np.log(levels), right=0.0)))
    return min(found, ALPHA) if p <= nominal(looks, ALPHA)[number] else max(found, np.nextafter(ALPHA, 1))


@functools.lru_cache(maxsize=16)
def _table(looks: Looks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Levels, and the bounds at each look that go with them, (levels, looks)."""
    levels = np.geomspace(_LEAST_P, _MOST_P, _LEVELS)
    return levels, np.array([nominal(looks, float(level)) for level in levels])


def _least_level(rejects: Callable[[float], bool]) -> float:
    """The smallest level at which it does; whether it is below `ALPHA` is exact."""
    if not rejects(_MOST_P):
        return 1.0
    low, high = (_LEAST_P, ALPHA) if rejects(ALPHA) else (ALPHA, _MOST_P)
    if rejects(low):
        return low
    for _ in range(_STEPS):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if rejects(middle) else (middle, high)
    return high
