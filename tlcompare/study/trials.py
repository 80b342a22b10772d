"""The trials of a sweep, as Optuna chooses them: a source of jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from tlcompare.config import RunConfig
from tlcompare.engines.jobs import Job, Metrics, Outcome, keep_all, keep_none
from tlcompare.errors import UserError
from tlcompare.study.clock import BEGIN_TRIALS, END_TRIALS, ENOUGH_EXPLORED, Clock
from tlcompare.study.ledger import KNOWN, RUN, Ledger
from tlcompare.study.objective import NotDominated, shown_value
from tlcompare.study.planning import Plan
from tlcompare.study.search import problem_of
from tlcompare.study.source import Over
from tlcompare.study.space import Choices, Domain
from tlcompare.study.studies import ask, make_sampler, next_number, suggest, wanted
from tlcompare.tracking.reading import BASELINE, TRIAL, LoggedRun
from tlcompare.tracking.runs import run_name
from tlcompare.training.epochs import Epoch
from tlcompare.training.heads import train_together

_KEY = "configuration"


@dataclass
class _Going:
    """A trial that is running.

    Attributes:
        trial: as Optuna gave it.
        told: how many epochs an interrupted attempt has reported already.
        to_the_end: whether it is never pruned.
        best: the best value so far of what it is pruned by.
    """

    trial: Trial
    told: int
    to_the_end: bool
    best: float | None = None


class Trials:
    """The baselines, then what the sampler chooses.

    Args:
        ledger: where they are kept.
        plan: what may be tried, and how long.
        precision: in which each backbone trains, where the sweep does not say.
        kept: the cuts at which each backbone's features are kept, by their nodes.
        say: is told of trials that others asked for and that cannot be.
        clock: of the decision that they are explored for.
    """

    noun = "trials"

    def __init__(
        self,
        ledger: Ledger,
        plan: Plan,
        precision: Mapping[str, str],
        kept: Mapping[str, tuple[str, ...]],
        say: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._plan = plan
        self._precision = precision
        self._kept = kept
        self._say = say
        self._clock = clock
        self._going: dict[int, _Going] = {}
        self._began: float | None = None
        self._failed_earlier, self._again = _failed(ledger.trials())
        known = [(n, c.config) for n in range(plan.limits.trials) if (c := plan.candidate(n)) is not None]
        self._frozen = [(n, c) for n, c in known if not plan.search.plan(c).parameters]
        self.total = self._failed_earlier + plan.limits.trials
        self.metrics = tuple(o.metric for o in plan.objectives)

    def settle(self, runs: Sequence[LoggedRun]) -> set[str]:
        return self._ledger.settle(runs)

    def next(self) -> Job | Over:
        self._began = self._began or time.monotonic()
        while True:
            why = self._enough(self._ledger.trials(), time.monotonic() - self._began)
            if why:
                return Over(why)
            if job := self._ask():
                return job

    def opened(self, job: Job) -> None:
        self._going[job.number].trial.set_user_attr(RUN, job.run_id)

    def epoch(self, job: Job, epoch: Epoch) -> str:
        objective, going = self._plan.objectives[0], self._going[job.number]
        if self._clock.left(END_TRIALS) <= 0 and epoch.number < job.config.epochs:
            return f"ended after epoch {epoch.number}: the time for exploring is over"
        if self._plan.definition.pruner == "off":
            return ""
        value = objective.after(epoch)
        better = max if objective.maximize else min
        value = going.best = value if going.best is None else better(value, going.best)
        # Epochs that an interrupted attempt has reported stand; what it decided after them is decided.
        if epoch.number > going.told:
            going.trial.report(value, epoch.number)
        decided = epoch.number < going.told or epoch.number == job.config.epochs
        if decided or going.to_the_end or not going.trial.should_prune():
            return ""
        return f"pruned after epoch {epoch.number}: {objective.metric} {value:.4g} is not promising"

    def again(self, job: Job) -> None:
        del self._going[job.number]
        self._ledger.again(job.number)

    def ended(self, job: Job, outcome: Outcome) -> None:
        del self._going[job.number]
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

    def _enough(self, trials: Sequence[FrozenTrial], seconds: float) -> str:
        """Why no further trial begins after so many seconds; empty if one does."""
        limits = self._plan.limits
        if self._clock.left(BEGIN_TRIALS) <= 0:
            return ENOUGH_EXPLORED
        if limits.timeout and seconds > limits.timeout:
            return f"the time of {limits.timeout:g} s is over"
        later = _later(trials, self._plan.baselines)
        if any(t.state == TrialState.WAITING and t.number not in later for t in trials):
            return ""
        if limits.patience and (stale := self._without_improvement(trials)) >= limits.patience:
            return f"nothing has improved for {stale} trials (--patience 0 goes on)"
        ours = sum(KNOWN in t.user_attrs for t in trials)
        if ours < self.total:
            return ""
        done = ours - self._failed_earlier
        return f"all {done} trials are done" if done == limits.trials else f"{done} trials are done already"

    def _without_improvement(self, trials: Sequence[FrozenTrial]) -> int:
        """Finished trials since the last that is among the best; the known ones are always tried."""
        improved = max((t.number for t in self._ledger.first_bests()), default=-1)
        after = max(improved, self._plan.baselines - 1)
        later = (t for t in trials if t.number > after and KNOWN in t.user_attrs)
        return sum(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in later)

    def _ask(self) -> Job | None:
        """The next trial, its parameters and what it is in the study; None where it was asked for and cannot be."""
        plan, search, study = self._plan, self._plan.search, self._ledger.study
        past = _later(self._ledger.trials(), plan.baselines)
        number = next_number(study, past)
        index = self._known_index(number)
        known = None if index is None else plan.known[index]
        trial = ask(study, _sampler(plan, number), known.params if known else {}, {KNOWN: index}, past)
        there = self._ledger.trials()[number]
        foreign = KNOWN not in there.user_attrs
        if foreign:
            if problem := problem_of(search, wanted(there)):
                return self._refused(trial, problem)
            trial.set_user_attr(KNOWN, None)

        def choose(name: str, domain: Domain) -> Any:
            study.sampler = _sampler(plan, number, name)
            return suggest(trial, name, domain)

        if known:
            config = known.config
            domains = search.domains(config.model) | {"model": Choices(search.models)}
            for name in known.params:
                choose(name, domains[name])
        else:
            try:
                config = search.config(search.draw(choose))
            except (UserError, ValueError) as e:
                if not foreign:
                    raise
                return self._refused(trial, str(e))
        key, trials = search.key(config), self._ledger.trials()
        same = [t for t in trials[:number] if t.user_attrs.get(_KEY) == key and t.state != TrialState.FAIL]
        config = replace(config, seed=config.seed + len(same))
        label = f"#{number} {search.label(config)}"
        shown = {"label": label, "backbone": config.model, "strategy": config.unfreeze}
        for name, value in ({_KEY: key, KNOWN: index} | shown).items():
            trial.set_user_attr(name, value)
        baseline = _is_baseline(plan, index, config)
        to_the_end = baseline or (index is not None and index < plan.baselines) or config.seed > search.seed
        self._going[number] = _Going(trial, trials[number].last_step or 0, to_the_end)
        tags = {TRIAL: str(number), BASELINE: str(baseline).lower()}
        name = f"{number} {run_name(config)}"
        config = replace(config, precision=config.precision or self._precision[config.model])
        return Job(
            number,
            label,
            config,
            name,
            tags,
            keep_model=_keep_model(plan, self._ledger),
            ahead=self._ahead(number if index is None or plan.cyclic else index, config),
            kept=self._kept[config.model],
        )

    def _ahead(self, number: int, config: RunConfig) -> tuple[RunConfig, ...]:
        """If the whole backbone is frozen, the trials to come, as far as known, whose heads can train with this one."""
        if self._plan.search.plan(config).parameters:
            return ()
        settled = ((n, replace(c, precision=c.precision or config.precision)) for n, c in self._frozen)
        return tuple(c for n, c in settled if n > number and train_together(c, config))

    def _known_index(self, number: int) -> int | None:
        """Which of the known candidates trial `number` is: first each once, then those that failed, once more."""
        trials = self._ledger.trials()
        if number < len(trials):
            index: int | None = trials[number].user_attrs.get(KNOWN)
            return index
        tried, count = _known(trials), len(self._plan.known)
        if untried := sorted(set(range(count)) - set(tried)):
            return untried[0]
        if self._again:
            return self._again.pop(0)
        return len(tried) % count if self._plan.cyclic else None

    def _refused(self, trial: Trial, problem: str) -> Job | None:
        """Let a trial fail that another program asked for and that cannot be. Gives no job."""
        trial.set_user_attr("reason", problem)
        self._ledger.end(trial.number, Outcome("failed", reason=problem))
        self._say(f"trial {trial.number}, which was enqueued, FAILED: {problem}")
        return None


def _keep_model(plan: Plan, ledger: Ledger) -> Callable[[Metrics], bool]:
    """Whether the model of the next trial is kept."""
    models = plan.limits.log_models
    if models != "best":
        return keep_all if models == "all" else keep_none
    return NotDominated(plan.objectives, tuple(tuple(t.values) for t in ledger.best_trials()))


def _sampler(plan: Plan, number: int, parameter: str = "") -> optuna.samplers.BaseSampler:
    """The sampler of a trial, anew for each parameter, so that a kill between two of them changes nothing."""
    return make_sampler(plan.definition.sampler, plan.search.seed, number, parameter)


def _is_baseline(plan: Plan, index: int | None, config: RunConfig) -> bool:
    """Whether a trial is one of those that others must beat; of a list, `frozen` and `all`."""
    if config.seed != plan.search.seed:
        return False
    if plan.search.space.trials:
        return plan.search.plan(config).family in ("frozen", "all")
    return index is not None and index < plan.baselines


def _later(trials: Sequence[FrozenTrial], baselines: int) -> set[int]:
    """The trials that another program asked for, as long as one of so many baselines is still to be tried."""
    if set(range(baselines)) <= set(_known(trials)):
        return set()
    return {t.number for t in trials if t.state == TrialState.WAITING and KNOWN not in t.user_attrs}


def _failed(trials: Sequence[FrozenTrial]) -> tuple[int, list[int]]:
    """How many of the trials failed, and the known candidates that have had nothing but failures."""
    failed = [t for t in trials if t.state == TrialState.FAIL and KNOWN in t.user_attrs]
    others = {t.user_attrs.get(KNOWN) for t in trials if t.state != TrialState.FAIL}
    return len(failed), sorted(set(_known(failed)) - others)


def _known(trials: Sequence[FrozenTrial]) -> list[int]:
    """Which of the known candidates there have been trials of."""
    indices = (t.user_attrs.get(KNOWN) for t in trials)
    return [index for index in indices if index is not None]
