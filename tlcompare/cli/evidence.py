"""Commands about what runs show: compare, pick, finalize, report, probe."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

import tlcompare
from tlcompare.cli.options import MOVED, PREPARING, Command, said, some_options
from tlcompare.errors import ConfigError


def _which_runs(command: Command) -> Command:
    """The runs that `compare` and `pick` look at."""
    for decorate in (
        click.option("--experiment", help="The finished runs of this experiment. [default: tlcompare]"),
        click.option("--sweep", help="The finished trials of this sweep."),
        click.argument("run_ids", nargs=-1),
    ):
        command = decorate(command)
    return command


_baseline_option = click.option(
    "--baseline", default="frozen", show_default=True, metavar="STRATEGY", help="The strategy that others must beat."
)


@click.command()
@_which_runs
@click.option(
    "--evidence",
    is_flag=True,
    help="A row per configuration that `replicate` has run again, with intervals and verdicts; with --sweep.",
)
@_baseline_option
@click.option("--format", "form", type=click.Choice(["table", "md", "csv", "json"]), default="table", show_default=True)
@click.option("--wide", is_flag=True, help="With --evidence, all columns; the table without it fits 120 characters.")
def compare(
    run_ids: tuple[str, ...],
    sweep: str | None,
    experiment: str | None,
    evidence: bool,
    baseline: str,
    form: str,
    wide: bool,
) -> None:
    """Print runs side by side: accuracy, inference time, trainable weights.

    Two runs given by their ids are also put to the exact McNemar test.

    \b
    tlcompare compare
    tlcompare compare --sweep default-1
    tlcompare compare --sweep default-1 --evidence
    tlcompare compare --experiment demo --format md
    tlcompare compare RUN_ID RUN_ID
    """
    runs = tlcompare.runs(*run_ids, sweep=sweep, experiment=experiment)
    alone = [f"--baseline {baseline}"] if baseline != "frozen" else ["--wide"] if wide else []
    if alone and not evidence:
        raise ConfigError(f"{alone[0]} needs --evidence", "tlcompare compare --sweep NAME --evidence")
    if evidence:
        if sweep is None:
            raise ConfigError("--evidence needs --sweep", "tlcompare compare --sweep NAME --evidence")
        shown = tlcompare.open_sweep(sweep).evidence(baseline)
        click.echo(shown.to(form, wide))
        note = f"95% intervals in brackets; differences in percentage points; p corrected. {shown.rule}"
        click.echo(note, err=True)
        return
    click.echo(runs.to(form))
    for note in (runs.states, runs.why_unlike, runs.mcnemar):
        if note:
            click.echo(note, err=True)


@click.command()
@_which_runs
@click.option(
    "--within",
    metavar="P%",
    help="Take the cheapest that is shown to be at most this many percentage points below the best.",
)
@click.option("--max-params", type=click.IntRange(1), help="Trainable weights it may have at most.")
@click.option(
    "--max-latency",
    type=click.FloatRange(0, min_open=True),
    help="Milliseconds one image, alone and not in a batch, may take at most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pick(
    run_ids: tuple[str, ...],
    sweep: str | None,
    experiment: str | None,
    within: str | None,
    max_params: int | None,
    max_latency: float | None,
    as_json: bool,
) -> None:
    """Pick one strategy: the best mean validation accuracy over the seeds of a configuration.

    Of a sweep that `replicate` has run again, its replicates are considered, else its trials. With --within, the one
    that trains the fewest weights of those that are shown to lose no more: the whole 95% interval of the difference to
    the best, paired by seed and image, lies above that. The runs picked get the tag tlcompare.picked in MLflow.

    \b
    tlcompare pick --sweep default-1
    tlcompare pick --sweep default-1 --within 0.5% --max-latency 20
    tlcompare pick RUN_ID RUN_ID RUN_ID
    """
    runs = tlcompare.runs(*run_ids, sweep=sweep, experiment=experiment)
    picked = runs.pick(within=within, max_params=max_params, max_latency=max_latency)
    if picked.left_out:
        click.echo(f"left out {len(picked.left_out)} run(s) without a counterpart with the same seed", err=True)
    if as_json:
        ids = [run.id for run in picked.runs]
        click.echo(json.dumps({"why": picked.why, "run": picked.run.id, "runs": ids}))
        return
    click.echo(picked)


@click.command()
@click.option("--sweep", required=True, help="Name of the sweep.")
@click.option("--again", is_flag=True, help="Score also runs that were made after the test set was opened.")
@click.option("--data", metavar="DIR", help=MOVED)
def finalize(sweep: str, again: bool, data: str | None) -> None:
    """Open the sealed test set of a sweep: score all replicates of its finalists on it, once.

    The sweep is marked as opened, with the date and by whom. What is chosen after that is no longer independent of the
    test set, so doing it again is refused or says so.

    \b
    tlcompare finalize --sweep default-1
    """
    try:
        click.echo(tlcompare.open_sweep(sweep).finalize(again=again, data=data).summary)
    except KeyboardInterrupt:
        click.echo("Interrupted. Runs that were scored stay so; the same command goes on with the others.", err=True)
        sys.exit(130)
    click.echo(f"tlcompare compare --sweep {sweep} --evidence    shows the scores")


@click.command()
@click.option("--sweep", required=True, help="Name of the sweep.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), default="report.html", show_default=True, help="File.")
@_baseline_option
@click.option(
    "--within",
    metavar="P%",
    help="Margin below the best, in percentage points, within which the cheaper is good enough. "
    "[default: that of a race, else 1%]",
)
def report(sweep: str, output: str, baseline: str, within: str | None) -> None:
    """Write what a sweep and its replicates show as one HTML file that needs no network.

    Beside it come the same as Markdown (.md) and every number in it as CSV (.csv); all three are logged to the sweep's
    run.

    \b
    tlcompare report --sweep default-1 -o report.html
    tlcompare report --sweep default-1 --within 0.5% --baseline all
    """
    click.echo(tlcompare.open_sweep(sweep).report(output, baseline=baseline, within=within))


@click.command()
@some_options(PREPARING)
def probe(**options: Any) -> None:
    """Say, before any training, how much each block knows of your classes and how much it would change.

    One pass over the training images gives, for each block, the validation accuracy of a ridge classifier and of the
    nearest class mean on its pooled output, and the relative gradient norm (Auto-RGN, arXiv 2210.11466). It is a hint
    where to begin, never a result; `tlcompare sweep --probe` tries its suggestions first.

    \b
    tlcompare probe --model mobilenet --data flowers
    """
    click.echo(tlcompare.probe(**said(options)))
