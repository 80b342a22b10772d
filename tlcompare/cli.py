"""The command line: parse, call one function, print. Heavy imports live inside the commands."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from tlcompare import __version__
from tlcompare.config import RunConfig, describe, flag, read_yaml, resolve, takes
from tlcompare.errors import ConfigError, UserError
from tlcompare.study.space import RECIPE, SAMPLERS

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _ShownError(click.ClickException):
    """A user's mistake: one line, exit code 2."""

    exit_code = 2


class _Group(click.Group):
    """Turns a user's mistake into one line; `--debug`, anywhere on the line, shows the traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--debug" in args:
            args = ["--debug", *(a for a in args if a != "--debug")]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as e:
            if ctx.params.get("debug"):
                raise
            raise _ShownError(" ".join(str(e).split())) from e
        except KeyboardInterrupt:
            click.echo("Interrupted. The run is marked as killed; the same command starts it anew.", err=True)
            ctx.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Which layers of a pretrained network should be unfrozen, and is it worth it?

    \b
    tlcompare layers mobilenet                                     what there is to unfreeze
    tlcompare plan --model mobilenet --unfreeze 50 --classes 5     what would train
    tlcompare train --model mobilenet --unfreeze 50 --data photos/ train it
    tlcompare sweep --data photos/ --trials 40                     let Optuna explore what to unfreeze
    tlcompare compare                                              the runs side by side
    tlcompare pick --sweep default-1                               one strategy, by a stated rule
    mlflow ui                                                      everything about them
    """


class _RunOption(click.Option):
    """An option that also takes underscores, which the help leaves out."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        every, self.opts = self.opts, self.opts[:1]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = every


def _train_options(command: _Command) -> _Command:
    """Every field of RunConfig as an option, spelled with hyphens or, as `mlflow run` does, with underscores."""
    for option_field in reversed(fields(RunConfig)):
        command = _run_option(option_field, option_field.name, describe(option_field.name))(command)
    return command


def _fixing_options(command: _Command) -> _Command:
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


def _run_option(option_field: Field[Any], spelled: str, shown: str) -> Callable[[_Command], _Command]:
    spellings = dict.fromkeys([flag(spelled), f"--{spelled}"])
    boolean = option_field.type == "bool"
    extra: dict[str, Any] = {"is_flag": False, "flag_value": "true"} if boolean else {}
    name = option_field.name
    return click.option(*spellings, spelled, cls=_RunOption, default=None, metavar=takes(name), help=shown, **extra)


@main.command()
@click.option("--config", "config_file", help="Options from a YAML file, or from an earlier run: runs:/ID.")
@_train_options
def train(config_file: str | None, **options: str | None) -> None:
    """Train one backbone under one unfreezing strategy and log everything to MLflow.

    \b
    tlcompare train --unfreeze 30%                              (embedded weights and images)
    tlcompare train --model mobilenet --unfreeze 50 --data flowers
    tlcompare train --model resnet50 --unfreeze conv4+conv5 --data photos/ --epochs 20
    tlcompare train --config recipe.yaml --seed 1
    """
    given = {name: value for name, value in options.items() if value is not None}
    saved, digest = _from_config(config_file)
    config = resolve(saved, given)

    from tlcompare.data.sources import require_known

    require_known(config.data)
    if sys.stderr.isatty():
        click.echo("loading torch and MLflow", err=True)

    from tlcompare.run import train as train_one
    from tlcompare.tracking.runs import shown_uri

    result = train_one(config, None if "data" in given else digest)
    click.echo(f"validation accuracy   {result.metrics['val/accuracy']:.2%}")
    if "test/accuracy" in result.metrics:
        click.echo(f"test accuracy         {result.metrics['test/accuracy']:.2%}")
    click.echo(f"trainable weights     {result.prepared.plan.trainable_parameters:,}")
    click.echo(f"training              {result.metrics['cost/train_seconds']:.1f} s")
    click.echo(f"run                   {result.run_id} in {shown_uri()}")
    click.echo(f"model                 runs:/{result.run_id}/model")


def _from_config(config_file: str | None) -> tuple[dict[str, Any], str | None]:
    """Options from a file or an earlier run, and the digest of that run's images."""
    if config_file is None:
        return {}, None
    if config_file.startswith("runs:/"):
        from tlcompare.tracking.runs import logged_config

        return logged_config(config_file)
    return read_yaml(Path(config_file).expanduser()), None


