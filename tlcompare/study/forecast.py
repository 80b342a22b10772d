"""What a sweep would try and cost, checked, without running it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tlcompare.config import RunConfig
from tlcompare.features.planner import Costs
from tlcompare.freezing.graph import Cut
from tlcompare.study.planning import Plan, Request, make_plan
from tlcompare.study.reuse import costs_of, cuts_worth_keeping, drawn, expected, wanted
from tlcompare.study.studies import DEFAULT_STORAGE, Definition, Studies, checked_name, require_separate
from tlcompare.study.view import duration
from tlcompare.tracking.store import sqlite_file, tracking_uri


@dataclass(frozen=True)
class Times:
    """Seconds of training: of all trials, of one run with nothing but the head, and of another on average."""

    trials: float
    frozen: float
    other: float


def times_of(plan: Plan, done: int = 0) -> Times:
    """What the training of a sweep takes, of which so many trials are done, as fast as this machine is now."""
    prices = _prices(plan)
    trials = plan.limits.trials
    known = [c.config for n in range(trials) if (c := plan.candidate(n)) is not None]
    seconds = [_seconds(config, plan, prices) for config in known]
    trains = [bool(plan.search.plan(config).parameters) for config in known]
    heads, others = ([s for s, t in zip(seconds, trains, strict=True) if t == kind] for kind in (False, True))
    later = max(trials - max(len(known), done), 0)
    more = [_seconds(config, plan, prices) for config in drawn(plan)] if later else []
    features = sum(price.features_seconds for price in prices.values())
    whole = features + sum(seconds[done:]) + later * _mean(more)
    return Times(whole, _mean(heads), _mean([*others, *more]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def forecast(request: Request, after: Callable[[Plan], Sequence[str]] = lambda plan: ()) -> str:
    """The trials that are known, what the others would be chosen from, and an estimate of the cost.

    Data, weights, backbones and strategies are checked as for the sweep itself, so that both may be downloaded.

    Args:
        request: what is to be tried.
        after: lines on what follows the sweep.

    Raises:
        UserError: whatever would stop the sweep.
    """
    said: list[str] = []
    kept, limits, done = _kept(request)
    plan = make_plan(request, kept, limits, said.append)
    prices = _prices(plan)
    trials = plan.limits.trials
    known = [c.config for n in range(trials) if (c := plan.candidate(n)) is not None]
    coming = known[done:]
    rows = [_row(number, config, plan, prices) for number, config in enumerate(coming, done)]
    later = max(trials - max(len(known), done), 0)
    others = drawn(plan) if later else []
    seconds = times_of(plan, done).trials
    megabytes = sum(_megabytes(c, plan) for c in coming)
    if others:
        megabytes += later * sum(_megabytes(c, plan) for c in others) / len(others)
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
        f"features     {_kept_features(prices)}",
        f"models       {kept_models} (--log-models {plan.limits.log_models})",
        *after(plan),
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
    if (file := sqlite_file(url)) and not file.exists():
        return None, {}, 0
    studies = Studies(url)
    kept = studies.definition(name) if name else None
    if name is None or kept is None:
        return None, {}, 0
    study = studies.load(name)
    done = sum(t.state.is_finished() for t in study.get_trials(deepcopy=False))
    return kept, dict(study.user_attrs.get("limits", {})), done


@dataclass(frozen=True)
class _Price:
    """What training of a backbone costs with features kept: the cuts, what computing them costs once, their size."""

    costs: Costs
    kept: tuple[Cut, ...]
    images: int

    @property
    def features_seconds(self) -> float:
        return self.images * max((self.costs.speed.inference(None, k) for k in self.kept), default=0.0)

    @property
    def gigabytes(self) -> float:
        sizes = dict(zip(self.costs.points, self.costs.sizes, strict=True))
        return float(self.images * sum(sizes[k] for k in self.kept)) / 1e9


def _prices(plan: Plan) -> dict[str, _Price]:
    configs = expected(plan)
    kept = cuts_worth_keeping(plan.prepared, configs)
    return {m: _Price(costs_of(p), kept[m], wanted(p, configs).images) for m, p in plan.prepared.items()}


def _kept_features(prices: Mapping[str, _Price]) -> str:
    """Where features of frozen layers are kept, and what that takes."""
    cuts = sum(len(price.kept) for price in prices.values())
    if not cuts:
        return "none are kept"
    size = sum(price.gigabytes for price in prices.values())
    seconds = sum(price.features_seconds for price in prices.values())
    return f"kept at {cuts} cuts, {size:.2g} GB, computed once in about {duration(seconds)} and shared by all trials"


def _seconds(config: RunConfig, plan: Plan, prices: Mapping[str, _Price]) -> float:
    """Of training with features kept: reading them, or computing what is not kept, and steps and validation behind."""
    prepared, price = plan.prepared[config.model], prices[config.model]
    cut = plan.search.plan(config).cut
    speed, images = price.costs.speed, price.images
    lead = float(price.costs.starting(price.kept, images)[price.costs.place(cut.node)])
    training, validation = lead + speed.training(cut), lead + speed.inference(cut, None)
    return config.epochs * (len(prepared.split.train) * training + len(prepared.split.val) * validation)


def _megabytes(config: RunConfig, plan: Plan) -> float:
    return plan.prepared[config.model].plan.total_parameters * 4 / 1e6


def _row(number: int, config: RunConfig, plan: Plan, prices: Mapping[str, _Price]) -> list[str]:
    made = plan.search.plan(config, len(plan.prepared[config.model].store.classes))
    seconds = _seconds(config, plan, prices)
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
