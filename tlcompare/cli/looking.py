"""Commands that train nothing: models, layers, plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

import tlcompare

if TYPE_CHECKING:
    import pandas as pd

_SIZE = click.option("--image-size", "--image_size", type=click.IntRange(16, 2048), help="Side of the input in pixels.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.argument("pattern", required=False)
@_JSON
def models(pattern: str | None, as_json: bool) -> None:
    """List what can be a backbone: all whose name contains PATTERN, or matches it where it has * or ?.

    Of up to 40 the layers and blocks that can be unfrozen are counted, which takes a second or two each the first time
    and is remembered; of networks of more than 100 million weights, `tlcompare layers` tells.

    \b
    tlcompare models                     (those with a name of their own)
    tlcompare models dinov2
    tlcompare models 'timm:convnext*'
    """
    found = tlcompare.models(pattern)
    rows = _records(found)
    if as_json:
        click.echo(json.dumps(rows))
        return
    _print_table([{n: v for n, v in row.items() if n != "problem"} for row in rows if not row["problem"]])
    for row in rows:
        if row["problem"]:
            click.echo(row["problem"])
    if not pattern:
        click.echo("and torchvision:NAME, timm:NAME: give a part of a name, such as dinov2")
    elif all(row["weights"] is None for row in rows):
        click.echo(f"{len(rows)} match; of 40 or fewer, layers and weights are counted")


@click.command()
@click.argument("model")
@_SIZE
@click.option("--all", "every", is_flag=True, help="Every layer, not only the blocks.")
@_JSON
def layers(model: str, image_size: int | None, every: bool, as_json: bool) -> None:
    """List the blocks of a backbone, or all its layers, as `--unfreeze` counts and names them.

    `features` is what an image's features take where training begins with a block; without one, frozen layers before it
    are computed again in every epoch, since the network has no single place where it could be cut. JSON has all layers.

    \b
    tlcompare layers mobilenet
    tlcompare layers timm:vit_small_patch14_dinov2 --image-size 224
    tlcompare layers torchvision:resnet18 --all
    """
    found = tlcompare.layers(model, image_size)
    if as_json:
        click.echo(json.dumps(_records(found.table)))
        return
    if every:
        rows = [row | {"features after": _kilobytes(row.pop("features_bytes"))} for row in _records(found.table)]
        _print_table([{n: v for n, v in row.items() if n != "block"} for row in rows])
        click.echo("\n".join(found.notes))
        return
    click.echo(found)


@click.command()
@click.option("--model", required=True, help="Backbone, as for train.")
@click.option("--unfreeze", required=True, help="Strategy, as for train.")
@click.option("--classes", type=click.IntRange(2), required=True, help="Number of classes of the head.")
@_SIZE
@click.option("--batch-size", "--batch_size", type=click.IntRange(1, 65536), default=32, show_default=True)
@click.option("--measure", is_flag=True, help="Measure the backbone's speed here, if it is not known: some seconds.")
@_JSON
def plan(
    model: str, unfreeze: str, classes: int, image_size: int | None, batch_size: int, measure: bool, as_json: bool
) -> None:
    """Show what a strategy would train and cost, without training, and what keeping the frozen features would save.

    The saving is for 1,000 images with their mirror images and the default recipe, where the backbone's speed is known
    on this machine: from a run, or with --measure. Memory is what is allocated; on a CPU the process may hold up to two
    fifths more, which its allocator does not give back.

    \b
    tlcompare plan --model mobilenet --unfreeze 50 --classes 5
    tlcompare plan --model resnet50 --unfreeze conv4+conv5 --classes 5 --measure
    tlcompare plan --model resnet50 --unfreeze conv4+conv5 --classes 5 --json
    """
    found = tlcompare.plan(model, unfreeze, classes, image_size=image_size, batch_size=batch_size, measure=measure)
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return
    _print_table(_records(found.table))
    click.echo(found)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A row by its columns, with None for what is missing."""
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return found


def _kilobytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e3:,.0f} kB"


def _print_table(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    right = [any(isinstance(row[name], int) for row in rows) for name in rows[0]]
    cells = [list(rows[0])] + [[_cell(v) for v in row.values()] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        line = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        click.echo("  ".join(line).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " x ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
