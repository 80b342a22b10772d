"""A space bound to backbones: which configurations there are, and how Optuna's parameters express them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tlcompare.config import HEAD_ALONE, RunConfig, resolve
from tlcompare.errors import ConfigError, StrategyError
from tlcompare.freezing.layers import LayerList, build_and_trace
from tlcompare.freezing.strategy import FreezePlan, make_plan, some_blocks, tail
from tlcompare.preparation import configuration_key
from tlcompare.study.space import AnyBlocks, Choices, Depth, Domain, Space, read_space, require_consistent

_MOST_POINTS = 100_000


@dataclass(frozen=True)
class Candidate:
    """A configuration that is known before the sweep.

    Attributes:
        config: the configuration.
        params: Optuna's parameters that express it: all, or none where the space cannot express it, since a trial with
            some of them would make TPE tune the others apart.
    """

    config: RunConfig
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Search:
    """What a sweep chooses from.

    Attributes:
        space: the space as read.
        layers: the layer list of each backbone, by name.
        fixed: options given for the whole sweep.
        seed: the first seed of every configuration.
        suggested: strategies to try after the baselines, by backbone.
    """

    space: Space
    layers: Mapping[str, LayerList]
    fixed: Mapping[str, Any]
    seed: int
    suggested: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(self.layers)

    @property
    def recipe(self) -> dict[str, Domain]:
        """The options of the recipe that are open."""
        return {name: domain for name, domain in self.space.recipe.items() if name not in self.fixed}

    @property
    def always_first(self) -> tuple[Candidate, ...]:
        """The trials that do not depend on results: the fixed list, or the baselines and what is suggested."""
        suggested = ((model, text) for model in self.models for text in self.suggested.get(model, ()))
        return self._distinct(itertools.chain(self.baselines, (self._baseline(*s) for s in suggested)))

    @property
    def baselines(self) -> tuple[Candidate, ...]:
        """The fixed list, or what every backbone is tried with first, in turn."""
        if self.space.trials:
            return tuple(Candidate(self.listed(t), {}) for t in self.space.trials if t["model"] in self.models)
        if "unfreeze" in self.fixed:
            columns = [[str(self.fixed["unfreeze"])] for _ in self.models]
        else:
            columns = [baselines(layers) for layers in self.layers.values()]
        rows = itertools.chain.from_iterable(itertools.zip_longest(*columns))
        named = zip(itertools.cycle(self.models), rows, strict=False)
        return self._distinct(self._baseline(model, text) for model, text in named if text is not None)

    @property
    def grid(self) -> tuple[Candidate, ...]:
        """The fixed list, or the baselines and then every point of the space.

        Raises:
            ConfigError: a range without a step has infinitely many.
        """
        if self.space.trials:
            return self.always_first
        return self._distinct(itertools.chain(self.always_first, self._points()))

    def domains(self, model: str) -> dict[str, Domain]:
        """Optuna's parameters for a backbone, but for `model` itself, with what each may be."""
        if self.space.trials:
            return {}
        strategy: dict[str, Domain] = {}
        unfreeze = self.space.unfreeze
        if "unfreeze" in self.fixed:
            pass
        elif isinstance(unfreeze, Depth):
            strategy = {"depth": unfreeze.share, "snap": Choices(unfreeze.snap)}
        elif isinstance(unfreeze, AnyBlocks):
            strategy = {f"{model}.{block}": Choices((False, True)) for block in self.layers[model].blocks}
        else:
            strategy = {"unfreeze": unfreeze}
        recipe = {self._label(model, name): domain for name, domain in self.recipe.items()}
        return {n: d for n, d in (strategy | recipe).items() if not (isinstance(d, Choices) and _single(d))}

    @property
    def choices(self) -> dict[str, str]:
        """What is open to be chosen, in words, by name."""
        found = {"model": ", ".join(self.models)} if len(self.models) > 1 else {}
        for model in self.models:
            domains = self.domains(model)
            blocks = [n for n in domains if n.removeprefix(f"{model}.") in self.layers[model].blocks]
            found |= {n: str(d) for n, d in domains.items() if n not in blocks}
            found |= {f"blocks of {model}": f"any subset of {', '.join(self.layers[model].blocks)}"} if blocks else {}
        return found

    @property
    def conditional(self) -> bool:
        """Whether backbones have parameters of their own, so that not every trial has the same."""
        return isinstance(self.space.unfreeze, AnyBlocks) and len(self.models) > 1 and "unfreeze" not in self.fixed

    def draw(self, choose: Callable[[str, Domain], Any]) -> dict[str, Any]:
        """Optuna's parameters of one trial, each chosen by `choose` from its name and domain."""
        params = {"model": choose("model", Choices(self.models))} if len(self.models) > 1 else {}
        domains = self.domains(str(params.get("model", self.models[0])))
        return params | {name: choose(name, domain) for name, domain in domains.items()}

    def config(self, params: Mapping[str, Any], unfreeze: str | None = None) -> RunConfig:
        """The configuration that parameters stand for; `unfreeze` overrides their strategy."""
        model = str(params.get("model", self.models[0]))
        text = unfreeze or str(self.fixed.get("unfreeze") or self._strategy(model, params))
        single = {name: domain.values[0] for name, domain in self.recipe.items() if len(domain.values) == 1}
        labels = {name: self._label(model, name) for name in self.recipe}
        open_ = {name: params[label] for name, label in labels.items() if label in params}
        if not make_plan(self.layers[model], text, classes=2).parameters:
            open_ = {name: value for name, value in open_.items() if name not in HEAD_ALONE}
            single = {name: value for name, value in single.items() if name not in HEAD_ALONE}
        return resolve(single, open_, self.fixed, {"model": model, "unfreeze": text, "seed": self.seed})

    def listed(self, trial: Mapping[str, Any]) -> RunConfig:
        """The configuration of one entry of a list of trials."""
        single = {name: domain.values[0] for name, domain in self.space.recipe.items()}
        return resolve(single, trial, self.fixed, {"seed": self.seed})

    def label(self, config: RunConfig) -> str:
        """A configuration in a few words: backbone, strategy, and what else the space leaves open."""
        trains = bool(self.plan(config).parameters)
        names = [n for n, d in self.recipe.items() if len(d.values) != 1 and (trains or n not in HEAD_ALONE)]
        shown = [f"{name} {_shown(getattr(config, name))}" for name in names]
        shown += [f"seed {config.seed}"] if config.seed != self.seed else []
        return " ".join([config.model, config.unfreeze, *shown])

    def plan(self, config: RunConfig, classes: int = 2) -> FreezePlan:
        return make_plan(self.layers[config.model], config.unfreeze, classes)

    def key(self, config: RunConfig) -> str:
        """The same for two configurations exactly if only their seeds differ."""
        return configuration_key(config, self.plan(config))

    def _label(self, model: str, name: str) -> str:
        """Optuna's name of a recipe option: a backbone's own where its blocks are too, so that TPE tunes them
        together."""
        return f"{model}.{name}" if self.conditional else name

    def _strategy(self, model: str, params: Mapping[str, Any]) -> str:
        layers, unfreeze = self.layers[model], self.space.unfreeze
        if isinstance(unfreeze, Depth):
            share = params.get("depth", unfreeze.share.values[0] if unfreeze.share.values else 0)
            return tail(layers, share, str(params.get("snap", unfreeze.snap[0])))
        if isinstance(unfreeze, AnyBlocks):
            return some_blocks(layers, [b for b in layers.blocks if params.get(f"{model}.{b}")])
        return str(params.get("unfreeze", unfreeze.values[0]))

    def _points(self) -> Iterator[Candidate]:
        for model in self.models:
            domains = self.domains(model)
            if endless := [name for name, domain in domains.items() if not domain.values]:
                raise ConfigError(
                    f"--sampler grid: space {self.space.name} has endless choices for {', '.join(endless)}",
                    "Give a list, a step, or fix it with its option.",
                )
            if (points := math.prod(len(domain.values) for domain in domains.values())) > _MOST_POINTS:
                raise ConfigError(
                    f"--sampler grid: space {self.space.name} has {points:,} points for {model}, more than "
                    f"{_MOST_POINTS:,}",
                    "Give fewer values, or take another --sampler.",
                )
            for values in itertools.product(*(domain.values for domain in domains.values())):
                params = self._named(model) | dict(zip(domains, values, strict=True))
                yield Candidate(self.config(params), params)

    def _named(self, model: str) -> dict[str, Any]:
        return {"model": model} if len(self.models) > 1 else {}

    def _distinct(self, candidates: Iterator[Candidate]) -> tuple[Candidate, ...]:
        by_key: dict[str, Candidate] = {}
        for candidate in candidates:
            by_key.setdefault(self.key(candidate.config), candidate)
        return tuple(by_key.values())

    def _baseline(self, model: str, text: str) -> Candidate:
        """A strategy with the default recipe, or what of the space is nearest to that."""
        domains = self.domains(model)
        usual = RunConfig()
        labels = {name: self._label(model, name) for name in self.recipe}
        recipe = {label: domains[label].nearest(getattr(usual, n)) for n, label in labels.items() if label in domains}
        shared = self._named(model) | recipe
        config = self.config(shared, text)
        for strategy in self._expressions(model, text):
            if self.key(self.config(shared | strategy)) == self.key(config):
                return Candidate(config, shared | strategy)
        return Candidate(config, {})

    def _expressions(self, model: str, text: str) -> Iterator[dict[str, Any]]:
        """Parameters that may stand for a strategy."""
        layers, unfreeze, domains = self.layers[model], self.space.unfreeze, self.domains(model)
        plan = make_plan(layers, text, classes=2)
        if "unfreeze" in self.fixed:
            yield {}
        elif isinstance(unfreeze, Depth):
            shares = unfreeze.share.values or (unfreeze.share.nearest(plan.depth),)
            for share, snap in itertools.product(shares, unfreeze.snap):
                every = {"depth": share, "snap": snap}
                yield {name: value for name, value in every.items() if name in domains}
        elif isinstance(unfreeze, AnyBlocks):
            yield {f"{model}.{block}": block in plan.blocks for block in layers.blocks}
        elif "unfreeze" in domains:
            yield from ({"unfreeze": value} for value in domains["unfreeze"].values)


