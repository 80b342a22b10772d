"""Jobs one after another, in this process."""

from __future__ import annotations

from tlcompare.engines.attempt import attempt
from tlcompare.engines.jobs import NextJob, Watch
from tlcompare.engines.processes import Processes
from tlcompare.preparation import Workbench


class InProcess:
    """One job after another, in this process; should it lose its device, the others run in one of their own."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def run(self, next_job: NextJob, watch: Watch) -> None:
        while (job := next_job()) is not None:
            outcome = attempt(job, watch, self._workbench)
            watch.ended(job, outcome)
            if outcome.lost:
                Processes(1).run(next_job, watch)