def _sweep_option(*names: str, **settings: Any) -> Callable[[_Command], _Command]:
    """An option of `sweep`, spelled with hyphens or underscores."""
    hyphens = [n for n in names if n.startswith("--")]
    spellings = dict.fromkeys(hyphens + [f"--{n.removeprefix('--').replace('-', '_')}" for n in hyphens])
    return click.option(*spellings, *(n for n in names if n not in hyphens), cls=_RunOption, **settings)


def _listed(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Values given one by one or with commas between them, as `mlflow run` must."""
    return tuple(dict.fromkeys(v.strip() for text in values for v in text.split(",") if v.strip()))


def _seconds(ctx: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """`90`, `90s`, `30m` or `2h` in seconds."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", text.strip().lower())
    if not found:
        raise click.BadParameter(f"{text!r} is no time such as 90s, 30m or 2h")
    return float(found.group(1)) * {"s": 1, "m": 60, "h": 3600}[found.group(2) or "s"]


@main.command()
@_sweep_option("--name", help="Name of the sweep; an existing one goes on. [default: the space and a number]")
@_sweep_option("--space", metavar="NAME|FILE", help="What may be tried: see `tlcompare spaces`. [default: default]")
@_sweep_option(
    "--model",
    "models",
    multiple=True,
    callback=_listed,
    help="Backbone; repeat it, or use commas. "
    "[default: those of the space; where their weights cannot be had, efficientnet_lite0]",
)
@_sweep_option(
    "--trials",
    type=click.IntRange(1),
    help="Trials in all, with those of earlier sittings. [default: 40, or the whole grid or list]",
)
@_sweep_option(
    "--timeout", metavar="TIME", callback=_seconds, help="Begin no trial after this: 90s, 30m, 2h; 0 is off."
)
@_sweep_option("--patience", type=click.IntRange(0), help="Stop after this many trials without improvement; 0 is off.")
@_sweep_option(
    "--maximize", multiple=True, callback=_listed, metavar="METRIC", help="Objective. [default: val/accuracy]"
)
@_sweep_option(
    "--minimize",
    multiple=True,
    callback=_listed,
    metavar="METRIC",
    help="Objective, such as cost/train_seconds; with several objectives the result is a Pareto set.",
)
@_sweep_option(
    "--sampler",
    type=click.Choice(SAMPLERS),
    help="How configurations are chosen. [default: the space's, else tpe]",
)
@_sweep_option(
    "--pruner",
    type=click.Choice(["median", "hyperband", "off"]),
    help="Which trials end early; baselines never do. "
    "[default: median; off with several objectives, and for grids and lists]",
)
@_sweep_option(
    "--jobs", type=click.IntRange(1, 256), help="Trials at a time, each in a process of its own. [default: 1]"
)
@_sweep_option(
    "--log-models", type=click.Choice(["all", "best", "none"]), help="Trials whose model is kept. [default: all]"
)
@_sweep_option(
    "--storage",
    metavar="URL",
    envvar="TLCOMPARE_STORAGE",
    help="Optuna storage of the study. [default: TLCOMPARE_STORAGE, else sqlite:///optuna.db]",
)
@_sweep_option(
    "--dry-run",
    is_flag=False,
    flag_value="true",
    type=bool,
    default=False,
    metavar="[true|false]",
    help="Check everything, and print what would be tried and what it would cost.",
)
@_fixing_options
def sweep(
    name: str | None,
    space: str | None,
    models: tuple[str, ...],
    trials: int | None,
    timeout: float | None,
    patience: int | None,
    maximize: tuple[str, ...],
    minimize: tuple[str, ...],
    sampler: str | None,
    pruner: str | None,
    jobs: int | None,
    log_models: str | None,
    storage: str | None,
    dry_run: bool,
    **options: str | None,
) -> None:
    """Let Optuna explore what to unfreeze, one MLflow run per trial.

    An option of `train` fixes that choice for the whole sweep. The baselines (frozen, the report's strategies or the
    last blocks, all) are always tried first. Ctrl-C ends it cleanly; the same --name goes on.

    \b
    tlcompare sweep --trials 40                                 (embedded images; offline, embedded weights)
    tlcompare sweep --data flowers --trials 40 --jobs 2
    tlcompare sweep --data photos/ --model resnet50 --space depth
    tlcompare sweep --data photos/ --space recipe --maximize val/accuracy --minimize cost/train_seconds
    tlcompare sweep --name default-1                            (go on with an interrupted one)
    tlcompare sweep --space surgical --dry-run                  (what would be tried, and what it would cost)
    """
    options["patience"] = options.pop("epoch_patience")
    fixed = {name: value for name, value in options.items() if value is not None}
    limits = {"trials": trials, "timeout": timeout, "patience": patience, "jobs": jobs, "log_models": log_models}

    from tlcompare.data.sources import require_known
    from tlcompare.study.space import read_space

    if space is not None:
        read_space(space)
    require_known(resolve(fixed).data)
    if sys.stderr.isatty():
        click.echo("loading torch, Optuna and MLflow", err=True)

    from tlcompare.study.planning import Request

    request = Request(
        name=name,
        space=space,
        models=models,
        options=fixed,
        maximize=maximize,
        minimize=minimize,
        sampler=sampler,
        pruner=pruner,
        storage=storage,
        limits={name: value for name, value in limits.items() if value is not None},
    )
    if dry_run:
        from tlcompare.study.forecast import forecast

        click.echo(forecast(request))
        return

    from tlcompare.study.sweep import sweep as run_sweep

    try:
        click.echo(run_sweep(request).text)
    except KeyboardInterrupt:
        sys.exit(130)


