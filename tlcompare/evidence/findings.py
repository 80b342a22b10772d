"""What the contenders of a sweep add up to: response to depth, worth and cost, who gains, what is luck."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tlcompare.evidence.contenders import Contender, in_common, within
from tlcompare.evidence.gathered import Evidence
from tlcompare.evidence.pick import Pick, pick
from tlcompare.evidence.questions import BETTER, WORSE
from tlcompare.evidence.statistics import Interval, Optimism, holm, interval, optimism, rank_correlation, sign_flip
from tlcompare.evidence.verdicts import UNDECIDED, Claims, Comparison, claims_of
from tlcompare.tracking.reading import LoggedRun, file_of, predictions_of
from tlcompare.training.probe import BlockProbe, as_probes

COSTS = {
    "cost/trainable_parameters": "trainable weights",
    "cost/train_seconds": "training time (s)",
    "cost/latency_p50_ms": "latency of one image (ms)",
    "cost/model_mb": "model size (MB)",
}
FRONT, DOMINATED = "on the front", "dominated"
_MARGIN = 0.01


@dataclass(frozen=True)
class Response:
    """How accuracy answers to depth, among the contenders of one backbone that train everything from a layer on.

    Attributes:
        points: by depth.
        best: the one with the highest mean.
        knee: the least deep that is shown to lose no more than the margin to the best.
        too_few: those less deep than the best that are worse than it.
        too_many: those deeper than the best that are worse than it.
        undecided: the others.
    """

    points: tuple[Contender, ...]
    best: Contender
    knee: Contender
    too_few: tuple[Comparison, ...]
    too_many: tuple[Comparison, ...]
    undecided: tuple[Comparison, ...]


def response(contenders: Sequence[Contender], claims: Claims, margin: float) -> Response | None:
    """The response of one backbone, its contenders given with the best first; None with fewer than two depths."""
    tails = [c for c in contenders if c.is_tail]
    if len({c.depth for c in tails}) < 2:
        return None
    best = tails[0]
    compared = (*claims.with_best, *claims.with_best_tail)
    found = [c for c in compared if c.contender in tails and c.other is best]
    worse = [c for c in found if c.verdict == WORSE]
    points = tuple(sorted(tails, key=lambda c: c.depth))
    return Response(
        points=points,
        best=best,
        knee=next(c for c in points if claims.not_worse(c, best, margin)),
        too_few=tuple(c for c in worse if c.contender.depth < best.depth),
        too_many=tuple(c for c in worse if c.contender.depth > best.depth),
        undecided=tuple(c for c in found if c.verdict == UNDECIDED),
    )


def pareto(contenders: Sequence[Contender], cost: str) -> list[str]:
    """For each contender: on the front, if none that costs no more has a higher mean; dominated, if one of those is
    better by a 95 % interval above 0 over several seeds; else it cannot be concluded."""
    states = []
    for c in contenders:
        rivals = [d for d in contenders if d is not c and d.mean(cost) <= c.mean(cost)]
        higher = [d for d in rivals if d.accuracy.estimate > c.accuracy.estimate]
        if not higher:
            states.append(FRONT)
        else:
            shown = len(c.runs) > 1 and any(d.minus(c).low > 0 for d in higher)
            states.append(DOMINATED if shown else UNDECIDED)
    return states


@dataclass(frozen=True)
class ClassChange:
    """What unfreezing does to one class.

    Attributes:
        name: of the class.
        images: validation images of it.
        recall: difference in recall, the unfrozen minus the frozen, in -1..1.
        p: the larger of the two-level and the sign-flip test's, corrected for all classes.
    """

    name: str
    images: int
    recall: Interval
    p: float


@dataclass(frozen=True)
class Diagnosis:
    """What unfreezing changes for one backbone.

    Attributes:
        unfrozen: its best contender that is not the baseline.
        baseline: the baseline.
        classes: change of each class, the largest gain first.
        gained, lost: files of validation images that most seeds have right only unfrozen, or only frozen.
        forgot: whether the baseline is better than every other.
    """

    unfrozen: Contender
    baseline: Contender
    classes: tuple[ClassChange, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    forgot: bool


def diagnosis(contenders: Sequence[Contender], claims: Claims) -> Diagnosis | None:
    """The diagnosis of one backbone, its contenders given with the best first; None without baseline or rival."""
    compared = _rivals(contenders[0].backbone, claims)
    if not compared:
        return None
    unfrozen, baseline = in_common(compared[0].contender, compared[0].other)
    truth = np.asarray(unfrozen.truth)
    names = sorted(set(unfrozen.truth))
    changes = []
    for name in names:
        of_class = (unfrozen.right - baseline.right)[:, truth == name]
        of_class = of_class[~np.isnan(of_class).all(1)]
        trained_on = unfrozen.trained_on and round(unfrozen.trained_on * (truth == name).mean())
        change = within(interval(of_class, trained_on), -1.0)
        p = max(change.p, sign_flip(np.nanmean(of_class, 1)).p)
        changes.append(ClassChange(name, int((truth == name).sum()), change, p))
    corrected = holm([c.p for c in changes])
    changes = [replace(c, p=p) for c, p in zip(changes, corrected, strict=True)]
    shares = [np.nanmean(c.right, 0) for c in (unfrozen, baseline)]
    gained, lost = (
        tuple(np.asarray(unfrozen.files)[(a > 0.5) & (b < 0.5)]) for a, b in (shares, list(reversed(shares)))
    )
    return Diagnosis(
        unfrozen=unfrozen,
        baseline=baseline,
        classes=tuple(sorted(changes, key=lambda c: -c.recall.estimate)),
        gained=gained,
        lost=lost,
        forgot=all(c.verdict == WORSE for c in compared),
    )


def worth_it(backbone: str, claims: Claims) -> tuple[str, Comparison] | None:
    """Whether unfreezing a backbone is worth it: `better`, `worse` or `cannot conclude`, and the comparison that says
    so; None without a baseline."""
    compared = _rivals(backbone, claims)
    if not compared:
        return None
    better = next((c for c in compared if c.verdict == BETTER), None)
    if better is not None:
        return BETTER, better
    return (WORSE if all(c.verdict == WORSE for c in compared) else UNDECIDED), compared[0]


def _rivals(backbone: str, claims: Claims) -> list[Comparison]:
    """The comparisons of a backbone's baseline with every other strategy, the best first."""
    own = [c for c in claims.with_baseline if c.contender.backbone == backbone]
    return [c for c in own if c.contender.strategy != c.other.strategy]


