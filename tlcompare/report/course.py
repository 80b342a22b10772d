"""How a race over seeds went: what was settled, dropped or given up, and when."""

from __future__ import annotations

from collections.abc import Mapping

from tlcompare.evidence.gathered import Evidence
from tlcompare.evidence.questions import AS_GOOD, GIVEN_UP, OPEN, WORSE, Answer, Standing
from tlcompare.evidence.race import course
from tlcompare.evidence.verdicts import needs
from tlcompare.report.standing import points

_SAID = {WORSE: "worse, dropped", AS_GOOD: "as good, no further seeds"}


def course_lines(evidence: Evidence) -> list[str]:
    """What each look at the seeds brought, in the order of the looks; nothing where there was no race."""
    if evidence.race is None:
        return []
    labels = {c.key: c.label for c in evidence.contenders}
    lines = []
    before: dict[str, Answer] = {}
    for step in course(evidence.race.questions, evidence.contenders):
        now = _answers(step)
        for contender, answer in now.items():
            if answer.seen is not None and answer != before.get(contender):
                lines.append(_line(answer, labels))
        before = now
    return lines


def _answers(step: Standing) -> dict[str, Answer]:
    return {answer.contender: answer for answer in (step.worth, *step.rivals)}


def _line(answer: Answer, labels: Mapping[str, str]) -> str:
    assert answer.seen is not None
    difference = answer.seen.difference
    verdict = _SAID.get(answer.verdict, answer.verdict)
    if answer.verdict == OPEN:
        verdict = "open, more seeds follow"
    if answer.verdict == GIVEN_UP:
        verdict = f"given up, since {needs(answer.needed)}"
    return (
        f"{difference.seeds} seeds: {labels[answer.contender]} against {labels[answer.other]}: "
        f"{points(difference, 1)} points: {verdict}"
    )
