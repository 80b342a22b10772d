"""Finished runs, read back from MLflow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import mlflow
import pandas as pd
from mlflow.entities import Run

from tlcompare.errors import TrackingError, did_you_mean
from tlcompare.escaping import uncell
from tlcompare.files import first_line, is_of_the_machine, of_a_full_disk
from tlcompare.tracking.runs import experiment_name
from tlcompare.tracking.store import client, remedy, shown_uri

SWEEP = "tlcompare.sweep"
TRIAL = "tlcompare.trial"
ROLE = "tlcompare.role"
BASELINE = "tlcompare.baseline"
NOTES = "tlcompare.data_notes"
DATA = "tlcompare.data"
"""Where a sweep's images were when it last went on."""
DECISION = "tlcompare.decision"
"""The name of a decision."""
ASKED, BUDGET, TAKEN, TIME_OVER = (f"tlcompare.{what}" for what in ("asked", "budget_s", "taken_s", "time_over"))
"""What a sweep or a decision is about; seconds it may take, and has taken, by stage; whether these ended it."""
QUESTIONS = "tlcompare.questions"
"""What a race over seeds is to answer, written before its first seed."""
FINALISTS = "finalists.json"
_ROUNDING = 0.00005
"""Of the share of layers that runs log."""
_DONE = "attributes.status = 'FINISHED'"
OPENED_AT, OPENED_BY = "tlcompare.test_opened_at", "tlcompare.test_opened_by"


@dataclass(frozen=True)
class LoggedRun:
    """A run as MLflow holds it; `artifacts` is where its files are."""

    run_id: str
    name: str
    status: str
    artifacts: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]

    @property
    def listed_layers(self) -> int:
        """How many layers its backbone had, as its strategy counts them; 0 where that cannot be told."""
        if "listed_layers" in self.params:
            return int(self.params["listed_layers"])
        unfrozen, share = int(self.params["unfrozen_layers"]), float(self.params["unfrozen_share"])
        exact = share > 0 and unfrozen / share * _ROUNDING < share / 2
        return round(unfrozen / share) if exact else 0


def runs_by_id(run_ids: Sequence[str]) -> list[LoggedRun]:
    """The runs with these ids.

    Raises:
        TrackingError: there is no such run.
    """
    try:
        return [_logged(client().get_run(run_id.removeprefix("runs:/"))) for run_id in run_ids]
    except (mlflow.MlflowException, OSError) as e:
        raise TrackingError(f"in {shown_uri()}: {first_line(e)}", "Take the id from the run's page.") from e


def logged(run_id: str) -> LoggedRun:
    """A run that is there."""
    with readable():
        return _logged(client().get_run(run_id))


def runs_of_experiment(name: str | None) -> list[LoggedRun]:
    """The finished runs of an experiment, the oldest first.

    Raises:
        TrackingError: there is no such experiment.
    """
    with readable():
        name = experiment_name(name)
        experiment = client().get_experiment_by_name(name)
        if experiment is None:
            there_are = client().search_experiments()
            every = [e.name for e in there_are if client().search_runs([e.experiment_id], _DONE, max_results=1)]
            there = f"There are {', '.join(every[:10])}: take one of these." if every else "No run has finished."
            hint = did_you_mean(name, every) or there
            raise TrackingError(f'{shown_uri()} has no experiment "{name}"', hint)
        return _search([experiment.experiment_id], _DONE)


def sweep_run(name: str) -> LoggedRun:
    """The run of a sweep, by the sweep's name.

    Raises:
        TrackingError: there is no such sweep.
    """
    sweeps = sweep_runs()
    if name in sweeps:
        return sweeps[name]
    every = sorted(sweeps)
    there = f"There are {', '.join(every)}." if every else "There is none: tlcompare sweep --help"
    raise TrackingError(f'{shown_uri()} has no sweep "{name}"', f"{did_you_mean(name, every)} {there}".strip())


def sweep_names() -> list[str]:
    return sorted(sweep_runs())


def opening(sweep: LoggedRun) -> str:
    """When and by whom the test set of a sweep was opened; empty while it is sealed."""
    at = sweep.tags.get(OPENED_AT)
    return f"opened on {at} by {sweep.tags.get(OPENED_BY)}" if at else ""


def warning_if_opened(sweep: LoggedRun) -> str:
    """What is to be said before more is chosen in a sweep whose test set was opened; empty while it is sealed."""
    opened = opening(sweep)
    return f"warning: the test set of this sweep was {opened}; what is chosen now may know its scores" if opened else ""