@dataclass(frozen=True)
class Winner:
    """The best trial of a sweep, and how much of its score is luck.

    Attributes:
        run: of the trial.
        corrected: its score among the others, corrected for having been chosen.
        again: accuracy of its configuration with other seeds; None if it was not run again.
    """

    run: LoggedRun
    corrected: Optimism
    again: Interval | None


def winner(evidence: Evidence) -> Winner:
    """What is to be said of the best trial of a sweep."""
    best, corrected = luck(evidence.trials)
    key = best.tags["tlcompare.configuration"]
    again = next((c.accuracy for c in evidence.contenders if c.key == key), None)
    return Winner(best, corrected, again)


def luck(trials: Sequence[LoggedRun]) -> tuple[LoggedRun, Optimism]:
    """The finished trial with the best validation accuracy, and how much of that the choice itself has made.

    Args:
        trials: of one sweep, at least one of them finished.
    """
    finished = [r for r in trials if r.status == "FINISHED" and "val/accuracy" in r.metrics]
    right = np.stack([predictions_of(r, "val").sort_values("file")["right"].to_numpy(float) for r in finished])
    return finished[int(right.mean(1).argmax())], optimism(right)


@dataclass(frozen=True)
class Foresight:
    """Whether a probe of a backbone foresaw the ranking of its trials.

    Attributes:
        ridge: Spearman's correlation of the trials' validation accuracy with the ridge accuracy of what their frozen
            part gives, and its p-value.
        gradient: the same with the relative gradient of the blocks they train, taken together.
        trials: how many.
    """

    ridge: tuple[float, float]
    gradient: tuple[float, float]
    trials: int


