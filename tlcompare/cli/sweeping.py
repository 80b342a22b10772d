"""Commands that train many times: sweep, spaces, replicate."""

from __future__ import annotations

from typing import Any

import click

import tlcompare
from tlcompare.cli.options import (
    JOBS,
    MOVED,
    SWITCH,
    either_spelling,
    fixing_options,
    interrupted_in_silence,
    listed,
    pruner_option,
    said,
    space_options,
    storage_option,
)
from tlcompare.study.space import SAMPLERS

_TOP = 5


@click.command()
@either_spelling("--name", help="Name of the sweep; an existing one goes on. [default: the space and a number]")
@space_options
@either_spelling(
    "--trials",
    type=click.IntRange(1, 100_000),
    help="Trials in all, with those of earlier sittings. [default: 40, or the whole grid or list]",
)
@either_spelling("--timeout", metavar="TIME", help="Begin no trial after this: 90s, 30m, 2h; 0 is off.")
@either_spelling(
    "--patience", type=click.IntRange(0), help="Stop after this many trials without improvement; 0 is off."
)
@either_spelling(
    "--maximize", multiple=True, callback=listed, metavar="METRIC", help="Objective. [default: val/accuracy]"
)
@either_spelling(
    "--minimize",
    multiple=True,
    callback=listed,
    metavar="METRIC",
    help="Objective, such as cost/train_seconds; with several objectives the result is a Pareto set.",
)
@either_spelling(
    "--sampler",
    type=click.Choice(SAMPLERS),
    help="How configurations are chosen. [default: the space's, else tpe]",
)
@pruner_option
@either_spelling(
    "--jobs",
    type=JOBS,
    metavar="N|auto",
    help="Trials at a time, each in a process of its own; auto measures how many get most done. [default: 1]",
)
@either_spelling(
    "--log-models", type=click.Choice(["all", "best", "none"]), help="Trials whose model is kept. [default: all]"
)
@storage_option
@either_spelling(
    "--probe",
    **SWITCH,
    help="Probe the backbones first, and try what that suggests after the baselines: see `tlcompare probe`.",
)
@either_spelling(
    "--dry-run",
    **SWITCH,
    help="Check everything, and print what would be tried and what it would cost.",
)
@either_spelling(
    "--seeds",
    type=click.IntRange(2, 1000),
    help="Afterwards run the five best configurations and the baselines with so many further seeds: see `replicate`.",
)
@fixing_options
def sweep(dry_run: bool, **options: Any) -> None:
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
    given = said(options)
    if dry_run:
        click.echo(tlcompare.foresee_sweep(**given))
        return
    with interrupted_in_silence():
        click.echo(tlcompare.sweep(**given).summary)


@click.command()
@either_spelling("--sweep", required=True, help="Name of the sweep.")
@either_spelling(
    "--top",
    type=click.IntRange(0),
    help=f"How many configurations, by mean validation accuracy. [default: {_TOP}]",
)
@either_spelling("--seeds", type=click.IntRange(2, 1000), help="Seeds for each configuration. [default: 10]")
@either_spelling(
    "--until-decided",
    is_flag=True,
    help="Instead as many seeds as the answers need: first for the best that unfreezes something and for frozen, then "
    "for the others.",
)
@either_spelling(
    "--max-seeds", type=click.IntRange(6, 20), help="Most seeds of a configuration, with --until-decided. [default: 16]"
)
@either_spelling(
    "--within",
    metavar="P%",
    help="Percentage points that one may lose and be as good, with --until-decided. [default: 1%]",
)
@either_spelling(
    "--resplit",
    is_flag=True,
    help="Divide training and validation images anew for each seed; the sealed test images stay.",
)
@either_spelling(
    "--jobs",
    type=JOBS,
    metavar="N|auto",
    default=1,
    show_default=True,
    help="Runs at a time; auto takes as many as there are CPUs for.",
)
@either_spelling("--data", metavar="DIR", help=MOVED)
def replicate(sweep: str, **options: Any) -> None:
    """Run the best configurations of a sweep, and its baselines, with further seeds.

    The seeds are the same for all configurations, so that they are compared in pairs, and none that the sweep has
    chosen by. Six are the least that can prove a single difference, ten suffice for 25. Ctrl-C ends it cleanly; the
    same command goes on, and more --seeds or a higher --top add to what is there.

    With --until-decided the questions are fixed before the first seed: is the best that unfreezes something better than
    frozen, and then, which others are worse than it, or as good? After 6, 8, 12 and 16 seeds it is looked whether they
    can be answered; what is settled, or cannot be, gets no more of them. Each seed divides training and validation
    images anew, unless the data came divided. See docs/evidence.md.

    \b
    tlcompare replicate --sweep default-1 --until-decided
    tlcompare replicate --sweep default-1 --top 5 --seeds 10
    """
    with interrupted_in_silence():
        found = tlcompare.open_sweep(sweep).replicate(**said(options))
        click.echo("\n".join(found.sentences) if options["until_decided"] else found.summary)


@click.command()
@click.argument("space", required=False)
def spaces(space: str | None) -> None:
    """List the search spaces that come with tlcompare, or print one, to start your own from.

    \b
    tlcompare spaces
    tlcompare spaces default > mine.yaml
    """
    if space is not None:
        click.echo(tlcompare.search_space(space))
        return
    for name, about in tlcompare.search_spaces().items():
        click.echo(f"{name:<10} {about}")
