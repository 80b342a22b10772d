"""Runs side by side, computed from what MLflow holds."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import PurePath

from tlcompare.errors import TrackingError
from tlcompare.escaping import cell, harmless, plain
from tlcompare.study.space import RECIPE
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


_UNSHOWN = ("latency_ms", "configuration", "chosen", "basis")
_TEXTS = ("data", "backbone", "strategy", "note", "run_id")
_CHOSEN = (*RECIPE, "seed")
_IN_ROW = ("image_size", "weights")
_BASIS = ("image_size", "split_seed", "val_seed", "val_fraction", "test_fraction")
_HEADINGS = {
    "image_size": "size",
    "val_accuracy": "validation",
    "test_accuracy": "test",
    "seconds_per_100": "s / 100 images",
    "trainable_weights": "trainable weights",
    "train_seconds": "training s",
    "run_id": "run",
}


def compare_runs(run_ids: Sequence[str], experiment: str | None, sweep: str | None = None) -> list[Row]:
    """Rows for the runs named, else for the finished trials of a sweep, the best first, else for every finished run of
    an experiment.

    Raises:
        TrackingError: no such run, sweep or experiment, or none that this tool logged.
    """
    return [row_of(run) for run in select_runs(run_ids, experiment, sweep)]


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


def render(rows: Sequence[Row], form: str) -> str:
    """The rows as `table`, `md`, `csv` or `json` text."""
    table = [_cells(row, varying(rows)) for row in rows]
    names = list(table[0])
    if form in ("json", "csv"):
        return for_scripts(table, form)
    if not any(r.note for r in rows):
        names.remove("note")
    heading = [_HEADINGS.get(n, n) for n in names]
    cells = [[_shown(n, line[n]) for n in names] for line in table]
    if form == "md":
        return markdown([heading, *cells])
    return "\n".join(aligned([heading, *cells], left=[n in _TEXTS for n in names]))


def for_scripts(rows: Sequence[Mapping[str, object]], form: str) -> str:
    """Rows with the same keys as `json` or `csv` text."""
    if form == "json":
        return json.dumps(rows, indent=1)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue().rstrip()


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, the heading first, as a Markdown table."""
    safe = [[plain(text).replace("|", "\\|") for text in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in [safe[0], ["---"] * len(safe[0]), *safe[1:]])


def aligned(lines: Sequence[Sequence[str]], left: Sequence[bool]) -> list[str]:
    """Lines of cells in columns, each to the left or to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        harmless(
            "  ".join(c.ljust(w) if at_left else c.rjust(w) for c, w, at_left in zip(line, widths, left, strict=True))
        ).rstrip()
        for line in lines
    ]


def varying(rows: Sequence[Row]) -> list[str]:
    """Options in which the runs differ, of those that all of them have."""
    return [n for n in _CHOSEN if len({r.chosen.get(n) for r in rows}) > 1 and all(n in r.chosen for r in rows)]


def _cells(row: Row, varying: Sequence[str]) -> dict[str, object]:
    """A row by column; the options that vary come after the strategy."""
    shown: dict[str, object] = {}
    for f in fields(Row):
        if f.name not in _UNSHOWN:
            shown[f.name] = getattr(row, f.name)
        if f.name == "strategy":
            shown |= {name: row.chosen[name] for name in varying}
    return shown


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


def _shown(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