def foresight(trials: Sequence[LoggedRun], backbone: str, probes: Sequence[dict[str, float | str]]) -> Foresight | None:
    """Compare a probe with the finished trials of its backbone that train something; None with fewer than three."""
    blocks = [str(p["block"]) for p in probes]
    ridge = {str(p["block"]): float(p["ridge"]) for p in probes}
    gradient = {str(p["block"]): float(p["relative_gradient"]) for p in probes}
    rows = []
    for run in trials:
        trained = [b for b in blocks if run.params.get(f"block.{b}") == "1"]
        if run.status == "FINISHED" and run.params.get("backbone") == backbone and trained:
            before = blocks.index(trained[0])
            known = ridge[blocks[before - 1]] if before else 0.0
            rows.append((run.metrics["val/accuracy"], known, sum(gradient[b] for b in trained)))
    if len(rows) < 3:
        return None
    accuracy, knowledge, changes = zip(*rows, strict=True)
    return Foresight(rank_correlation(accuracy, knowledge), rank_correlation(accuracy, changes), len(rows))


@dataclass(frozen=True)
class Architecture:
    """A backbone as it was run: its size with the head, the side of its images in pixels, the source of its weights."""

    layers: int
    blocks: int
    weights: int
    image_size: int
    pretrained: str


def architecture(run: LoggedRun) -> Architecture:
    """The backbone of a run."""
    layers = pd.read_csv(io.StringIO(file_of(run, "layers.csv")), dtype={"block": str}, keep_default_na=False)
    return Architecture(
        layers=len(layers),
        blocks=sum(name.startswith("block.") for name in run.params),
        weights=round(run.metrics["cost/total_parameters"]),
        image_size=int(run.params["image_size"]),
        pretrained=run.tags.get("weights", run.params["weights"]),
    )


@dataclass(frozen=True)
class Findings:
    """Everything that a report says of a sweep, computed from its runs.

    Attributes:
        margin: below the best, in 0..1, within which the cheaper is good enough.
        architectures, responses, diagnoses, probes, foresights: by backbone, where there is one.
    """

    evidence: Evidence
    baseline: str
    margin: float
    claims: Claims
    picked: Pick
    winner: Winner
    architectures: dict[str, Architecture]
    responses: dict[str, Response]
    diagnoses: dict[str, Diagnosis]
    probes: dict[str, list[BlockProbe]]
    foresights: dict[str, Foresight]


def find(evidence: Evidence, baseline: str, margin: float | None = None) -> Findings:
    """Compute what there is to say.

    Args:
        evidence: of a sweep.
        baseline: the strategy that others must beat.
        margin: below the best, in 0..1, within which the cheaper is good enough; None is that of a race, else 1 %.

    Raises:
        ConfigError: no contender has the baseline's strategy, or a race was run for another one, or another margin.
    """
    claims = claims_of(evidence.contenders, evidence.race, baseline)
    if margin is None:
        margin = _MARGIN if claims.margin is None else claims.margin
    backbones = evidence.backbones
    probes = json.loads(file_of(evidence.sweep, "sweep.json")).get("probes", {})
    own = {b: evidence.of(b) for b in backbones}
    responses = {b: r for b in backbones if (r := response(own[b], claims, margin)) is not None}
    diagnoses = {b: d for b in backbones if (d := diagnosis(own[b], claims)) is not None}
    found = {b: f for b in backbones if b in probes and (f := foresight(evidence.trials, b, probes[b])) is not None}
    return Findings(
        evidence=evidence,
        baseline=baseline,
        margin=margin,
        claims=claims,
        picked=pick(evidence.contenders, margin, baseline=baseline, race=evidence.race),
        winner=winner(evidence),
        architectures={b: architecture(own[b][0].runs[0]) for b in backbones},
        responses=responses,
        diagnoses=diagnoses,
        probes={b: as_probes(rows) for b, rows in probes.items()},
        foresights=found,
    )
