"""Which engine runs what."""

from __future__ import annotations

from tlcompare.engines.in_process import InProcess
from tlcompare.engines.jobs import Engine
from tlcompare.engines.processes import Processes
from tlcompare.preparation import Workbench


def engine_for(jobs: int, workbench: Workbench) -> Engine:
    """One that runs so many jobs at a time; a single one in this process, with what is on the workbench."""
    return InProcess(workbench) if jobs == 1 else Processes(jobs)