@main.command()
@click.argument("space", required=False)
def spaces(space: str | None) -> None:
    """List the search spaces that come with tlcompare, or print one, to start your own from.

    \b
    tlcompare spaces
    tlcompare spaces default > mine.yaml
    """
    from tlcompare.study.space import presets, read_space

    if space is not None:
        read_space(space)
        click.echo(presets().get(space, Path(space)).read_text(encoding="utf-8").rstrip())
        return
    for name in presets():
        click.echo(f"{name:<10} {read_space(name).about}")


@main.command()
@click.argument("model")
@click.option("--image-size", "--image_size", type=click.IntRange(16, 2048), help="Side of the input in pixels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def layers(model: str, image_size: int | None, as_json: bool) -> None:
    """List the layers of a backbone, as `--unfreeze` counts and names them.

    \b
    tlcompare layers mobilenet
    tlcompare layers torchvision:resnet18 --json
    """
    from tlcompare.freezing.layers import build_and_trace

    listed = build_and_trace(model, image_size)
    rows = [
        {
            "number": x.number,
            "from_end": len(listed.layers) - x.number + 1,
            "name": x.name,
            "operation": x.operation,
            "block": x.block,
            "weights": x.weights,
            "shape": list(x.shape),
        }
        for x in listed.layers
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    _print_table(rows)
    click.echo(f"{len(rows)} layers, {listed.weights:,} weights. Blocks: {', '.join(listed.blocks)}")


@main.command()
@click.option("--model", required=True, help="Backbone, as for train.")
@click.option("--unfreeze", required=True, help="Strategy, as for train.")
@click.option("--classes", type=click.IntRange(2), required=True, help="Number of classes of the head.")
@click.option("--image-size", "--image_size", type=click.IntRange(16, 2048), help="Side of the input in pixels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(model: str, unfreeze: str, classes: int, image_size: int | None, as_json: bool) -> None:
    """Show what a strategy would train, without training, and what keeping the frozen features would save.

    The saving is for 1,000 images with their mirror images and the default recipe; the backbone's speed is measured at
    first use and kept.

    \b
    tlcompare plan --model mobilenet --unfreeze 50 --classes 5
    tlcompare plan --model resnet50 --unfreeze conv4+conv5 --classes 5 --json
    """
    from tlcompare.freezing.layers import build_and_trace
    from tlcompare.freezing.strategy import make_plan
    from tlcompare.training.saving import expected_saving

    layers = build_and_trace(model, image_size)
    made = make_plan(layers, unfreeze, classes)
    saving = expected_saving(layers, made, images=1000)
    if as_json:
        click.echo(json.dumps(made.to_dict() | {"features": saving.to_dict()}))
        return
    _print_table(
        [
            {
                "number": x.number,
                "from_end": made.listed - x.number + 1,
                "name": x.name,
                "operation": x.operation,
                "block": x.block,
                "trainable": made.trained_in(x),
            }
            for x in made.layers
        ]
    )
    shape = " x ".join(map(str, made.cut.shape))
    click.echo(f"backbone           {made.backbone}, {made.listed} layers")
    click.echo(f"unfreeze           {made.unfreeze} ({made.family})")
    click.echo(f"trainable layers   {len(made.layers)}")
    click.echo(f"trainable weights  {made.trainable_parameters:,} of {made.total_parameters:,}")
    click.echo(f"  of the head      {made.head_parameters:,}")
    click.echo(f"blocks             {', '.join(made.blocks) or 'none, the head alone'}")
    click.echo(f"cut                after {made.cut.after} ({shape} per image): nothing before it changes")
    if not saving.after:
        click.echo("features           none are kept: there is nothing before the cut that would be worth it")
        return
    click.echo(
        f"features           kept after {saving.after}, {saving.bytes_per_image / 1e3:.0f} kB per image: "
        f"{saving.read_ms:.2g} ms to read instead of {saving.compute_ms:.2g} ms to compute"
    )
    click.echo(
        f"training           about {saving.seconds:.0f} s instead of {saving.seconds_without:.0f} s for "
        f"{saving.images:,} images and {saving.epochs} epochs here, in {saving.precision}"
    )


def _print_table(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    cells = [list(rows[0])] + [
        [
            f"{v:,}" if isinstance(v, int) else " x ".join(map(str, v)) if isinstance(v, list) else str(v)
            for v in r.values()
        ]
        for r in rows
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    right = [isinstance(v, int) for v in rows[0].values()]
    for row in cells:
        line = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        click.echo("  ".join(line).rstrip())


def _which_runs(command: _Command) -> _Command:
    """The runs that `compare` and `pick` look at."""
    for decorate in (
        click.option("--experiment", help="The finished runs of this experiment. [default: tlcompare]"),
        click.option("--sweep", help="The finished trials of this sweep."),
        click.argument("run_ids", nargs=-1),
    ):
        command = decorate(command)
    return command


def _one_source(run_ids: tuple[str, ...], sweep: str | None, experiment: str | None) -> None:
    named = [n for n, v in (("RUN_IDS", run_ids), ("--sweep", sweep), ("--experiment", experiment)) if v]
    if len(named) > 1:
        raise ConfigError(f"{' and '.join(named)} were given", "Give one of them.")


@main.command()
@_which_runs
@click.option("--format", "form", type=click.Choice(["table", "md", "csv", "json"]), default="table", show_default=True)
def compare(run_ids: tuple[str, ...], sweep: str | None, experiment: str | None, form: str) -> None:
    """Print runs side by side: accuracy, inference time, trainable weights.

    \b
    tlcompare compare
    tlcompare compare --sweep default-1
    tlcompare compare --experiment demo --format md
    tlcompare compare RUN_ID RUN_ID
    """
    _one_source(run_ids, sweep, experiment)

    from tlcompare.comparison.table import compare_runs, render, states_of, unlike

    rows = compare_runs(run_ids, experiment, sweep)
    click.echo(render(rows, form))
    if sweep is not None:
        click.echo(states_of(sweep), err=True)
    if differing := unlike(rows):
        click.echo(f"These runs differ in {', '.join(differing)}: compare like with like only.", err=True)


def _percent(ctx: click.Context, parameter: click.Parameter, text: str | None) -> float:
    """`0.5%` as 0.005."""
    if text is None:
        return 0.0
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text.strip())
    if not found or float(found.group(1)) >= 100:
        raise click.BadParameter(f"{text!r} is no margin such as 0.5%")
    return float(found.group(1)) / 100


@main.command()
@_which_runs
@click.option(
    "--within",
    metavar="P%",
    callback=_percent,
    help="Take the cheapest that is at most this many percentage points below the best.",
)
@click.option("--max-params", type=click.IntRange(1), help="Trainable weights it may have at most.")
@click.option("--max-latency", type=click.FloatRange(0, min_open=True), help="Milliseconds one image may take at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pick(
    run_ids: tuple[str, ...],
    sweep: str | None,
    experiment: str | None,
    within: float,
    max_params: int | None,
    max_latency: float | None,
    as_json: bool,
) -> None:
    """Pick one strategy: the best mean validation accuracy over the seeds of a configuration.

    With --within, the one that trains the fewest weights of those whose accuracy is that near to the best. The runs
    picked get the tag tlcompare.picked in MLflow.

    \b
    tlcompare pick --sweep default-1
    tlcompare pick --sweep default-1 --within 0.5% --max-latency 20
    tlcompare pick RUN_ID RUN_ID RUN_ID
    """
    _one_source(run_ids, sweep, experiment)

    from tlcompare.comparison.pick import pick as pick_one
    from tlcompare.comparison.table import compare_runs
    from tlcompare.tracking.sweeps import has_model, mark_picked

    rows = compare_runs(run_ids, experiment, sweep)
    picked = pick_one(rows, within, max_params, max_latency)
    winners = [row.run_id for row in picked.winner.rows]
    mark_picked(winners, [row.run_id for row in rows if row.run_id not in winners], picked.why)
    if as_json:
        click.echo(json.dumps({"why": picked.why, "run": picked.run_id, "runs": winners}))
        return
    click.echo(picked.why)
    click.echo(f"run    {picked.run_id}")
    if has_model(picked.run_id):
        click.echo(f"model  runs:/{picked.run_id}/model")
    else:
        click.echo(f"model  was not kept; again: tlcompare train --config runs:/{picked.run_id}")


@main.command()
@click.argument("model_uri")
@click.argument("files", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON with the probability of every class.")
def predict(model_uri: str, files: tuple[str, ...], as_json: bool) -> None:
    """Classify image files with a logged model.

    \b
    tlcompare predict runs:/RUN_ID/model rose.jpg tulip.png
    tlcompare predict models:/flowers@champion *.jpg --json
    """
    from tlcompare.errors import DataError
    from tlcompare.tracking.models import load_model

    contents = []
    for name in files:
        try:
            contents.append(Path(name).read_bytes())
        except OSError as e:
            raise DataError(f"{name} cannot be read: {e.strerror}") from e
    predictor = load_model(model_uri)
    rows = []
    for name, content in zip(files, contents, strict=True):
        try:
            row = predictor.table([content]).iloc[0]
        except DataError as e:
            raise DataError(f"{name}: {e.what.removeprefix('image 1: ')}") from e
        rows.append({"file": name, "class": row["class"], "probability": row["probability"]})
        if as_json:
            rows[-1]["probabilities"] = row["probabilities"]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for line in rows:
        click.echo(f"{line['file']}  {line['class']}  {line['probability']:.4f}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check this machine: versions, device, caches, weights at hand, tracking store.

    \b
    tlcompare doctor
    tlcompare doctor --json
    """
    from tlcompare.doctor import examine

    findings = examine()
    if as_json:
        click.echo(json.dumps(findings, indent=1))
        return
    for section, entries in findings.items():
        click.echo(section)
        for name, value in entries.items():
            click.echo(f"  {name:<24} {value}")
