"""Commands about one run: train, predict; and about this machine: doctor, sync."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tlcompare.cli.options import train_options
from tlcompare.config import read_yaml, resolve
from tlcompare.errors import DataError
from tlcompare.escaping import harmless
from tlcompare.files import expanded

if TYPE_CHECKING:
    from tlcompare.tracking.earlier import Earlier


@click.command()
@click.option("--config", "config_file", help="Options from a YAML file, or from an earlier run: runs:/ID.")
@train_options
def train(config_file: str | None, **options: str | None) -> None:
    """Train one backbone under one unfreezing strategy and log everything to MLflow.

    \b
    tlcompare train --unfreeze 30%                              (embedded weights and images)
    tlcompare train --model mobilenet --unfreeze 50 --data flowers
    tlcompare train --model resnet50 --unfreeze conv4+conv5 --data photos/ --epochs 20
    tlcompare train --config recipe.yaml --seed 1
    """
    given = {name: value for name, value in options.items() if value is not None}
    saved, earlier = _from_config(config_file)
    config = resolve(saved, given)
    if earlier and {"data", "model", "image_size"} & set(given):
        earlier = replace(earlier, digest="" if "data" in given else earlier.digest, trained=0)

    from tlcompare.data.sources import require_known

    require_known(config.data)
    if sys.stderr.isatty():
        click.echo("loading torch and MLflow", err=True)

    from tlcompare.run import train as train_one
    from tlcompare.tracking.outbox import kept
    from tlcompare.tracking.store import shown_uri

    result = train_one(config, earlier)
    split = result.prepared.split
    click.echo(f"validation accuracy   {result.metrics['val/accuracy']:.2%} of {len(split.val)} images")
    if "test/accuracy" in result.metrics:
        click.echo(f"test accuracy         {result.metrics['test/accuracy']:.2%} of {len(split.test)} images")
    click.echo(f"trainable weights     {result.prepared.plan.trainable_parameters:,}")
    click.echo(f"training              {result.metrics['cost/train_seconds']:.1f} s")
    click.echo(f"run                   {result.run_id} in {shown_uri()}")
    click.echo(f"model                 runs:/{result.run_id}/model")
    if result.run_id in kept():
        click.echo("not complete there    what could not be sent is kept on this machine; send it with: tlcompare sync")


def _from_config(config_file: str | None) -> tuple[dict[str, Any], Earlier | None]:
    """Options from a file or an earlier run, and that run."""
    if config_file is None:
        return {}, None
    if config_file.startswith("runs:/"):
        from tlcompare.tracking.earlier import logged_config

        earlier = logged_config(config_file)
        return earlier.options, earlier
    return read_yaml(expanded(config_file)), None


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
    from tlcompare.tracking.models import load_model

    contents = []
    for name in files:
        try:
            if not Path(name).is_file() and Path(name).exists():
                raise DataError(f"{name} is no file", "Name image files.")
            contents.append(Path(name).read_bytes())
        except OSError as e:
            raise DataError(f"{name} cannot be read: {e.strerror}", "Name image files that are there.") from e
    predictor = load_model(model_uri)
    rows = []
    for name, content in zip(files, contents, strict=True):
        try:
            row = predictor.table([content]).iloc[0]
        except DataError as e:
            raise DataError(f"{name}: {e.what.removeprefix('image 1: ')}", e.hint) from e
        rows.append({"file": name, "class": row["class"], "probability": row["probability"]})
        if as_json:
            rows[-1]["probabilities"] = row["probabilities"]
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
    from tlcompare.doctor import examine

    findings = examine()
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
    from tlcompare.errors import TrackingError
    from tlcompare.files import cache_dir
    from tlcompare.tracking.outbox import send_kept
    from tlcompare.tracking.runs import end_died
    from tlcompare.tracking.store import require_store, shown_uri

    require_store()
    sent = send_kept()
    end_died()
    click.echo(f"sent {sent.entries} entries to {shown_uri()}" if sent.entries else "nothing was left to send")
    if sent.waiting:
        waiting = "; ".join(f"run {run_id}: {reason}" for run_id, reason in sent.waiting.items())
        raise TrackingError(
            f"not all could be sent: {waiting}",
            f"Mend that, and sync again; of runs that are gone, delete the folders in {cache_dir() / 'unsent'}.",
        )
