"""The trials of a sweep as one table, computed from what MLflow holds."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tlcompare.tracking.reading import TRIAL, LoggedRun
from tlcompare.tracking.record import METRICS

_TEXTS = ("backbone", "strategy", "strategy_family")
_WHOLE = ("unfrozen_layers", "trainable_parameters", "seed", "epochs", "head_first")
_NUMBERS = ("depth", "trainable_fraction", "lr", "log10_lr", "head_lr", "layer_decay")
_COLUMNS = ("trial", "state", *_TEXTS, *_WHOLE, *_NUMBERS, *METRICS, "val/epoch_accuracy", "reason", "run_id")


def trials_table(runs: Sequence[LoggedRun]) -> pd.DataFrame:
    """One row per trial in the order of their numbers; what a trial did not get to is missing.

    Columns: trial, state (finished, pruned, failed, interrupted or running), what was chosen, metrics by their MLflow
    names, reason, run_id.
    """
    return pd.DataFrame([_row(run) for run in runs], columns=list(_COLUMNS))


def _row(run: LoggedRun) -> dict[str, object]:
    chosen = {name: run.params.get(name) for name in _TEXTS}
    numbers = {name: float(run.params[name]) if name in run.params else None for name in _NUMBERS}
    whole = {name: int(run.params[name]) if name in run.params else None for name in _WHOLE}
    return {
        "trial": int(run.tags[TRIAL]),
        "state": run.tags.get("tlcompare.state", run.status.lower()),
        **chosen,
        **whole,
        **numbers,
        **{name: run.metrics.get(name) for name in (*METRICS, "val/epoch_accuracy")},
        "reason": run.tags.get("tlcompare.reason", ""),
        "run_id": run.run_id,
    }
