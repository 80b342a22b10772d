"""What Optuna holds of a sweep's trials, brought to agree with MLflow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import optuna
from optuna.trial import FrozenTrial, TrialState

from tlcompare.engines.jobs import Metrics, Outcome
from tlcompare.study.objective import Objective, front
from tlcompare.study.rungs import Climb, attribute, climb_of, paused
from tlcompare.study.studies import Studies, begin, put_back, running, set_attribute, tell, usable
from tlcompare.tracking.reading import LoggedRun
from tlcompare.tracking.runs import CHECKPOINT
from tlcompare.tracking.sweeps import Runs
from tlcompare.training.checkpoints import delete_checkpoints

RUN = "run_id"
"""Where a trial in Optuna has the id of its run in MLflow."""
KNOWN = "known"
"""Where a trial in Optuna says which known candidate it is; none of another program says anything there."""
_DELETED = "deleted_runs"
_DONE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Ledger:
    """The trials of one sweep: all that a sweep needs in order to go on.

    Whoever asks or tells is within `usable`; what is needed after an interruption as well says so itself.

    Attributes:
        studies: the storage of the study.
        study: the study.
        objectives: what the sweep is after.
    """

    studies: Studies
    study: optuna.Study
    objectives: tuple[Objective, ...]

    def trials(self) -> list[FrozenTrial]:
        """All of them, in the order of their numbers."""
        with usable(self.studies.url):
            return self.study.get_trials(deepcopy=False)

    def done(self) -> int:
        """How many trials have an outcome, or wait at a rung."""
        trials = self.trials()
        waiting = paused(trials)
        return sum(KNOWN in t.user_attrs and (t.state in _DONE or t.number in waiting) for t in trials)

    def best_trials(self, trials: Sequence[FrozenTrial] | None = None) -> list[FrozenTrial]:
        """The finished trials that no other dominates, of those whose runs MLflow has; of `trials`, if these are all
        there are."""
        gone = {"", *self.deleted()}
        every = self.trials() if trials is None else trials
        complete = [t for t in every if t.state == TrialState.COMPLETE and t.user_attrs.get(RUN, "") not in gone]
        return [complete[i] for i in front([t.values for t in complete], self.objectives)]

    def first_bests(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The best of all trials, of those with equal values the first."""
        firsts: dict[tuple[float, ...], FrozenTrial] = {}
        for trial in self.best_trials(trials):
            firsts.setdefault(tuple(trial.values), trial)
        return list(firsts.values())

    def deleted(self) -> list[str]:
        """The runs of trials that were deleted in MLflow, as far as was seen when this was settled."""
        return list(self.study.user_attrs.get(_DELETED, ()))

    def end(self, number: int, outcome: Outcome) -> None:
        """Tell how a trial ended."""
        tell(self.study, number, outcome.state, self._values(outcome.metrics))

    def pause(self, number: int) -> None:
        """Let a trial that was running wait at its rung."""
        trial = self.trials()[number]
        climb = climb_of(trial)
        assert climb is not None
        self.climb(trial, replace(climb, paused=True))
        put_back(self.studies, trial)

    def climb(self, trial: FrozenTrial, climb: Climb) -> None:
        """Write down how far a trial is that is not running here."""
        set_attribute(self.studies, trial, *attribute(climb))

    def end_paused(self, runs: Runs) -> None:
        """No trial that waits at a rung will go on: each ends as pruned, and its checkpoint goes."""
        trials = self.trials()
        waiting = paused(trials)
        there = {run.run_id: run for run in runs.all()} if waiting else {}
        for number in sorted(waiting):
            run_id = trials[number].user_attrs.get(RUN, "")
            if run_id in there:
                reached = trials[number].last_step
                runs.end(run_id, "pruned", f"not among the best after epoch {reached}")
            begin(self.studies, trials[number])
            tell(self.study, number, "pruned", None)
        delete_checkpoints({run.tags[CHECKPOINT] for run in there.values() if CHECKPOINT in run.tags})

    def again(self, number: int) -> None:
        """Let a trial wait to be run again, with the parameters it has."""
        put_back(self.studies, self.trials()[number])

    def settle(self, runs: Sequence[LoggedRun]) -> set[str]:
        """No trial is left running: what has ended in MLflow is told, what has not waits to be run again.

        Returns:
            The runs of trials that have an outcome or wait at a rung, by their ids.
        """
        by_id = {run.run_id: run for run in runs}
        with usable(self.studies.url):
            for trial in (t for t in running(self.study) if KNOWN in t.user_attrs):
                run = by_id.get(trial.user_attrs.get(RUN, ""))
                state = run.tags.get("tlcompare.state", "") if run and run.status != "RUNNING" else ""
                values = self._values(run.metrics) if run and state == "finished" else []
                if state in ("pruned", "failed") or (values and all(map(math.isfinite, values))):
                    tell(self.study, trial.number, state, values)
                elif state == "paused":
                    self.pause(trial.number)
                else:
                    put_back(self.studies, trial)
        trials = self.trials()
        waiting = paused(trials)
        known = [t for t in trials if t.state in _DONE or t.number in waiting]
        settled = {t.user_attrs[RUN] for t in known if RUN in t.user_attrs}
        with usable(self.studies.url):
            if (deleted := sorted(settled - set(by_id))) != self.deleted():
                self.study.set_user_attr(_DELETED, deleted)
        return settled

    def _values(self, metrics: Metrics) -> list[float]:
        return [metrics.get(o.metric, math.nan) for o in self.objectives]
