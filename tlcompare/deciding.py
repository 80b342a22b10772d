"""A decision from end to end: explored, confirmed, chosen, tested once, and written down."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from tlcompare.errors import TrackingError
from tlcompare.evidence.gathered import Evidence, evidence_of
from tlcompare.evidence.pick import Pick, pick
from tlcompare.finalize import finalize
from tlcompare.machine.signals import is_interruption
from tlcompare.report.charts import draw, page
from tlcompare.report.decision import Decision, decision_of
from tlcompare.report.figures import depth_chart, time_chart
from tlcompare.report.writing import place_of, write_report
from tlcompare.study.asked import Asked, open_run
from tlcompare.study.clock import ENOUGH_EXPLORED, Clock
from tlcompare.study.forecast import Times, forecast, times_of
from tlcompare.study.planning import Plan
from tlcompare.study.race import MOST, race
from tlcompare.study.replicate import NothingToAsk
from tlcompare.study.sitting import Sitting
from tlcompare.study.studies import DEFAULT_STORAGE, shown
from tlcompare.study.sweep import sweep
from tlcompare.study.view import View, duration, viewing
from tlcompare.tracking.alive import settled
from tlcompare.tracking.decisions import leave_configurations
from tlcompare.tracking.reading import QUESTIONS, TAKEN, TIME_OVER, replicates_of, sweep_names, sweep_run
from tlcompare.tracking.runs import ready
from tlcompare.tracking.store import cleaning_up
from tlcompare.tracking.sweeps import CHAMPION, SweepLog, crown, mark_picked
from tlcompare.tracking.views import how_to_open, save_view

_LEAST_SEEDS, _TOP = 6, 3
_PATIENCE = 20
"""Trials without improvement after which exploring ends."""


def decide(asked: Asked, began: float | None = None) -> Decision:
    """Find out which layers to unfreeze and whether it is worth it, or go on with finding out.

    Its stages are what the commands `sweep`, `replicate --until-decided`, `pick`, `finalize` and `report` do, each of
    which can go on with what is there.

    Args:
        asked: the question. An earlier decision about the same that has not ended goes on.
        began: when this sitting began, by `time.monotonic`; None is now.

    Raises:
        UserError: anything a user can mend; what was finished stays.
        KeyboardInterrupt, SystemExit: the same goes on.
    """
    place_of(asked.output or "report.html")
    ready()
    with ExitStack() as held:
        log, asked, before = open_run(asked, held)
        name = str(asked.request.name)
        taken = json.loads(before.tags.get(TAKEN, "{}")) if before else {}
        clock = Clock(asked.budget, taken, lambda taken: log.tags({TAKEN: json.dumps(taken)}), began)
        with _ending(log):
            with viewing() as view:
                view.question, view.clock = f"{name}: which layers to unfreeze, and is it worth it?", clock
                view.say(f"going on with {name}; --name NEW decides anew" if before else f"decision {name}")
                sitting = Sitting(log.run_id, view, _again(asked), _announcing(asked, view), clock)
                with clock.stage("exploring"):
                    _explore(asked, sitting)
                with clock.stage("confirming"):
                    complete = _confirm(asked, sitting)
            decision = _write_down(asked, log, clock, complete)
        log.close("FINISHED", "" if complete else "the time was over")
        return decision


def foresee(asked: Asked) -> str:
    """What a decision would try and take, without deciding anything.

    Raises:
        UserError: whatever would stop it.
    """
    return forecast(asked.request, lambda plan: ["", *_spending(times_of(plan), plan, asked)])


@contextmanager
def _ending(log: SweepLog) -> Iterator[None]:
    """A decision's run that ends as interrupted or failed where the block breaks off."""
    try:
        yield
    except BaseException as e:
        interrupted = is_interruption(e)
        with cleaning_up():
            log.close("KILLED" if interrupted else "FAILED", "interrupted" if interrupted else str(e))
        raise
    finally:
        settled(log.run_id)


def _explore(asked: Asked, sitting: Sitting) -> None:
    """The sweep, unless it has ended for another reason than the time, or has been confirmed since."""
    name = asked.request.name
    run = sweep_run(name) if name in sweep_names() else None
    ended = run and run.status == "FINISHED" and run.tags.get("tlcompare.reason") != ENOUGH_EXPLORED
    if not ended and not (run and QUESTIONS in run.tags):
        limits = {"patience": _PATIENCE, "log_models": "best"} | dict(asked.request.limits or {})
        sweep(replace(asked.request, limits=limits), sitting)


