"""Tests that are repeated while seeds come in: exact where they can be, and against simulation."""

import itertools

import numpy as np
import pytest
from scipy import stats

from tlcompare.evidence.looks import LOOKS, Looks, flips_over_looks, look, looks_to, nominal
from tlcompare.evidence.statistics import interval, sign_flip

EARLY = Looks((6, 8), (0.63, 1.0))


def test_one_look_is_the_test_of_old():
    differences = np.random.default_rng(0).normal(0.4, 1, 9)
    once = Looks((9,), (1.0,))
    assert flips_over_looks(differences, once) == pytest.approx(sign_flip(differences).p, rel=1e-3)
    assert nominal(once, 0.05) == pytest.approx((0.05,))


def test_six_seeds_that_agree_suffice_and_five_of_six_do_not():
    assert flips_over_looks(np.full(6, 0.1)) == pytest.approx(2 / 64 / 0.63, rel=3e-3)
    assert flips_over_looks(np.array([0.1, 0.1, -0.01, 0.1, 0.1, 0.1])) > 0.05


def test_what_was_rejected_stays_rejected():
    seeds = np.array([0.1] * 6 + [-0.2] * 6)
    assert [flips_over_looks(seeds[:n]) <= 0.05 for n in (6, 8, 12)] == [True] * 3


@pytest.mark.parametrize("looks", [EARLY, Looks((5, 6, 9), (0.3, 0.6, 1.0))])
def test_of_all_signs_no_more_are_rejected_than_the_level_allows(looks):
    sizes = np.random.default_rng(0).random(looks.seeds[-1])
    every = itertools.product((-1, 1), repeat=len(sizes))
    p = np.array([flips_over_looks(sizes * signs, looks) for signs in every])
    for level in (0.02, 0.05, 0.2):
        assert (p <= level).mean() <= level
    assert (p <= 0.05).mean() > 0.025


def test_bounds_of_a_normal_mean_hold_the_level_at_all_looks_together():
    random = np.random.default_rng(0)
    means = random.normal(size=(100_000, LOOKS.seeds[-1])).cumsum(1)
    for level in (0.01, 0.05):
        rejected = np.zeros(len(means), bool)
        spent = []
        for seeds, bound in zip(LOOKS.seeds, nominal(LOOKS, level), strict=True):
            rejected |= 2 * stats.norm.sf(np.abs(means[:, seeds - 1]) / np.sqrt(seeds)) <= bound
            spent.append(rejected.mean() / level)
        assert spent == pytest.approx(LOOKS.spent, abs=4 * np.sqrt(1 / (level * len(means))))


def test_looking_more_often_costs_certainty():
    random = np.random.default_rng(0)
    scores = (random.random((8, 300)) < 0.9).astype(float) - (random.random((8, 300)) < 0.85)
    seen, once = look(scores, None), interval(scores)
    assert seen.looks == 2
    assert seen.difference.estimate == once.estimate
    assert seen.difference.low < once.low
    assert seen.difference.high > once.high
    assert seen.difference.p > once.p
    assert seen.p == max(seen.difference.p, seen.flips)


def test_seeds_between_looks_wait():
    scores = np.random.default_rng(0).normal(0.1, 0.1, (7, 50))
    assert look(scores[:5], None) is None
    assert look(scores, None) == look(scores[:6], None)


def test_images_that_no_seed_has_seen_are_not_counted():
    scores = np.random.default_rng(0).normal(0.1, 0.1, (6, 50))
    wider = np.hstack([scores, np.full((6, 30), np.nan)])
    seen, expected = look(wider, trained_on=200), look(scores, trained_on=200)
    assert seen.difference.images == expected.difference.images == 50
    assert seen.p == pytest.approx(expected.p)
    assert seen.difference.high - seen.difference.low == pytest.approx(
        expected.difference.high - expected.difference.low, rel=0.05
    )


@pytest.mark.parametrize("most", [6, 7, 12, 20])
def test_the_last_look_is_where_the_seeds_end(most):
    looks = looks_to(most)
    assert (looks.seeds[0], looks.seeds[-1], looks.spent[-1]) == (6, most, 1.0)
    assert list(looks.spent) == sorted(set(looks.spent))
    assert looks_to(16) == LOOKS
