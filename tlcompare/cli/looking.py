"""Commands that train nothing: models, layers, plan."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

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
    from tlcompare.backbones.registry import BUILT_IN
    from tlcompare.catalogue import MOST_COUNTED, matching, rows
    from tlcompare.progress import reporting

    named = matching(pattern) if pattern else BUILT_IN
    with reporting(0) as reporter:
        found = rows(named, lambda done, total: reporter.counting("tracing networks", done, total))
    listed = [asdict(row) for row in found]
    if as_json:
        click.echo(json.dumps(listed))
        return
    _print_table([{n: v for n, v in row.items() if n != "problem"} for row in listed if not row["problem"]])
    for row in found:
        if row.problem:
            click.echo(row.problem)
    if not pattern:
        click.echo("and torchvision:NAME, timm:NAME: give a part of a name, such as dinov2")
    elif len(named) > MOST_COUNTED:
        click.echo(f"{len(named)} match; of {MOST_COUNTED} or fewer, layers and weights are counted")


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
    from tlcompare.freezing.layers import build_and_trace
    from tlcompare.freezing.overview import block_rows, kept_after, left_out

    listed = build_and_trace(model, image_size)
    kept = kept_after(listed)
    rows: list[dict[str, Any]] = [
        {
            "number": x.number,
            "from_end": len(listed.layers) - x.number + 1,
            "name": x.name,
            "operation": x.operation,
            "block": x.block,
            "inner_block": x.inner,
            "weights": x.weights,
            "shape": list(x.shape),
            "features_bytes": kept.get(x.name),
        }
        for x in listed.layers
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    if every:
        shown = [row | {"features after": _kilobytes(row.pop("features_bytes"))} for row in rows]
        _print_table([{n: v for n, v in row.items() if n != "block"} for row in shown])
    else:
        _print_table(
            [
                {
                    "block": row.block,
                    "layers": f"{row.first}-{row.last}",
                    "from_end": row.from_end,
                    "weights": row.weights,
                    "shape": list(row.shape),
                    "features": _kilobytes(row.features),
                }
                for row in block_rows(listed)
            ]
        )
    click.echo(f"{len(rows)} layers, {listed.weights:,} weights, images of {listed.image_size} pixels.")
    if listed.blocks != listed.inner_blocks:
        click.echo(
            f"Stages, which can be named too: {', '.join(b for b in listed.blocks if b not in listed.inner_blocks)}"
        )
    if text := left_out(listed):
        click.echo(text)


def _kilobytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e3:,.0f} kB"


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
    from tlcompare.features.saving import expected_saving, is_measured
    from tlcompare.freezing.layers import build_and_trace
    from tlcompare.freezing.strategy import make_plan
    from tlcompare.training.footprint import expected_footprint

    layers = build_and_trace(model, image_size)
    made = make_plan(layers, unfreeze, classes)
    known = is_measured(layers)
    if measure and not known:
        click.echo(f"measuring how fast {model} is here, which is kept", err=True)
    saving = expected_saving(layers, made, images=1000) if measure or known else None
    needed = expected_footprint(layers, made, classes, batch_size, saving.precision if saving else "fp32")
    if as_json:
        features = saving.to_dict() if saving else None
        click.echo(json.dumps(made.to_dict() | {"features": features, "footprint": needed.to_dict()}))
        return
    _print_table(
        [
            {
                "number": x.number,
                "from_end": made.listed - x.number + 1,
                "name": x.name,
                "operation": x.operation,
                "block": x.inner,
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
    click.echo(
        f"operations         {needed.forward_gflops:.2g} GFLOPs to classify an image, "
        f"{needed.step_gflops:.2g} to train on it from the cut"
    )
    click.echo(
        f"memory             {needed.memory_mb:,.0f} MB: {needed.weights_mb:,.0f} weights, {needed.optimizer_mb:,.0f} "
        f"gradients and AdamW, {needed.activations_mb:,.0f} activations of {batch_size} images"
    )
    if saving is None:
        click.echo("features           what keeping them saves is not known: --measure finds out")
        return
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
