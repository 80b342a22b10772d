"""What a sweep would try and cost, checked, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import optuna

from tlcompare.config import RunConfig
from tlcompare.study.planning import Plan, Request, make_plan
from tlcompare.study.studies import (
    DEFAULT_STORAGE,
    Definition,
    Studies,
    checked_name,
    make_sampler,
    require_separate,
    suggest,
)
from tlcompare.study.view import duration
from tlcompare.tracking.runs import tracking_uri
from tlcompare.training.speed import Speed, measure_speed, work_behind

_DRAWN = 100


def forecast(request: Request) -> str:
    """The trials that are known, what the others would be chosen from, and an estimate of the cost.

    Data, weights, backbones and strategies are checked as for the sweep itself, so that both may be downloaded.

    Raises:
        UserError: whatever would stop the sweep.
    """
    said: list[str] = []
    kept, limits, done = _kept(request)
    plan = make_plan(request, kept, limits, said.append)
    speeds = {m: measure_speed(p.layers, p.backbone.preprocessing.size, p.compute) for m, p in plan.prepared.items()}
    trials = plan.limits.trials
    known = [c.config for c in plan.known] if not plan.cyclic else _cycled(plan, trials)
    coming = known[done:trials]
    rows = [_row(number, config, plan, speeds) for number, config in enumerate(coming, done)]
    later = max(trials - max(len(known), done), 0)
    drawn = _drawn(plan) if later else []
    seconds = sum(_seconds(c, plan, speeds) for c in coming)
    megabytes = sum(_megabytes(c, plan) for c in coming)
    if drawn:
        seconds += later * sum(_seconds(c, plan, speeds) for c in drawn) / len(drawn)
        megabytes += later * sum(_megabytes(c, plan) for c in drawn) / len(drawn)
    objectives = ", ".join(f"{o.direction} {o.metric}" for o in plan.objectives)
    store = next(iter(plan.prepared.values())).store
    lines = [
        *said,
        f"space        {plan.definition.space_name}: {plan.search.space.about}",
        f"data         {store.name}, {len(store.files):,} images in {len(store.classes)} classes",
        f"objective    {objectives}; sampler {plan.definition.sampler}, pruner {plan.definition.pruner}",
        f"trials       {trials}, {done} of them done" if done else f"trials       {trials}",
        f"known        {_known(plan)}",
        "",
        *_aligned(rows),
    ]
    choices = [f"  {name}: {domain}" for name, domain in plan.search.choices.items()]
    if later and choices:
        lines += ["", f"then {later} more, chosen from", *choices]
    elif later:
        lines += ["", f"then {later} more, with further seeds: nothing is left to choose"]
    kept_models = {"all": f"{megabytes / 1e3:.2f} GB", "best": "one", "none": "none"}[plan.limits.log_models]
    jobs = f", {plan.limits.jobs} at a time" if plan.limits.jobs > 1 else ""
    pruned = " before pruning" if plan.definition.pruner != "off" else ""
    lines += [
        "",
        f"time         about {duration(seconds)} of training{pruned}{jobs}, as fast as this machine is now",
        f"models       {kept_models} (--log-models {plan.limits.log_models})",
    ]
    return "\n".join(lines)


def _known(plan: Plan) -> str:
    """What the trials are that do not depend on results."""
    if plan.search.space.trials:
        return f"{len(plan.known)} trials, the list"
    points = f" and {len(plan.known) - plan.baselines} other points of the grid" if plan.cyclic else ""
    return f"{plan.baselines} baselines{points}"


def _kept(request: Request) -> tuple[Definition | None, dict[str, object], int]:
    """Definition, limits and trials done of a study that exists; a dry run makes no storage."""
    url = request.storage or DEFAULT_STORAGE
    require_separate(url, tracking_uri())
    name = checked_name(request.name) if request.name else None
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        return None, {}, 0
    studies = Studies(url)
    kept = studies.definition(name) if name else None
    if name is None or kept is None:
        return None, {}, 0
    study = studies.load(name)
    done = sum(t.state.is_finished() for t in study.get_trials(deepcopy=False))
    return kept, dict(study.user_attrs.get("limits", {})), done


def _cycled(plan: Plan, trials: int) -> list[RunConfig]:
    return [c.config for n in range(trials) if (c := plan.candidate(n)) is not None]


def _drawn(plan: Plan) -> list[RunConfig]:
    """Configurations drawn at random, to know what one costs on average."""
    study = optuna.create_study(sampler=make_sampler("random", plan.search.seed, -1))
    trials = [study.ask() for _ in range(_DRAWN)]
    return [plan.search.config(plan.search.draw(partial(suggest, trial))) for trial in trials]


def _seconds(config: RunConfig, plan: Plan, speeds: dict[str, Speed]) -> float:
    prepared, speed = plan.prepared[config.model], speeds[config.model]
    step = speed.training(work_behind(prepared.layers, plan.search.plan(config)))
    return config.epochs * (len(prepared.split.train) * step + len(prepared.split.val) * speed.forward)


def _megabytes(config: RunConfig, plan: Plan) -> float:
    return plan.prepared[config.model].plan.total_parameters * 4 / 1e6


def _row(number: int, config: RunConfig, plan: Plan, speeds: dict[str, Speed]) -> list[str]:
    made = plan.search.plan(config, len(plan.prepared[config.model].store.classes))
    seconds = _seconds(config, plan, speeds)
    return [
        f"#{number}",
        plan.search.label(config),
        f"{len(made.layers)} of {made.listed} layers",
        f"{made.trainable_parameters:,} weights",
        f"about {duration(seconds)}",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
