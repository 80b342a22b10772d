"""Repeats a sweep, its replicates, test scores and report with other seeds, and counts the verdicts.

    python -m benchmarks.repeat --rounds 10

Embedded digits and EfficientNet-Lite0 with its ImageNet weights, at 32 pixels to be quick. Every round goes into the
MLflow store of the working folder; a round that is there already is gone on with, not repeated.
"""

from __future__ import annotations

import argparse
from collections import Counter

from tlcompare.evidence.contenders import FROZEN
from tlcompare.evidence.findings import Findings, find, worth_it
from tlcompare.evidence.gathered import evidence_of
from tlcompare.evidence.pick import shown
from tlcompare.finalize import finalize
from tlcompare.report.writing import write_report
from tlcompare.study.planning import Request
from tlcompare.study.replicate import replicate
from tlcompare.study.sweep import sweep

_MODEL = "efficientnet_lite0"
_SEEDS, _TOP, _TRIALS, _MARGIN = 10, 2, 10, 0.01
_QUICK = {"data": "digits", "image_size": "32", "epochs": "4", "batch_size": "64", "threads": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    headings = [
        "round",
        "is unfreezing worth it",
        "gain (points)",
        "picked",
        "its validation accuracy",
        "test accuracy",
    ]
    print(f"| {' | '.join([*headings, 'better than all others'])} |\n|{'---|' * 7}")
    verdicts: Counter[str] = Counter()
    for number in range(rounds):
        found = _round(number)
        answer = worth_it(_MODEL, found.claims)
        assert answer is not None
        verdict, comparison = answer
        verdicts[verdict] += 1
        gain = comparison.difference
        winner = found.picked.winner
        best = all(c.verdict == "worse" for c in found.claims.with_best)
        cells = [str(number), verdict, f"{gain.estimate * 100:+.2f} [{gain.low * 100:.2f}, {gain.high * 100:.2f}]"]
        assert winner.test_accuracy is not None
        cells += [winner.label, shown(winner.accuracy), shown(winner.test_accuracy)]
        cells += ["yes" if best else "cannot conclude"]
        print(f"| {' | '.join(cells)} |", flush=True)
    print(f"\nVerdicts: {', '.join(f'{verdict} {count}' for verdict, count in verdicts.most_common())}")


def _round(number: int) -> Findings:
    """One whole round, with seeds of its own."""
    name = f"repeat-{number}"
    options = _QUICK | {"seed": str(100 * number)}
    sweep(Request(name=name, models=(_MODEL,), options=options, limits={"trials": _TRIALS}))
    replicate(name, _TOP, _SEEDS)
    finalize(name)
    write_report(name, f"{name}.html", FROZEN, _MARGIN)
    return find(evidence_of(name), FROZEN, _MARGIN)


if __name__ == "__main__":
    main()
