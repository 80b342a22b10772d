"""What a sweep leaves in its MLflow run."""

from __future__ import annotations

import optuna

from tlcompare.study.planning import Plan
from tlcompare.tracking.sweeps import SweepLog


def leave_summary(log: SweepLog, name: str, study: optuna.Study, plan: Plan, stopped: str) -> str:
    return stopped
