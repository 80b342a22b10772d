"""From what the user asked for to a sweep that can start: settled, and checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tlcompare.backbones.registry import get_backbone
from tlcompare.backbones.weights import read_state, weights_file
from tlcompare.config import RunConfig, checked, flag, presets, resolve
from tlcompare.data.sources import require_known
from tlcompare.errors import ConfigError, DataError, StudyError, WeightsError
from tlcompare.files import expanded
from tlcompare.machine.device import share_of_threads
from tlcompare.preparation import Prepared, Workbench, images_of, notes_on_data, prepare
from tlcompare.probing import run_probe
from tlcompare.study.objective import Objective, make_objectives
from tlcompare.study.parallel import AUTO, jobs_beside, jobs_for, require_known_to_others
from tlcompare.study.search import Candidate, Search, bind, models_of
from tlcompare.study.space import Choices, Space, parse_space, read_space
from tlcompare.study.studies import DEFAULT_STORAGE, Definition, shown
from tlcompare.tracking.models import weights_here
from tlcompare.training.epochs import Epoch
from tlcompare.training.probe import as_probes, suggestions

EPOCH_PATIENCE = "epoch_patience"
"""What a sweep calls the patience of its runs."""
EMBEDDED_MODEL = "efficientnet_lite0"
_SMALL = {"image_size": 64, "epochs": 5}
_TRIALS = 40


@dataclass(frozen=True)
class Limits:
    """How long a sweep goes on, and how; unlike its definition, this may change when it goes on later.

    Attributes:
        trials: how many in all, those of earlier sittings included.
        timeout: seconds after which no further trial begins; None is no limit.
        patience: trials without improvement after which it stops; None is off.
        jobs: trials at a time.
        log_models: of which trials the model is kept: all, best or none.
    """

    trials: int
    timeout: float | None = None
    patience: int | None = None
    jobs: int = 1
    log_models: str = "all"


@dataclass(frozen=True)
class Request:
    """What the user asked for; None or nothing where they did not say.

    Attributes:
        options: options of `train` that are fixed for the whole sweep, as text.
        probe: whether a probe's suggestions are tried after the baselines.
        begins: whether it may begin a sweep of its name without saying anything else of it.
    """

    name: str | None = None
    space: str | None = None
    models: tuple[str, ...] = ()
    options: Mapping[str, Any] | None = None
    maximize: tuple[str, ...] = ()
    minimize: tuple[str, ...] = ()
    sampler: str | None = None
    pruner: str | None = None
    storage: str | None = None
    probe: bool = False
    begins: bool = False
    limits: Mapping[str, Any] | None = None

    @property
    def says_nothing(self) -> bool:
        """Whether it says at most which sweep, as is enough to go on with one."""
        said = (self.space, self.models, self.options, self.maximize, self.minimize, self.sampler, self.pruner)
        return not any((*said, self.probe, self.begins, self.limits))

    @property
    def question(self) -> dict[str, Any]:
        """What makes two of them the same, by the names that the command line gives it."""
        limits, options = dict(self.limits or {}), settled(self.options or {})
        said = {
            "space": self.space,
            "model": list(self.models),
            "maximize": list(self.maximize),
            "minimize": list(self.minimize),
            "sampler": self.sampler,
            "pruner": self.pruner,
            "probe": self.probe or None,
            **{name: limits.get(name) for name in ("trials", "patience")},
            **{EPOCH_PATIENCE if name == "patience" else name: value for name, value in options.items()},
        }
        return {name: value for name, value in said.items() if value not in (None, [])}


@dataclass(frozen=True)
class Plan:
    """A sweep that was checked and can start.

    Attributes:
        workbench: what the runs of this process share.
        prepared: one run of each backbone, ready to train, which shows that data and weights are there.
        known: the trials that do not depend on results.
        baselines: how many of these, the first, are what others must beat; they are run to their end in any case.
        cyclic: whether these are all there is, over and over with further seeds.
    """

    definition: Definition
    search: Search
    objectives: tuple[Objective, ...]
    limits: Limits
    workbench: Workbench
    prepared: Mapping[str, Prepared]
    known: tuple[Candidate, ...]
    baselines: int
    cyclic: bool

    def candidate(self, number: int) -> Candidate | None:
        """What trial `number` is, if that is known."""
        if self.cyclic:
            again, index = divmod(number, len(self.known))
            known = self.known[index]
            return replace(known, config=replace(known.config, seed=known.config.seed + again))
        return self.known[number] if number < len(self.known) else None

    @property
    def epochs(self) -> int:
        """The most epochs any trial has."""
        domain = self.search.recipe.get("epochs")
        if domain is None:
            return int(self.search.fixed.get("epochs", RunConfig().epochs))
        return int(max(domain.values) if isinstance(domain, Choices) else domain.high)


def make_plan(request: Request, kept: Definition | None, limits: Mapping[str, Any], say: Callable[[str], None]) -> Plan:
    """Settle and check everything, without starting anything: space, backbones, strategies, data and weights.

    Args:
        request: what the user asked for.
        kept: the definition of the study that goes on, if one does.
        limits: those it had.
        say: is told what was chosen for the user.

    Raises:
        UserError: whatever would stop the sweep later.
    """
    if kept is None and request.name and request.says_nothing:
        raise StudyError(
            f'there is no sweep "{request.name}" to go on with in {shown(request.storage or DEFAULT_STORAGE)}, '
            f"seen from {Path.cwd()}",
            "Go on with it where it was begun, or say what to begin: --data DIR, or --data digits.",
        )
    objectives = make_objectives(request.maximize, request.minimize)
    definition = kept or _define(request, objectives, say)
    if kept is not None:
        _require_same(request, kept)
        definition = _where_it_is_now(kept, request)
        objectives = make_objectives(kept.maximize, kept.minimize)
    asked = dict(request.limits or {})
    if asked.get("jobs") == AUTO:
        asked["jobs"] = jobs_beside(int(definition.options["threads"]))
    space = parse_space(definition.space, definition.space_name, definition.space_name)
    if request.probe and space.trials:
        raise ConfigError(
            f"--probe: space {space.name} is a list of trials, to which nothing is added",
            "Leave it out, or take another --space.",
        )
    search = bind(space, definition.models, definition.options)
    _require_learnable(definition, search)
    if kept is None and "weights" not in definition.options:
        _require_weights(space)
    workbench = Workbench(weights_here)
    quiet = Quiet(say)
    prepared = {m: prepare(_first_of(search.always_first, m), quiet, workbench) for m in definition.models}
    one = next(iter(prepared.values()))
    for line in (images_of(one), *notes_on_data(one)):
        say(line)
    if request.probe and kept is None:
        probes = {model: [asdict(p) for p in run_probe(each, quiet)] for model, each in prepared.items()}
        definition = replace(definition, probes=probes)
    if definition.probes:
        suggested = {model: suggestions(as_probes(rows)) for model, rows in definition.probes.items()}
        search = replace(search, suggested=suggested)
        _require_learnable(definition, search)
    if request.probe and kept is None:
        for model, texts in search.suggested.items():
            new = sum(c.config.model == model for c in search.always_first[len(search.baselines) :])
            when = {len(texts): "tried after the baselines", 0: "which the baselines have already"}
            said = when.get(new, "of which the baselines have one already")
            say(f"the probe of {model} suggests {' and '.join(texts)}, {said}")
    cyclic = bool(space.trials) or definition.sampler == "grid"
    known = search.grid if cyclic else search.always_first
    chosen = {"trials": len(known) if cyclic else _TRIALS} | dict(limits) | asked
    first, settled_limits = len(search.baselines), Limits(**chosen)
    require_known_to_others(definition.models, settled_limits.jobs)
    return Plan(definition, search, objectives, settled_limits, workbench, prepared, known, first, cyclic)


def _require_learnable(definition: Definition, search: Search) -> None:
    """Check that the sampler can learn from the trials that are tried first.

    Raises:
        ConfigError: it cannot.
    """
    expressed = all(c.params for c in search.always_first)
    if definition.sampler in ("gp", "nsga2") and (search.conditional or not expressed):
        raise ConfigError(
            f"--sampler {definition.sampler} learns only from parameters that every trial has, which those of space "
            f"{search.space.name} are not: its baselines or its backbones have others",
            "Take --sampler tpe.",
        )


def _require_weights(space: Space) -> None:
    """Check that the weights files that a space names can be read.

    Raises:
        WeightsError: one cannot.
    """
    domain = space.recipe.get("weights")
    listed = {*(domain.values if domain else ()), *(trial.get("weights") for trial in space.trials)}
    for file in sorted(listed - {None, "default", "none"}):
        read_state(weights_file(expanded(weights_here(file))))


def _first_of(known: tuple[Candidate, ...], model: str) -> RunConfig:
    return next(c.config for c in known if c.config.model == model)


def _define(request: Request, objectives: tuple[Objective, ...], say: Callable[[str], None]) -> Definition:
    """The definition of a new sweep."""
    space_name = request.space or "default"
    space = read_space(space_name)
    options = settled(request.options or {})
    if "data" not in options:
        said = {*options, *space.recipe, *(name for trial in space.trials for name in trial)}
        small = {name: value for name, value in _SMALL.items() if name not in said}
        options |= {"data": "digits", **small}
        settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in small.items())
        say(f"no --data: taking the embedded digits{f' ({settings})' if settings else ''}; --data DIR takes yours")
    sampler = _sampler(request, space.sampler, bool(space.trials))
    pruner = _pruner(request, objectives, enumerated=sampler == "grid")
    named = request.models or (() if space_name in presets() else models_of(space))
    if space.trials and (unknown := [m for m in named if m not in models_of(space)]):
        raise ConfigError(f"--model {unknown[0]}: space {space.name} has no trial of it", _there_are(models_of(space)))
    models = named or _at_hand(models_of(space) or models_of(read_space("default")), options, bool(space.trials), say)
    if "threads" not in options:
        jobs = (request.limits or {}).get("jobs", 1)
        if jobs == AUTO:
            jobs = jobs_for(resolve({"model": models[0]}, options), say)
        options["threads"] = share_of_threads(int(jobs))
    return Definition(
        space_name=space.name,
        space=dict(space.content),
        models=tuple(dict.fromkeys(models)),
        options=options,
        maximize=tuple(o.metric for o in objectives if o.maximize),
        minimize=tuple(o.metric for o in objectives if not o.maximize),
        sampler=sampler,
        pruner=pruner,
    )


def settled(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options, checked, whose files and folders are found from any working folder."""
    resolve(options)
    named = {name: str(options[name]) for name in ("data", "weights") if name in options}
    paths = {n: expanded(t) for n, t in named.items() if t not in ("digits", "flowers", "default", "none")}
    return dict(options) | {name: str(path.absolute()) for name, path in paths.items() if path.exists()}


