"""The figures of a report and of a probe: readable in print, by the colour-blind, and on dark paper."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from tlcompare.evidence.contenders import Contender
from tlcompare.evidence.findings import COSTS, DOMINATED, Diagnosis, Response, pareto
from tlcompare.evidence.verdicts import UNDECIDED, Comparison
from tlcompare.report.charts import COLOURS, FAINT, MARKS, Chart, draw
from tlcompare.tracking.reading import LoggedRun
from tlcompare.training.probe import BlockProbe

_INK = "#010203"  # becomes the colour of the page's text
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.parse_math": False,
}


def as_svg(figure: Figure, description: str) -> str:
    """A figure as an SVG element whose text and axes take the colour of the page."""
    out = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1), count=1
    )
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(description)}" ', 1)


def draw_chart(chart: Chart) -> Figure:
    """A chart in the colours of the page."""
    with mpl.rc_context({**_STYLE, "legend.framealpha": 0}):
        return draw(chart)


def draw_differences(comparisons: Sequence[Comparison], baseline: str) -> Figure:
    """Every contender's gain over the baseline of its backbone, with its interval."""
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(height=1.2 + 0.36 * len(comparisons))
        for place, c in enumerate(comparisons):
            _bar(axes, c.difference.estimate, (c.difference.low, c.difference.high), place, c.verdict == UNDECIDED)
        axes.axvline(0, color=_INK, lw=1)
        axes.set_yticks(range(len(comparisons)), [c.contender.label for c in comparisons])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=""))
        axes.set_xlabel(f"validation accuracy minus that of {baseline} (percentage points)")
    return figure


def draw_accuracies(contenders: Sequence[Contender]) -> Figure:
    """Every contender's validation accuracy with its interval over seeds and images."""
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(height=1.0 + 0.36 * len(contenders))
        for place, c in enumerate(contenders):
            _bar(axes, c.accuracy.estimate, (c.accuracy.low, c.accuracy.high), place, faint=place > 0)
        axes.set_yticks(range(len(contenders)), [c.label for c in contenders])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("validation accuracy, with its 95% interval over seeds and images")
    return figure


def draw_response(answer: Response, trials: Sequence[LoggedRun]) -> Figure:
    """Accuracy against depth: replicated configurations with their intervals, single trials faint, the knee marked."""
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(height=3.8)
        single = [(float(t.params["depth"]), t.metrics["val/accuracy"]) for t in trials if "val/accuracy" in t.metrics]
        axes.plot([d for d, _ in single], [a for _, a in single], "x", color=FAINT, label="single trials", zorder=1)
        x = [c.depth for c in answer.points]
        y = [c.accuracy.estimate for c in answer.points]
        spread = [[c.accuracy.estimate - c.accuracy.low for c in answer.points]]
        spread.append([c.accuracy.high - c.accuracy.estimate for c in answer.points])
        seeds = {len(c.runs) for c in answer.points}
        counted = f"{seeds.pop()} seeds" if len(seeds) == 1 else "several seeds"
        label = f"mean of {counted}, 95% interval"
        axes.errorbar(x, y, spread, fmt="o", color=COLOURS[0], capsize=3, label=label, zorder=2)
        knee = answer.knee
        axes.plot(knee.depth, knee.accuracy.estimate, "o", ms=13, mfc="none", mec=COLOURS[1], mew=2, label="knee")
        axes.set_xlabel("depth: share of the layers from the first that trains to the end")
        axes.set_ylabel("validation accuracy")
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.legend(loc="best", framealpha=0)
    return figure


def draw_costs(contenders: Sequence[Contender]) -> Figure:
    """Accuracy against each cost; what is dominated is grey, what cannot be concluded hollow."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 5.6), layout="constrained")
        backbones = list(dict.fromkeys(c.backbone for c in contenders))
        for axes, (cost, label) in zip(figure.subplots(2, 2).flat, COSTS.items(), strict=True):
            for c, state in zip(contenders, pareto(contenders, cost), strict=True):
                number = backbones.index(c.backbone)
                colour = FAINT if state == DOMINATED else COLOURS[number % len(COLOURS)]
                low, high = c.accuracy.estimate - c.accuracy.low, c.accuracy.high - c.accuracy.estimate
                face = colour if state != UNDECIDED else "none"
                mark = MARKS[number % len(MARKS)][0]
                axes.errorbar(
                    c.mean(cost), c.accuracy.estimate, [[low], [high]], fmt=mark, color=colour, mfc=face, capsize=2
                )
            axes.set_xlabel(label)
            axes.set_ylabel("validation accuracy")
            axes.yaxis.set_major_formatter(PercentFormatter(1))
            values = [c.mean(cost) for c in contenders]
            if min(values) > 0 and max(values) > 20 * min(values):
                axes.set_xscale("log")
                if max(values) < 200 * min(values):
                    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.xaxis.set_major_formatter(FuncFormatter(_plainly))
                axes.xaxis.set_minor_formatter(NullFormatter())
            _tidy(axes)
    return figure


def draw_classes(found: Diagnosis) -> Figure:
    """Change of recall of each class, with its interval; at most the twenty largest."""
    largest = sorted(found.classes, key=lambda c: -abs(c.recall.estimate))[:20]
    shown = [c for c in found.classes if c in largest]
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(height=1.2 + 0.3 * len(shown))
        for place, c in enumerate(shown):
            _bar(axes, c.recall.estimate, (c.recall.low, c.recall.high), place, c.p > 0.05)
        axes.axvline(0, color=_INK, lw=1)
        axes.set_yticks(range(len(shown)), [c.name for c in shown])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=""))
        axes.set_xlabel("change of recall (percentage points)")
        axes.set_ylabel("class")
    return figure


def draw_probe(backbone: str, probes: Sequence[BlockProbe]) -> Figure:
    """What each block knows of the classes, and how much it would change."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.2, 4.8), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
        places = range(len(probes))
        above.plot(places, [p.ridge for p in probes], "o-", color=COLOURS[0], label="ridge")
        above.plot(places, [p.nearest_mean for p in probes], "s--", color=COLOURS[1], label="nearest class mean")
        above.set_ylabel("validation accuracy")
        above.yaxis.set_major_formatter(PercentFormatter(1))
        above.legend(framealpha=0)
        above.set_title(f"{backbone}, before any training")
        below.plot(places, [p.relative_gradient for p in probes], "^-", color=COLOURS[2])
        below.set_ylabel("relative gradient norm")
        below.set_xticks(places, [p.block for p in probes], rotation=45, ha="right")
        below.set_xlabel("block")
        for axes in (above, below):
            _tidy(axes)
    return figure


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.2, height), layout="constrained")
    axes = figure.subplots()
    _tidy(axes)
    return figure, axes


def _plainly(value: float, place: int | None) -> str:
    """A number on a logarithmic axis, in few characters."""
    if value < 1000:
        return f"{value:.3g}"
    return f"{value / 1e3:.3g}k" if value < 1e6 else f"{value / 1e6:.3g}M"


def _tidy(axes: Axes) -> None:
    axes.grid(alpha=0.25, color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)


def _bar(axes: Axes, value: float, ends: tuple[float, float], place: int, faint: bool) -> None:
    colour = FAINT if faint else COLOURS[0] if value > 0 else COLOURS[1]
    mark = "o" if value > 0 else "s"
    axes.errorbar(value, place, xerr=[[value - ends[0]], [ends[1] - value]], fmt=mark, color=colour, capsize=3)
