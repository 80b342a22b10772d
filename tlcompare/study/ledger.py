"""What Optuna and MLflow hold of a sweep's trials, brought to agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from tlcompare.study.objective import Objective, front
from tlcompare.study.studies import Studies, put_back, running, tell
from tlcompare.tracking.reading import LoggedRun, trials_of
from tlcompare.tracking.sweeps import discard_models, discard_trial, end_trial

RUN = "run_id"
"""Where a trial in Optuna has the id of its run in MLflow."""
_DONE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Ledger:
    """The trials of one sweep.

    Attributes:
        studies: the storage of the study.
        study: Optuna's side.
        sweep_run_id: MLflow's side, the run that the trials' runs are below.
        objectives: what the sweep is after.
    """

    studies: Studies
    study: optuna.Study
    sweep_run_id: str
    objectives: tuple[Objective, ...]

    def done(self) -> int:
        """How many trials have an outcome."""
        return sum(t.state in _DONE for t in self.study.get_trials(deepcopy=False))

    def best_trials(self) -> list[FrozenTrial]:
        """The finished trials that no other dominates."""
        complete = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [complete[i] for i in front([t.values for t in complete], self.objectives)]

    def first_bests(self) -> list[FrozenTrial]:
        """The best trials, of those with equal values the first."""
        firsts: dict[tuple[float, ...], FrozenTrial] = {}
        for trial in self.best_trials():
            firsts.setdefault(tuple(trial.values), trial)
        return list(firsts.values())

    def settle_running(self) -> None:
        """No trial is left running in Optuna: what has ended in MLflow is told, what has not waits to be run again."""
        runs = {run.run_id: run for run in trials_of(self.sweep_run_id)}
        for trial in running(self.study):
            run = runs.get(trial.user_attrs.get(RUN, ""))
            state = run.tags.get("tlcompare.state", "") if run and run.status != "RUNNING" else ""
            values = self._values(run) if run and state == "finished" else None
            if state in ("pruned", "failed") or values is not None:
                tell(self.study, trial.number, state, values)
            else:
                put_back(self.studies, trial)

    def discard_leftovers(self) -> None:
        """No run is left in MLflow of a trial that is run again."""
        for run in self._runs_without_outcome():
            discard_trial(run.run_id)

    def end_running(self) -> None:
        """After Ctrl-C: nothing is left running, in Optuna or in MLflow."""
        self.settle_running()
        for run in self._runs_without_outcome():
            if run.status == "RUNNING":
                end_trial(run.run_id, "interrupted", "interrupted")

    def keep_best_models(self) -> None:
        """Drop the models that were the best only for a while."""
        best = {t.user_attrs[RUN] for t in self.best_trials()}
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if trial.user_attrs[RUN] not in best:
                discard_models(trial.user_attrs[RUN])

    def _runs_without_outcome(self) -> list[LoggedRun]:
        """Runs of trials that Optuna does not know as done; the end of the others may still wait to be sent."""
        done = {t.user_attrs.get(RUN) for t in self.study.get_trials(deepcopy=False) if t.state in _DONE}
        return [run for run in trials_of(self.sweep_run_id) if run.run_id not in done]

    def _values(self, run: LoggedRun) -> list[float] | None:
        values = [run.metrics.get(o.metric, math.nan) for o in self.objectives]
        return values if all(map(math.isfinite, values)) else None
