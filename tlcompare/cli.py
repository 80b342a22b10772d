"""The command line: parse, call one function, print. Heavy imports live inside the commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from tlcompare import __version__
from tlcompare.config import RunConfig, describe, flag, read_yaml, resolve, takes
from tlcompare.errors import UserError


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
    tlcompare compare                                              the runs side by side
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


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Every field of RunConfig as an option, spelled with hyphens or, as `mlflow run` does, with underscores."""
    for option_field in reversed(fields(RunConfig)):
        name = option_field.name
        spellings = dict.fromkeys([flag(name), f"--{name}"])
        boolean = option_field.type == "bool"
        extra: dict[str, Any] = {"is_flag": False, "flag_value": "true"} if boolean else {}
        decorate = click.option(
            *spellings, name, cls=_RunOption, default=None, metavar=takes(name), help=describe(name), **extra
        )
        command = decorate(command)
    return command


@main.command()
@click.option("--config", "config_file", help="Options from a YAML file, or from an earlier run: runs:/ID.")
@_run_options
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
    """Show what a strategy would train, without training.

    \b
    tlcompare plan --model mobilenet --unfreeze 50 --classes 5
    tlcompare plan --model resnet50 --unfreeze conv4+conv5 --classes 5 --json
    """
    from tlcompare.freezing.layers import build_and_trace
    from tlcompare.freezing.strategy import make_plan

    made = make_plan(build_and_trace(model, image_size), unfreeze, classes)
    if as_json:
        click.echo(json.dumps(made.to_dict()))
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


@main.command()
@click.argument("run_ids", nargs=-1)
@click.option("--experiment", help="Compare the runs of this experiment. [default: tlcompare]")
@click.option("--format", "form", type=click.Choice(["table", "md", "csv", "json"]), default="table", show_default=True)
def compare(run_ids: tuple[str, ...], experiment: str | None, form: str) -> None:
    """Print runs side by side: accuracy, inference time, trainable weights.

    \b
    tlcompare compare
    tlcompare compare --experiment demo --format md
    tlcompare compare RUN_ID RUN_ID
    """
    from tlcompare.comparison.table import compare_runs, render, unlike

    rows = compare_runs(run_ids, experiment)
    click.echo(render(rows, form))
    if differing := unlike(rows):
        click.echo(f"These runs differ in {', '.join(differing)}: compare like with like only.", err=True)


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
