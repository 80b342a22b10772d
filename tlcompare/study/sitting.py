"""One sitting at a decision: what its stages share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tlcompare.study.clock import Clock
from tlcompare.study.planning import Plan
from tlcompare.study.view import View


@dataclass(frozen=True)
class Sitting:
    """What a sweep or a race needs to know of the decision that it is a stage of.

    Attributes:
        run_id: of the decision's run.
        view: is told how far it is.
        again: the command that goes on.
        planned: is told what exploring has before it, before its first trial.
        clock: of the decision.
    """

    run_id: str
    view: View
    again: str
    planned: Callable[[Plan], None]
    clock: Clock
