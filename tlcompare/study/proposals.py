"""What a trial is: known beforehand, or chosen by the sampler, and the job that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from tlcompare.config import RunConfig
from tlcompare.engines.jobs import Job, Metrics, Outcome, keep_all, keep_none
from tlcompare.errors import UserError
from tlcompare.study.ledger import KNOWN, Ledger
from tlcompare.study.objective import NotDominated
from tlcompare.study.planning import Plan
from tlcompare.study.search import problem_of
from tlcompare.study.space import Choices, Domain
from tlcompare.study.studies import Halting, ask, kept_of, make_sampler, next_number, suggest, wanted
from tlcompare.tracking.reading import BASELINE, TRIAL
from tlcompare.tracking.runs import run_name
from tlcompare.training.heads import train_together

_KEY = "configuration"


@dataclass(frozen=True)
class Proposal:
    """A trial that can run.

    Attributes:
        trial: as Optuna gave it.
        kept: what Optuna had of it before, if it was begun earlier.
        job: its job, without a run.
        matters: whether it is trained to its end whatever it shows: a baseline, or another seed of an earlier trial.
    """

    trial: Trial
    kept: FrozenTrial
    job: Job
    matters: bool


class Proposals:
    """Gives a sweep's next trial: what waits to be run, the known candidates, then what the sampler chooses.

    Args:
        ledger: where the trials are kept.
        plan: what may be tried.
        precision: in which each backbone trains, where the sweep does not say.
        kept: the cuts at which each backbone's features are kept, by their nodes.
        say: is told of trials that others asked for and that cannot be.
    """

    def __init__(
        self,
        ledger: Ledger,
        plan: Plan,
        precision: Mapping[str, str],
        kept: Mapping[str, tuple[str, ...]],
        say: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._plan = plan
        self._precision = precision
        self._kept = kept
        self._say = say
        self._again = failed(ledger.trials())[1]
        known = [(n, c.config) for n in range(plan.limits.trials) if (c := plan.candidate(n)) is not None]
        self._frozen = [(n, c) for n, c in known if not plan.search.plan(c).parameters]

    def next(self, trials: Sequence[FrozenTrial], past: Collection[int]) -> Proposal | None:
        """The next trial, its parameters and what it is in the study; None where it was asked for and cannot be.

        Args:
            trials: all that there are.
            past: numbers of trials that wait and are to go on waiting.
        """
        plan, search, study = self._plan, self._plan.search, self._ledger.study
        number = next_number(trials, past)
        index = self._known_index(number, trials)
        known = None if index is None else plan.known[index]
        trial = ask(study, _sampler(plan, number), known.params if known else {}, {KNOWN: index}, past)
        there = kept_of(study, trial)
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
        job, matters = self._job(trial, index, config, trials)
        return Proposal(trial, there, job, matters)

    def _job(
        self, trial: Trial, index: int | None, config: RunConfig, trials: Sequence[FrozenTrial]
    ) -> tuple[Job, bool]:
        """The job of a trial of this configuration, which is the known candidate `index` or none, and whether it
        matters, both written down."""
        plan, search, number = self._plan, self._plan.search, trial.number
        key = search.key(config)
        same = [t for t in trials[:number] if t.user_attrs.get(_KEY) == key and t.state != TrialState.FAIL]
        config = replace(config, seed=config.seed + len(same))
        label = f"#{number} {search.label(config)}"
        shown = {"label": label, "backbone": config.model, "strategy": config.unfreeze}
        for name, value in ({_KEY: key, KNOWN: index} | shown).items():
            trial.set_user_attr(name, value)
        baseline = _is_baseline(plan, index, config)
        matters = baseline or (index is not None and index < plan.baselines) or config.seed > search.seed
        name = f"{number} {run_name(config)}"
        config = replace(config, precision=config.precision or self._precision[config.model])
        job = Job(
            number,
            label,
            config,
            name,
            {TRIAL: str(number), BASELINE: str(baseline).lower()},
            keep_model=_keep_model(plan, self._ledger, trials),
            ahead=self._ahead(number if index is None or plan.cyclic else index, config),
            kept=self._kept[config.model],
        )
        return job, matters

    def _ahead(self, number: int, config: RunConfig) -> tuple[RunConfig, ...]:
        """If the whole backbone is frozen, the trials to come, as far as known, whose heads can train with this one."""
        if self._plan.search.plan(config).parameters:
            return ()
        settled = ((n, replace(c, precision=c.precision or config.precision)) for n, c in self._frozen)
        return tuple(c for n, c in settled if n > number and train_together(c, config))

    def _known_index(self, number: int, trials: Sequence[FrozenTrial]) -> int | None:
        """Which of the known candidates trial `number` is: first each once, then those that failed, once more."""
        if number < len(trials):
            index: int | None = trials[number].user_attrs.get(KNOWN)
            return index
        tried, count = known_of(trials), len(self._plan.known)
        if untried := sorted(set(range(count)) - set(tried)):
            return untried[0]
        if self._again:
            return self._again.pop(0)
        return len(tried) % count if self._plan.cyclic else None

    def _refused(self, trial: Trial, problem: str) -> Proposal | None:
        """Let a trial fail that another program asked for and that cannot be. Gives no proposal."""
        trial.set_user_attr("reason", problem)
        self._ledger.end(trial.number, Outcome("failed", reason=problem))
        self._say(f"trial {trial.number}, which was enqueued, FAILED: {problem}")
        return None


def _keep_model(plan: Plan, ledger: Ledger, trials: Sequence[FrozenTrial]) -> Callable[[Metrics], bool]:
    """Whether the model of the next trial is kept."""
    models = plan.limits.log_models
    if models != "best":
        return keep_all if models == "all" else keep_none
    return NotDominated(plan.objectives, tuple(tuple(t.values) for t in ledger.best_trials(trials)))


def _sampler(plan: Plan, number: int, parameter: str = "") -> optuna.samplers.BaseSampler:
    """The sampler of a trial, anew for each parameter, so that a kill between two of them changes nothing."""
    definition = plan.definition
    sampler = make_sampler(definition.sampler, plan.search.seed, number, parameter)
    return Halting(sampler) if definition.pruner == "rungs" and definition.sampler == "tpe" else sampler


def _is_baseline(plan: Plan, index: int | None, config: RunConfig) -> bool:
    """Whether a trial is one of those that others must beat; of a list, `frozen` and `all`."""
    if config.seed != plan.search.seed:
        return False
    if plan.search.space.trials:
        return plan.search.plan(config).family in ("frozen", "all")
    return index is not None and index < plan.baselines


def failed(trials: Sequence[FrozenTrial]) -> tuple[int, list[int]]:
    """How many of the trials failed, and the known candidates that have had nothing but failures."""
    failed = [t for t in trials if t.state == TrialState.FAIL and KNOWN in t.user_attrs]
    others = {t.user_attrs.get(KNOWN) for t in trials if t.state != TrialState.FAIL}
    return len(failed), sorted(set(known_of(failed)) - others)


def known_of(trials: Sequence[FrozenTrial]) -> list[int]:
    """Which of the known candidates there have been trials of."""
    indices = (t.user_attrs.get(KNOWN) for t in trials)
    return [index for index in indices if index is not None]
