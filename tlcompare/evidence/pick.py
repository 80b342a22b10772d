"""One strategy out of many, by one stated rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tlcompare.errors import ConfigError
from tlcompare.evidence.contenders import FROZEN, Contender
from tlcompare.evidence.race import Race
from tlcompare.evidence.statistics import Interval
from tlcompare.evidence.verdicts import UNDECIDED, Claims, claims_of, in_points


@dataclass(frozen=True)
class Pick:
    """What was picked, and why in a sentence or two."""

    winner: Contender
    why: str

    @property
    def run_id(self) -> str:
        """The winner's run with the best validation accuracy."""
        return max(self.winner.runs, key=lambda r: r.metrics["val/accuracy"]).run_id


def pick(
    contenders: Sequence[Contender],
    within: float = 0.0,
    max_params: int | None = None,
    max_latency: float | None = None,
    baseline: str = FROZEN,
    race: Race | None = None,
) -> Pick:
    """The configuration with the best mean validation accuracy over its seeds, or the cheapest that is good enough.

    Args:
        contenders: the best first.
        within: margin below the best, in 0..1; of the configurations that are shown to lose no more (`not_worse` of
            `Claims`), the one that trains the fewest weights is taken, and of equal ones that which trains faster.
        max_params: trainable weights it may have at most.
        max_latency: milliseconds that one image may take at most.
        baseline: the strategy that others must beat, whose comparisons the certainty is corrected for too.
        race: the contenders' race over seeds, if there was one.

    Raises:
        ConfigError: nothing meets the limits, or a race was run for another margin.
    """
    if race is not None and within not in (0.0, race.questions.margin):
        fixed = race.questions.margin * 100
        raise ConfigError(f"--within {within * 100:g}%: the race was run for {fixed:g}%", "Give that, or leave it out.")
    allowed = [
        c
        for c in contenders
        if (max_params is None or c.row.trainable_weights <= max_params)
        and (max_latency is None or _latency(c) <= max_latency)
    ]
    limits = _limits(max_params, max_latency)
    if not allowed:
        weights, latency = (min(map(f, contenders)) for f in (lambda c: c.row.trainable_weights, _latency))
        raise ConfigError(
            f"none of {len(contenders)} configurations has {limits}",
            f"The least: {weights:,} weights, {latency:.1f} ms.",
        )
    best = allowed[0]
    there = any(c.strategy == baseline for c in allowed)
    claims = claims_of(allowed, race, baseline if there else best.strategy)
    near = [c for c in allowed if claims.not_worse(c, best, within)] if within else [best]
    winner = min(near, key=lambda c: (c.row.trainable_weights, c.mean("cost/train_seconds")))
    return Pick(winner, f"{_why(winner, best, near, allowed, within, limits)} {_certainty(allowed, claims)}".strip())


def described(contender: Contender) -> str:
    """A contender with its accuracy: `resnet50 conv5 (91.20% [90.10%, 92.30%], 10 seeds)`."""
    seeds = "1 seed" if len(contender.runs) == 1 else f"{len(contender.runs)} seeds"
    return f"{contender.label} ({shown(contender.accuracy)}, {seeds})"


def shown(x: Interval) -> str:
    """A share with its interval: `91.20% [90.10%, 92.30%]`."""
    return f"{x.estimate:.2%} [{x.low:.2%}, {x.high:.2%}]"


def _latency(contender: Contender) -> float:
    """Median milliseconds for one image; a backbone's, so the same in every run on one machine."""
    value = contender.mean("cost/latency_p50_ms")
    return math.inf if math.isnan(value) else value


def _limits(max_params: int | None, max_latency: float | None) -> str:
    parts = [f"at most {max_params:,} trainable weights"] if max_params is not None else []
    parts += [f"at most {max_latency:g} ms per image"] if max_latency is not None else []
    return " and ".join(parts)


def _why(
    winner: Contender,
    best: Contender,
    near: Sequence[Contender],
    allowed: Sequence[Contender],
    within: float,
    limits: str,
) -> str:
    among = f"{len(allowed)} configurations" + (f" with {limits}" if limits else "")
    if note := winner.row.note:
        among += f" ({note})"
    if len(allowed) == 1:
        return f"{described(winner)} is the only configuration{f' with {limits}' if limits else ''}."
    if not within:
        return f"{described(winner)} has the best mean validation accuracy of {among}."
    if winner is best:
        return (
            f"{described(winner)} is the best of {among}, and none that trains fewer weights is shown to be at most "
            f"{in_points(within)} below it."
        )
    return (
        f"{described(winner)} trains the fewest weights ({winner.row.trainable_weights:,}) of the {len(near) - 1} that "
        f"are shown to be at most {in_points(within)} below the best, {described(best)}, among {among}."
    )


def _certainty(allowed: Sequence[Contender], claims: Claims) -> str:
    """From how many others the best can be told; as it was chosen by the same runs, corrected for all comparisons."""
    best = allowed[0]
    if len(allowed) == 1:
        return ""
    if len(best.runs) == 1:
        return "With one seed each, nothing can be concluded about configurations: tlcompare replicate --help."
    compared = claims.others_against(best)
    if not compared:
        return ""
    undecided = [c for c in compared if c.verdict == UNDECIDED]
    others = f"{len(compared)} it was compared with"
    if not undecided:
        return f"The best is better than each of the {others}."
    reasons = "; ".join(dict.fromkeys(c.why_undecided for c in undecided))
    return f"For {len(undecided)} of the {others} it cannot be concluded that the best is better ({reasons})."
