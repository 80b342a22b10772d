"""Contenders side by side: accuracy, what it costs, and whether it differs from the baseline and the best."""

from __future__ import annotations

from collections.abc import Sequence

from tlcompare.evidence.contenders import Contender
from tlcompare.evidence.pick import shown
from tlcompare.evidence.questions import AS_GOOD, BETTER, WORSE
from tlcompare.evidence.statistics import Interval
from tlcompare.evidence.verdicts import UNDECIDED, Claims
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
    "verdict (best)",
    "test accuracy",
    "trainable weights",
    "training s",
)
_LABEL = 24
_SHORT = {BETTER: "better", WORSE: "worse", AS_GOOD: "as good", UNDECIDED: "?"}


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


def render(contenders: Sequence[Contender], claims: Claims, form: str, wide: bool = True) -> str:
    """The standing as `table`, `md`, `csv` or `json` text; a table that is not `wide` has the columns that fit into
    120 characters."""
    if form in ("json", "csv"):
        return for_scripts(standing(contenders, claims), form)
    if form == "table" and not wide:
        return _narrow(contenders, claims)
    lines = [list(HEADINGS), *(cells(c, claims) for c in contenders)]
    if form == "md":
        return markdown(lines)
    return "\n".join(aligned(lines, left=[h == "configuration" or h.startswith("verdict") for h in HEADINGS]))


def _narrow(contenders: Sequence[Contender], claims: Claims) -> str:
    lines = [["configuration", "seeds", "validation", "to the baseline", "", "to the best", "", "test", "weights"]]
    for c in contenders:
        versus = (claims.against_baseline(c), claims.against_best(c))
        said = [x for v in versus for x in ((points(v.difference, 1), _SHORT[v.verdict]) if v else ("-", ""))]
        test = f"{c.test_accuracy.estimate:.2%}" if c.test_accuracy else _test(c)
        weights = f"{c.row.trainable_weights / 1e6:.2f} M"
        lines.append([_shortened(c.label), str(len(c.runs)), f"{c.accuracy.estimate:.2%}", *said, test, weights])
    return "\n".join(aligned(lines, left=[i in (0, 4, 6) for i in range(len(lines[0]))]))


def _shortened(label: str) -> str:
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 3]}..."


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
        best.said if best else "-",
        _test(contender),
        f"{contender.row.trainable_weights:,}",
        f"{contender.mean('cost/train_seconds'):.2f}",
    ]


def _test(contender: Contender) -> str:
    if contender.test_accuracy:
        return shown(contender.test_accuracy)
    return "sealed" if contender.sealed else "in part"


def points(x: Interval, digits: int = 2) -> str:
    """A difference of shares in percentage points: `+4.13 [3.02, 5.20]`."""
    return f"{x.estimate * 100:+.{digits}f} [{x.low * 100:.{digits}f}, {x.high * 100:.{digits}f}]"


def p_value(p: float) -> str:
    if p != p:
        return "-"
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _flat(name: str, x: Interval | None) -> dict[str, float | None]:
    if x is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: x.estimate, f"{name}_low": x.low, f"{name}_high": x.high}
