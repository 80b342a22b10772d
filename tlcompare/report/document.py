"""A document of text, tables and pictures, as one HTML page that needs no network and as Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

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


_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def as_html(title: str, sections: Sequence[Section]) -> str:
    """One page; everything that comes from outside is escaped, and the page may load and run nothing."""
    places = [re.sub(r"\W+", "-", s.title.lower()).strip("-") for s in sections]
    links = "".join(f'<a href="#{p}">{html.escape(s.title)}</a>' for p, s in zip(places, sections, strict=True))
    body = "".join(
        f'<section id="{p}"><h2>{html.escape(s.title)}</h2>{"".join(map(_part, s.parts))}</section>'
        for p, s in zip(places, sections, strict=True)
    )
    style = files("tlcompare.report").joinpath("report.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{html.escape(title)}</title><style>{style}</style></head>"
        f"<body><h1>{html.escape(title)}</h1><nav>{links}</nav>{body}</body></html>\n"
    )


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """The same without the pictures."""
    lines = [f"# {plain(title)}"]
    for section in sections:
        lines.append(f"## {plain(section.title)}")
        for part in section.parts:
            if isinstance(part, Table):
                lines.append(markdown([part.headings, *part.rows]))
            elif isinstance(part, Code):
                lines.append("\n".join(f"    {' '.join(line.splitlines())}" for line in part.lines))
            else:
                lines.append(plain(part) if isinstance(part, str) else f"*{plain(part.caption)}*")
    return "\n\n".join(lines) + "\n"


def _part(part: Part) -> str:
    if isinstance(part, Table):
        heading = "".join(f"<th>{html.escape(h)}</th>" for h in part.headings)
        rows = "".join(f"<tr>{''.join(f'<td>{_marked(c)}</td>' for c in row)}</tr>" for row in part.rows)
        return f'<div class="wide"><table><thead><tr>{heading}</tr></thead><tbody>{rows}</tbody></table></div>'
    if isinstance(part, Picture):
        return f'<figure><div class="wide">{part.svg}</div><figcaption>{_marked(part.caption)}</figcaption></figure>'
    if isinstance(part, Code):
        return f"<pre>{html.escape(chr(10).join(part.lines))}</pre>"
    return f"<p>{_marked(part)}</p>"


def _marked(text: str) -> str:
    escaped = html.escape(text)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped)
