"""What runs show and what they do not: intervals, tests and corrections, on per-image results of paired seeds.

Scores come as arrays of shape (seeds, images): 1 where the run with this seed had the image right, 0 where it had not,
their difference for two configurations with the same seeds, NaN where an image was not in that seed's part.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

ALPHA = 0.05
_DRAWS = 2000
_EXACT_SEEDS = 14
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and images with its 95 % interval.

    Attributes:
        estimate: the mean.
        low, high: the interval.
        p: two-sided p-value of the mean being 0 among all seeds and all images of this kind.
        seeds, images: how many there were.
    """

    estimate: float
    low: float
    high: float
    p: float
    seeds: int
    images: int


def interval(scores: Scores, trained_on: int | None = None, alpha: float = ALPHA) -> Interval:
    """Mean with an interval for other seeds and other images of the same kind, which holds with 1 - `alpha`.

    A two-level bootstrap draws seeds and, for all of them alike, images (Owen, "The pigeonhole bootstrap", Annals of
    Applied Statistics 1, 2007). Its deviations are rescaled: their variance becomes that of the two-way
    random-effects analysis of variance, which the plain bootstrap overstates, and their tails those of Student's t with
    Satterthwaite's degrees of freedom (Hillis, Statistics in Medicine 26, 2007), which it understates with few seeds.
    Where training and validation images were divided anew for each seed, the variance over seeds is that of Nadeau
    and Bengio (Machine Learning 52, 2003). The interval given holds the bootstrap's, which knows of skewness, and
    Student's, which is not as coarse with few seeds. With one seed it is about images alone. Where all scores are
    equal, its half-width is what the exact binomial interval allows, and p that of the sign test over images.

    Args:
        scores: float of shape (seeds, images).
        trained_on: number of training images, where each seed had its own division; None where all shared one.
        alpha: in how many cases it may miss, 0.05 for a 95 % interval.
    """
    seeds, _ = scores.shape
    by_seed = np.nanmean(scores, 1)
    estimate = float(by_seed.mean())
    there = ~np.isnan(scores)
    images = int(there.any(0).sum())
    if np.ptp(scores[there]) == 0:
        spread = 1 - (alpha / 2) ** (1 / images)
        # All images count for a difference of 1; of a smaller one, that was not seen in so many, it is less certain.
        p = min(1.0, max(2.0 ** (1 - images), 2 * (1 - min(abs(estimate), 1.0)) ** images))
        return Interval(estimate, estimate - spread, estimate + spread, p, seeds, images)
    if images == 1:
        return Interval(estimate, -1.0, 1.0, 1.0, seeds, images)
    if trained_on is None:
        variance, freedom = _crossed(scores)
    else:
        variance, freedom = _divided_anew(scores, trained_on)
    seed_draws, image_draws = _draws(*scores.shape)
    drawn = image_draws @ there.T.astype(np.float32)
    sums = image_draws @ np.where(there, scores, 0.0).T.astype(np.float32)
    means = np.divide(sums, drawn, out=np.broadcast_to(by_seed, sums.shape).astype(np.float32), where=drawn > 0)
    deviations = (means * seed_draws).sum(1) / seeds - estimate
    longer_tails = stats.t.isf(alpha / 2, freedom) / stats.norm.isf(alpha / 2)
    error = np.sqrt(variance)
    below, above = np.quantile(deviations, [alpha / 2, 1 - alpha / 2]) * error / deviations.std() * longer_tails
    student = error * stats.t.isf(alpha / 2, freedom)
    low, high = estimate + min(below, -student), estimate + max(above, student)
    p = 2 * stats.t.sf(abs(estimate) / error, freedom)
    return Interval(estimate, float(low), float(high), float(p), seeds, images)


@dataclass(frozen=True)
class Variance:
    """The variance of a mean over N seeds: `of_seeds` / N + `of_images`.

    Attributes:
        of_seeds: of one seed.
        of_images: what further seeds do not lessen.
        beyond_images: the part of `of_seeds` that further images do not lessen.
    """

    of_seeds: float
    of_images: float
    beyond_images: float


def variance_by_seeds(scores: Scores, trained_on: int | None) -> Variance:
    """What the variance of a mean over seeds and images consists of.

    Args:
        scores, trained_on: as for `interval`, of two seeds or more; of divisions that differ, what seeds vary by is
            taken to be the luck of their images.
    """
    if trained_on is not None:
        over_seeds = float(np.nanmean(scores, 1).var(ddof=1))
        return Variance(over_seeds, over_seeds * float((~np.isnan(scores)).sum(1).mean()) / trained_on, 0.0)
    seeds, images = scores.shape
    of_seeds, of_images, residual = _mean_squares(scores)
    return Variance(of_seeds / images, (of_images - residual) / (seeds * images), (of_seeds - residual) / images)


def _mean_squares(scores: Scores) -> tuple[float, float, float]:
    """Of seeds, of images, and the residual one; no component of variance is negative, so that neither of the first is
    taken for less than the last."""
    seeds, images = scores.shape
    by_image, by_seed = scores.mean(0), scores.mean(1)
    rest = scores - by_seed[:, None] - by_image + scores.mean()
    residual = float((rest**2).sum() / ((seeds - 1) * (images - 1)))
    of_seeds, of_images = images * by_seed.var(ddof=1), seeds * by_image.var(ddof=1)
    return max(float(of_seeds), residual), max(float(of_images), residual), residual


