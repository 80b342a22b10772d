"""The trials of a sweep: a source of jobs, and what ends one early or lets it pause."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from optuna.trial import FrozenTrial, Trial, TrialState

from tlcompare.engines.jobs import Job, Outcome, Stop
from tlcompare.study.clock import BEGIN_TRIALS, END_TRIALS, ENOUGH_EXPLORED, Clock
from tlcompare.study.ledger import KNOWN, RUN, Ledger
from tlcompare.study.objective import shown_value
from tlcompare.study.planning import Plan
from tlcompare.study.proposals import Proposal, Proposals, failed, known_of
from tlcompare.study.rungs import (
    CHECKED,
    Climb,
    attribute,
    begun,
    climb_of,
    climbs_of,
    leads,
    next_promoted,
    passed,
    paused,
    promoted,
    rungs_of,
)
from tlcompare.study.source import NotNow, Over
from tlcompare.tracking.reading import LoggedRun
from tlcompare.training.epochs import Epoch
from tlcompare.training.footprint import shares_behind

_SEEN = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass
class _Going:
    """A trial that is running.

    Attributes:
        trial: as Optuna gave it.
        told: how many epochs it has reported already: those of an interrupted attempt, or from before it paused.
        matters: whether it is trained to its end whatever it shows.
        climb: how far it is, under rungs.
        best: the best value so far of what it is pruned by.
        loss: the lowest validation loss so far.
    """

    trial: Trial
    told: int
    matters: bool
    climb: Climb | None
    best: float | None = None
    loss: float = math.inf


class Trials:
    """The baselines, then what the sampler chooses.

    Args:
        ledger: where they are kept.
        plan: what may be tried, and how long.
        proposals: give the next.
        clock: of the decision that they are explored for.
    """

    noun = "trials"

    def __init__(self, ledger: Ledger, plan: Plan, proposals: Proposals, clock: Clock) -> None:
        self._ledger = ledger
        self._plan = plan
        self._clock = clock
        self._proposals = proposals
        self._rungs = plan.definition.pruner == "rungs"
        self._shares: dict[str, Mapping[str, float]] = {}
        self._going: dict[int, _Going] = {}
        self._began: float | None = None
        self._failed_earlier = failed(ledger.trials())[0]
        self.total = self._failed_earlier + plan.limits.trials
        self.metrics = tuple(o.metric for o in plan.objectives)

    def settle(self, runs: Sequence[LoggedRun]) -> set[str]:
        return self._ledger.settle(runs)

    def next(self) -> Job | NotNow | Over:
        self._began = self._began or time.monotonic()
        while True:
            trials = self._ledger.trials()
            if over := self._out_of_time(time.monotonic() - self._began):
                return Over(over)
            past = self._later(trials) | paused(trials)
            waits = any(t.state == TrialState.WAITING and t.number not in past for t in trials)
            if not waits and (number := next_promoted(climbs_of(trials))) is not None:
                return self._promoted(number, trials)
            if not waits and (over := self._enough(trials)):
                return NotNow() if self._rungs and self._going else Over(over)
            if proposal := self._proposals.next(trials, past):
                return self._begun(proposal)

    def opened(self, job: Job) -> None:
        self._going[job.number].trial.set_user_attr(RUN, job.run_id)

    def epoch(self, job: Job, epoch: Epoch) -> Stop | None:
        going = self._going[job.number]
        last = epoch.number == job.config.epochs
        if self._clock.left(END_TRIALS) <= 0 and not last:
            return Stop(f"ended after epoch {epoch.number}: the time for exploring is over")
        if self._plan.definition.pruner == "off":
            return None
        self._report(going, epoch)
        if going.climb is not None:
            return self._climbed(job, epoch.number)
        # Epochs that an interrupted attempt has reported stand; what it decided after them is decided.
        if epoch.number < going.told or last or going.matters or not going.trial.should_prune():
            return None
        metric = self._plan.objectives[0].metric
        return Stop(f"pruned after epoch {epoch.number}: {metric} {going.best:.4g} is not promising")

    def again(self, job: Job) -> None:
        del self._going[job.number]
        self._ledger.again(job.number)

    def ended(self, job: Job, outcome: Outcome) -> None:
        del self._going[job.number]
        if outcome.state == "paused":
            self._ledger.pause(job.number)
        else:
            self._ledger.end(job.number, outcome)

    def result(self, outcome: Outcome) -> str:
        shown = "  ".join(shown_value(m, outcome.metrics[m]) for m in self.metrics)
        return f"{shown}  {outcome.metrics['cost/train_seconds']:.1f} s"

    def best(self) -> str:
        best = self._ledger.best_trials()
        if not best:
            return "none yet"
        if len(self._plan.objectives) > 1:
            return f"a Pareto set of {len(best)}"
        return f"{shown_value(self.metrics[0], best[0].values[0])} (#{best[0].number})"

    def done(self) -> int:
        return self._ledger.done()

    def _out_of_time(self, seconds: float) -> str:
        """Why no trial begins or goes on after so many seconds; empty if one may."""
        timeout = self._plan.limits.timeout
        if self._clock.left(END_TRIALS if self._rungs else BEGIN_TRIALS) <= 0:
            return ENOUGH_EXPLORED
        return f"the time of {timeout:g} s is over" if timeout and seconds > timeout else ""

    def _enough(self, trials: Sequence[FrozenTrial]) -> str:
        """Why no further trial begins; empty if one does."""
        limits = self._plan.limits
        if self._clock.left(BEGIN_TRIALS) <= 0:
            return ENOUGH_EXPLORED
        if limits.patience and (stale := self._without_improvement(trials)) >= limits.patience:
            return f"nothing has improved for {stale} trials (--patience 0 goes on)"
        ours = sum(KNOWN in t.user_attrs for t in trials)
        if ours < self.total:
            return ""
        done = ours - self._failed_earlier
        return f"all {done} trials are done" if done == limits.trials else f"{done} trials are done already"

    def _without_improvement(self, trials: Sequence[FrozenTrial]) -> int:
        """Trials that began after the last that is among the best had ended; the known ones are always tried."""
        ended = [t.datetime_complete for t in self._ledger.first_bests(trials) if t.datetime_complete]
        improved, waiting = max(ended, default=datetime.min), paused(trials)
        seen = [t for t in trials if KNOWN in t.user_attrs and (t.state in _SEEN or t.number in waiting)]
        later = [t.datetime_start for t in seen if t.number >= self._plan.baselines]
        return sum(began is not None and began > improved for began in later)

    def _later(self, trials: Sequence[FrozenTrial]) -> set[int]:
        """The trials that another program asked for, as long as one of the baselines is still to be tried."""
        if set(range(self._plan.baselines)) <= set(known_of(trials)):
            return set()
        return {t.number for t in trials if t.state == TrialState.WAITING and KNOWN not in t.user_attrs}

    def _begun(self, proposal: Proposal) -> Job:
        """A trial begins, or one that was interrupted goes on."""
        job, number = proposal.job, proposal.job.number
        climb = None
        if self._rungs and (climb := climb_of(proposal.kept)) is None:
            climb = begun(rungs_of(job.config), self._share(job), proposal.matters or number % CHECKED == 0)
            proposal.trial.set_user_attr(*attribute(climb))
        self._going[number] = _Going(proposal.trial, proposal.kept.last_step or 0, proposal.matters, climb)
        return job

    def _promoted(self, number: int, trials: Sequence[FrozenTrial]) -> Job:
        """A trial that has waited at a rung goes on to the next."""
        trial = trials[number]
        climb = climbs_of(trials)[number]
        self._ledger.climb(trial, promoted(climb))
        others = {t.number for t in trials if t.state == TrialState.WAITING} - {number}
        proposal = self._proposals.next(trials, others)
        assert proposal is not None
        job = self._begun(proposal)
        return replace(job, run_id=trial.user_attrs.get(RUN, ""), logged=trial.last_step or 0)

    def _share(self, job: Job) -> float:
        """What an epoch of a trial takes of one that trains the whole backbone."""
        model = job.config.model
        if model not in self._shares:
            self._shares[model] = shares_behind(self._plan.search.layers[model])
        return self._shares[model][self._plan.search.plan(job.config).cut.node]

    def _report(self, going: _Going, epoch: Epoch) -> None:
        """Tell Optuna the best value so far."""
        objective = self._plan.objectives[0]
        better = max if objective.maximize else min
        value = objective.after(epoch)
        going.best = value if going.best is None else better(value, going.best)
        going.loss = min(going.loss, epoch.val_loss)
        if epoch.number > going.told:
            going.trial.report(going.best, epoch.number)

    def _climbed(self, job: Job, epoch: int) -> Stop | None:
        """Whether a trial pauses after an epoch, since it is at the rung it may train to and not among the best."""
        going, rungs = self._going[job.number], rungs_of(job.config)
        assert going.climb is not None
        climb = passed(going.climb, rungs, epoch, going.loss)
        stays = len(climb.losses) > climb.goal and not climb.ends
        goes_on = stays and leads(climb, self._others(job))
        if goes_on:
            climb = promoted(climb)
        if climb != going.climb:
            going.climb = climb
            going.trial.set_user_attr(*attribute(climb))
        return Stop(f"paused after epoch {epoch}", pauses=True) if stays and not goes_on else None

    def _others(self, job: Job) -> list[Climb]:
        """How far all trials but one are."""
        return list(climbs_of([t for t in self._ledger.trials() if t.number != job.number]).values())
