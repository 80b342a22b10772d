"""A sweep from end to end: trials asked for, run, told, and a summary left in MLflow."""

from __future__ import annotations

import math
import shlex
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from tlcompare import __version__
from tlcompare.config import RunConfig, resolve
from tlcompare.errors import StudyError, TrackingError
from tlcompare.study.engines import Engine, InProcess, Job, Outcome, Processes
from tlcompare.study.ledger import RUN, Ledger
from tlcompare.study.objective import shown_value
from tlcompare.study.planning import Plan, Request, make_plan
from tlcompare.study.reuse import cuts_worth_keeping, expected
from tlcompare.study.space import Choices, Domain
from tlcompare.study.studies import (
    DEFAULT_STORAGE,
    Studies,
    ask,
    checked_name,
    make_pruner,
    make_sampler,
    next_number,
    put_back,
    require_separate,
    shown,
    suggest,
    tell,
    usable,
)
from tlcompare.study.summary import leave_description, leave_summary, leave_table
from tlcompare.study.view import View, viewing
from tlcompare.tracking.outbox import catch_up
from tlcompare.tracking.reading import readable, sweep_names, sweep_run, warning_if_opened
from tlcompare.tracking.runs import ready
from tlcompare.tracking.signals import is_interruption, stop_if_asked, terminable
from tlcompare.tracking.store import cleaning_up, shown_uri, tracking_uri, undivided
from tlcompare.tracking.sweeps import (
    SweepLog,
    discard_trial,
    end_trial,
    open_sweep,
    open_trial,
    reopen_sweep,
)
from tlcompare.training.epochs import Epoch
from tlcompare.training.heads import train_together

_FAILURES_IN_A_ROW = 5
_ATTEMPTS = 3
_LIMITS, _PARENT, _DIGEST, _PRECISION = "limits", "parent_run_id", "data_digest", "precision"
_KEY, _KNOWN = "configuration", "known"


@dataclass(frozen=True)
class Swept:
    """What a sweep gave: its name, its MLflow run, and what there is to say of it."""

    name: str
    run_id: str
    text: str


def sweep(request: Request) -> Swept:
    """Run a sweep, or go on with the one of this name.

    Raises:
        UserError: anything a user can mend; finished trials stay.
        KeyboardInterrupt, SystemExit: after the bookkeeping; the same name goes on.
    """
    ready()
    url = request.storage or DEFAULT_STORAGE
    require_separate(url, tracking_uri())
    name = checked_name(request.name) if request.name else None
    studies = Studies(url)
    with viewing() as view, terminable(), usable(url), ExitStack() as alone:
        if name:
            alone.enter_context(studies.alone(name))
        kept = studies.definition(name) if name else None
        limits = studies.load(name).user_attrs.get(_LIMITS, {}) if name and kept else {}
        if kept is None and name is not None and name in sweep_names():
            raise StudyError(
                f'{shown_uri()} holds a sweep "{name}" whose study is not in {shown(url)}',
                "Go on with it from its folder or with its --storage, or take another --name.",
            )
        try:
            plan = make_plan(request, kept, limits, view.say)
        except KeyboardInterrupt:
            view.say("Interrupted while it was prepared; no trial has begun.")
            raise
        if name and kept and (begun := studies.version(name)) != __version__:
            view.say(f"note: the sweep was begun with tlcompare {begun} and goes on with {__version__}")
        if name is None or kept is None:
            study = studies.create(name, plan.definition, plan.objectives, sweep_names())
            if name is None:
                alone.enter_context(studies.alone(study.study_name))
        else:
            study = studies.load(name)
        return _Sweep(studies, study, plan, view).run()


