"""Charts described once and drawn twice: as PNG by matplotlib and as an interactive page by plotly."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

# Okabe and Ito's colours, told apart by the colour-blind; every series has a mark of its own too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKS = (("o", "circle"), ("s", "square"), ("^", "triangle-up"), ("D", "diamond"), ("v", "triangle-down"))
FAINT = "#999999"


@dataclass(frozen=True)
class Series:
    """Points that belong together.

    Attributes:
        x, y: coordinates; for bars, x are the names.
        texts: what a point is, shown when the mouse is over it.
        kind: points, line or bars.
        faint: drawn in grey: not a result of the same standing.
        ends: lower and upper end of each point's interval; none where there are no intervals.
    """

    name: str
    x: Sequence[float | str]
    y: Sequence[float]
    texts: Sequence[str]
    kind: str = "points"
    faint: bool = False
    ends: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Chart:
    """One chart; `percent` shows y, given in 0..1, as per cent."""

    key: str
    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    log_x: bool = False
    percent: bool = False
    note: str = ""


def draw(chart: Chart) -> Figure:
    """The chart as a matplotlib figure."""
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.subplots()
    for number, series in enumerate(chart.series):
        colour, mark = _style(number, series)
        if series.kind == "bars":
            axes.barh([str(x) for x in series.x], series.y, color=colour)
            axes.invert_yaxis()
        elif series.kind == "line":
            axes.step(series.x, series.y, where="post", color=colour, label=series.name)
        else:
            axes.plot(series.x, series.y, mark[0], color=colour, markeredgecolor="white", ms=8, label=series.name)
            for x, (low, high) in zip(series.x, series.ends, strict=False):
                axes.plot([x, x], [low, high], color=colour, lw=1.5)
    bars = any(s.kind == "bars" for s in chart.series)
    axes.set_title(f"{chart.title}\n{chart.note}" if chart.note else chart.title, fontsize=11, parse_math=False)
    axes.set(xlabel=chart.y_label if bars else chart.x_label, ylabel=chart.x_label if bars else chart.y_label)
    if chart.log_x:
        axes.set_xscale("log")
    if chart.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    if len(chart.series) > 1:
        axes.legend()
    return figure


def page(charts: Sequence[Chart], title: str) -> str:
    """All charts as one HTML page that needs no network."""
    parts = []
    for number, chart in enumerate(charts):
        figure = interactive(chart)
        parts.append(figure.to_html(full_html=False, include_plotlyjs=number == 0, default_height="520px"))
    shown = html.escape(title)
    style = "body{font-family:system-ui,sans-serif;max-width:1000px;margin:2rem auto;padding:0 1rem;background:#fff}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{shown}</title><style>{style}</style>'
        f"</head><body><h1>{shown}</h1>{''.join(parts)}</body></html>"
    )


def interactive(chart: Chart) -> go.Figure:
    """The chart as a plotly figure."""
    figure = go.Figure()
    for number, series in enumerate(chart.series):
        colour, mark = _style(number, series)
        texts = [html.escape(t) for t in series.texts]
        name = html.escape(series.name)
        common = {"name": name, "hovertext": texts, "hoverinfo": "text"}
        if series.kind == "bars":
            names = [html.escape(str(x)) for x in series.x]
            figure.add_bar(x=list(series.y), y=names, orientation="h", marker_color=colour, **common)
        elif series.kind == "line":
            line = {"color": colour, "shape": "hv"}
            figure.add_scatter(x=list(series.x), y=list(series.y), mode="lines", line=line, **common)
        else:
            marker = {"color": colour, "symbol": mark[1], "size": 10, "line": {"color": "white", "width": 1}}
            ends = [(high - y, y - low) for y, (low, high) in zip(series.y, series.ends, strict=False)]
            above, below = ([end[i] for end in ends] for i in range(2))
            span = {"error_y": {"array": above, "arrayminus": below}} if ends else {}
            figure.add_scatter(x=list(series.x), y=list(series.y), mode="markers", marker=marker, **span, **common)
    bars = any(s.kind == "bars" for s in chart.series)
    title = html.escape(chart.title) + (f"<br><sup>{html.escape(chart.note)}</sup>" if chart.note else "")
    figure.update_layout(
        title=title,
        template="none",
        xaxis={"title": chart.y_label if bars else chart.x_label, "type": "log" if chart.log_x else "-"},
        yaxis={"title": chart.x_label if bars else chart.y_label, "autorange": "reversed" if bars else True},
        showlegend=len(chart.series) > 1,
    )
    figure.update_xaxes(zeroline=False)
    figure.update_yaxes(zeroline=False, automargin=True)
    if chart.percent:
        figure.update_yaxes(tickformat=".1%")
    return figure


def _style(number: int, series: Series) -> tuple[str, tuple[str, str]]:
    if series.faint:
        return FAINT, ("X", "x")
    return COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
