"""A sweep in MLflow: a parent run, a run per trial below it, the champion in the model registry."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from filelock import Timeout
from mlflow import MlflowException

from tlcompare.config import RunConfig
from tlcompare.errors import TrackingError, without_credentials
from tlcompare.files import cache_dir, first_line, locked
from tlcompare.tracking.log import RunLog
from tlcompare.tracking.outbox import forget
from tlcompare.tracking.reading import ASKED, DECISION, ROLE, SWEEP, LoggedRun, readable, replicates_of, trials_of
from tlcompare.tracking.runs import (
    CHECKPOINT,
    PAUSED,
    STUDY_ID,
    experiment_id,
    new_run,
    opened_by_mlflow,
    require_files_of,
)
from tlcompare.tracking.sending import models_of
from tlcompare.tracking.store import client, gone, shown_uri

CHAMPION = "champion"
REPLICATED = "tlcompare.replicated"
_PICKED = "tlcompare.picked"


@dataclass(frozen=True)
class SweepLog(RunLog):
    """The run of a sweep, or of a decision.

    Attributes:
        opened: the run that `mlflow run` opened to go on with what has a run already.
    """

    opened: str | None = None

    def close(self, status: str, reason: str = "") -> None:
        """End as FINISHED, KILLED or FAILED."""
        with readable():
            self.tags({"tlcompare.reason": without_credentials(reason)[:4000]})
            for run_id in filter(None, (self.run_id, self.opened)):
                RunLog(run_id).end(status)


def open_sweep(name: str, study_id: str, config: RunConfig, asked: str, above: str = "") -> SweepLog:
    """A sweep's run for a study that has none yet: the one that `mlflow run` opened, one that an attempt that broke off
    has made, or a new one in the experiment, below another run if one is `above`; `asked` tells requests apart."""
    with readable():
        tags = {SWEEP: name, ROLE: "sweep", STUDY_ID: study_id}
        tags |= {"mlflow.parentRunId": above} if above else {ASKED: asked}
        opened = opened_by_mlflow(study_id=study_id)
        if opened is not None:
            client().update_run(opened.info.run_id, name=name)
            log = SweepLog(opened.info.run_id)
            log.tags(tags)
            return log
        experiment = experiment_id(config)
        made = client().search_runs([experiment], f"tags.`{STUDY_ID}` = '{study_id}'")
        return SweepLog(made[0].info.run_id if made else new_run(experiment, name, tags))


def open_decision(name: str, tags: Mapping[str, str], config: RunConfig) -> SweepLog:
    """A run for a new decision: the one that `mlflow run` opened, or a new one in the experiment."""
    with readable():
        tags = {DECISION: name, ROLE: "decision", **tags}
        opened = opened_by_mlflow()
        if opened is None:
            return SweepLog(new_run(experiment_id(config), name, tags))
        client().update_run(opened.info.run_id, name=name)
        log = SweepLog(opened.info.run_id)
        log.tags(tags)
        return log


def reopen_sweep(run_id: str, name: str, check: Callable[[], None] = lambda: None, noun: str = "sweep") -> SweepLog:
    """The run of a sweep, or of what the `noun` says, that goes on, if `check`, which is called when it was found, does
    not raise.

    Raises:
        TrackingError: this store does not have it, or not its files, or it was deleted.
    """
    with readable():
        if os.environ.get("MLFLOW_RUN_ID") == run_id:
            del os.environ["MLFLOW_RUN_ID"]
        opened = opened_by_mlflow()
        try:
            run = client().get_run(run_id)
        except MlflowException as e:
            if gone(e):
                raise
            raise TrackingError(
                f'the {noun} "{name}" belongs to an MLflow run that {shown_uri()} does not have: {first_line(e)}',
                "Set MLFLOW_TRACKING_URI to the store it was begun with.",
            ) from e
        if run.info.lifecycle_stage != "active":
            raise TrackingError(
                f'the run of the {noun} "{name}" was deleted in MLflow',
                f"Restore it: mlflow runs restore --run-id {run_id}; or begin a {noun} with another --name.",
            )
        require_files_of(run_id)
        check()
        client().update_run(run_id, status="RUNNING")
        if opened is None:
            return SweepLog(run_id)
        client().set_tag(opened.info.run_id, "mlflow.note.content", f"Goes on with the {noun} in run {run_id}.")
        return SweepLog(run_id, opened.info.run_id)


@contextmanager
def alone_with(run_id: str, noun: str = "sweep") -> Iterator[None]:
    """Keep other commands of this machine that add to the results of a sweep, or of a decision, out until the block
    ends.

    Raises:
        TrackingError: one is at it.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(cache_dir() / "sweeps" / run_id, wait=False))
        except Timeout as e:
            raise TrackingError(
                f"another command is adding to this {noun}'s results", "Wait until it has ended."
            ) from e
        yield