class _Sweep:
    """A sweep that runs: the watch of its engine, and the source of its jobs."""

    def __init__(self, studies: Studies, study: optuna.Study, plan: Plan, view: View) -> None:
        self._studies = studies
        self._study = study
        self._plan = plan
        self._view = view
        self._name = study.study_name
        self._running: dict[int, Trial] = {}
        self._replayed: dict[int, int] = {}
        self._never_pruned: dict[int, bool] = {}
        self._best_after_epochs: dict[int, float] = {}
        self._attempts: Counter[int] = Counter()
        self._failures: list[str] = []
        self._gave_up = False
        self._began = math.inf
        self._stopped = ""
        self._failed_earlier, self._again = self._failed()

    def run(self) -> Swept:
        self._require_same_images()
        with ExitStack() as beginning:
            beginning.enter_context(undivided())
            log = self._log = self._open_log()
            self._ledger = Ledger(self._studies, self._study, log.run_id, self._plan.objectives)
            text = self._logged(beginning)
        if self._gave_up:
            raise StudyError(self._stopped, f"Mend it, then go on with: {self._resume_command()}")
        return Swept(self._name, log.run_id, text)

    def _logged(self, beginning: ExitStack) -> str:
        """What happens while the sweep's run is open; a signal can end it as soon as `beginning` is closed."""
        log = self._log
        try:
            beginning.close()
            with readable(), usable(self._studies.url):
                text = self._run()
            log.close("FAILED" if self._gave_up else "FINISHED", self._stopped)
            return text
        except BaseException as e:
            interrupted = is_interruption(e)
            ended, stays = "Interrupted" if interrupted else "Broken off", "what was finished stays"
            # What cannot be written now, because a store is gone, is put right when the sweep goes on.
            with cleaning_up(), readable(), usable(self._studies.url):
                stays = f"{self._ledger.done()} trials are done and stay"
                self._ledger.end_running()
                leave_table(log)
            with cleaning_up():
                log.close("KILLED" if interrupted else "FAILED", "interrupted" if interrupted else str(e))
            self._view.say(f"{ended}; {stays}. Go on with: {self._resume_command()}")
            raise

    def _run(self) -> str:
        """The part of a sweep that happens inside its MLflow run; returns what there is to say of it."""
        plan, limits = self._plan, self._plan.limits
        leave_description(self._log, self._name, shown(self._studies.url), plan)
        self._ledger.settle_running()
        self._ledger.discard_leftovers()
        self._study.set_user_attr(_LIMITS, asdict(replace(limits, timeout=None)))
        self._study.pruner = make_pruner(plan.definition.pruner, plan.epochs)
        done = self._ledger.done()
        self._view.say(f"going on with sweep {self._name}: {done} trials are done" if done else f"sweep {self._name}")
        self._view.begin(self._name, done, self._failed_earlier + limits.trials, self._best_shown())
        engine: Engine = InProcess(plan.workbench) if limits.jobs == 1 else Processes(limits.jobs)
        # What is faster is measured, and must not change where the sweep goes on.
        chosen = {model: str(prepared.config.precision) for model, prepared in plan.prepared.items()}
        self._precision = chosen | self._study.user_attrs.get(_PRECISION, {})
        self._study.set_user_attr(_PRECISION, self._precision)
        self._kept = cuts_worth_keeping(plan.prepared, expected(plan))
        known = [(n, c.config) for n in range(limits.trials) if (c := plan.candidate(n)) is not None]
        self._frozen = [(n, c) for n, c in known if not plan.search.plan(c).parameters]
        self._began = time.monotonic()
        engine.run(self._next_job, self)
        catch_up()
        self._ledger.discard_leftovers()  # a server that made a run and lost the answer was asked for another
        if limits.log_models == "best":
            self._ledger.keep_best_models()
        self._view.say(f"{self._stopped}; writing the summary")
        return leave_summary(self._log, self._name, self._ledger, plan, self._stopped)

    # Where jobs come from

    def _next_job(self) -> Job | None:
        if self._enough():
            return None
        job = self._next()
        self._view.started(job)
        return job

    def _enough(self) -> bool:
        """Whether no further trial begins for now; `_stopped` then says why."""
        stop_if_asked()
        self._stopped = ""
        limits = self._plan.limits
        trials = self._study.get_trials(deepcopy=False)
        waiting = any(t.state == TrialState.WAITING for t in trials)
        stale = self._without_improvement(trials)
        if self._gave_up:
            self._stopped = f"{_FAILURES_IN_A_ROW} trials in a row failed, the first with: {self._failures[0]}"
        elif limits.timeout and time.monotonic() - self._began > limits.timeout:
            self._stopped = f"the time of {limits.timeout:g} s is over"
        elif limits.patience and stale >= limits.patience and not waiting:
            self._stopped = f"nothing has improved for {stale} trials (--patience 0 goes on)"
        elif len(trials) >= self._failed_earlier + limits.trials and not waiting:
            done = len(trials) - self._failed_earlier
            self._stopped = (
                f"all {done} trials are done" if done == limits.trials else f"{done} trials are done already"
            )
        return bool(self._stopped)

    def _next(self) -> Job:
        plan, search = self._plan, self._plan.search
        number = next_number(self._study)
        index = self._known_index(number)
        known = None if index is None else plan.known[index]
        trial = ask(self._study, self._sampler(number), known.params if known else {})

        def choose(name: str, domain: Domain) -> Any:
            self._study.sampler = self._sampler(number, name)
            return suggest(trial, name, domain)

        if known:
            config = known.config
            domains = search.domains(config.model) | {"model": Choices(search.models)}
            for name in known.params:
                choose(name, domains[name])
        else:
            config = search.config(search.draw(choose))
        key = search.key(config)
        seeds = [t for t in self._study.get_trials(deepcopy=False)[:number] if t.user_attrs.get(_KEY) == key]
        config = replace(config, seed=config.seed + sum(t.state != TrialState.FAIL for t in seeds))
        run_id = open_trial(self._log, self._name, number, config, self._is_baseline(number, config))
        label = f"#{number} {search.label(config)}"
        attributes = {_KEY: key, RUN: run_id, _KNOWN: index, "label": label}
        attributes |= {"backbone": config.model, "strategy": config.unfreeze}
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        self._running[number] = trial
        self._replayed[number] = self._study.get_trials(deepcopy=False)[number].last_step or 0
        self._never_pruned[number] = number < plan.baselines or config.seed > search.seed
        best = tuple(tuple(t.values) for t in self._ledger.best_trials())
        config = replace(config, precision=config.precision or self._precision[config.model])
        kept = tuple(cut.node for cut in self._kept[config.model])
        ahead = self._ahead(number, config)
        return Job(number, label, config, run_id, plan.limits.log_models, plan.objectives, best, ahead, kept)

    def _ahead(self, number: int, config: RunConfig) -> tuple[RunConfig, ...]:
        """If the whole backbone is frozen, the trials to come, as far as known, whose heads can train with this one."""
        if self._plan.search.plan(config).parameters:
            return ()
        settled = ((n, replace(c, precision=c.precision or config.precision)) for n, c in self._frozen)
        return tuple(c for n, c in settled if n > number and train_together(c, config))

    def _is_baseline(self, number: int, config: RunConfig) -> bool:
        """Whether a trial is one of those that others must beat; of a list, `frozen` and `all`."""
        if not self._plan.search.space.trials:
            return number < self._plan.baselines
        return self._plan.search.plan(config).family in ("frozen", "all") and config.seed == self._plan.search.seed

    def _known_index(self, number: int) -> int | None:
        """Which of the known candidates trial `number` is: first each once, then those that failed, once more."""
        trials = self._study.get_trials(deepcopy=False)
        if number < len(trials) and _KNOWN in trials[number].user_attrs:
            index: int | None = trials[number].user_attrs[_KNOWN]
            return index
        count = len(self._plan.known)
        if number < count:
            return number
        if self._again:
            return self._again.pop(0)
        return number % count if self._plan.cyclic else None

    def _sampler(self, number: int, parameter: str = "") -> optuna.samplers.BaseSampler:
        """The sampler of a trial, anew for each parameter, so that a kill between two of them changes nothing."""
        return make_sampler(self._plan.definition.sampler, self._plan.search.seed, number, parameter)

    def _failed(self) -> tuple[int, list[int]]:
        """How many trials failed in earlier sittings, and the known candidates that have had nothing but failures."""
        trials = self._study.get_trials(deepcopy=False)
        failed = [t for t in trials if t.state == TrialState.FAIL]
        others = {t.user_attrs.get(_KNOWN) for t in trials if t.state != TrialState.FAIL}
        again = {t.user_attrs[_KNOWN] for t in failed if t.user_attrs.get(_KNOWN) is not None}
        return len(failed), sorted(again - others)

    # What the engine tells

    def said(self, job: Job, text: str) -> None:
        self._view.say(text, of=f"#{job.number}")

    def progress(self, job: Job, what: str, share: float | None) -> None:
        self._view.progress(job, what, share)

    def epoch(self, job: Job, epoch: Epoch) -> str:
        self._view.epoch(job, epoch)
        objective = self._plan.objectives[0]
        if self._plan.definition.pruner == "off":
            return ""
        trial, number = self._running[job.number], job.number
        value = objective.after(epoch)
        better = max if objective.maximize else min
        value = self._best_after_epochs[number] = better(value, self._best_after_epochs.get(number, value))
        # Epochs that an interrupted attempt has reported stand; what it decided after them is decided.
        if epoch.number > self._replayed[number]:
            trial.report(value, epoch.number)
        decided = epoch.number < self._replayed[number] or epoch.number == job.config.epochs
        if decided or self._never_pruned[number] or not trial.should_prune():
            return ""
        return f"pruned after epoch {epoch.number}: {objective.metric} {value:.4g} is not promising"

    def ended(self, job: Job, outcome: Outcome) -> None:
        values = [outcome.metrics.get(o.metric, math.nan) for o in self._plan.objectives]
        if outcome.state == "finished" and not all(map(math.isfinite, values)):
            missing = [o.metric for o, v in zip(self._plan.objectives, values, strict=True) if not math.isfinite(v)]
            outcome = Outcome("failed", reason=f"{', '.join(missing)} is not a number")
        self._attempts[job.number] += 1
        if outcome.lost and self._attempts[job.number] < _ATTEMPTS:
            self._run_again(job, outcome.reason)
            return
        if outcome.state == "failed":
            end_trial(job.run_id, "failed", outcome.reason, outcome.detail)
        self._running.pop(job.number)
        tell(self._study, job.number, outcome.state, values)
        if outcome.state == "failed":
            self._failures.append(f"trial {job.number}: {outcome.reason}")
            self._gave_up = self._gave_up or len(self._failures) >= _FAILURES_IN_A_ROW
        elif not self._gave_up:
            self._failures.clear()
        self._view.ended(job, self._result(outcome, values), self._best_shown(), self._ledger.done())

    def _run_again(self, job: Job, reason: str) -> None:
        """Let a trial whose process was lost wait for another one, which goes on from its last epoch."""
        discard_trial(job.run_id)
        self._running.pop(job.number)
        put_back(self._studies, self._study.get_trials(deepcopy=False)[job.number])
        self._view.again(job, reason)

    def _result(self, outcome: Outcome, values: list[float]) -> str:
        if outcome.state == "finished":
            named = zip(self._plan.objectives, values, strict=True)
            shown_values = "  ".join(shown_value(o.metric, v) for o, v in named)
            return f"{shown_values}  {outcome.metrics['cost/train_seconds']:.1f} s"
        return f"FAILED: {outcome.reason}" if outcome.state == "failed" else "pruned"

    # The state of the study

    def _best_shown(self) -> str:
        best = self._ledger.best_trials()
        if not best:
            return "none yet"
        if len(self._plan.objectives) > 1:
            return f"a Pareto set of {len(best)}"
        return f"{shown_value(self._plan.objectives[0].metric, best[0].values[0])} (#{best[0].number})"

    def _without_improvement(self, trials: list[FrozenTrial]) -> int:
        """Finished trials since the last that is among the best; the known ones are always tried."""
        improved = max((t.number for t in self._ledger.first_bests()), default=-1)
        after = max(improved, self._plan.baselines - 1)
        return sum(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in trials if t.number > after)

    # Before and after

    def _open_log(self) -> SweepLog:
        kept = self._study.user_attrs.get(_PARENT)
        if kept is not None:
            try:
                log = reopen_sweep(kept)
                if warning := warning_if_opened(sweep_run(self._name)):
                    self._view.say(warning)
                return log
            except TrackingError as e:
                raise StudyError(
                    f'the sweep "{self._name}" belongs to an MLflow run that {shown_uri()} does not have: {e.what}',
                    "Set MLFLOW_TRACKING_URI to the store it was begun with.",
                ) from e
        log = open_sweep(self._name, self._study.user_attrs["id"], resolve(self._plan.definition.options))
        self._study.set_user_attr(_PARENT, log.run_id)
        return log

    def _require_same_images(self) -> None:
        """Check that a sweep goes on with the images it was begun with.

        Raises:
            StudyError: they are others now.
        """
        digest = next(iter(self._plan.prepared.values())).store.digest
        before = self._study.user_attrs.get(_DIGEST)
        if before is None:
            self._study.set_user_attr(_DIGEST, digest)
        elif before != digest:
            raise StudyError(
                f'the images are no longer those that the sweep "{self._name}" was begun with',
                "Restore them, or begin a new sweep: its trials would not compare.",
            )

    def _resume_command(self) -> str:
        """What goes on with this sweep; a password in the storage's address is left for the user to fill in."""
        storage = "" if self._studies.url == DEFAULT_STORAGE else f" --storage {shlex.quote(shown(self._studies.url))}"
        return f"tlcompare sweep --name {self._name}{storage}"
