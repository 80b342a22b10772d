"""What a decision says: in sentences, as JSON, on its run's page, and as a run for each configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlcompare.evidence.contenders import Contender
from tlcompare.evidence.gathered import Evidence
from tlcompare.evidence.pick import Pick, described, shown
from tlcompare.evidence.questions import AS_GOOD, BETTER, WORSE
from tlcompare.evidence.verdicts import UNDECIDED, Claims, Comparison, claims_of, in_points
from tlcompare.report.course import course_lines
from tlcompare.report.standing import points, standing
from tlcompare.report.table import markdown
from tlcompare.tracking.decisions import Summary

_VERDICTS = {BETTER: 1.0, AS_GOOD: 0.0, WORSE: -1.0}
_LOGGED = {
    "val_accuracy/mean": "val_accuracy",
    "val_accuracy/low": "val_accuracy_low",
    "val_accuracy/high": "val_accuracy_high",
    "test_accuracy/mean": "test_accuracy",
    "test_accuracy/low": "test_accuracy_low",
    "test_accuracy/high": "test_accuracy_high",
    "gain/mean": "minus_baseline",
    "gain/low": "minus_baseline_low",
    "gain/high": "minus_baseline_high",
    "gain/p": "p_baseline",
    "against_best/mean": "minus_best",
    "against_best/low": "minus_best_low",
    "against_best/high": "minus_best_high",
    "against_best/p": "p_best",
    "seeds": "seeds",
    "train_seconds/mean": "train_seconds",
}


CONTENDERS = ("configuration", "seeds", "validation", "to frozen", "", "to the winner", "", "test", "weights")


@dataclass(frozen=True)
class Decision:
    """What was decided.

    Attributes:
        sentences: it in a few sentences.
        numbers: it as JSON can hold it.
        evidence: what it rests on; None where no seed has finished.
    """

    sentences: tuple[str, ...]
    numbers: Mapping[str, Any]
    evidence: Evidence | None

    def note(self, look: str) -> str:
        """It in Markdown, for its run's page.

        Args:
            look: where the saved view is.
        """
        said = "\n\n".join(f"**{s}**" if i == 0 else s for i, s in enumerate(self.sentences))
        if self.evidence is None:
            return said
        claims = claims_of(self.evidence.contenders, self.evidence.race)
        table = markdown([CONTENDERS, *contender_rows(self.evidence, claims)])
        course = "\n".join(f"- {line}" for line in (self._explored, *course_lines(self.evidence)))
        seconds = ", ".join(f"{stage} {s:,.0f} s" for stage, s in self.numbers["seconds"].items())
        return (
            f"{said}\n\n**The contenders**\n\n{table}\n\n{claims.rule}\n\n**How it came about**\n\n{course}\n\n"
            f"Time: {seconds}. Figures and the report are under *Artifacts*; the means with their intervals are runs "
            f"below this one: {look}\n"
        )

    @property
    def _explored(self) -> str:
        assert self.evidence is not None
        trials = self.evidence.trials
        ended = sum(t.status == "FINISHED" for t in trials)
        return f"explored {len(trials)} trials, {ended} to their end; {len(self.evidence.contenders)} went on to seeds"

    @property
    def metrics(self) -> dict[str, float]:
        """The winner's gain over the baseline, how accurate what is to be used is, and seconds by stage."""
        gained = (v for c in self.configurations for v in c.metrics.items() if v[0].startswith("gain/"))
        used = (v for c in self.configurations[:1] for v in c.metrics.items() if "_accuracy/" in v[0])
        found = {name: value for name, value in (*gained, *used) if value is not None}
        return found | {f"seconds/{stage}": seconds for stage, seconds in self.numbers["seconds"].items()}

    @property
    def configurations(self) -> list[Summary]:
        """Each configuration over all its seeds."""
        if self.evidence is None:
            return []
        claims = claims_of(self.evidence.contenders, self.evidence.race)
        found = []
        for c, row in zip(self.evidence.contenders, standing(self.evidence.contenders, claims), strict=True):
            names = ("backbone", "strategy", "depth", "lr", "head_lr", "trainable_parameters")
            verdicts = {f"verdict{end}": row[f"verdict_{name}"] for end, name in (("", "baseline"), ("_best", "best"))}
            metrics = {name: row[column] for name, column in _LOGGED.items()}
            metrics |= {"gain/verdict": _VERDICTS.get(str(verdicts["verdict"]))}
            params = {name: c.runs[0].params.get(name) for name in names} | verdicts
            numbers = {n: None if v is None else float(str(v)) for n, v in metrics.items()}
            found.append(Summary(c.label, params, numbers))
        return found


def contender_rows(evidence: Evidence, claims: Claims) -> list[list[str]]:
    """The contenders, the best first, as cells under `CONTENDERS`."""
    return [_row(c, claims) for c in evidence.contenders]


def _row(c: Contender, claims: Claims) -> list[str]:
    """A contender's cells under the headings of the page."""
    test = "sealed" if c.test_accuracy is None else shown(c.test_accuracy)
    cells = [c.label, str(len(c.runs)), shown(c.accuracy)]
    for versus in (claims.against_baseline(c), claims.against_best(c)):
        cells += [points(versus.difference, 1), versus.verdict] if versus else ["-", ""]
    return [*cells, test, f"{c.row.trainable_weights:,}"]


def decision_of(
    name: str,
    run_id: str,
    evidence: Evidence | None,
    picked: Pick | None,
    model: str,
    over: str,
    taken: Mapping[str, float],
    paths: Sequence[str],
) -> Decision:
    """What a decision says.

    Args:
        name, run_id: of the decision.
        evidence: of its sweep; None where no seed has finished.
        picked: what is to be used.
        model: where its model is.
        over: what is to be said where the time was over before all was settled.
        taken: seconds by stage.
        paths: of the report.
    """
    said = ["Nothing is known yet: no seed has finished."]
    if evidence:
        first = sentences(evidence)
        said = [*first[:3], *_test(evidence.contenders[0]), *first[3:]]
    said += [over] if over else []
    numbers: dict[str, Any] = {"decision": name, "run": run_id, "sweep": name, "complete": not over}
    if evidence and picked:
        claims = claims_of(evidence.contenders, evidence.race)
        rows = standing(evidence.contenders, claims)
        use = rows[evidence.contenders.index(picked.winner)] | {"run": picked.run_id, "model": model}
        worth = claims.with_baseline[0].verdict if claims.with_baseline else None
        numbers |= {"worth_it": worth, "use": use, "contenders": rows}
    numbers |= {"seconds": {stage: round(s, 1) for stage, s in taken.items()}, "report": list(paths), "sentences": said}
    return Decision(tuple(said), numbers, evidence)


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
    said = [f"{'Use' if claims.with_baseline else 'Ahead so far:'} {described(best)}."]
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


def _test(best: Contender) -> list[str]:
    test = best.test_accuracy
    return [f"On the test images, which were sealed until then, it has {shown(test)}."] if test else []


def _open(claims: Claims) -> list[str]:
    baselines = [c.other for c in claims.with_baseline]
    left = [c for c in claims.with_best if c.verdict == UNDECIDED and c.contender not in baselines]
    return [f"Open: {c.contender.label} against {c.other.label}, {_numbers(c)}; {c.why_undecided}." for c in left]