@dataclass(frozen=True)
class Runs:
    """The runs below a sweep's own: those of its trials, or of its replicates.

    Attributes:
        sweep_run_id: of the sweep's run.
        sweep: its name.
        role: `trial` or `replicate`.
    """

    sweep_run_id: str
    sweep: str
    role: str

    def all(self) -> list[LoggedRun]:
        """Every one of them, whatever its state."""
        return (trials_of if self.role == "trial" else replicates_of)(self.sweep_run_id)

    def open(self, name: str, tags: Mapping[str, str]) -> str:
        """Make one more. Returns its id."""
        above = {"mlflow.parentRunId": self.sweep_run_id, SWEEP: self.sweep, ROLE: self.role}
        with readable():
            experiment = client().get_run(self.sweep_run_id).info.experiment_id
            return new_run(experiment, name, above | dict(tags))

    def reopen(self, run_id: str) -> bool:
        """Let a paused one go on, unless it was deleted."""
        with readable():
            run = client().get_run(run_id)
            if run.info.lifecycle_stage != "active":
                return False
            for tag in {"tlcompare.state", "tlcompare.reason", CHECKPOINT} & set(run.data.tags):
                client().delete_tag(run_id, tag)
            client().update_run(run_id, status="RUNNING")
            return True

    def end(self, run_id: str, state: str, reason: str, detail: str = "") -> None:
        """End one as `failed`, `interrupted` or `pruned`, unless whoever ran it has; `detail` is a traceback."""
        with readable():
            log = RunLog(run_id)
            if detail:
                log.text("traceback.txt", without_credentials(detail))
            if client().get_run(run_id).info.status in ("RUNNING", "FINISHED", PAUSED):
                log.tags({"tlcompare.state": state, "tlcompare.reason": without_credentials(reason)[:4000]})
                log.end("FAILED" if state == "failed" else "KILLED")

    def discard(self, run_id: str) -> None:
        """Close and delete one whose job will run again, with its model."""
        with readable():
            if client().get_run(run_id).info.status == "RUNNING":
                client().set_terminated(run_id, "KILLED")
            discard_models(run_id)
            forget(run_id)
            client().delete_run(run_id)


def discard_models(run_id: str) -> None:
    """Delete the models of a run."""
    with readable():
        for model in models_of(run_id):
            client().delete_logged_model(model.model_id)


def has_model(run_id: str) -> bool:
    with readable():
        return bool(models_of(run_id))


def crown(run_id: str, sweep_run_id: str, name: str, description: str) -> str:
    """Register the model of a run under the sweep's name and make it the champion.

    Returns:
        Its version; empty, if the run has no model.

    Raises:
        TrackingError: the registry cannot be used, or has a model of this name that is not this sweep's.
    """
    with readable():
        models = models_of(run_id)
        if not models:
            return ""
        if client().get_run(run_id).data.params.get("weights") == "none":
            description = f"RANDOM WEIGHTS. {description}"
        known = [v for v in client().search_model_versions(f"name = '{name}'") if v.run_id == run_id]
        registered = client().search_registered_models(f"name = '{name}'")
        if not registered:
            client().create_registered_model(name, tags={"tlcompare.sweep_run": sweep_run_id})
        elif registered[0].tags.get("tlcompare.sweep_run") != sweep_run_id:
            raise TrackingError(
                f'the registry has a model "{name}" that is not of this sweep',
                "Rename that model, or take another --name for the sweep.",
            )
        uri, model_id = f"models:/{models[0].model_id}", models[0].model_id
        version = known[0] if known else client().create_model_version(name, uri, run_id, model_id=model_id)
        client().set_registered_model_alias(name, CHAMPION, version.version)
        client().update_model_version(name, version.version, description)
        return str(version.version)


def dethrone(name: str, sweep_run_id: str) -> None:
    """Take the champion's name off a sweep's model, since no model that is there deserves it."""
    with readable():
        for model in client().search_registered_models(f"name = '{name}'"):
            if model.tags.get("tlcompare.sweep_run") == sweep_run_id and CHAMPION in model.aliases:
                client().delete_registered_model_alias(name, CHAMPION)


def mark_picked(winners: Sequence[str], others: Sequence[str], why: str) -> None:
    """Tag the runs that were picked, and take the tag off the others."""
    with readable():
        for run_id in winners:
            RunLog(run_id).tags({_PICKED: why})
        for run_id in others:
            if _PICKED in client().get_run(run_id).data.tags:
                client().delete_tag(run_id, _PICKED)
