"""The options of the functions, by the names that the command line and YAML give them.

The types are there for editors and type checkers; what a value may be, and what an option left out comes to, says
`RunConfig`, of which the functions' signatures are made.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, get_type_hints

from tlcompare.config import RunConfig
from tlcompare.errors import ConfigError, did_you_mean

F = TypeVar("F", bound=Callable[..., Any])
Place = str | os.PathLike[str]
if TYPE_CHECKING:
    from torch import nn

    from tlcompare.backbones.backbone import Backbone

    Network = str | nn.Module | Backbone
else:
    Network = Any


class Recipe(TypedDict, total=False):
    """How a run prepares, trains and is logged: see `RunConfig`."""

    unfreeze: str | int
    data: Place
    weights: Place
    image_size: int | None
    on_bad_image: str
    val_fraction: float
    test_fraction: float
    split_seed: int
    val_seed: int | None
    epochs: int
    head_first: int
    batch_size: int
    optimizer: str
    lr: float
    head_lr: float
    layer_decay: float
    weight_decay: float
    warmup_epochs: float
    label_smoothing: float
    dropout: float
    class_balance: str
    clip_norm: float
    augment: str | None
    views: int | None
    seed: int
    precision: str | None
    device: str | None
    cache_gb: float
    compile: bool
    threads: int | None
    experiment: str | None


class TrainOptions(Recipe, total=False):
    """Every option of a run."""

    model: Network
    patience: int
    score_test: bool
    run_name: str | None


class _Exploring(Recipe, total=False):
    name: str | None
    space: Place | None
    model: Network | Sequence[Network]
    trials: int | None
    patience: int | None
    pruner: str | None
    jobs: int | str | None
    storage: str | None
    epoch_patience: int


class SweepOptions(_Exploring, total=False):
    """What a sweep takes: what is to be explored and how, and options of a run, fixed for all of its trials."""

    timeout: str | float | None
    maximize: str | Sequence[str]
    minimize: str | Sequence[str]
    sampler: str | None
    log_models: str | None
    probe: bool
    seeds: int | None


class DecideOptions(_Exploring, total=False):
    """What a decision takes: what is to be explored and how surely, and options of a run, fixed for all of its runs."""

    budget: str | float | None
    top: int | None
    max_seeds: int | None
    within: str | float | None
    keep_sealed: bool
    output: Place | None


def taking(kind: type, defaults: Mapping[str, Any]) -> Callable[[F], F]:
    """Let a function of keywords show them, with their defaults, wherever Python shows a signature.

    Args:
        kind: one of the classes above, whose keys they are.
        defaults: those that are not None.
    """
    hints = get_type_hints(kind)
    shown = [Parameter(n, Parameter.KEYWORD_ONLY, default=defaults.get(n), annotation=h) for n, h in hints.items()]

    def with_signature(function: F) -> F:
        own = signature(function)
        named = [p for p in own.parameters.values() if p.kind != Parameter.VAR_KEYWORD]
        function.__signature__ = own.replace(parameters=[*named, *shown])  # type: ignore[attr-defined]
        return function

    return with_signature


DEFAULTS = {f.name: f.default for f in fields(RunConfig)}
"""Of a run's options."""


def said(options: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The options that say something, with paths as text.

    Raises:
        ConfigError: one is unknown.
    """
    known = get_type_hints(kind)
    if unknown := next((name for name in options if name not in known), None):
        raise ConfigError(f'unknown option "{unknown}"', did_you_mean(unknown, known) or "See help() of the function.")
    return {name: plain(value) for name, value in options.items() if value is not None}


def plain(value: Any) -> Any:
    """A path as text, a network of one's own by its name, numpy's numbers as Python's, anything else as it is."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if (numpy := sys.modules.get("numpy")) and isinstance(value, numpy.generic):
        return value.item()
    if "torch" not in sys.modules:  # then it can be no network
        return value
    from torch import nn

    from tlcompare.backbones.backbone import Backbone
    from tlcompare.backbones.own import backbone

    if isinstance(value, nn.Module):
        value = backbone(value)
    return value.name if isinstance(value, Backbone) else value


def seconds(name: str, time: str | float | None) -> float | None:
    """`90`, `90s`, `30m` or `2h` in seconds.

    Raises:
        ConfigError: it is none of these.
    """
    if time is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", str(time).strip().lower())
    if not found:
        raise ConfigError(f"--{name} {time} is no time", "Give one such as 90s, 30m or 2h.")
    return float(found.group(1)) * {"s": 1, "m": 60, "h": 3600}[found.group(2) or "s"]


def share(name: str, margin: str | float | None) -> float | None:
    """`0.5%` or 0.005 as 0.005.

    Raises:
        ConfigError: it is neither.
    """
    if margin is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", str(margin).strip())
    if found and (found.group(2) or not isinstance(margin, str)):
        value = float(found.group(1)) / (100 if found.group(2) else 1)
        if value < 1:
            return value
    raise ConfigError(f"--{name} {margin} is no margin", "Give one such as 0.5%.")


def listed(values: str | Sequence[Any]) -> tuple[str, ...]:
    """Names given one by one or with commas between them, as `mlflow run` must."""
    every = [values] if isinstance(values, str) else map(plain, values)
    return tuple(dict.fromkeys(v.strip() for text in every for v in text.split(",") if v.strip()))
