"""The figures of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import pandas as pd

from tlcompare.evidence.gathered import Evidence
from tlcompare.evidence.pick import described
from tlcompare.report.charts import Chart, Series

_DEPTH = "share of layers from the first that trains to the end"


def sweep_charts(
    trials: pd.DataFrame, goals: Sequence[tuple[str, bool]], best: Sequence[int], importance: Mapping[str, float]
) -> list[Chart]:
    """Accuracy against depth, weights and seconds; importance of each parameter; the course of the search; and, with
    several goals, the first two of them against each other.

    Args:
        trials: as `trials_table` gives it.
        goals: metrics, and whether more of each is better.
        best: numbers of the best trials, or of the Pareto set.
        importance: share of each parameter in the variance of the first goal; empty where it cannot be told.
    """
    metric, maximize = goals[0]
    charts = [
        trials_chart(trials),
        _accuracy("trainable_parameters", "Accuracy against trainable weights", "trainable weights", trials, log=True),
        _accuracy("cost/train_seconds", "Accuracy against training time", "training time (s)", trials),
        _importance(importance, metric),
        _history(trials, metric, maximize),
    ]
    return charts if len(goals) == 1 else [*charts, _pareto(trials, goals[1][0], metric, best)]


def trials_chart(trials: pd.DataFrame) -> Chart:
    """Accuracy against depth, a point per trial."""
    return _accuracy("depth", "Accuracy against depth", _DEPTH, trials)


def depth_chart(evidence: Evidence) -> Chart:
    """Accuracy against depth: what was explored, and the contenders with intervals over seeds and images."""
    explored = [r for r in evidence.trials if r.status == "FINISHED" and "depth" in r.params]
    texts = [f"{r.params['strategy']}, one seed: {r.metrics['val/accuracy']:.2%}" for r in explored]
    depths, found = [float(r.params["depth"]) for r in explored], [r.metrics["val/accuracy"] for r in explored]
    series = [Series("explored, one seed", depths, found, texts, faint=True)]
    for backbone in evidence.backbones:
        own = evidence.of(backbone)
        series.append(
            Series(
                backbone,
                [c.depth for c in own],
                [c.accuracy.estimate for c in own],
                [described(c) for c in own],
                ends=[(c.accuracy.low, c.accuracy.high) for c in own],
            )
        )
    return Chart("accuracy_by_depth", "Accuracy against depth", _DEPTH, "validation accuracy", series, percent=True)


def time_chart(taken: Mapping[str, float]) -> Chart:
    """Where the time of a decision went: seconds by stage."""
    stages, seconds = list(taken), list(taken.values())
    bars = [Series("seconds", stages, seconds, [f"{stage}: {s:.0f} s" for stage, s in taken.items()], kind="bars")]
    return Chart("time", "Where the time went", "stage", "seconds", bars)


def _pareto(trials: pd.DataFrame, x: str, y: str, best: Sequence[int]) -> Chart:
    rows = trials[(trials["state"] == "finished") & trials[x].notna() & trials[y].notna()]
    ours, others = rows[rows["trial"].isin(best)], rows[~rows["trial"].isin(best)]
    series = [
        Series(name, list(part[x]), list(part[y]), _texts(part), faint=faint)
        for name, part, faint in (("Pareto set", ours, False), ("dominated", others, True))
        if len(part)
    ]
    return Chart("pareto", "Pareto set", x, y, series, percent=y.endswith("accuracy"))


def _accuracy(column: str, title: str, label: str, trials: pd.DataFrame, log: bool = False) -> Chart:
    series = []
    finished = trials[(trials["state"] == "finished") & trials[column].notna()]
    for backbone, rows in finished.groupby("backbone", sort=False):
        series.append(Series(str(backbone), list(rows[column]), list(rows["val/accuracy"]), _texts(rows)))
    pruned = trials[(trials["state"] == "pruned") & trials[column].notna() & trials["val/epoch_accuracy"].notna()]
    if len(pruned):
        y = list(pruned["val/epoch_accuracy"])
        series.append(Series("pruned, at its last epoch", list(pruned[column]), y, _texts(pruned), faint=True))
    key = {"depth": "accuracy_by_depth", "trainable_parameters": "accuracy_by_weights"}.get(column, "accuracy_by_time")
    return Chart(key, title, label, "validation accuracy", series, log_x=log, percent=True)


def _importance(importance: Mapping[str, float], objective: str) -> Chart:
    names = sorted(importance, key=lambda name: -importance[name])
    values = [importance[name] for name in names]
    texts = [f"{name}: {importance[name]:.0%}" for name in names]
    note = "fANOVA over the finished trials" if names else "too few finished trials, or nothing that varies"
    bars = [Series("importance", names, values, texts, kind="bars")]
    return Chart("importance", f"What moved {objective}", "parameter", "share of its variance", bars, note=note)


def _history(trials: pd.DataFrame, objective: str, maximize: bool) -> Chart:
    rows = trials[(trials["state"] == "finished") & trials[objective].notna()]
    numbers, values = list(rows["trial"]), list(rows[objective])
    best = list(accumulate(values, max if maximize else min))
    series = [
        Series("trial", numbers, values, _texts(rows)),
        Series("best so far", numbers, best, [f"best so far: {v:.4g}" for v in best], kind="line"),
    ]
    percent = objective.endswith("accuracy")
    return Chart("history", "Course of the search", "trial", objective, series, percent=percent)


def _texts(rows: pd.DataFrame) -> list[str]:
    return [
        f"#{r.trial} {r.backbone} {r.strategy}, seed {r.seed:.0f}, lr {r.lr:g}: {shown}"
        for r, shown in zip(
            rows.itertuples(),
            (f"{a:.2%}" if pd.notna(a) else "pruned" for a in rows["val/accuracy"]),
            strict=True,
        )
    ]