def _crossed(scores: Scores) -> tuple[float, float]:
    """Variance of the mean where every seed saw every image, and its degrees of freedom."""
    seeds, images = scores.shape
    if seeds == 1:
        return float(scores.mean(0).var(ddof=1) / images), images - 1.0
    of_seeds, of_images, residual = _mean_squares(scores)
    total = of_seeds + of_images - residual
    spread = of_seeds**2 / (seeds - 1) + of_images**2 / (images - 1) + residual**2 / ((seeds - 1) * (images - 1))
    return total / (seeds * images), total**2 / spread


def _divided_anew(scores: Scores, trained_on: int) -> tuple[float, float]:
    """Variance of the mean over overlapping divisions, no less than of images alone, and its degrees of freedom."""
    seeds = len(scores)
    if seeds == 1:
        raise ValueError("one division of the images says nothing about others")
    tested_on = (~np.isnan(scores)).sum(1).mean()
    over_seeds = (1 / seeds + tested_on / trained_on) * np.nanmean(scores, 1).var(ddof=1)
    return float(max(over_seeds, np.nanvar(scores, 1).mean() / (seeds * tested_on))), seeds - 1.0


def _draws(seeds: int, images: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How often each seed and each image is in each draw; the same for all, so that comparisons are paired."""
    return _draw(seeds, 0), _draw(images, 1)


@functools.lru_cache(maxsize=16)
def _draw(of: int, salt: int) -> NDArray[np.float32]:
    random = np.random.default_rng(salt)
    return random.multinomial(of, np.full(of, 1 / of), _DRAWS).astype(np.float32)


@dataclass(frozen=True)
class SignFlip:
    """A permutation test over paired seeds.

    Attributes:
        p: two-sided p-value.
        least: the smallest that so many seeds can give.
    """

    p: float
    least: float


def sign_flip(differences: Scores) -> SignFlip:
    """Whether differences (seeds,) of paired runs are about 0: flips the sign of each, all ways up to 14 seeds.

    It is exact for other seeds on the same images, and assumes nothing but that neither of two equal configurations
    is favoured. Fewer than six seeds cannot reach 0.05.
    """
    seeds = len(differences)
    if seeds == 1 or not differences.any():
        return SignFlip(1.0, min(1.0, 2.0 ** (1 - seeds)))
    found = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=2**seeds if seeds <= _EXACT_SEEDS else 2**_EXACT_SEEDS,
        rng=np.random.default_rng(0),
    )
    return SignFlip(float(found.pvalue), 2.0 ** (1 - min(seeds, _EXACT_SEEDS)))


def seeds_needed(comparisons: int) -> int:
    """Seeds with which the sign-flip test can reach 0.05 in each of so many comparisons after Holm's correction."""
    return int(np.ceil(1 + np.log2(comparisons / ALPHA)))


@dataclass(frozen=True)
class McNemar:
    """The exact test of two runs on the same images.

    Attributes:
        first_only, second_only: images that only one of the two had right.
        p: two-sided p-value; it speaks of these two trained models, not of their configurations.
    """

    first_only: int
    second_only: int
    p: float


def exact_mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """Whether one of two trained models is right more often than the other on images of this kind."""
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    table = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    return McNemar(table[0][1], table[1][0], float(mcnemar(table, exact=True).pvalue))


def holm(p: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, after Holm (Scandinavian Journal of Statistics 6, 1979)."""
    return [float(x) for x in multipletests(p, method="holm")[1]] if len(p) else []


@dataclass(frozen=True)
class Optimism:
    """How much the best of many looks better than it is.

    Attributes:
        shown: its score, by which it was chosen.
        corrected: what its kind of choice is worth on images it was not chosen on.
        candidates: among how many it was chosen.
    """

    shown: float
    corrected: float
    candidates: int

    @property
    def optimism(self) -> float:
        return self.shown - self.corrected


def optimism(right: Scores) -> Optimism:
    """Corrects the best score for having been chosen, by choosing on drawn images and scoring on those not drawn.

    Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the out-of-sample predictions", Machine Learning 107, 2018.

    Args:
        right: float of shape (candidates, images), 1 where the candidate had the image right; of equal ones the first
            is chosen.
    """
    _, draws = _draws(1, right.shape[1])
    left_out = draws == 0
    draws, left_out = draws[left_out.any(1)], left_out[left_out.any(1)]
    chosen = (draws @ right.T).argmax(1)
    hits = (left_out @ right.T)[np.arange(len(chosen)), chosen]
    return Optimism(float(right.mean(1).max()), float((hits / left_out.sum(1)).mean()), len(right))


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Spearman's rank correlation and its two-sided p-value by permutation; NaN where one of the two does not vary."""
    ranks = stats.rankdata(a), stats.rankdata(b)
    if min(np.ptp(r) for r in ranks) == 0:
        return float("nan"), float("nan")
    found = stats.permutation_test(
        (ranks[0],),
        lambda x: np.corrcoef(x, ranks[1])[0, 1],
        permutation_type="pairings",
        vectorized=False,
        n_resamples=5040,
        rng=np.random.default_rng(0),
    )
    return float(found.statistic), float(found.pvalue)
