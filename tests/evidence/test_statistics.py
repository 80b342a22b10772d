"""Intervals and tests against SciPy, against brute force, and against simulations whose truth is known."""

import itertools

import numpy as np
import pytest
from scipy import stats

from benchmarks.truth import WORLDS
from tlcompare.evidence.statistics import (
    exact_mcnemar,
    holm,
    interval,
    optimism,
    rank_correlation,
    seeds_needed,
    sign_flip,
)


def test_one_seed_is_students_test_over_images():
    scores = (np.random.default_rng(0).random((1, 200)) > 0.4).astype(float) - 0.5
    found, expected = interval(scores), stats.ttest_1samp(scores[0], 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.seeds, found.images) == (1, 200)
    ends = expected.confidence_interval(0.95)
    assert found.low == pytest.approx(ends.low, abs=0.01)
    assert found.high == pytest.approx(ends.high, abs=0.01)
    resampled = stats.bootstrap((scores[0],), np.mean, method="percentile", rng=np.random.default_rng(1))
    assert found.low == pytest.approx(resampled.confidence_interval.low, abs=0.01)


def test_images_that_agree_leave_students_test_over_seeds():
    by_seed = np.random.default_rng(0).normal(0.3, 1, 7)
    found = interval(np.repeat(by_seed[:, None], 50, axis=1))
    assert found.p == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue)


def test_seeds_with_divisions_of_their_own_follow_nadeau_and_bengio():
    random = np.random.default_rng(0)
    scores = np.full((8, 400), np.nan)
    for row in scores:
        row[random.choice(400, 100, replace=False)] = (random.random(100) > 0.45) - 0.5
    by_seed = np.nanmean(scores, 1)
    error = np.sqrt((1 / 8 + 100 / 300) * by_seed.var(ddof=1))
    expected = 2 * stats.t.sf(abs(by_seed.mean()) / error, 7)
    found = interval(scores, trained_on=300)
    assert found.p == pytest.approx(expected)
    assert found.high - found.low >= 2 * stats.t.ppf(0.975, 7) * error * 0.999
    lucky = np.tile([1.0, 0, np.nan, np.nan], (4, 50))
    lucky[1::2] = np.roll(lucky[1::2], 2, axis=1)
    assert interval(lucky, trained_on=300).high > 0.55  # equal results of all seeds leave the doubt of the images
    with pytest.raises(ValueError, match="one division"):
        interval(scores[:1], trained_on=300)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_scores_that_are_all_equal_still_leave_doubt(value):
    found = interval(np.full((10, 200), value))
    exact = stats.binomtest(200, 200).proportion_ci(0.95, "exact")
    assert found.high - value == pytest.approx(1 - exact.low)
    assert value - found.low == pytest.approx(1 - exact.low)
    assert found.p == (1.0 if value == 0 else stats.binomtest(200, 200).pvalue)


def test_one_image_proves_nothing():
    assert interval(np.ones((10, 1))).p == 1
    alone = interval(np.array([[1.0], [0.0], [1.0]]))
    assert (alone.low, alone.high, alone.p) == (-1, 1, 1)


def test_it_is_the_same_every_time():
    scores = (np.random.default_rng(0).random((5, 60)) > 0.3).astype(float)
    assert interval(scores) == interval(scores.copy())


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_intervals_hold_the_truth_and_the_test_errs_as_often_as_it_says(world):
    random = np.random.default_rng(0)
    times, truth = 200, world.accuracy(2.0)
    alone = apart = rejected = 0
    for _ in range(times):
        a, b = world.runs(random, (2.0, 2.0), seeds=6, images=150)
        found, difference = interval(a), interval(a - b)
        alone += found.low <= truth <= found.high
        apart += difference.low <= 0 <= difference.high
        rejected += difference.p <= 0.05
    error = 3 * np.sqrt(0.05 * 0.95 / times)
    assert alone / times >= 0.95 - error
    assert apart / times >= 0.95 - error
    assert rejected / times <= 0.05 + error