def _confirm(asked: Asked, sitting: Sitting) -> bool:
    """The race over seeds; whether all is answered or given up."""
    jobs, data = (asked.request.limits or {}).get("jobs", 1), (asked.request.options or {}).get("data")
    name = str(asked.request.name)
    top = asked.top or (None if QUESTIONS in sweep_run(name).tags else _TOP)
    try:
        return race(name, top, asked.most, asked.margin, jobs=jobs, data=data, sitting=sitting)
    except NothingToAsk as e:
        if asked.budget is None:
            raise
        sitting.view.say(str(e))
        return False


def _write_down(asked: Asked, log: SweepLog, clock: Clock, complete: bool) -> Decision:
    """Choose, open the sealed test images if nothing is left to be asked, and write the report and the decision."""
    name = str(asked.request.name)
    over = "" if complete else f"The time was over before all was settled. With more of it: {_longer(asked)}"
    if not any(r.status == "FINISHED" for r in replicates_of(sweep_run(name).run_id)):
        decision = decision_of(name, log.run_id, None, None, "", over, clock.taken, ())
    else:
        with clock.stage("testing"):
            if complete and not asked.keep_sealed:
                finalize(name, data=(asked.request.options or {}).get("data"))
        with clock.stage("reporting"):
            evidence = evidence_of(name)
            picked = pick(evidence.contenders, race=evidence.race)
            model = _crowned(name, evidence, picked)
            paths = write_report(name, asked.output or f"{name}.html", "frozen")
        decision = decision_of(name, log.run_id, evidence, picked, model, over, clock.taken, paths)
    _leave(log, name, decision, clock.taken)
    log.tags({TIME_OVER: str(not complete).lower()})
    return decision


def _leave(log: SweepLog, name: str, decision: Decision, taken: Mapping[str, float]) -> None:
    """Log a decision to its run, and its configurations to runs below."""
    log.json("decision.json", decision.numbers)
    log.metrics_of_steps({0: decision.metrics})
    leave_configurations(log, name, decision.configurations)
    if decision.evidence:
        charts = [depth_chart(decision.evidence), time_chart(taken)]
        for chart in charts:
            log.figure(f"figures/{chart.key}.png", draw(chart))
        log.text("figures/decision.html", page(charts, f"Decision {name}"))
        for path in decision.numbers["report"]:
            log.text(f"report/report{Path(path).suffix}", Path(path).read_text(encoding="utf-8"))
    log.tags({"mlflow.note.content": decision.note(how_to_open(save_view(log, name, decided=True)))})


def _crowned(name: str, evidence: Evidence, picked: Pick) -> str:
    """Mark the runs of what was picked, and make the best of their models the champion; gives its address."""
    others = [run.run_id for c in evidence.contenders if c is not picked.winner for run in c.runs]
    mark_picked([run.run_id for run in picked.winner.runs], others, picked.why)
    try:
        version = crown(picked.run_id, evidence.sweep.run_id, name, picked.why)
    except TrackingError as e:
        return f"runs:/{picked.run_id}/model ({e})"
    return f"models:/{name}@{CHAMPION}" if version else ""


def _again(asked: Asked) -> str:
    """What goes on with a decision; a password in the storage's address is left for the user to fill in."""
    url = asked.request.storage or DEFAULT_STORAGE
    storage = "" if url == DEFAULT_STORAGE else f" --storage {shlex.quote(shown(url))}"
    return f"tlcompare decide --name {asked.request.name}{storage}"


def _longer(asked: Asked) -> str:
    minutes = max(round((asked.budget or 0) * 2 / 60), 1)
    return f"{_again(asked)} --budget {minutes}m"


def _announcing(asked: Asked, view: View) -> Callable[[Plan], None]:
    """Says what a decision is going to take, once that is known."""

    def announce(plan: Plan) -> None:
        for line in _spending(times_of(plan), plan, asked):
            view.say(line)

    return announce


def _spending(times: Times, plan: Plan, asked: Asked) -> list[str]:
    """What a decision takes, from measurements of this machine."""
    most, top = asked.most or MOST, asked.top or _TOP
    least = _LEAST_SEEDS * (times.frozen + times.other)
    whole = most * (times.frozen + top * times.other)
    lines = [
        f"explore      at most {plan.limits.trials} trials, {duration(times.trials)} of training before pruning",
        f"confirm      {_LEAST_SEEDS} to {most} seeds of 2 to {top + 1} configurations, "
        f"about {duration(least)} to {duration(whole)} of training",
    ]
    if asked.budget is None:
        return [*lines, "budget       none: it ends when the answers are there; --budget TIME ends it before"]
    lines.append(f"budget       {duration(asked.budget)}, of which at most half to explore")
    if least > asked.budget / 2:
        lines.append("note: that is too little for any answer; the least is about " + duration(2 * least))
    return lines
