"""Which trials go on at a rung, and what a sampler learns from those that wait there."""

import math
import random

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from tlcompare.config import RunConfig
from tlcompare.study.rungs import (
    Climb,
    agreement,
    attribute,
    begun,
    leads,
    next_promoted,
    passed,
    promoted,
    rungs_of,
)
from tlcompare.study.studies import Halting, make_sampler


@pytest.mark.parametrize(
    ("options", "rungs"),
    [
        ({"epochs": 9}, (1, 3, 9)),
        ({"epochs": 10}, (2, 4, 10)),
        ({"epochs": 30}, (4, 10, 30)),
        ({"epochs": 12, "head_first": 3}, (4, 6, 12)),
        ({"epochs": 2}, (1, 1, 2)),
        ({"epochs": 1}, (1, 1, 1)),
    ],
)
def test_rungs_are_shares_of_the_epochs_that_train_more_than_the_head(options, rungs):
    assert rungs_of(RunConfig(**options)) == rungs


@pytest.mark.parametrize(
    ("share", "first"), [(1.0, 0), (0.34, 0), (1 / 3, 1), (0.2, 1), (1 / 9, 2), (0.0, 2)], ids=lambda v: f"{v:.2f}"
)
def test_what_is_cheap_trains_for_what_the_first_rung_costs(share, first):
    rungs = rungs_of(RunConfig(epochs=9))
    assert begun(rungs, share, to_the_end=False).first == first
    assert begun(rungs, share, to_the_end=True).ends


def climbed(config, curve):
    """How far a trial comes whose epochs have these losses, if it is promoted whenever it can be."""
    climb = begun(rungs_of(config), 1.0, to_the_end=False)
    lowest = math.inf
    for epoch, loss in enumerate(curve, 1):
        lowest = min(lowest, loss)
        climb = passed(climb, rungs_of(config), epoch, lowest)
    return climb


def test_a_rung_has_the_lowest_loss_until_it():
    config = RunConfig(epochs=9)
    assert climbed(config, [0.9, 0.7, 0.8, 0.5]).losses == (0.9, 0.7)
    assert climbed(config, [0.9] * 9).losses == (0.9, 0.9, 0.9)
    assert climbed(RunConfig(epochs=2), [0.9]).losses == (0.9, 0.9), "two rungs at the same epoch"
    once = climbed(config, [0.9])
    assert passed(once, rungs_of(config), 1, 0.9) == once, "an epoch that is told again"


def waiting(*losses):
    return Climb(0, len(losses) - 1, losses, paused=True)


def test_the_better_half_of_a_rung_goes_on():
    better, worse = waiting(0.5), waiting(0.9)
    assert leads(better, [worse])
    assert not leads(worse, [better])
    assert not leads(better, []), "of one trial, rounded down, nobody is promoted"
    assert leads(worse, [better, waiting(1.0), waiting(1.1)])
    assert leads(waiting(0.9), [waiting(0.9)]), "equal ones go on together"


def test_the_highest_rung_comes_first_and_the_best_there():
    climbs = {0: waiting(0.5), 1: waiting(0.6), 2: waiting(0.9), 3: waiting(0.8, 0.4), 4: waiting(0.7, 0.3)}
    order = []
    while (number := next_promoted(climbs)) is not None:
        order.append(number)
        climbs[number] = promoted(climbs[number])
    assert order == [4, 0, 1], "of two at the second rung one, of five at the first two; 3 and 4 have passed it"


def test_of_what_arrives_in_any_order_the_best_is_promoted():
    random.seed(1)
    for _ in range(50):
        losses = random.sample(range(100), 20)
        climbs = {}
        for number, loss in enumerate(losses):
            climbs[number] = waiting(float(loss))
            while (chosen := next_promoted(climbs)) is not None:
                climbs[chosen] = promoted(climbs[chosen])
        there = sorted(range(20), key=losses.__getitem__)
        assert {n for n, c in climbs.items() if c.goal == 1} >= set(there[:10])


def finished(study, climb, value):
    name, kept = attribute(climb)
    trial = optuna.trial.create_trial(state=TrialState.COMPLETE, value=value, user_attrs={name: kept})
    study.add_trial(trial)


def test_agreement_is_of_those_that_nobody_chose():
    study = optuna.create_study(direction="maximize")
    for loss, value in [(0.9, 0.5), (0.7, 0.6), (0.5, 0.8)]:
        finished(study, Climb(2, 2, (loss, loss, loss)), value)
    finished(study, Climb(0, 2, (0.1, 0.1, 0.1)), 0.1)
    assert agreement(study.trials, maximize=True) == (pytest.approx(1.0), 3)
    assert agreement(study.trials, maximize=False) == (pytest.approx(-1.0), 3)
    assert math.isnan(agreement(study.trials[:2], maximize=True)[0])


def half_seen(storage):
    """A study of 20 trials, of which those whose x is above a half wait at a rung, the worse the higher it is."""
    study = optuna.create_study(direction="maximize", storage=storage)
    for i in range(20):
        study.enqueue_trial({"x": (7 * i % 20) / 20})
    for trial in [study.ask({"x": FloatDistribution(0, 1)}) for _ in range(20)]:
        x = trial.params["x"]
        trial.report(1 - x, 1)
        name, kept = attribute(Climb(0, 0, (x,), paused=True))
        if x > 0.5:
            trial.set_user_attr(name, kept)
            study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
        else:
            study.tell(trial, 1 - x)
    return study


def test_a_sampler_learns_from_trials_that_wait(tmp_path):
    """As from pruned ones, and it changes nothing about them."""
    told = half_seen(f"sqlite:///{tmp_path / 'told.db'}")
    for trial in told.get_trials(states=(TrialState.WAITING,)):
        told._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
        told.tell(trial.number, state=TrialState.PRUNED)
    paused = half_seen(f"sqlite:///{tmp_path / 'paused.db'}")
    chosen = []
    for study, wrap in ((told, lambda sampler: sampler), (paused, Halting)):
        study.sampler = wrap(make_sampler("tpe", 0, 20))
        study._thread_local.cached_all_trials = None
        number = study._storage.create_new_trial(study._study_id)
        chosen.append(optuna.trial.Trial(study, number).suggest_float("x", 0, 1))
    assert chosen[0] == chosen[1]
    assert len(paused.get_trials(states=(TrialState.WAITING,))) == 9
