"""A sweep from end to end: trials asked for, run, told, and a summary left in MLflow."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace

import optuna

from tlcompare import __version__
from tlcompare.config import resolve
from tlcompare.engines.choice import engine_for
from tlcompare.errors import StudyError
from tlcompare.freezing.graph import Cut
from tlcompare.machine.signals import is_interruption
from tlcompare.study.clock import Clock
from tlcompare.study.coordinator import Coordinator
from tlcompare.study.ledger import Ledger
from tlcompare.study.numbering import require_same_layers, require_same_search
from tlcompare.study.planning import Plan, Request, make_plan
from tlcompare.study.proposals import Proposals
from tlcompare.study.reuse import cuts_worth_keeping, expected
from tlcompare.study.sitting import Sitting
from tlcompare.study.studies import (
    DEFAULT_STORAGE,
    Studies,
    checked_name,
    keep_definition,
    make_pruner,
    require_separate,
    shown,
    usable,
)
from tlcompare.study.summary import keep_best_models, leave_description, leave_summary, leave_table
from tlcompare.study.trials import Trials
from tlcompare.study.view import View, viewing
from tlcompare.tracking.reading import (
    ASKED,
    DATA,
    readable,
    sweep_names,
    sweep_run,
    sweep_runs,
    trials_of,
    warning_if_opened,
)
from tlcompare.tracking.runs import free_run, ready
from tlcompare.tracking.store import cleaning_up, shown_uri, tracking_uri, undivided
from tlcompare.tracking.sweeps import Runs, SweepLog, open_sweep, reopen_sweep

_LIMITS, _PARENT, _DIGEST, _PRECISION = "limits", "parent_run_id", "data_digest", "precision"


@dataclass(frozen=True)
class Swept:
    """What a sweep gave: its name, its MLflow run, and what there is to say of it."""

    name: str
    run_id: str
    text: str


def sweep(request: Request, sitting: Sitting | None = None) -> Swept:
    """Run a sweep, or go on with the one of this name.

    Args:
        request: what is to be tried.
        sitting: of the decision that it explores for, if it does.

    Raises:
        UserError: anything a user can mend; finished trials stay.
        KeyboardInterrupt, SystemExit: after the bookkeeping; the same name goes on.
    """
    ready()
    url = request.storage or DEFAULT_STORAGE
    require_separate(url, tracking_uri())
    studies = Studies(url)
    viewed = nullcontext(sitting.view) if sitting else viewing()
    with viewed as view, usable(url), ExitStack() as alone:
        name = checked_name(request.name) if request.name else _interrupted(request, studies)
        if name and not request.name:
            view.say(f"going on with {name}, which was interrupted; --name NEW begins another")
        if name:
            alone.enter_context(studies.alone(name))
        kept = studies.definition(name) if name else None
        attributes = studies.load(name).user_attrs if name and kept else {}
        limits = attributes.get(_LIMITS, {})
        if os.environ.get("MLFLOW_RUN_ID") != attributes.get(_PARENT, ""):
            free_run(study_id=attributes.get("id", ""))
        if kept is None and name is not None and name in sweep_names():
            raise StudyError(
                f'{shown_uri()} holds a sweep "{name}" whose study is not in {shown(url)}',
                "Go on with it from its folder or with its --storage, or take another --name.",
            )
        try:
            plan = make_plan(request, kept, limits, view.say)
            cuts = cuts_worth_keeping(plan.prepared, expected(plan))
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
        if sitting:
            sitting.planned(plan)
        return _run(studies, study, plan, cuts, view, sitting, _asked(request))


def _run(
    studies: Studies,
    study: optuna.Study,
    plan: Plan,
    cuts: Mapping[str, tuple[Cut, ...]],
    view: View,
    sitting: Sitting | None,
    asked: str,
) -> Swept:
    """The part of a sweep that has a study; a new one is marked with what was `asked`."""
    _require_same_images(study, plan)
    data = plan.definition.options["data"]
    if (before := studies.definition(study.study_name)) and before.options["data"] != data:
        keep_definition(study, plan.definition)
        view.say(f"note: the images are the same, now in {data}")
    name, limits = study.study_name, plan.limits
    command = sitting.again if sitting else _command(studies, study)
    ledger = Ledger(studies, study, plan.objectives)
    kept = {model: tuple(cut.node for cut in points) for model, points in cuts.items()}
    clock = sitting.clock if sitting else Clock()
    trials = Trials(ledger, plan, Proposals(ledger, plan, _precision(study, plan), kept, view.say), clock)
    with ExitStack() as beginning:
        beginning.enter_context(undivided())
        log = _open_log(study, plan, ledger, view, asked, sitting.run_id if sitting else "")
        runs = Runs(log.run_id, name, "trial")
        coordinator = Coordinator(trials, runs, view)
        with _ending(log, studies), coordinator.unfinished(command):
            beginning.close()
            leave_description(log, name, shown(studies.url), plan)
            log.tags({DATA: data})
            coordinator.settle()
            if deleted := ledger.deleted():
                view.say(f"note: {len(deleted)} trial(s) were deleted in MLflow: only Optuna still learns from them")
            study.set_user_attr(_LIMITS, asdict(replace(limits, timeout=None)))
            study.pruner = make_pruner(plan.definition.pruner, plan.epochs)
            done = ledger.done()
            view.say(f"going on with sweep {name}: {done} trials are done" if done else f"sweep {name}")
            over = coordinator.run(engine_for(limits.jobs, plan.workbench), name)
            ledger.end_paused(runs)
            if limits.log_models == "best":
                keep_best_models(ledger)
            view.say(f"{over}; writing the summary")
            text = leave_summary(log, name, ledger, plan, over)
            log.close("FAILED" if coordinator.gave_up else "FINISHED", over)
    if coordinator.gave_up:
        raise StudyError(over, f"Mend it, then go on with: {command}")
    return Swept(name, log.run_id, text)


def _interrupted(request: Request, studies: Studies) -> str | None:
    """The last sweep that the same was asked of, if it was broken off."""
    asked, known = _asked(request), studies.names()
    same = [(n, r) for n, r in sweep_runs().items() if n in known and r.tags.get(ASKED) == asked]
    return same[-1][0] if same and same[-1][1].status in ("KILLED", "FAILED") else None


def _asked(request: Request) -> str:
    return json.dumps(request.question, sort_keys=True)


@contextmanager
def _ending(log: SweepLog, studies: Studies) -> Iterator[None]:
    """A sweep's run that ends as interrupted or failed where the block breaks off, with a table of what is there."""
    try:
        with readable(), usable(studies.url):
            yield
    except BaseException as e:
        interrupted = is_interruption(e)
        with cleaning_up(), readable(), usable(studies.url):
            leave_table(log)
        with cleaning_up():
            log.close("KILLED" if interrupted else "FAILED", "interrupted" if interrupted else str(e))
        raise