def test_the_test_errs_no_less_often_than_it_says_either():
    """Where seeds, images and tastes all count, it is not conservative."""
    random = np.random.default_rng(1)
    times = 300
    rejected = 0
    for _ in range(times):
        a, b = WORLDS[0].runs(random, (2.0, 2.0), seeds=10, images=300)
        rejected += interval(a - b).p <= 0.05
    assert rejected / times == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / times))


def test_a_real_difference_is_found():
    random = np.random.default_rng(0)
    found = 0
    for _ in range(50):
        a, b = WORLDS[0].runs(random, (2.5, 1.5), seeds=10, images=300)
        found += interval(a - b).p <= 0.05 and sign_flip(a.mean(1) - b.mean(1)).p <= 0.05
    assert found > 45


@pytest.mark.parametrize("seeds", [2, 5, 6, 9])
def test_sign_flips_are_all_tried(seeds):
    differences = np.random.default_rng(seeds).normal(0.5, 1, seeds)
    flipped = [abs(np.mean(differences * signs)) for signs in itertools.product((1, -1), repeat=seeds)]
    expected = np.mean([f >= abs(differences.mean()) - 1e-12 for f in flipped])
    assert sign_flip(differences).p == pytest.approx(expected)


def test_too_few_seeds_cannot_prove_anything():
    assert sign_flip(np.full(5, 0.1)).p == sign_flip(np.full(5, 0.1)).least == 0.0625
    assert sign_flip(np.full(6, 0.1)).p == 0.03125
    assert sign_flip(np.array([0.1])).p == 1
    assert sign_flip(np.zeros(10)).p == 1
    assert (seeds_needed(1), seeds_needed(25), seeds_needed(26)) == (6, 10, 11)
    for comparisons in range(1, 40):
        seeds = seeds_needed(comparisons)
        assert 2 ** (1 - seeds) * comparisons <= 0.05 < 2 ** (2 - seeds) * comparisons


def test_more_seeds_than_can_be_tried_in_all_ways():
    found = sign_flip(np.random.default_rng(0).normal(1, 1, 20))
    assert found.p < 0.01
    assert found.least == 2.0**-13


def test_sign_flips_err_as_often_as_they_say():
    random = np.random.default_rng(0)
    rejected = np.mean([sign_flip(random.normal(size=8)).p <= 0.05 for _ in range(400)])
    attainable = 12 / 256
    assert rejected == pytest.approx(attainable, abs=3 * np.sqrt(attainable / 400))


def test_mcnemar_is_the_binomial_test_of_the_images_that_differ():
    a = [True] * 20 + [False] * 10
    b = [True] * 8 + [False] * 12 + [True] * 3 + [False] * 7
    found = exact_mcnemar(a, b)
    assert (found.first_only, found.second_only) == (12, 3)
    assert found.p == pytest.approx(stats.binomtest(3, 15).pvalue)
    assert exact_mcnemar(a, a).p == 1


def test_holm():
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_the_luck_of_the_best_of_equals_is_found_again():
    random = np.random.default_rng(0)
    actual, estimated = [], []
    for _ in range(30):
        right = (random.random((40, 270)) < 0.95).astype(float)
        actual.append(right.mean(1).max() - 0.95)
        estimated.append(optimism(right).optimism)
    assert np.mean(estimated) == pytest.approx(np.mean(actual), rel=0.15)
    assert 0.02 < np.mean(actual) < 0.04


def test_a_clear_winner_owes_little_to_luck():
    random = np.random.default_rng(0)
    right = (random.random((10, 300)) < np.array([[0.98], *[[0.8]] * 9])).astype(float)
    assert abs(optimism(right).optimism) < 0.005


def test_rank_correlation():
    assert rank_correlation([1, 2, 3, 4], [10, 20, 40, 30])[0] == pytest.approx(0.8)
    assert np.isnan(rank_correlation([1, 1, 1], [1, 2, 3])).all()
    assert rank_correlation([1, 2, 3], [1, 2, 3]) == pytest.approx((1, 1 / 3))  # exact: one order of six, two-sided
    many = np.random.default_rng(0).random((2, 30))
    expected = stats.spearmanr(*many)
    assert rank_correlation(*many) == pytest.approx((expected.statistic, expected.pvalue), abs=0.02)