def trials_of(parent_run_id: str) -> list[LoggedRun]:
    """The runs of a sweep's trials, in the order of their numbers."""
    return sorted((r for r in below(parent_run_id) if TRIAL in r.tags), key=lambda r: int(r.tags[TRIAL]))


def replicates_of(parent_run_id: str) -> list[LoggedRun]:
    """The runs of a sweep that repeat its configurations with other seeds, whatever their state, the oldest first."""
    return [r for r in below(parent_run_id) if r.tags.get(ROLE) == "replicate"]


def opened_elsewhere(run: LoggedRun, sweep_run_id: str, own_split: bool) -> int:
    """How many runs that do not belong to a sweep were scored on the test images of this run; `own_split` where the
    data came with its test images."""
    names = ["data_digest"] if own_split else ["data_digest", "split_seed", "test_fraction"]
    same = [f"params.{name} = '{run.params[name]}'" for name in names]
    with readable():
        everywhere = [e.experiment_id for e in client().search_experiments()]
        found = _search(everywhere, " AND ".join([*same, "tags.`tlcompare.test_opened` = 'true'"]))
    return sum(r.tags.get("mlflow.parentRunId") != sweep_run_id for r in found)


def file_of(run: LoggedRun, path: str) -> str:
    """The text of a file that a run holds.

    Raises:
        TrackingError: it has none of this name.
    """
    try:
        return str(mlflow.artifacts.load_text(f"{run.artifacts}/{path}"))
    except (mlflow.MlflowException, OSError) as e:
        hint = "Its artifacts were deleted, or lie where this machine cannot read them."
        raise TrackingError(f"run {run.run_id} in {shown_uri()} holds no {path}: {first_line(e)}", hint) from e


def history_of(run: LoggedRun, metric: str) -> dict[int, float]:
    """The values of a metric by step."""
    with readable():
        return {m.step: m.value for m in client().get_metric_history(run.run_id, metric)}


def predictions_of(run: LoggedRun, part: str) -> pd.DataFrame:
    """File, true and predicted class, and whether they agree, of every image of `val` or `test`.

    Raises:
        TrackingError: the run did not log them.
    """
    text = io.StringIO(file_of(run, f"predictions/{part}.csv"))
    kinds = {"file": str, "true": str, "predicted": str, "right": int}
    found = pd.read_csv(text, usecols=list(kinds), dtype=kinds, keep_default_na=False)
    return found.assign(**{name: found[name].map(uncell) for name, kind in kinds.items() if kind is str})


def below(parent_run_id: str) -> list[LoggedRun]:
    """The runs just below another, the oldest first."""
    with readable():
        parent = client().get_run(parent_run_id)
        return _search([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent_run_id}'")


@contextmanager
def readable() -> Iterator[None]:
    """Turns MLflow's failure to answer into one sentence; that this machine has no room says the command line."""
    try:
        yield
    except (mlflow.MlflowException, OSError) as e:
        if is_of_the_machine(e):
            raise
        why, hint = of_a_full_disk(e, remedy())
        raise TrackingError(f"{shown_uri()} cannot be read: {why}", hint) from e


def _search(experiments: list[str], condition: str) -> list[LoggedRun]:
    """Every run that meets the condition, the oldest first."""
    runs: list[LoggedRun] = []
    token = None
    while token != "":
        page = client().search_runs(experiments, condition, order_by=["attributes.start_time ASC"], page_token=token)
        runs += [_logged(run) for run in page]
        token = page.token or ""
    return runs


def sweep_runs() -> dict[str, LoggedRun]:
    """The runs of all sweeps by name, in all experiments, the oldest first; of two with the same name, the newer."""
    return {run.tags[SWEEP]: run for run in _of_role("sweep") if SWEEP in run.tags}


def decision_runs() -> dict[str, LoggedRun]:
    """The runs of all decisions by name, in all experiments, the oldest first; of two with the same name, the newer."""
    return {run.tags[DECISION]: run for run in _of_role("decision") if DECISION in run.tags}


def _of_role(role: str) -> list[LoggedRun]:
    """The runs of this role in all experiments, the oldest first."""
    with readable():
        everywhere = [e.experiment_id for e in client().search_experiments()]
        return _search(everywhere, f"tags.`{ROLE}` = '{role}'")


def _logged(run: Run) -> LoggedRun:
    info, data = run.info, run.data
    return LoggedRun(info.run_id, info.run_name, info.status, info.artifact_uri, data.params, data.metrics, data.tags)