def _there_are(names: tuple[str, ...]) -> str:
    return f"There are {', '.join(names)}."


def _sampler(request: Request, meant: str | None, listed: bool) -> str:
    if listed:
        if request.sampler not in (None, "grid"):
            raise ConfigError(
                f"--sampler {request.sampler}: the space is a list of trials, which run in their order",
                "Leave it out, or take another --space.",
            )
        return "grid"
    return request.sampler or meant or "tpe"


def _pruner(request: Request, objectives: tuple[Objective, ...], enumerated: bool) -> str:
    """The pruner; off where there is nothing to prune by, or where every point of a grid or list is wanted."""
    possible = len(objectives) == 1 and objectives[0].prunable
    if request.pruner not in (None, "off") and not possible:
        raise ConfigError(
            f"--pruner {request.pruner} needs one objective that is known after every epoch: "
            "val/accuracy or val/log_loss",
            "Take --pruner off.",
        )
    return request.pruner or ("rungs" if possible and not enumerated else "off")


def _at_hand(
    wanted: tuple[str, ...], options: Mapping[str, Any], listed: bool, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Those of the backbones, which the user did not name, whose weights can be had; the embedded one if none."""
    if options.get("weights", "default") != "default":
        return wanted
    problems: dict[str, WeightsError] = {}
    for model in wanted:
        source = get_backbone(model).weights
        try:
            if source is not None:
                source.fetch()
        except WeightsError as e:
            problems[model] = e
    there = tuple(m for m in wanted if m not in problems)
    if not problems:
        return there
    if listed and not there:
        raise next(iter(problems.values()))
    taken = there or (EMBEDDED_MODEL,)
    missing = f"the weights of {', '.join(problems)} are not on this machine and cannot be downloaded"
    say(f"NOTICE: {missing}, so this sweep is over {', '.join(taken)} instead of {', '.join(wanted)}")
    return taken


def _where_it_is_now(kept: Definition, request: Request) -> Definition:
    """The definition of a sweep whose data may have moved; whether it is the same is seen from its digest.

    Raises:
        StudyError: it is not where it was.
    """
    given = settled(request.options or {})
    options = dict(kept.options) | ({"data": given["data"]} if "data" in given else {})
    try:
        require_known(str(options["data"]))
    except DataError as e:
        if "data" in given:
            raise
        raise StudyError(
            f'the images of the sweep "{request.name}" are no longer in {options["data"]}',
            "Say where they are now: --data DIR",
        ) from e
    return replace(kept, options=options)


def _require_same(request: Request, kept: Definition) -> None:
    """Check that nothing asked for contradicts the definition of the sweep that goes on.

    Raises:
        StudyError: it does; names what.
    """
    problems = []
    if request.space is not None and dict(read_space(request.space).content) != dict(kept.space):
        problems.append(f"--space {kept.space_name}, not {request.space}")
    if request.models and set(request.models) != set(kept.models):
        problems.append(f"--model {','.join(kept.models)}, not {','.join(request.models)}")
    for name, value in settled(request.options or {}).items():
        if name == "data" and Path(str(kept.options["data"])).is_absolute():
            continue  # a folder, which may have moved
        before = getattr(resolve(kept.options), name)
        if checked(name, value) != before:
            problems.append(f"{flag(name)} {'auto' if before is None else before}, not {value}")
    for name in ("maximize", "minimize", "sampler", "pruner"):
        asked, before = getattr(request, name), getattr(kept, name)
        if asked and asked != before:
            texts = [value if isinstance(value, str) else ",".join(value) or "nothing" for value in (before, asked)]
            problems.append(f"--{name} {texts[0]}, not {texts[1]}")
    if request.probe and not kept.probes:
        problems.append("no --probe")
    if problems:
        raise StudyError(
            f'the sweep "{request.name}" was begun with {"; ".join(problems)}',
            "Go on without these options, or take another --name.",
        )


class Quiet:
    """Passes warnings of the preparation on and nothing else."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say

    def doing(self, what: str) -> None:
        pass

    def counting(self, what: str, done: int, total: int) -> None:
        pass

    def step(self, epoch: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        pass

    def epoch(self, epoch: Epoch) -> None:
        pass
