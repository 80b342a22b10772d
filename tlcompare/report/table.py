"""Rows of runs as text: aligned, Markdown, CSV, JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields

from tlcompare.escaping import cell, harmless, plain
from tlcompare.evidence.table import Row, varying

_UNSHOWN = ("latency_ms", "configuration", "chosen", "basis")
_TEXTS = ("data", "backbone", "strategy", "note", "run_id")
_HEADINGS = {
    "image_size": "size",
    "val_accuracy": "validation",
    "test_accuracy": "test",
    "seconds_per_100": "s / 100 images",
    "trainable_weights": "trainable weights",
    "train_seconds": "training s",
    "run_id": "run",
}


def render(rows: Sequence[Row], form: str) -> str:
    """The rows as `table`, `md`, `csv` or `json` text."""
    if form in ("json", "csv"):
        return for_scripts(columns_of(rows), form)
    lines = lines_of(rows)
    if form == "md":
        return markdown(lines)
    texts = {_HEADINGS.get(n, n) for n in _TEXTS}
    return "\n".join(aligned(lines, left=[heading in texts for heading in lines[0]]))


def columns_of(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows by column, the options in which they differ after the strategy."""
    return [_cells(row, varying(rows)) for row in rows]


def lines_of(rows: Sequence[Row]) -> list[list[str]]:
    """The rows as cells, the headings first; notes where there are any."""
    table = columns_of(rows)
    names = [name for name in table[0] if name != "note" or any(r.note for r in rows)]
    return [[_HEADINGS.get(n, n) for n in names], *([_shown(n, line[n]) for n in names] for line in table)]


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


def _cells(row: Row, varying: Sequence[str]) -> dict[str, object]:
    """A row by column; the options that vary come after the strategy."""
    shown: dict[str, object] = {}
    for f in fields(Row):
        if f.name not in _UNSHOWN:
            shown[f.name] = getattr(row, f.name)
        if f.name == "strategy":
            shown |= {name: row.chosen[name] for name in varying}
    return shown


def _shown(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
