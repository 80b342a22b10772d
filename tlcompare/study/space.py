"""Search spaces: what a sweep may try, read from YAML. The format is described in docs/spaces.md."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tlcompare.config import RECIPE, checked, is_number, presets, read_yaml, resolve
from tlcompare.errors import ConfigError, did_you_mean
from tlcompare.files import expanded

SAMPLERS = ("tpe", "random", "grid", "gp", "nsga2")
_KEYS = ("about", "models", "sampler", "unfreeze", "recipe", "trials")
_SNAPS = ("layer", "block")
_MOST_VALUES = 10_000


@dataclass(frozen=True)
class Choices:
    """One of these values."""

    values: tuple[Any, ...]

    def contains(self, value: Any) -> bool:
        return any(type(v) is type(value) and v == value for v in self.values)

    def nearest(self, value: Any) -> Any:
        """The value itself if it is a choice, else the nearest number, or the first choice of what are no numbers."""
        if value in self.values or not all(map(is_number, (value, *self.values))):
            return value if value in self.values else self.values[0]
        if min(value, *self.values) > 0:
            return min(self.values, key=lambda v: abs(math.log(v / value)))
        return min(self.values, key=lambda v: abs(v - value))

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


@dataclass(frozen=True)
class Range:
    """A number between two others, both included; `whole` numbers, or multiples of `step` above `low`, if so."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    @property
    def values(self) -> tuple[Any, ...]:
        """Every value, if there are finitely many; else none."""
        if self.step is None:
            return ()
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        every = (self.low + i * self.step for i in range(count))
        return tuple(round(v) if self.whole else round(v, 12) for v in every)

    @property
    def last(self) -> float:
        """The highest value, which may lie below `high` where there is a step."""
        return float(self.values[-1]) if self.values else self.high

    def contains(self, value: Any) -> bool:
        if not is_number(value) or not self.low <= value <= self.high or (self.whole and value != int(value)):
            return False
        return self.step is None or any(math.isclose(value, v) for v in self.values)

    def nearest(self, value: Any) -> Any:
        """The value in the range that is nearest to `value`; an end of the range where `value` is no number."""
        if not is_number(value):
            return self.low
        if self.values:
            return min(self.values, key=lambda v: abs(v - value))
        return min(max(value, self.low), self.high)

    def __str__(self) -> str:
        extra = [f"step {self.step:g}"] if self.step and not (self.whole and self.step == 1) else []
        extra += ["log scale"] if self.log else []
        return f"{self.low:g} to {self.high:g}" + (f" ({', '.join(extra)})" if extra else "")


Domain = Choices | Range
Read = Callable[[Any], Any]


@dataclass(frozen=True)
class Depth:
    """The last layers, a share of them in 0..1, snapped to the nearest layer with weights or edge of a block."""

    share: Domain
    snap: tuple[str, ...] = ("layer",)


@dataclass(frozen=True)
class AnyBlocks:
    """Any subset of the backbone's blocks."""


@dataclass(frozen=True)
class Space:
    """What a sweep may try.

    Attributes:
        name: of the preset or file.
        about: one sentence.
        models: backbones to try where the user names none.
        sampler: the sampler it is meant for, if any.
        unfreeze: which layers may be unfrozen; None leaves it to the recipe's one strategy.
        recipe: options of training and their values.
        trials: a fixed list of options instead of all that.
        content: the YAML it was read from, as text values.
    """

    name: str
    about: str
    models: tuple[str, ...]
    sampler: str | None
    unfreeze: Depth | AnyBlocks | Choices
    recipe: Mapping[str, Domain]
    trials: tuple[Mapping[str, Any], ...]
    content: Mapping[str, Any] = field(repr=False)


def read_space(name: str) -> Space:
    """A preset by its name, or a space from a YAML file.

    Raises:
        ConfigError: no such preset or file, or something in it that cannot be; names the place.
    """
    known = presets()
    path = known.get(name) or expanded(name)
    if not path.is_file():
        raise ConfigError(
            f'no space "{name}"', f"{did_you_mean(name, known)} There are {', '.join(known)}, or give a file.".strip()
        )
    return parse_space(read_yaml(path), path.stem, str(name))


