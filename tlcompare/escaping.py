"""Names from outside, so that what shows them takes none of it seriously: a terminal, Markdown, a spreadsheet."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def harmless(text: str) -> str:
    """For a terminal: no colours, and control characters, by which a file's name could steer it, are written out."""
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in _COLOUR.sub("", text))


def plain(text: str) -> str:
    """For Markdown: one line, in which neither HTML nor a picture is left."""
    return " ".join(text.replace("<", "&lt;").replace("![", "!\\[").split())


def cell(value: Any) -> Any:
    """For CSV: text that a spreadsheet would take for a formula begins with an apostrophe; `uncell` takes it off."""
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    with suppress(ValueError):
        float(value)
        return value
    return f"'{value}"


def cells(table: Any) -> Any:
    """A pandas table in which all text is a `cell`."""
    return table.apply(lambda column: column if column.dtype.kind in "biuf" else column.map(cell))


def uncell(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
