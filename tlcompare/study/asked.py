"""What a decision is asked, and the run in MLflow that goes on with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from tlcompare.config import flag, resolve
from tlcompare.errors import StudyError
from tlcompare.files import cache_dir, locked
from tlcompare.study.planning import EPOCH_PATIENCE, Request, settled
from tlcompare.study.studies import DEFAULT_STORAGE, Studies, checked_name
from tlcompare.tracking.alive import alive
from tlcompare.tracking.reading import ASKED, BUDGET, TAKEN, TIME_OVER, LoggedRun, decision_runs, sweep_names
from tlcompare.tracking.sweeps import SweepLog, alone_with, open_decision, reopen_sweep

_LIMITS = ("trials", "patience")


@dataclass(frozen=True)
class Asked:
    """What a decision is to be about, and how; None where the user did not say.

    Attributes:
        request: what is explored.
        top, most, margin: as for `race`.
        budget: seconds that it may take in all.
        keep_sealed: whether the test images stay sealed.
        output: file of the report; None is the decision's name.
    """

    request: Request
    top: int | None = None
    most: int | None = None
    margin: float | None = None
    budget: float | None = None
    keep_sealed: bool = False
    output: str | None = None

    @property
    def question(self) -> dict[str, Any]:
        """What makes two decisions the same, by the names that the command line gives it."""
        said = {"top": self.top, "max_seeds": self.most, "within": self.margin}
        return self.request.question | {name: value for name, value in said.items() if value is not None}

    def asking(self, question: Mapping[str, Any]) -> Asked:
        """It with the question of an earlier sitting; the images may have moved, which shows in their digest."""
        said = dict(question)
        space, pruner, models = said.pop("space", None), said.pop("pruner", None), tuple(said.pop("model", ()))
        limits = dict(self.request.limits or {}) | {name: said.pop(name) for name in _LIMITS if name in said}
        top, most, margin = (said.pop(name, None) for name in ("top", "max_seeds", "within"))
        options = {"patience" if name == EPOCH_PATIENCE else name: value for name, value in said.items()}
        options |= {name: value for name, value in settled(self.request.options or {}).items() if name == "data"}
        request = replace(self.request, space=space, pruner=pruner, models=models, options=options, limits=limits)
        return replace(self, request=request, top=top, most=most, margin=margin)


def open_run(asked: Asked, held: ExitStack) -> tuple[SweepLog, Asked, LoggedRun | None]:
    """The run of a decision, what it asks, with its name, and the run as earlier sittings left it.

    Args:
        asked: by the user.
        held: keeps other processes of this machine out until it is closed.

    Raises:
        StudyError: the name is taken, or was given to another question.
        TrackingError: another process is at it.
    """
    with locked(cache_dir() / "decisions"):
        known = decision_runs()
        before = _before(asked, known)
        if before is None:
            name = asked.request.name or _new_name(asked, known)
            config = resolve(asked.request.options or {})
            log = open_decision(name, {ASKED: json.dumps(asked.question)}, config)
            held.enter_context(alone_with(log.run_id, "decision"))
        else:
            name = next(name for name, run in known.items() if run is before)
            asked = asked.asking(json.loads(before.tags[ASKED]))
            if asked.request.name and not asked.budget:
                asked = replace(asked, budget=float(before.tags.get(BUDGET, 0)) or None)
            held.enter_context(alone_with(before.run_id, "decision"))
            log = reopen_sweep(before.run_id, name, noun="decision")
    log.tags({BUDGET: asked.budget or 0})
    held.enter_context(alive(log.run_id))
    return log, replace(asked, request=replace(asked.request, name=name)), before


def _before(asked: Asked, known: Mapping[str, LoggedRun]) -> LoggedRun | None:
    """The decision that goes on: the one of this name, or the last about the same that has not ended.

    Raises:
        StudyError: the one of this name is about something else, or a sweep has the name.
    """
    name, question = asked.request.name, asked.question
    if name is None:
        same = [r for r in known.values() if json.loads(r.tags[ASKED]) == question and _goes_on_with(r, asked)]
        return same[-1] if same else None
    checked_name(name)
    if name not in known:
        if name in sweep_names():
            raise StudyError(
                f'there is a sweep "{name}" that no decision has made',
                f"Go on with it: tlcompare replicate --sweep {name} --until-decided; or take another --name.",
            )
        return None
    before = json.loads(known[name].tags[ASKED])
    if changed := [key for key, value in question.items() if key != "data" and before.get(key) != value]:
        key = changed[0]
        raise StudyError(
            f'the decision "{name}" was begun with {flag(key)} {before.get(key, "left open")}, not {question[key]}',
            "Go on without it, or take another --name.",
        )
    return known[name]


def _goes_on_with(run: LoggedRun, asked: Asked) -> bool:
    """Whether a decision has not ended, or only because there was no more time, which there is now."""
    if run.status != "FINISHED":
        return True
    taken = sum(json.loads(run.tags.get(TAKEN, "{}")).values())
    return run.tags.get(TIME_OVER) == "true" and (asked.budget or math.inf) > taken


def _new_name(asked: Asked, known: Mapping[str, LoggedRun]) -> str:
    taken = {*known, *sweep_names(), *Studies(asked.request.storage or DEFAULT_STORAGE).names()}
    return next(name for n in range(1, len(taken) + 2) if (name := f"decide-{n}") not in taken)
