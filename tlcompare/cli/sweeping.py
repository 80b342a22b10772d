"""Commands that train many times: sweep, spaces, replicate."""

from __future__ import annotations

import sys

import click

from tlcompare.cli.options import (
    JOBS,
    MOVED,
    SWITCH,
    either_spelling,
    fixed_by,
    fixing_options,
    listed,
    percent,
    pruner_option,
    seconds,
    space_options,
    storage_option,
)
from tlcompare.errors import ConfigError
from tlcompare.files import expanded
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
@either_spelling(
    "--timeout", metavar="TIME", callback=seconds, help="Begin no trial after this: 90s, 30m, 2h; 0 is off."
)
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
    jobs: int | str | None,
    log_models: str | None,
    storage: str | None,
    probe: bool,
    dry_run: bool,
    seeds: int | None,
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
    fixed = fixed_by(options, space)
    limits = {"trials": trials, "timeout": timeout, "patience": patience, "jobs": jobs, "log_models": log_models}

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
        probe=probe,
        limits={name: value for name, value in limits.items() if value is not None},
    )
    if dry_run:
        from tlcompare.study.forecast import forecast

        click.echo(forecast(request))
        return

    from tlcompare.study.sweep import sweep as run_sweep

    try:
        swept = run_sweep(request)
        click.echo(swept.text)
        if seeds is not None:
            from tlcompare.study.replicate import replicate as run_again

            click.echo(run_again(swept.name, _TOP, seeds, jobs=jobs or 1, data=fixed.get("data")))
    except KeyboardInterrupt:
        sys.exit(130)


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
    callback=percent,
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
def replicate(
    sweep: str,
    top: int | None,
    seeds: int | None,
    until_decided: bool,
    max_seeds: int | None,
    within: float | None,
    resplit: bool,
    jobs: int | str,
    data: str | None,
) -> None:
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
    fixed, raced = {"--seeds": seeds, "--resplit": resplit or None}, {"--max-seeds": max_seeds, "--within": within}
    if until_decided and (given := [name for name, value in fixed.items() if value is not None]):
        raise ConfigError(f"{given[0]} and --until-decided were given", "Give one of the two.")
    if not until_decided and (given := [name for name, value in raced.items() if value is not None]):
        raise ConfigError(f"{given[0]} needs --until-decided", "Add it, or give --seeds instead.")
    try:
        if until_decided:
            from tlcompare.evidence.gathered import evidence_of
            from tlcompare.report.decision import sentences
            from tlcompare.study.race import race

            race(sweep, top, max_seeds, within, jobs=jobs, data=data)
            click.echo("\n".join(sentences(evidence_of(sweep))))
            return
        from tlcompare.study.replicate import replicate as run_again

        top, seeds = _TOP if top is None else top, 10 if seeds is None else seeds
        click.echo(run_again(sweep, top, seeds, resplit=resplit, jobs=jobs, data=data))
    except KeyboardInterrupt:
        sys.exit(130)


@click.command()
@click.argument("space", required=False)
def spaces(space: str | None) -> None:
    """List the search spaces that come with tlcompare, or print one, to start your own from.

    \b
    tlcompare spaces
    tlcompare spaces default > mine.yaml
    """
    from tlcompare.config import presets
    from tlcompare.study.space import read_space

    if space is not None:
        read_space(space)
        click.echo((presets().get(space) or expanded(space)).read_text(encoding="utf-8").rstrip())
        return
    for name in presets():
        click.echo(f"{name:<10} {read_space(name).about}")
