"""Every number of a report as one table."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from tlcompare.evidence.findings import COSTS, Findings
from tlcompare.evidence.statistics import Interval

_COLUMNS = ("section", "subject", "quantity", "value", "low", "high", "p", "unit")
_METRICS = {
    "train/accuracy": "share",
    "val/log_loss": "nats",
    "val/ece": "share",
    "cost/latency_p95_ms": "ms",
    "cost/seconds_per_100_images": "s",
    **dict(zip(COSTS, ("weights", "s", "ms", "MB"), strict=True)),
}
Number = tuple[str, str, str, float, float | None, float | None, float | None, str]


def numbers_of(found: Findings) -> pd.DataFrame:
    """One row per number: section, subject, quantity, value, its 95 % interval and corrected p-value where it has them,
    and unit; accuracies and their differences are shares in 0..1."""
    rows = [*_of_architectures(found), *_of_contenders(found), *_of_backbones(found), *_of_sweep(found)]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _of_architectures(found: Findings) -> Iterator[Number]:
    for backbone, built in found.architectures.items():
        yield _plain("architectures", backbone, "layers", built.layers, "layers")
        yield _plain("architectures", backbone, "blocks", built.blocks, "blocks")
        yield _plain("architectures", backbone, "weights with head", built.weights, "weights")
        yield _plain("architectures", backbone, "image side", built.image_size, "px")
    run = found.evidence.contenders[0].runs[0]
    for name in ("train_images", "val_images", "test_images", "classes"):
        yield _plain("method", "data", name.replace("_", " "), int(run.params[name]), name.split("_")[-1])


def _of_contenders(found: Findings) -> Iterator[Number]:
    for c in found.evidence.contenders:
        yield _plain("comparison", c.label, "seeds", len(c.runs), "runs")
        yield _with_interval("comparison", c.label, "validation accuracy", c.accuracy)
        yield _plain(
            "comparison", c.label, "standard deviation of validation accuracy", c.spread("val/accuracy"), "share"
        )
        if c.test_accuracy is not None:
            yield _with_interval("comparison", c.label, "test accuracy", c.test_accuracy)
        if c.drop is not None:
            yield _plain("comparison", c.label, "test minus validation accuracy", c.drop, "share")
        yield _plain("comparison", c.label, "train minus validation accuracy", c.gap, "share")
        yield _plain("comparison", c.label, "depth", c.depth, "share")
        for metric, unit in _METRICS.items():
            yield _plain("comparison", c.label, metric, c.mean(metric), unit)
    for name, comparisons in (
        ("baseline", found.claims.with_baseline),
        ("best", found.claims.with_best),
        ("best of all", found.claims.between),
    ):
        for x in comparisons:
            yield _with_interval("comparison", x.contender.label, f"difference to the {name}", x.difference, x.p)
            yield _plain("comparison", x.contender.label, f"sign-flip p against the {name}", x.flips, "p")


def _of_backbones(found: Findings) -> Iterator[Number]:
    for backbone, answer in found.responses.items():
        yield _plain("strategies", backbone, "depth of the best", answer.best.depth, "share")
        yield _plain("strategies", backbone, "depth of the knee", answer.knee.depth, "share")
    for backbone, d in found.diagnoses.items():
        yield _plain("changes", backbone, "images right only when unfrozen", len(d.gained), "images")
        yield _plain("changes", backbone, "images right only when frozen", len(d.lost), "images")
        for change in d.classes:
            yield _with_interval("changes", f"{backbone}: {change.name}", "change of recall", change.recall, change.p)
    for backbone, probes in found.probes.items():
        for p in probes:
            yield _plain("probe", f"{backbone}: {p.block}", "ridge accuracy", p.ridge, "share")
            yield _plain("probe", f"{backbone}: {p.block}", "accuracy of the nearest mean", p.nearest_mean, "share")
            yield _plain("probe", f"{backbone}: {p.block}", "relative gradient norm", p.relative_gradient, "ratio")
    for backbone, seen in found.foresights.items():
        for name, (rho, p_value) in (("ridge accuracy", seen.ridge), ("relative gradient norm", seen.gradient)):
            yield ("probe", backbone, f"Spearman of {name}", rho, None, None, p_value, "correlation")


def _of_sweep(found: Findings) -> Iterator[Number]:
    best = found.winner.corrected
    yield _plain("luck", "best trial", "trials", best.candidates, "runs")
    yield _plain("luck", "best trial", "validation accuracy", best.shown, "share")
    yield _plain("luck", "best trial", "corrected validation accuracy", best.corrected, "share")
    yield _plain("luck", "best trial", "optimism", best.optimism, "share")
    if found.winner.again is not None:
        yield _with_interval("luck", "best trial", "validation accuracy with other seeds", found.winner.again)


def _plain(section: str, subject: str, quantity: str, value: float, unit: str) -> Number:
    return (section, subject, quantity, value, None, None, None, unit)


def _with_interval(section: str, subject: str, quantity: str, x: Interval, p: float | None = None) -> Number:
    return (section, subject, quantity, x.estimate, x.low, x.high, p, "share")
