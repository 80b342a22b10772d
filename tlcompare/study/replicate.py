"""More seeds for the configurations of a sweep that matter, so that what it found can be told from chance."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from tlcompare.config import RunConfig, resolve
from tlcompare.engines.choice import engine_for
from tlcompare.errors import StudyError, TrackingError
from tlcompare.evidence.verdicts import seeds_for
from tlcompare.freezing.strategy import make_plan
from tlcompare.machine.signals import is_interruption
from tlcompare.preparation import Prepared, Workbench, prepare
from tlcompare.study.clock import Clock
from tlcompare.study.coordinator import Coordinator
from tlcompare.study.numbering import require_same_layers
from tlcompare.study.parallel import AUTO, jobs_beside, require_known_to_others
from tlcompare.study.planning import Quiet
from tlcompare.study.replicates import Replicates
from tlcompare.study.reuse import cuts_worth_keeping
from tlcompare.study.view import View, viewing
from tlcompare.tracking.earlier import logged_config
from tlcompare.tracking.log import RunLog
from tlcompare.tracking.models import weights_here
from tlcompare.tracking.outbox import kept
from tlcompare.tracking.reading import (
    BASELINE,
    DATA,
    QUESTIONS,
    LoggedRun,
    replicates_of,
    sweep_run,
    trials_of,
    warning_if_opened,
)
from tlcompare.tracking.runs import ready, require_files_of
from tlcompare.tracking.sweeps import REPLICATED, Runs, alone_with

FIRST_SEED = 1000
"""Seeds from here on have chosen nothing."""


class NothingToAsk(StudyError):
    """A sweep in which nothing is there to compare."""


@dataclass(frozen=True)
class Choice:
    """A configuration that is run again: its key, and the options with which the sweep ran it."""

    key: str
    config: RunConfig

    def with_seed(self, seed: int, resplit: bool) -> RunConfig:
        """It with another seed, which also divides training and validation images anew, or not."""
        val_seed = seed if resplit else self.config.val_seed
        return replace(self.config, seed=seed, val_seed=val_seed, run_name=None)


def replicate(
    sweep: str, top: int, seeds: int, *, resplit: bool = False, jobs: int | str = 1, data: str | None = None
) -> str:
    """Run the best configurations of a sweep, and its baselines, with seeds that it has not chosen by.

    All get the same seeds, so that they can be compared in pairs. Runs that are there already are not repeated.

    Args:
        sweep: name of the sweep.
        top: how many configurations, by mean validation accuracy.
        seeds: how many seeds each.
        resplit: divide training and validation images anew for each seed; the sealed test images stay.
        jobs: runs at a time; `auto` is as many as there are CPUs for.
        data: where the images of the sweep are now; None is where they were.

    Returns:
        What there is to say of it, in a few lines.

    Raises:
        UserError: no such sweep, nothing finished in it, or runs that fail; those that finished stay.
        KeyboardInterrupt, SystemExit: the same command goes on.
    """
    ready()
    parent = sweep_run(sweep)
    require_files_of(parent.run_id)
    data = data or parent.tags.get(DATA)
    if QUESTIONS in parent.tags:
        raise StudyError(
            f'the sweep "{sweep}" was run again with --until-decided, and further seeds that were not asked for would '
            "say nothing",
            f"Go on with that: tlcompare replicate --sweep {sweep} --until-decided",
        )
    chosen, others = _choose(trials_of(parent.run_id), sweep, top, data)
    first = FIRST_SEED + int(min(c.config.seed for c in chosen))
    wanted = [(c, c.with_seed(seed, resplit)) for seed in range(first, first + seeds) for c in chosen]
    again = f"tlcompare replicate --sweep {sweep} --top {top} --seeds {seeds}{' --resplit' if resplit else ''}"
    again += f" --data {shlex.quote(data)}" if data not in (None, parent.tags.get(DATA)) else ""
    with viewing() as view, alone_with(parent.run_id):
        if warning := warning_if_opened(parent):
            view.say(warning)
        view.say(f"{len(chosen) - others} baselines, and {others} others of the best {top}")
        needed = seeds_for(list(Counter(c.config.model for c in chosen).values()))
        if seeds < needed:
            view.say(f"note: to prove all differences between {len(chosen)} configurations takes {needed} seeds")
        if jobs == AUTO:
            jobs = jobs_beside(max(int(c.config.threads or 1) for c in chosen))
        run_missing(parent, sweep, wanted, int(jobs), again, view, Workbench(weights_here), Clock())
        note_command(parent, again)
    return (
        f"replicated   {len(chosen)} configurations of {sweep} with seeds {first} to {first + seeds - 1}\n"
        f"compare      tlcompare compare --sweep {sweep} --evidence\n"
        f"choose       tlcompare pick --sweep {sweep}\n"
        f"test         tlcompare finalize --sweep {sweep}    (once, when all choosing is over)\n"
        f"report       tlcompare report --sweep {sweep} -o report.html"
    )


def note_command(parent: LoggedRun, again: str) -> None:
    """Keep a command that has added replicates to a sweep, for its report."""
    before = parent.tags.get(REPLICATED, "").splitlines()
    RunLog(parent.run_id).tags({REPLICATED: "\n".join(dict.fromkeys([*before, again]))})


def run_missing(
    parent: LoggedRun,
    sweep: str,
    wanted: Sequence[tuple[Choice, RunConfig]],
    jobs: int,
    again: str,
    view: View,
    workbench: Workbench,
    clock: Clock,
) -> bool:
    """Run what is not there yet.

    Args:
        parent: the sweep's run.
        sweep: its name.
        wanted: configurations with their seeds.
        jobs: runs at a time.
        again: the command that goes on with it.
        view: is told how far it is.
        workbench: what the runs share.
        clock: of the decision that they are run for.

    Returns:
        Whether there was time for all of it.

    Raises:
        StudyError: runs failed; those that finished stay.
    """
    require_known_to_others({config.model for _, config in wanted}, jobs)
    there = _there(parent, sweep, resplit=any(config.val_seed == config.seed for _, config in wanted))
    missing = [config for c, config in wanted if (c.key, config.seed, config.val_seed) not in there]
    try:
        prepared = prepared_for(missing, parent, sweep, workbench, view)
        cuts = cuts_worth_keeping(prepared, [(config, 1.0) for config in missing])
    except BaseException as e:
        if is_interruption(e):
            view.say(f"Interrupted while it was prepared; no further run has begun. Go on with: {again}")
        raise
    nodes = {model: tuple(cut.node for cut in points) for model, points in cuts.items()}
    layers = {model: one.layers for model, one in prepared.items()}
    heads = {c for c in missing if not make_plan(layers[c.model], c.unfreeze, classes=2).parameters}
    replicates = Replicates(missing, len(wanted) - len(missing), nodes, heads, clock)
    coordinator = Coordinator(replicates, Runs(parent.run_id, sweep, "replicate"), view)
    with coordinator.unfinished(again):
        coordinator.settle()
        coordinator.run(engine_for(jobs, workbench), f"{sweep} replicates")
    if coordinator.failed:
        raise StudyError(
            f"{len(coordinator.failed)} runs failed, the first with: {coordinator.failed[0]}",
            f"Mend that, or lower --top to leave the configuration out. Again: {again}",
        )
    return replicates.done() == replicates.total


def prepared_for(
    missing: Sequence[RunConfig], parent: LoggedRun, sweep: str, workbench: Workbench, view: View
) -> dict[str, Prepared]:
    """One run of each backbone, ready to train.

    Raises:
        StudyError: the images, or the layers, are no longer those of the sweep.
    """
    first = {config.model: config for config in reversed(missing)}
    prepared = {model: prepare(config, Quiet(view.say), workbench) for model, config in first.items()}
    trials = trials_of(parent.run_id)
    require_same_layers({model: one.layers for model, one in prepared.items()}, trials, sweep)
    digest = next(r.params["data_digest"] for r in trials if "data_digest" in r.params)
    if odd := [p.source.root for p in prepared.values() if p.store.digest != digest]:
        raise StudyError(
            f'the images in {odd[0]} are not those of the sweep "{sweep}"',
            "Restore them: replicates on other images prove nothing about it.",
        )
    return prepared


def _choose(trials: Sequence[LoggedRun], sweep: str, top: int, data: str | None) -> tuple[list[Choice], int]:
    """The baselines that finished, and the `top` configurations with the best mean validation accuracy; and how many
    of these are no baselines."""
    groups = configurations(trials, sweep)
    given = [key for key, runs in groups.items() if any(map(_is_baseline, runs))]
    given.sort(key=lambda key: trials.index(groups[key][0]))
    found = choices(groups, list(dict.fromkeys([*given, *list(groups)[:top]])), data)
    if not found:
        raise StudyError(f'--top 0: the sweep "{sweep}" has no baselines to run again', "Give --top 1 or more.")
    return found, len(found) - len(given)


def configurations(trials: Sequence[LoggedRun], sweep: str) -> dict[str, list[LoggedRun]]:
    """The finished trials by configuration, the best mean validation accuracy first, ties going to the lower loss.

    Raises:
        NothingToAsk: there is none.
    """
    groups: dict[str, list[LoggedRun]] = {}
    for run in trials:
        if run.status == "FINISHED" and "val/accuracy" in run.metrics:
            groups.setdefault(run.tags["tlcompare.configuration"], []).append(run)
    if not groups:
        raise NothingToAsk(f'no trial of the sweep "{sweep}" has finished', f"tlcompare sweep --name {sweep}")
    return {key: groups[key] for key in sorted(groups, key=lambda key: _rank(groups[key]))}


def _rank(runs: Sequence[LoggedRun]) -> tuple[float, float]:
    """What orders configurations, from their runs."""
    accuracy, loss = (mean(r.metrics.get(m, math.inf) for r in runs) for m in ("val/accuracy", "val/log_loss"))
    return -accuracy, loss


def choices(groups: Mapping[str, Sequence[LoggedRun]], keys: Sequence[str], data: str | None) -> list[Choice]:
    """Configurations with the options of their first trials, and the images where they are now."""
    found = []
    for key in keys:
        options = logged_config(f"runs:/{groups[key][0].run_id}").options
        found.append(Choice(key, resolve(options, {"data": data} if data else {})))
    return found


def _is_baseline(run: LoggedRun) -> bool:
    """Whether the sweep tried it in any case; in sweeps that did not write that down, `frozen` and `all`."""
    if BASELINE in run.tags:
        return run.tags[BASELINE] == "true"
    return run.params["strategy_family"] in ("frozen", "all")


def _there(parent: LoggedRun, sweep: str, resplit: bool) -> set[tuple[str, int, int | None]]:
    """What has finished: configurations, each with its seed and the seed of its division.

    Raises:
        TrackingError: results of a run wait to be sent.
        StudyError: what is there was divided otherwise than what is wanted.
    """
    there: set[tuple[str, int, int | None]] = set()
    waiting = kept()
    for run in replicates_of(parent.run_id):
        if run.status == "FINISHED":
            config = run.params
            val_seed = None if config["val_seed"] == "None" else int(config["val_seed"])
            there.add((run.tags["tlcompare.configuration"], int(config["seed"]), val_seed))
        elif run.run_id in waiting:
            raise TrackingError(
                f"run {run.run_id} has results that wait to be sent", "See what holds them up: tlcompare sync"
            )
    if there and resplit != any(val_seed == seed for _, seed, val_seed in there):
        kind = "that share one split" if resplit else "of --resplit"
        raise StudyError(
            f'the sweep "{sweep}" has replicates {kind}, with which others would not compare',
            "Go on with these, or delete them in MLflow first.",
        )
    return there
