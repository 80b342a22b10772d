"""The time of a decision, over all its sittings."""

import math
import time

import pytest

from tlcompare.study.clock import Clock


@pytest.fixture
def now(monkeypatch):
    """A clock that only the test moves."""
    at = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: at[0])

    def move(seconds):
        at[0] += seconds

    return move


def test_the_time_of_earlier_sittings_counts(now):
    clock = Clock(60, {"exploring": 20.0})
    assert clock.left() == 40
    with clock.stage("exploring"):
        now(5)
        assert clock.taken == {"exploring": 25}
    with clock.stage("confirming"):
        now(10)
        assert clock.left() == 25
        assert clock.left(0.5) == -5
    assert clock.taken == {"exploring": 25, "confirming": 10}


def test_what_was_before_the_first_stage_counts_too(now):
    began = time.monotonic()
    now(7)
    clock = Clock(60, began=began)
    with clock.stage("exploring"):
        assert clock.left() == 53


def test_a_reading_is_kept_now_and_then_and_at_the_end_of_a_stage(now):
    kept = []
    clock = Clock(60, keep=kept.append)
    with clock.stage("exploring"):
        for _ in range(12):
            now(1)
            clock.left()
        assert kept == [{"exploring": 6.0}, {"exploring": 12.0}]
        now(1)
    assert kept[-1] == {"exploring": 13.0}


def test_something_is_left_for_test_and_report(now):
    assert (Clock(1000).left(0.9), Clock(100).left(0.9), Clock(10).left(0.9)) == (900, 80, -10)


def test_without_a_budget_there_is_always_time(now):
    clock = Clock()
    now(1e6)
    assert clock.left() == math.inf
