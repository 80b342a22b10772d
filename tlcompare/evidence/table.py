"""Runs side by side, computed from what MLflow holds."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from tlcompare.config import RECIPE
from tlcompare.errors import TrackingError
from tlcompare.tracking.reading import LoggedRun, runs_by_id, runs_of_experiment, sweep_run, trials_of
from tlcompare.tracking.store import require_store


@dataclass(frozen=True)
class Row:
    """One run.

    Attributes:
        val_accuracy, test_accuracy: in 0..1; test is None where it stayed sealed.
        seconds_per_100: inference seconds for 100 images.
        trainable_weights: of backbone and head.
        train_seconds: training time.
        latency_ms: median milliseconds for one image.
        configuration: the same for runs that differ in their seed alone.
        chosen: options by name, of which those are shown that differ between runs.
        basis: what must be the same for two runs to be comparable.
    """

    data: str
    image_size: int
    backbone: str
    strategy: str
    val_accuracy: float | None
    test_accuracy: float | None
    seconds_per_100: float | None
    trainable_weights: int
    train_seconds: float | None
    note: str
    run_id: str
    latency_ms: float | None
    configuration: str
    chosen: Mapping[str, str]
    basis: Mapping[str, str]


_CHOSEN = (*RECIPE, "seed")
_IN_ROW = ("image_size", "weights")
_BASIS = ("image_size", "split_seed", "val_seed", "val_fraction", "test_fraction")


def compare_runs(run_ids: Sequence[str], experiment: str | None, sweep: str | None = None) -> list[Row]:
    """Rows for the runs named, else for the finished trials of a sweep, the best first, else for every finished run of
    an experiment.

    Raises:
        TrackingError: no such run, sweep or experiment, or none that this tool logged.
    """
    runs = select_runs(run_ids, experiment, sweep)
    return [replace(row_of(run), strategy=text) for run, text in zip(runs, strategies(runs), strict=True)]


def strategies(runs: Sequence[LoggedRun]) -> list[str]:
    """The strategy of each run, as it was written: where the layers of a backbone have been counted in more than one
    way, as by another version of this tool, `20` is `20 of 212`."""
    counts: dict[str, set[int]] = defaultdict(set)
    for run in runs:
        counts[run.params["backbone"]] |= {run.listed_layers} - {0}
    counted = [re.search(r"(?<![\w.])\d+(?![\w.])|%", run.params["strategy"]) for run in runs]
    return [
        f"{run.params['strategy']} of {run.listed_layers}"
        if counts_here and run.listed_layers and len(counts[run.params["backbone"]]) > 1
        else run.params["strategy"]
        for run, counts_here in zip(runs, counted, strict=True)
    ]


def select_runs(run_ids: Sequence[str], experiment: str | None, sweep: str | None = None) -> list[LoggedRun]:
    """The runs that `compare_runs` shows.

    Raises:
        TrackingError: no such run, sweep or experiment, or none that this tool logged.
    """
    require_store()
    if run_ids:
        runs = runs_by_id(list(dict.fromkeys(run_ids)))
    elif sweep is not None:
        trials = [run for run in trials_of(sweep_run(sweep).run_id) if run.status == "FINISHED"]
        runs = sorted(trials, key=lambda run: -run.metrics.get("val/accuracy", 0.0))
    else:
        runs = runs_of_experiment(experiment)
    ours = [run for run in runs if {"trainable_parameters", "data_digest"} <= set(run.params)]
    if not ours:
        raise TrackingError("there is no finished run to compare", "Train some: tlcompare train --help")
    return ours


def states_of(sweep: str) -> str:
    """How many trials of a sweep ended how: `7 trials: 5 finished, 2 pruned`."""
    states = Counter(run.tags.get("tlcompare.state", "running") for run in trials_of(sweep_run(sweep).run_id))
    return f"{states.total()} trials: {', '.join(f'{n} {state}' for state, n in states.most_common())}"


def unlike(rows: Sequence[Row]) -> list[str]:
    """In what the runs differ that makes their accuracies incomparable."""
    return [name for name in ("data_digest", *_BASIS) if len({r.basis[name] for r in rows}) > 1]


def varying(rows: Sequence[Row]) -> list[str]:
    """Options in which the runs differ, of those that all of them have."""
    return [n for n in _CHOSEN if len({r.chosen.get(n) for r in rows}) > 1 and all(n in r.chosen for r in rows)]


def row_of(run: LoggedRun) -> Row:
    """A run as a row."""
    params, metrics = run.params, run.metrics
    return Row(
        data=PurePath(params["data"]).name,
        image_size=int(params["image_size"]),
        backbone=params["backbone"],
        strategy=params["strategy"],
        val_accuracy=metrics.get("val/accuracy"),
        test_accuracy=metrics.get("test/accuracy"),
        seconds_per_100=metrics.get("cost/seconds_per_100_images"),
        trainable_weights=int(params["trainable_parameters"]),
        train_seconds=metrics.get("cost/train_seconds"),
        note="RANDOM WEIGHTS" if params.get("weights") == "none" else "",
        run_id=run.run_id,
        latency_ms=metrics.get("cost/latency_p50_ms"),
        configuration=run.tags.get("tlcompare.configuration", run.run_id),
        chosen={name: _short(params[name]) for name in _CHOSEN if name in params and name not in _IN_ROW},
        basis={name: params.get(name, "None") for name in ("data_digest", *_BASIS)},
    )


def _short(text: str) -> str:
    """`0.00273827364` as `0.00274`."""
    try:
        return text if text.isdigit() else f"{float(text):.3g}"
    except ValueError:
        return text
