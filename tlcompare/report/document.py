"""A document of text, tables and pictures: one HTML page that needs no network, Markdown, what a notebook shows, and
what a terminal does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, FunctionLoader
from markupsafe import Markup, escape

from tlcompare.escaping import harmless, plain
from tlcompare.report.table import aligned, markdown


@dataclass(frozen=True)
class Table:
    """Cells under headings, or under none; the first column names the row."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """An SVG element and what it shows; Markdown gets the caption alone."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Code:
    """Lines for a shell."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Fold:
    """What a page shows under its title once that is clicked; a terminal does not."""

    title: str
    parts: Sequence[Part]


Part = str | Table | Picture | Code | Fold


@dataclass(frozen=True)
class Section:
    """A heading and what is under it; in text, `backticks` mark code and **stars** weight."""

    title: str
    parts: Sequence[Part]


def as_html(title: str, sections: Sequence[Section]) -> str:
    """One page; everything that comes from outside is escaped, and the page may load and run nothing."""
    return (
        _templates().get_template("page.html").render(title=title, sections=sections, style=_ours("report.css")) + "\n"
    )


def as_fragment(parts: Sequence[Part]) -> str:
    """What a notebook shows under a cell, in its own colours; everything that comes from outside is escaped."""
    shown = _templates().get_template("parts.html").render(parts=parts)
    return f'<div class="tlcompare"><style>{_ours("notebook.css")}</style>\n{shown}</div>'


def as_text(parts: Sequence[Part]) -> str:
    """The same for a terminal, without the pictures."""
    return "\n".join(line for part in parts for line in _lines(part))


def _lines(part: Part) -> list[str]:
    if isinstance(part, Table):
        lines = [*([part.headings] if part.headings else []), *part.rows]
        right = [all(_number(row[i]) for row in part.rows) for i in range(len(lines[0]))] if part.headings else []
        return aligned(lines, left=[not r for r in right] or [True] * len(lines[0]))
    if isinstance(part, Code):
        return list(part.lines)
    return [harmless(re.sub(r"[`]|\*\*", "", part))] if isinstance(part, str) else []


def _number(text: str) -> bool:
    return bool(re.match(r"[-+]?\d|-?$|sealed$", text))


def _ours(file: str) -> str:
    return files("tlcompare.report").joinpath(file).read_text(encoding="utf-8")


def _templates() -> Environment:
    found = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_ours))
    found.tests["a_table"] = lambda part: isinstance(part, Table)
    found.tests["a_picture"] = lambda part: isinstance(part, Picture)
    found.tests["a_fold"] = lambda part: isinstance(part, Fold)
    found.tests["code"] = lambda part: isinstance(part, Code)
    found.filters["place"] = lambda heading: re.sub(r"\W+", "-", heading.lower()).strip("-")
    found.filters["marked"] = _marked
    return found


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """The same without the pictures."""
    lines = [f"# {plain(title)}"]
    for section in sections:
        lines += [f"## {plain(section.title)}", *map(_markdown, section.parts)]
    return "\n\n".join(lines) + "\n"


def _markdown(part: Part) -> str:
    if isinstance(part, Table):
        return markdown([part.headings, *part.rows])
    if isinstance(part, Fold):
        return "\n\n".join([plain(part.title), *map(_markdown, part.parts)])
    if isinstance(part, Code):
        return "\n".join(f"    {' '.join(line.splitlines())}" for line in part.lines)
    return plain(part) if isinstance(part, str) else f"*{plain(part.caption)}*"


def _marked(text: str) -> Markup:
    """HTML in which names from outside are shown as they are, whatever Markdown would make of them."""
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped))  # noqa: S704 (it is escaped)
