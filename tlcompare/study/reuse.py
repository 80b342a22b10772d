"""What the trials of a sweep will want of frozen features, and the cuts at which they are therefore kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import optuna

from tlcompare.config import RunConfig
from tlcompare.features.feed import cuts_to_keep, demand, measured_costs
from tlcompare.features.planner import Costs, Demand
from tlcompare.freezing.graph import Cut
from tlcompare.freezing.strategy import make_plan
from tlcompare.preparation import Prepared
from tlcompare.study.planning import Plan
from tlcompare.study.studies import make_sampler, suggest

_DRAWN = 100


def expected(plan: Plan) -> list[tuple[RunConfig, float]]:
    """The configurations of all trials with how often each comes: those that are known, and a sample of the others."""
    trials = plan.limits.trials
    known = [c.config for n in range(trials) if (c := plan.candidate(n)) is not None]
    later = trials - len(known)
    others = drawn(plan) if later else []
    return [(config, 1.0) for config in known] + [(config, later / len(others)) for config in others]


def drawn(plan: Plan) -> list[RunConfig]:
    """Configurations drawn at random from the space."""
    study = optuna.create_study(sampler=make_sampler("random", plan.search.seed, -1))
    trials = [study.ask() for _ in range(_DRAWN)]
    return [plan.search.config(plan.search.draw(partial(suggest, trial))) for trial in trials]


def costs_of(prepared: Prepared) -> Costs:
    """What features of a backbone cost on this machine."""
    return measured_costs(prepared.layers, prepared.compute)


def wanted(prepared: Prepared, configs: Sequence[tuple[RunConfig, float]]) -> Demand:
    """What those of these configurations that have this backbone together want of its features."""
    passes: Counter[str] = Counter()
    images = 0
    for config, times in configs:
        if config.model == prepared.config.model:
            settled = replace(config, views=config.views or prepared.config.views)
            one = demand(make_plan(prepared.layers, config.unfreeze, classes=2).cut, prepared.split, settled)
            passes.update({node: times * count for node, count in one.passes.items()})
            images = max(images, one.images)
    return Demand(images, passes)


def cuts_worth_keeping(
    prepared: Mapping[str, Prepared], configs: Sequence[tuple[RunConfig, float]]
) -> Mapping[str, tuple[Cut, ...]]:
    """The cuts at which features are worth keeping for all these configurations, for each backbone."""
    kept = {}
    for model, one in prepared.items():
        share = replace(one.config, cache_gb=one.config.cache_gb / len(prepared))
        kept[model] = cuts_to_keep(costs_of(one), wanted(one, configs), share)
    return kept
