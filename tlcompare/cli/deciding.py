"""The command that answers the question from end to end: decide."""

from __future__ import annotations

import json
from typing import Any

import click

import tlcompare
from tlcompare.cli.options import (
    JOBS,
    SWITCH,
    either_spelling,
    fixing_options,
    pruner_option,
    said,
    space_options,
    storage_option,
)


@click.command()
@either_spelling("--budget", metavar="TIME", help="Time it may take in all: 90s, 30m, 2h. [default: no limit]")
@either_spelling("--name", help="Name of the decision; an existing one goes on. [default: decide and a number]")
@space_options
@either_spelling("--trials", type=click.IntRange(1, 100_000), help="Trials to explore with at most. [default: 40]")
@either_spelling(
    "--patience",
    type=click.IntRange(0),
    help="Stop exploring after this many trials without improvement; 0 is off. [default: 20]",
)
@pruner_option
@either_spelling(
    "--top", type=click.IntRange(1), help="How many configurations go on to the seeds, besides frozen. [default: 3]"
)
@either_spelling("--max-seeds", type=click.IntRange(6, 20), help="Most seeds of a configuration. [default: 16]")
@either_spelling("--within", metavar="P%", help="Percentage points that one may lose and be as good. [default: 1%]")
@either_spelling(
    "--keep-sealed", **SWITCH, help="Leave the test images sealed: `tlcompare finalize` opens them later, once."
)
@either_spelling(
    "--jobs", type=JOBS, metavar="N|auto", help="Runs at a time, each in a process of its own. [default: 1]"
)
@storage_option
@either_spelling("--output", "-o", type=click.Path(dir_okay=False), help="File of the report. [default: NAME.html]")
@either_spelling("--json", "as_json", **SWITCH, help="Print JSON.")
@either_spelling("--dry-run", **SWITCH, help="Check everything, and print what would be tried and what it would take.")
@fixing_options
def decide(as_json: bool, dry_run: bool, **options: Any) -> None:
    """Find out which layers to unfreeze, and whether it is worth it: from images to a verdict.

    It explores with a sweep, runs the best and the frozen baseline with as many seeds as the answers need, opens the
    sealed test images once all is settled, writes the report, and says what it found: whether unfreezing is worth it,
    which strategy to use and which are as good, what that costs, and what could not be settled. Exit code 0 whatever
    the answer.

    After Ctrl-C, or a kill, the same command goes on where it was, and the time taken before counts. When a --budget
    is over before the answers are there, it says what is open and leaves the test images sealed; the same command with
    a larger one goes on.

    \b
    tlcompare decide                                            (embedded images and weights; offline)
    tlcompare decide --data photos/ --budget 1h
    tlcompare decide --data photos/ --model resnet50 --space depth --budget 2h --keep-sealed
    """
    given = said(options)
    if dry_run:
        click.echo(tlcompare.foresee_decision(**given))
        return
    decision = tlcompare.decide(**given)
    numbers = decision.numbers
    if as_json:
        click.echo(json.dumps(numbers))
        return
    click.echo("\n".join(numbers["sentences"]))
    for path in numbers["report"][:1]:
        click.echo(f"report  {path}")
