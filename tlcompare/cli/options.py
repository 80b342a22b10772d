"""Options that several commands have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import Field, fields
from typing import Any, TypeVar

import click

from tlcompare.config import RECIPE, RunConfig, describe, flag, takes

Command = TypeVar("Command", bound=Callable[..., Any])


class _RunOption(click.Option):
    """An option that also takes underscores, which the help leaves out."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        every, self.opts = self.opts, self.opts[:1]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = every


def train_options(command: Command) -> Command:
    """Every field of RunConfig as an option, spelled with hyphens or, as `mlflow run` does, with underscores."""
    return some_options([f.name for f in fields(RunConfig)])(command)


SWITCH: dict[str, Any] = {
    "is_flag": False,
    "flag_value": "true",
    "type": bool,
    "default": False,
    "metavar": "[true|false]",
}
"""Settings of an option that is on when it stands alone, and takes a value as `mlflow run` gives one."""


class _Jobs(click.IntRange):
    """A number, or `auto`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == "auto" else super().convert(value, param, ctx)


JOBS = _Jobs(1, 256)

MOVED = "Where the images of the sweep are now, if they were moved. [default: where they were]"

PREPARING = (
    "model data weights image_size on_bad_image val_fraction test_fraction split_seed seed device threads experiment "
    "run_name"
).split()


def some_options(names: Sequence[str]) -> Callable[[Command], Command]:
    """Some fields of RunConfig, as for `train`."""

    def decorate(command: Command) -> Command:
        for option_field in reversed(fields(RunConfig)):
            if option_field.name in names:
                command = _run_option(option_field, option_field.name, describe(option_field.name))(command)
        return command

    return decorate


def fixing_options(command: Command) -> Command:
    """The fields of RunConfig that a sweep can fix for all of its trials."""
    for option_field in reversed(fields(RunConfig)):
        name = option_field.name
        if name in ("model", "run_name", "score_test"):
            continue
        shown = describe(name)
        if name in RECIPE:
            shown = shown.replace("[default: ", "[default: the space's, else ")
        elif name == "unfreeze":
            shown = "One strategy for every trial, as for train. [default: the space's]"
        spelled = "epoch_patience" if name == "patience" else name
        command = _run_option(option_field, spelled, shown)(command)
    return command


def said(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a call that the command line was given."""
    return {name: value for name, value in options.items() if value not in (None, ())}


@contextmanager
def interrupted_in_silence() -> Iterator[None]:
    """Ctrl-C ends the block with its exit code; how to go on was said already."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)


def _run_option(option_field: Field[Any], spelled: str, shown: str) -> Callable[[Command], Command]:
    spellings = dict.fromkeys([flag(spelled), f"--{spelled}"])
    boolean = option_field.type == "bool"
    extra: dict[str, Any] = {"is_flag": False, "flag_value": "true"} if boolean else {}
    return click.option(
        *spellings, spelled, cls=_RunOption, default=None, metavar=takes(option_field.name), help=shown, **extra
    )


def either_spelling(*names: str, **settings: Any) -> Callable[[Command], Command]:
    """An option of `sweep`, spelled with hyphens or underscores."""
    hyphens = [n for n in names if n.startswith("--")]
    spellings = dict.fromkeys(hyphens + [f"--{n.removeprefix('--').replace('-', '_')}" for n in hyphens])
    return click.option(*spellings, *(n for n in names if n not in hyphens), cls=_RunOption, **settings)


def listed(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Values given one by one or with commas between them, as `mlflow run` must."""
    return tuple(dict.fromkeys(v.strip() for text in values for v in text.split(",") if v.strip()))


def space_options(command: Command) -> Command:
    """What may be tried, with which backbones."""
    model = either_spelling(
        "--model",
        multiple=True,
        callback=listed,
        help="Backbone; repeat it, or use commas. "
        "[default: those of the space; where their weights cannot be had, efficientnet_lite0]",
    )
    about = "What may be tried: see `tlcompare spaces`. [default: default]"
    return either_spelling("--space", metavar="NAME|FILE", help=about)(model(command))


pruner_option = either_spelling(
    "--pruner",
    type=click.Choice(["rungs", "median", "hyperband", "off"]),
    help="Which trials end early; with rungs they pause, and go on once they are among the best. Baselines never do. "
    "[default: rungs; off with several objectives, and for grids and lists]",
)

storage_option = either_spelling(
    "--storage",
    metavar="URL",
    help="Optuna storage of the study. [default: TLCOMPARE_STORAGE, else sqlite:///optuna.db]",
)
