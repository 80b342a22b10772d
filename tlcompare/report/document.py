"""A document of text, tables and pictures, as one HTML page that needs no network and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment
from markupsafe import Markup, escape

from tlcompare.escaping import plain
from tlcompare.report.table import markdown


@dataclass(frozen=True)
class Table:
    """Cells under headings; the first column names the row."""

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


Part = str | Table | Picture | Code


@dataclass(frozen=True)
class Section:
    """A heading and what is under it; in text, `backticks` mark code and **stars** weight."""

    title: str
    parts: Sequence[Part]


def as_html(title: str, sections: Sequence[Section]) -> str:
    """One page; everything that comes from outside is escaped, and the page may load and run nothing."""
    ours = files("tlcompare.report")
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page.tests["a_table"] = lambda part: isinstance(part, Table)
    page.tests["a_picture"] = lambda part: isinstance(part, Picture)
    page.tests["code"] = lambda part: isinstance(part, Code)
    page.filters["place"] = lambda heading: re.sub(r"\W+", "-", heading.lower()).strip("-")
    page.filters["marked"] = _marked
    template = page.from_string(ours.joinpath("page.html").read_text(encoding="utf-8"))
    style = ours.joinpath("report.css").read_text(encoding="utf-8")
    return template.render(title=title, sections=sections, style=style) + "\n"


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """The same without the pictures."""
    lines = [f"# {plain(title)}"]
    for section in sections:
        lines += [f"## {plain(section.title)}", *map(_markdown, section.parts)]
    return "\n\n".join(lines) + "\n"


def _markdown(part: Part) -> str:
    if isinstance(part, Table):
        return markdown([part.headings, *part.rows])
    if isinstance(part, Code):
        return "\n".join(f"    {' '.join(line.splitlines())}" for line in part.lines)
    return plain(part) if isinstance(part, str) else f"*{plain(part.caption)}*"


def _marked(text: str) -> Markup:
    """HTML in which names from outside are shown as they are, whatever Markdown would make of them."""
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped))  # noqa: S704 (it is escaped)