def parse_space(content: Mapping[str, Any], name: str, where: str) -> Space:
    """A space from the content of its YAML file.

    Args:
        content: keys and values, as text.
        name: of the space.
        where: the file, for messages.

    Raises:
        ConfigError: lists everything that cannot be, each with its place.
    """
    reader = _Reader()
    for key in content:
        if key not in _KEYS:
            reader.problem(key, _no_key("a space", str(key), _KEYS))
    recipe = reader.recipe(content.get("recipe", {}))
    space = Space(
        name=name,
        about=str(content.get("about", "")),
        models=reader.models(content.get("models", [])),
        sampler=reader.sampler(content.get("sampler")),
        unfreeze=reader.unfreeze(content.get("unfreeze")) if "unfreeze" in content else Choices(("frozen",)),
        recipe=recipe,
        trials=reader.trials(content.get("trials", []), recipe) if "trials" in content else (),
        content=content,
    )
    if ("trials" in content) == ("unfreeze" in content):
        reader.problem("unfreeze", "a space has either unfreeze or trials")
    if "trials" in content:
        for key in ("models", "sampler"):
            if key in content:
                reader.problem(key, "a list of trials has none; each trial names its model")
    if reader.problems:
        raise ConfigError(f"space {where}: " + "; ".join(reader.problems), "The format is in docs/spaces.md.")
    return space


def require_consistent(space: Space, fixed: Mapping[str, Any]) -> None:
    """Check that every combination the space allows is a configuration.

    Args:
        space: the space.
        fixed: options given for the whole sweep; they replace those of the space.

    Raises:
        ConfigError: a combination that contradicts itself, such as more head-first epochs than epochs.
    """
    linked = ("epochs", "head_first", "warmup_epochs", "augment", "views")
    open_ = {n: d for n, d in space.recipe.items() if n not in fixed}
    ends = {n: _ends(d) for n, d in open_.items() if n in linked}
    rest = {n: _ends(d)[0] for n, d in open_.items() if n not in linked}
    for combination in itertools.product(*ends.values()):
        values = dict(zip(ends, combination, strict=True))
        try:
            resolve(rest, values, fixed)
        except ConfigError as e:
            shown = ", ".join(f"recipe.{n} {v}" for n, v in values.items())
            raise ConfigError(
                f"space {space.name} allows {shown or 'what cannot be'}: {e.what}", "Narrow its ranges."
            ) from e


def _ends(domain: Domain) -> tuple[Any, ...]:
    """The values by which a domain may contradict another: of numbers the least and the greatest, else all."""
    if isinstance(domain, Range):
        return (domain.low, domain.high)
    if len(domain.values) > 2 and all(map(is_number, domain.values)):
        return (min(domain.values), max(domain.values))
    return domain.values