def bind(space: Space, models: Sequence[str], fixed: Mapping[str, Any]) -> Search:
    """A search over a space with these backbones, checked: every strategy exists in every backbone.

    Args:
        space: the space.
        models: names of backbones; those of a list of trials that are not among them are left out.
        fixed: options given for the whole sweep.

    Raises:
        UserError: a combination, backbone or strategy that cannot be; names the place.
    """
    require_consistent(space, fixed)
    if space.trials:
        if "unfreeze" in fixed:
            raise ConfigError(
                f"--unfreeze: space {space.name} is a list of trials that name theirs",
                "Leave it out, or take another --space.",
            )
    image_size = fixed.get("image_size")
    layers = {m: build_and_trace(m, None if image_size is None else int(image_size)) for m in models}
    search = Search(space, layers, dict(fixed), int(fixed.get("seed", 0)))
    for model, listed in layers.items():
        for place, text in _strategies(search, model):
            try:
                make_plan(listed, text, classes=2)
            except StrategyError as e:
                raise StrategyError(f"{place}: {e.what}", e.hint) from e
    for number, trial in enumerate(space.trials):
        try:
            search.listed(trial)
        except ConfigError as e:
            raise ConfigError(f"space {space.name}: trials[{number}]: {e.what}", e.hint) from e
    return search


