"""The time that a decision may take, over all its sittings."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

BEGIN_TRIALS, END_TRIALS, SEEDS = 0.5, 0.7, 0.9
"""Shares of the budget after which no trial begins, those that run end with their epoch, and seeds end; the rest is for
the test images and the report."""
ENOUGH_EXPLORED = f"{BEGIN_TRIALS:.0%} of the time is over"
"""Why exploring ended, where that was for the time."""
_LAST_S = 20.0
"""What the test images and the report take where there is little."""
_KEEP_S = 5.0


class Clock:
    """Counts what the stages of a decision take, over all sittings.

    Args:
        budget: seconds in all; None is no limit.
        taken: seconds of earlier sittings, by stage.
        keep: is given what was taken so far, so that a later sitting can go on counting; every few seconds, when
            somebody asks what is left, and at the end of a stage.
        began: when this sitting began, by `time.monotonic`; None is now.
    """

    def __init__(
        self,
        budget: float | None = None,
        taken: Mapping[str, float] | None = None,
        keep: Callable[[Mapping[str, float]], None] = lambda taken: None,
        began: float | None = None,
    ) -> None:
        self.budget = budget
        self._taken = dict(taken or {})
        self._keep = keep
        self._since = self._kept = time.monotonic() if began is None else began
        self._stage = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time counts for this stage until the block ends."""
        self._stage = name
        try:
            yield
        finally:
            self._taken = self.taken
            self._since = time.monotonic()
            self._keep(self._taken)
            self._stage = ""

    @property
    def taken(self) -> dict[str, float]:
        """Seconds so far, by stage; those of no stage count for the next."""
        passed = time.monotonic() - self._since
        return self._taken | ({self._stage: self._taken.get(self._stage, 0.0) + passed} if self._stage else {})

    def left(self, share: float = 1.0) -> float:
        """Seconds until this share of the budget is taken, or what test and report need at least is left; infinite
        without a budget."""
        taken = self.taken
        if time.monotonic() - self._kept > _KEEP_S:
            self._kept = time.monotonic()
            self._keep(taken)
        if self.budget is None:
            return math.inf
        end = self.budget if share == 1 else min(share * self.budget, self.budget - _LAST_S)
        return end - sum(taken.values())
