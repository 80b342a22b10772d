"""Commands about one run: train, predict; and about this machine: doctor, sync."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

import tlcompare
from tlcompare.cli.options import train_options
from tlcompare.errors import DataError
from tlcompare.escaping import harmless


@click.command()
@click.option("--config", "config_file", help="Options from a YAML file, or from an earlier run: runs:/ID.")
@train_options
def train(config_file: str | None, **options: Any) -> None:
    """Train one backbone under one unfreezing strategy and log everything to MLflow.

    \b
    tlcompare train --unfreeze 30%                              (embedded weights and images)
    tlcompare train --model mobilenet --unfreeze 50 --data flowers
    tlcompare train --model resnet50 --unfreeze conv4+conv5 --data photos/ --epochs 20
    tlcompare train --config recipe.yaml --seed 1
    """
    given = {name: value for name, value in options.items() if value is not None}
    click.echo(tlcompare.train(config_file, **given))


@click.command()
@click.argument("model_uri")
@click.argument("files", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON with the probability of every class.")
def predict(model_uri: str, files: tuple[str, ...], as_json: bool) -> None:
    """Classify image files with a logged model.

    \b
    tlcompare predict runs:/RUN_ID/model rose.jpg tulip.png
    tlcompare predict models:/flowers@champion *.jpg --json
    """
    contents = []
    for name in files:
        try:
            if not Path(name).is_file() and Path(name).exists():
                raise DataError(f"{name} is no file", "Name image files.")
            contents.append(Path(name).read_bytes())
        except OSError as e:
            raise DataError(f"{name} cannot be read: {e.strerror}", "Name image files that are there.") from e
    model = tlcompare.open_model(model_uri)
    rows = []
    for name, content in zip(files, contents, strict=True):
        try:
            row = model.predict(content).iloc[0]
        except DataError as e:
            raise DataError(f"{name}: {e.what.removeprefix('image 1: ')}", e.hint) from e
        rows.append({"file": name, "class": row["class"], "probability": row["probability"]})
        if as_json:
            rows[-1]["probabilities"] = {each: float(row[f"p({each})"]) for each in model.classes}
    if as_json:
        click.echo(json.dumps(rows))
        return
    for line in rows:
        click.echo(harmless(f"{line['file']}  {line['class']}  {line['probability']:.4f}"))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check this machine: versions, device, caches, weights at hand, tracking store.

    \b
    tlcompare doctor
    tlcompare doctor --json
    """
    findings = tlcompare.examine()
    if as_json:
        click.echo(json.dumps(findings, indent=1))
        return
    for section, entries in findings.items():
        click.echo(section)
        for name, value in entries.items():
            click.echo(f"  {name:<24} {value}")


@click.command()
def sync() -> None:
    """Send what a tracking store has missed while it did not answer.

    Training goes on when the tracking server is gone: what it logs is kept on this machine, in its order, and sent when
    the server answers again, by the run itself or by the next train, sweep, replicate or finalize. This command sends
    what is left now, to the store that MLFLOW_TRACKING_URI names.

    \b
    tlcompare sync
    """
    sent = tlcompare.sync()
    click.echo(f"sent {sent} entries" if sent else "nothing was left to send")
