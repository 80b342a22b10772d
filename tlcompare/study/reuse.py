"""What the trials of a sweep will want of frozen features, and the cuts at which they are therefore kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import optuna

from tlcompare.config import RunConfig
from tlcompare.freezing.graph import Cut
from tlcompare.study.planning import Plan
from tlcompare.study.studies import make_sampler, suggest
from tlcompare.training.feed import cuts_to_keep, demand, measured_costs
from tlcompare.training.reuse import Costs, Demand

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


def costs_of(plan: Plan, model: str) -> Costs:
    """What features of a backbone cost on this machine."""
    prepared = plan.prepared[model]
    return measured_costs(prepared.layers, prepared.compute)


def wanted(plan: Plan, model: str, configs: Sequence[tuple[RunConfig, float]]) -> Demand:
    """What these configurations together want of a backbone's features."""
    prepared = plan.prepared[model]
    passes: Counter[str] = Counter()
    images = 0
    for config, times in configs:
        if config.model == model:
            settled = replace(config, views=config.views or prepared.config.views)
            one = demand(plan.search.plan(config).cut, prepared.split, settled)
            passes.update({node: times * count for node, count in one.passes.items()})
            images = max(images, one.images)
    return Demand(images, passes)


def kept_cuts(plan: Plan) -> Mapping[str, tuple[Cut, ...]]:
    """The cuts at which features are worth keeping for the whole sweep, for each backbone."""
    configs = expected(plan)
    kept = {}
    for model, prepared in plan.prepared.items():
        share = replace(prepared.config, cache_gb=prepared.config.cache_gb / len(plan.prepared))
        kept[model] = cuts_to_keep(costs_of(plan, model), wanted(plan, model, configs), share)
    return kept
