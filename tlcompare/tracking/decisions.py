"""What a decision found of each configuration, as MLflow runs of their own, so that its UI can chart it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlcompare.tracking.log import RunLog
from tlcompare.tracking.reading import ROLE, SWEEP, below, readable
from tlcompare.tracking.runs import new_run
from tlcompare.tracking.store import client

_ROLE = "configuration"


@dataclass(frozen=True)
class Summary:
    """A configuration over all its seeds.

    Attributes:
        label: it in a few words.
        params: what it is, and what is shown of it.
        metrics: means and their intervals; what is None is left out.
    """

    label: str
    params: Mapping[str, object]
    metrics: Mapping[str, float | None]


def leave_configurations(log: RunLog, sweep: str, found: Sequence[Summary]) -> None:
    """Write a run for each configuration below a decision's, in place of those of an earlier sitting."""
    with readable():
        for run in below(log.run_id):
            if run.tags.get(ROLE) == _ROLE:
                client().delete_run(run.run_id)
        experiment = client().get_run(log.run_id).info.experiment_id
        tags = {"mlflow.parentRunId": log.run_id, SWEEP: sweep, ROLE: _ROLE}
        for one in found:
            own = RunLog(new_run(experiment, one.label, tags))
            own.params({name: value for name, value in one.params.items() if value is not None})
            own.metrics_of_steps({0: {name: value for name, value in one.metrics.items() if value is not None}})
            own.end("FINISHED")