class _Reader:
    """Reads the parts of a space and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def problem(self, place: object, what: str) -> None:
        self.problems.append(f"{place}: {what}")

    def models(self, raw: Any) -> tuple[str, ...]:
        if not isinstance(raw, list) or not all(isinstance(m, str) for m in raw):
            self.problem("models", "must be a list of backbones")
            return ()
        return tuple(dict.fromkeys(raw))

    def sampler(self, raw: Any) -> str | None:
        if raw is None or raw in SAMPLERS:
            return None if raw is None else str(raw)
        self.problem("sampler", f"is one of {', '.join(SAMPLERS)}, not {raw!r}")
        return None

    def unfreeze(self, raw: Any) -> Depth | AnyBlocks | Choices:
        if isinstance(raw, str):
            raw = [raw]
        if isinstance(raw, list) and raw and all(isinstance(t, str) and t.strip() for t in raw):
            return Choices(tuple(dict.fromkeys(raw)))
        if isinstance(raw, dict) and raw == {"blocks": "any"}:
            return AnyBlocks()
        unknown = set(raw) - {"depth", "snap", "blocks"} if isinstance(raw, dict) else set()
        for key in sorted(unknown):
            self.problem(f"unfreeze.{key}", _no_key("unfreeze", key, ("depth", "snap", "blocks")))
        if unknown:
            return Choices(("frozen",))
        if isinstance(raw, dict) and "depth" in raw and "blocks" not in raw:
            return Depth(self.depth(raw["depth"]), self.snap(raw.get("snap", "layer")))
        self.problem("unfreeze", "is a list of strategies, {depth: ..., snap: ...} or {blocks: any}")
        return Choices(("frozen",))

    def depth(self, raw: Any) -> Domain:
        place = "unfreeze.depth"
        if isinstance(raw, dict):
            return self.range(place, raw, _share)
        values = self.each(place, raw if isinstance(raw, list) else [raw], _share)
        return Choices(tuple(values))

    def snap(self, raw: Any) -> tuple[str, ...]:
        snaps = raw if isinstance(raw, list) else [raw]
        if not snaps or not set(map(str, snaps)) <= set(_SNAPS):
            self.problem("unfreeze.snap", f"is {' or '.join(_SNAPS)}, or a list of both, not {raw!r}")
            return ("layer",)
        return tuple(dict.fromkeys(snaps))

    def recipe(self, raw: Any) -> dict[str, Domain]:
        if not isinstance(raw, dict):
            self.problem("recipe", "must hold `option: values` lines")
            return {}
        found: dict[str, Domain] = {}
        for key, values in raw.items():
            name, place = str(key).replace("-", "_"), f"recipe.{key}"
            if name not in RECIPE:
                self.problem(place, f"is no option of the recipe. {did_you_mean(name, RECIPE)}".strip())
            elif isinstance(values, dict):
                found[name] = self.range(place, values, _check_of(name), name)
            else:
                every = values if isinstance(values, list) else [values]
                found[name] = Choices(tuple(self.each(place, every, _check_of(name))))
        return found

    def trials(self, raw: Any, recipe: Mapping[str, Domain]) -> tuple[dict[str, Any], ...]:
        if not isinstance(raw, list) or not raw or not all(isinstance(t, dict) for t in raw):
            self.problem("trials", "must be a list of `{model: ..., unfreeze: ...}`")
            return ()
        if any(len(_ends(d)) > 1 for d in recipe.values()):
            self.problem("recipe", "beside a list of trials, an option has one value")
        allowed = ("model", "unfreeze", *RECIPE)
        listed = []
        for number, trial in enumerate(raw):
            place = f"trials[{number}]"
            for key in trial:
                if str(key).replace("-", "_") not in allowed:
                    self.problem(
                        f"{place}.{key}", f"is no option of a trial. {did_you_mean(str(key), allowed)}".strip()
                    )
            for needed in ("model", "unfreeze"):
                if needed not in trial:
                    self.problem(place, f"names no {needed}")
            kept = {str(k).replace("-", "_"): v for k, v in trial.items() if str(k).replace("-", "_") in allowed}
            listed.append({k: v for k, t in kept.items() for v in self.each(f"{place}.{k}", [t], _check_of(k))})
        return tuple(listed)

    def each(self, place: str, raw: list[Any], read: Read) -> list[Any]:
        """Every value of a list, read; the first value stands in for what cannot be read."""
        if not raw:
            self.problem(place, "is empty")
            return [None]
        values = []
        for number, text in enumerate(raw):
            try:
                values.append(read(text))
            except (ConfigError, ValueError) as e:
                self.problem(place if len(raw) == 1 else f"{place}[{number}]", _what(e))
                values.append(None)
        if len(set(values)) < len(values) and None not in values:
            self.problem(place, "holds a value twice")
        return values

    def range(self, place: str, raw: dict[str, Any], read: Read, name: str = "") -> Domain:
        unknown = set(raw) - {"from", "to", "log", "step"}
        for key in sorted(unknown):
            self.problem(f"{place}.{key}", _no_key("a range", key, ("from", "to", "log", "step")))
        if not {"from", "to"} <= set(raw):
            self.problem(place, "a range needs from and to")
        if unknown or not {"from", "to"} <= set(raw):
            return Choices((None,))
        try:
            low, high = read(raw["from"]), read(raw["to"])
            step = _step(raw["step"], percent=not name) if "step" in raw else None
        except (ConfigError, ValueError) as e:
            self.problem(place, _what(e))
            return Choices((None,))
        log = str(raw.get("log", "false")).lower()
        if not is_number(low) or not is_number(high):
            self.problem(place, "has no range; give a list of values")
        elif low >= high:
            self.problem(place, f"is empty: from {raw['from']} is not less than to {raw['to']}")
        elif log not in ("true", "false"):
            self.problem(f"{place}.log", f"is true or false, not {raw['log']!r}")
        elif log == "true" and (low <= 0 or step):
            self.problem(place, "a log scale starts above 0 and has no step")
        elif step is not None and (step <= 0 or step > high - low):
            self.problem(f"{place}.step", f"must be more than 0 and at most {high - low:g}, not {raw['step']}")
        elif isinstance(low, int) and step is not None and not float(step).is_integer():
            self.problem(f"{place}.step", f"must be a whole number, not {raw['step']}")
        else:
            whole = isinstance(low, int)
            if whole and log == "false":
                step = step or 1
            if step is None or (high - low) / step < _MOST_VALUES:
                return Range(low, high, log == "true", step, whole)
            self.problem(place, f"has more than {_MOST_VALUES:,} values; take a larger step, or a log scale")
        return Choices((None,))


def _check_of(name: str) -> Read:
    return lambda text: checked(name, text)


def _no_key(what: str, key: str, known: Sequence[str]) -> str:
    near = did_you_mean(key, known)
    return f"is no key of {what}. {near}" if near else f"is no key of {what}; there are {', '.join(known)}"


def _what(e: Exception) -> str:
    return e.what if isinstance(e, ConfigError) else str(e)


def _share(text: Any) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", str(text))
    if not found or float(found.group(1)) > 100:
        raise ValueError(f"a depth is a share of the layers from 0% to 100%, not {text!r}")
    return float(found.group(1)) / 100


def _step(text: Any, percent: bool) -> float:
    if percent:
        return _share(text)
    try:
        step = float(text)
    except (TypeError, ValueError):
        step = math.nan
    if not math.isfinite(step):
        raise ValueError(f"step must be a number, not {text!r}")
    return step
