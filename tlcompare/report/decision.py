"""What a race over seeds has decided, in a few sentences."""

from __future__ import annotations

from tlcompare.evidence.contenders import Contender
from tlcompare.evidence.gathered import Evidence
from tlcompare.evidence.pick import described
from tlcompare.evidence.questions import AS_GOOD, BETTER, WORSE
from tlcompare.evidence.verdicts import UNDECIDED, Claims, Comparison, claims_of, in_points
from tlcompare.report.standing import points


def sentences(evidence: Evidence) -> list[str]:
    """Whether unfreezing is worth it, what to use, what it costs, and what could not be settled and what would.

    Args:
        evidence: of a sweep whose configurations were raced.
    """
    claims = claims_of(evidence.contenders, evidence.race)
    return [
        _worth(claims),
        _choice(evidence.contenders[0], claims),
        _cost(evidence.contenders[0], claims),
        *_open(claims),
    ]


def _worth(claims: Claims) -> str:
    if not claims.with_baseline:
        return "Nothing is known yet: the first look is at six seeds."
    (c,) = claims.with_baseline
    pair = f"{c.contender.label} against {c.other.label}: {_numbers(c)}"
    if c.verdict == BETTER:
        return f"Unfreezing is worth it. {pair}."
    if c.verdict == WORSE:
        return f"Unfreezing hurts: the best that was found is worse than nothing unfrozen. {pair}."
    if c.verdict == AS_GOOD:
        return f"Unfreezing is not worth it: it gains less than {in_points(claims.margin or 0)}. {pair}."
    return f"Whether unfreezing is worth it cannot be concluded. {pair}; {c.why_undecided}."


def _numbers(c: Comparison) -> str:
    return f"{points(c.difference, 1)} points on {c.difference.seeds} seeds, p = {c.p:.2g}"


def _choice(best: Contender, claims: Claims) -> str:
    others = claims.others_against(best)
    said = [f"Use {described(best)}."]
    for verdict, text in (
        (AS_GOOD, f"As good within {in_points(claims.margin or 0)}"),
        (WORSE, "Worse"),
        (UNDECIDED, "Not told apart from it"),
    ):
        if found := [c.contender.label for c in others if c.verdict == verdict]:
            said.append(f"{text}: {', '.join(found)}.")
    return " ".join(said)


def _cost(best: Contender, claims: Claims) -> str:
    base = next((c.other for c in claims.with_baseline if c.other is not best), None)
    against = f" ({base.label}: {_training(base)})" if base else ""
    return f"It trains {_training(best)}{against}; inference costs the same whatever trains."


def _training(c: Contender) -> str:
    return f"{c.row.trainable_weights:,} weights in {c.mean('cost/train_seconds'):.1f} s"


def _open(claims: Claims) -> list[str]:
    baselines = [c.other for c in claims.with_baseline]
    left = [c for c in claims.with_best if c.verdict == UNDECIDED and c.contender not in baselines]
    return [f"Open: {c.contender.label} against {c.other.label}, {_numbers(c)}; {c.why_undecided}." for c in left]