def _precision(study: optuna.Study, plan: Plan) -> dict[str, str]:
    """In what each backbone trains: what is faster is measured, and must not change where the sweep goes on."""
    chosen = {model: str(prepared.config.precision) for model, prepared in plan.prepared.items()}
    chosen |= study.user_attrs.get(_PRECISION, {})
    study.set_user_attr(_PRECISION, chosen)
    return chosen


def _open_log(study: optuna.Study, plan: Plan, ledger: Ledger, view: View, asked: str, above: str) -> SweepLog:
    """The sweep's run, which goes on if it has one already; `above` is the run of its decision, if it has one.

    Raises:
        StudyError: strategies do not mean any more what they meant in it.
    """
    name, kept = study.study_name, study.user_attrs.get(_PARENT)
    if kept is None:
        log = open_sweep(name, study.user_attrs["id"], resolve(plan.definition.options), asked, above)
        study.set_user_attr(_PARENT, log.run_id)
        return log

    def check() -> None:
        require_same_layers(plan.search.layers, trials_of(kept), name)
        require_same_search(plan.search, ledger.trials(), name)

    log = reopen_sweep(kept, name, check)
    if warning := warning_if_opened(sweep_run(name)):
        view.say(warning)
    return log


def _require_same_images(study: optuna.Study, plan: Plan) -> None:
    """Check that a sweep goes on with the images it was begun with.

    Raises:
        StudyError: they are others now.
    """
    one = next(iter(plan.prepared.values()))
    before = study.user_attrs.get(_DIGEST)
    if before is None:
        study.set_user_attr(_DIGEST, one.store.digest)
    elif before != one.store.digest:
        raise StudyError(
            f'the images in {one.source.root} are not those that the sweep "{study.study_name}" was begun with',
            "Restore them, or begin a new sweep: its trials would not compare.",
        )


def _command(studies: Studies, study: optuna.Study) -> str:
    """What goes on with a sweep; a password in the storage's address is left for the user to fill in."""
    storage = "" if studies.url == DEFAULT_STORAGE else f" --storage {shlex.quote(shown(studies.url))}"
    return f"tlcompare sweep --name {study.study_name}{storage}"