def problem_of(search: Search, params: Mapping[str, Any]) -> str:
    """Why a trial cannot have these of Optuna's parameters, which somebody asked for; empty if it can."""
    if search.space.trials:
        return f"space {search.space.name} is a list of trials, to which nothing is added"
    domains: dict[str, Domain] = {"model": Choices(search.models)} if len(search.models) > 1 else {}
    if params.get("model", search.models[0]) in search.models:
        domains |= search.domains(str(params.get("model", search.models[0])))
    if search.conditional and params and "model" not in params:
        return f"it does not say which model: {', '.join(search.models)}"
    for name, value in params.items():
        if name not in domains:
            return f"the space has no parameter {name}; there are {', '.join(domains) or 'none'}"
        if not domains[name].contains(value):
            return f"{name} cannot be {value}, but {domains[name]}"
    return ""


def models_of(space: Space) -> tuple[str, ...]:
    """The backbones that a space names."""
    return space.models or tuple(dict.fromkeys(str(t["model"]) for t in space.trials))


def baselines(layers: LayerList) -> list[str]:
    """What is always tried first: the report's strategies for its two backbones, the last one and two blocks for
    others, between nothing and everything."""
    report = [str(t["unfreeze"]) for t in read_space("report").trials if t["model"] == layers.backbone]
    blocks = layers.blocks
    last = [blocks[-1], "+".join(blocks[-2:])]
    return list(dict.fromkeys(["frozen", *(report or last), "all"]))


def _strategies(search: Search, model: str) -> list[tuple[str, str]]:
    """Every strategy written out in the space or the options, with its place."""
    space = search.space
    if "unfreeze" in search.fixed:
        return [("--unfreeze", str(search.fixed["unfreeze"]))]
    if space.trials:
        listed = enumerate(space.trials)
        return [(f"space {space.name}: trials[{i}]", str(t["unfreeze"])) for i, t in listed if t["model"] == model]
    if isinstance(space.unfreeze, Choices):
        return [(f"space {space.name}: unfreeze[{i}]", str(t)) for i, t in enumerate(space.unfreeze.values)]
    return []


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _single(domain: Choices) -> bool:
    return len(domain.values) == 1
