"""Contenders side by side: accuracy, what it costs, and whether it differs from the baseline and the best."""

from __future__ import annotations

from collections.abc import Sequence

from tlcompare.evidence.contenders import Contender
from tlcompare.evidence.pick import shown
from tlcompare.evidence.statistics import Interval
from tlcompare.evidence.verdicts import Claims
from tlcompare.report.table import aligned, for_scripts, markdown

HEADINGS = (
    "configuration",
    "seeds",
    "validation accuracy",
    "sd",
    "against the baseline",
    "p (baseline)",
    "verdict",
    "against the best",
    "p (best)",
    "test accuracy",
    "trainable weights",
    "training s",
)


def standing(contenders: Sequence[Contender], claims: Claims) -> list[dict[str, object]]:
    """One row per contender, the best first; accuracies and differences in 0..1, p after Holm's correction."""
    rows: list[dict[str, object]] = []
    for c in contenders:
        row: dict[str, object] = {
            "configuration": c.label,
            "backbone": c.backbone,
            "strategy": c.strategy,
            "seeds": len(c.runs),
            **_flat("val_accuracy", c.accuracy),
            "val_sd": c.spread("val/accuracy") if len(c.runs) > 1 else None,
            **_flat("test_accuracy", c.test_accuracy),
        }
        for name, comparison in (("baseline", claims.against_baseline(c)), ("best", claims.against_best(c))):
            row |= _flat(f"minus_{name}", comparison.difference if comparison else None)
            row[f"p_{name}"] = comparison.p if comparison else None
            row[f"verdict_{name}"] = comparison.verdict if comparison else None
        row["trainable_weights"] = c.row.trainable_weights
        row["train_seconds"] = c.mean("cost/train_seconds")
        rows.append(row)
    return rows


def render(contenders: Sequence[Contender], claims: Claims, form: str) -> str:
    """The standing as `table`, `md`, `csv` or `json` text."""
    if form in ("json", "csv"):
        return for_scripts(standing(contenders, claims), form)
    lines = [list(HEADINGS), *(cells(c, claims) for c in contenders)]
    if form == "md":
        return markdown(lines)
    return "\n".join(aligned(lines, left=[h in ("configuration", "verdict") for h in HEADINGS]))


def cells(contender: Contender, claims: Claims) -> list[str]:
    """A row as text, under HEADINGS."""
    base, best = claims.against_baseline(contender), claims.against_best(contender)
    sd = contender.spread("val/accuracy")
    return [
        contender.label,
        str(len(contender.runs)),
        shown(contender.accuracy),
        "-" if sd != sd else f"{sd:.2%}",
        points(base.difference) if base else "-",
        p_value(base.p) if base else "-",
        base.said if base else "-",
        points(best.difference) if best else "-",
        p_value(best.p) if best else "-",
        _test(contender),
        f"{contender.row.trainable_weights:,}",
        f"{contender.mean('cost/train_seconds'):.2f}",
    ]


def _test(contender: Contender) -> str:
    if contender.test_accuracy:
        return shown(contender.test_accuracy)
    return "sealed" if contender.sealed else "scored in part"


def points(x: Interval) -> str:
    """A difference of shares in percentage points: `+4.1 [3.0, 5.2]`."""
    return f"{x.estimate * 100:+.2f} [{x.low * 100:.2f}, {x.high * 100:.2f}]"


def p_value(p: float) -> str:
    if p != p:
        return "-"
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _flat(name: str, x: Interval | None) -> dict[str, float | None]:
    if x is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: x.estimate, f"{name}_low": x.low, f"{name}_high": x.high}
