"""A document of text, tables and pictures, as one HTML page that needs no network and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment
from markdown_it import MarkdownIt

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
    text = _markdown_it()
    page = Environment(autoescape=True, trim_blocks=True)
    page.tests["picture"] = lambda part: isinstance(part, Picture)
    page.filters["place"] = lambda heading: re.sub(r"\W+", "-", heading.lower()).strip("-")
    page.filters["marked"] = lambda caption: text.renderInline(plain(caption))
    page.filters["rendered"] = lambda part: text.render(_markdown(part))
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


def _markdown_it() -> MarkdownIt:
    """A renderer of what `_markdown` writes and of no more, so that names from outside make no links or headings; it
    escapes HTML."""
    text = MarkdownIt("zero").enable(["table", "code", "backticks", "emphasis", "entity", "escape"])
    text.add_render_rule("table_open", lambda *_: '<div class="wide"><table>\n')
    text.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return text
