"""What a sweep leaves in its run: what it is, the table of its trials, figures, the champion, and a page to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

import pandas as pd
import yaml
from optuna.trial import FrozenTrial, TrialState

from tlcompare.errors import TrackingError
from tlcompare.evidence.findings import luck
from tlcompare.evidence.trials import trials_table
from tlcompare.preparation import notes_on_data
from tlcompare.probing import log_probe
from tlcompare.report.charts import draw, page
from tlcompare.report.figures import sweep_charts
from tlcompare.report.table import markdown
from tlcompare.study.importance import importance
from tlcompare.study.ledger import KNOWN, RUN, Ledger
from tlcompare.study.objective import shown_value
from tlcompare.study.planning import Plan
from tlcompare.study.rungs import agreement, climbs_of, epochs_of
from tlcompare.tracking.reading import NOTES, LoggedRun, trials_of
from tlcompare.tracking.record import draw_figures, log_odd_files
from tlcompare.tracking.sweeps import CHAMPION, SweepLog, crown, dethrone, discard_models
from tlcompare.tracking.views import how_to_open, save_view
from tlcompare.training.probe import as_probes

_TOP = 5


def leave_description(log: SweepLog, name: str, storage: str, plan: Plan) -> None:
    """Log what the sweep is; once more where an earlier sitting was killed over it."""
    definition = plan.definition
    log.params(
        {
            "study": name,
            "storage": storage,
            "space": definition.space_name,
            "models": ",".join(definition.models),
            "sampler": definition.sampler,
            "pruner": definition.pruner,
            "objectives": ", ".join(f"{o.direction} {o.metric}" for o in plan.objectives),
            **definition.options,
        }
    )
    one = next(iter(plan.prepared.values()))
    log.tags({NOTES: "\n".join(notes_on_data(one))[:5000]})
    log_odd_files(log, one)
    save_view(log, name)
    log.text("space.yaml", yaml.safe_dump(dict(definition.space), sort_keys=False))
    log.json("sweep.json", asdict(definition))
    for model, probes in definition.probes.items():
        log_probe(log, model, as_probes(probes))


def leave_table(log: SweepLog) -> None:
    """Log the table of the trials so far."""
    log.table("trials.csv", trials_table(trials_of(log.run_id)))


def keep_best_models(ledger: Ledger) -> None:
    """Drop the models that were the best only for a while."""
    best = {t.user_attrs[RUN] for t in ledger.best_trials()}
    for trial in ledger.trials():
        if trial.state == TrialState.COMPLETE and trial.user_attrs.get(RUN, "") not in {"", *best, *ledger.deleted()}:
            discard_models(trial.user_attrs[RUN])


def leave_summary(log: SweepLog, name: str, ledger: Ledger, plan: Plan, stopped: str) -> str:
    """Log everything that sums a sweep up to its run.

    Returns:
        What there is to say of it, in a few lines.
    """
    runs = trials_of(log.run_id)
    trials = trials_table(runs)
    objective = plan.objectives[0]
    best = ledger.best_trials()
    best.sort(key=lambda t: -t.values[0] if objective.maximize else t.values[0])
    if len(plan.objectives) == 1:
        del best[1:]  # of equal ones, the first
    log.table("trials.csv", trials)
    goals = [(o.metric, o.maximize) for o in plan.objectives]
    best_numbers = [t.number for t in best]
    charts = sweep_charts(trials, goals, best_numbers, importance(runs, objective.metric))
    for chart in charts:
        log.figure(f"figures/{chart.key}.png", draw(chart))
    log.text("figures/sweep.html", page(charts, f"Sweep {name}"))
    by_id = {run.run_id: run for run in runs}
    for trial in best[:_TOP]:
        with suppress(TrackingError):  # its files were deleted
            draw_figures(by_id[trial.user_attrs[RUN]])
    link = how_to_open(save_view(log, name))
    lines = [f"sweep        {name}: {stopped}; {_counts(ledger)}"]
    if best:
        heading = "best" if len(plan.objectives) == 1 else "Pareto set"
        lines += [f"{heading if i == 0 else '':<12} {_described(t, plan)}" for i, t in enumerate(best[:_TOP])]
        if len(best) > _TOP:
            lines.append(f"{'':<12} and {len(best) - _TOP} more that none is better than in everything")
        lines.append(f"{'':<12} chosen on {len(next(iter(plan.prepared.values())).split.val)} validation images")
        said = _rungs(ledger.trials(), objective.maximize)
        lines += [f"{'' if i else 'rungs':<12} {sentence}" for i, sentence in enumerate(said)]
        lines += _crowned(best[0], log, name, plan)
        log.tags({"tlcompare.best_run": best[0].user_attrs["run_id"], "tlcompare.best_trial": best[0].number})
    else:
        with suppress(TrackingError):
            dethrone(name, log.run_id)
        log.tags({"tlcompare.best_run": "", "tlcompare.best_trial": ""})
    lines.append(f"table        tlcompare compare --sweep {name}")
    lines.append(f"make sure    tlcompare replicate --sweep {name}")
    lines.append(f"choose       tlcompare pick --sweep {name}")
    lines.append(f"look         {link}")
    log.tags({"mlflow.note.content": _note(name, stopped, ledger, plan, runs, trials, best)})
    return "\n".join(lines)


def _luck(runs: Sequence[LoggedRun]) -> str:
    """How much better the best looks for having been chosen."""
    if not any(r.status == "FINISHED" for r in runs):
        return ""
    _, found = luck(runs)
    return (
        f"The best of {found.candidates} finished trials, {found.shown:.2%}, was chosen on validation and looks better "
        f"there than it is: chosen on some of the images and scored on the others, its kind has {found.corrected:.2%}."
    )


def _counts(ledger: Ledger) -> str:
    deleted = ledger.deleted()
    trials = [t for t in ledger.trials() if t.user_attrs.get(RUN) not in deleted]
    foreign = sum(KNOWN not in t.user_attrs for t in trials)
    states = [t.state for t in trials if KNOWN in t.user_attrs]
    named = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    shown = [f"{states.count(state)} {word}" for word, state in named.items() if state in states]
    shown += [f"{len(deleted)} deleted in MLflow"] if deleted else []
    return ", ".join(shown + ([f"{foreign} of another program that were not run here"] if foreign else []))


def _rungs(trials: Sequence[FrozenTrial], maximize: bool) -> tuple[str, ...]:
    """What the rungs have saved, and whether they order trials as their ends do; nothing where there are none."""
    climbs = climbs_of(trials)
    if not climbs:
        return ()
    promoted = sum(c.ends and c.first != c.goal for c in climbs.values())
    halted = sum(t.state == TrialState.PRUNED for t in trials)
    alike, checked = agreement(trials, maximize)
    order = (
        f"rank correlation of the first rung and the end {alike:.2f}, of the {checked} that had their end in any case"
        if math.isfinite(alike)
        else f"how well the first rung tells trials apart is not known: {checked} had their end in any case"
    )
    ended = f"{halted} trials ended at a rung, {promoted} were promoted to their end"
    return f"{ended}; {epochs_of(trials)} epochs in all", order


def _described(trial: FrozenTrial, plan: Plan) -> str:
    attrs = trial.user_attrs
    values = ", ".join(shown_value(o.metric, v) for o, v in zip(plan.objectives, trial.values, strict=True))
    return f"{attrs['label']}: {values}  run {attrs['run_id']}"


def _crowned(best: FrozenTrial, log: SweepLog, name: str, plan: Plan) -> list[str]:
    """Register the model of the best trial, and say so."""
    attrs = best.user_attrs
    description = f"Trial {best.number} of sweep {name}: {attrs['backbone']}, unfreeze {attrs['strategy']}."
    try:
        version = crown(attrs["run_id"], log.run_id, name, description)
        if not version:
            dethrone(name, log.run_id)
    except TrackingError as e:
        return [f"champion     none: {e}"]
    rule = f", the best in {plan.objectives[0].metric}" if len(plan.objectives) > 1 else ""
    if version:
        return [f"champion     models:/{name}@{CHAMPION} (trial {best.number}, version {version}{rule})"]
    return [f"champion     none: the model of trial {best.number} was not kept, or was deleted"]


def _note(
    name: str,
    stopped: str,
    ledger: Ledger,
    plan: Plan,
    runs: Sequence[LoggedRun],
    trials: pd.DataFrame,
    best: Sequence[FrozenTrial],
) -> str:
    """The sweep in Markdown, for its run's page."""
    warning = ""
    if any(r.params.get("weights") == "none" for r in runs):
        warning = "**RANDOM WEIGHTS: nothing here was pretrained.**\n\n"
    objectives = " and ".join(f"{o.direction} {o.metric}" for o in plan.objectives)
    single = len(plan.objectives) == 1
    heading = "Best trial" if single else "Pareto set: no trial is better than these in everything"
    listed = "\n".join(f"- {_described(t, plan)}" for t in best) or "- none finished"
    ranked = trials[trials["state"] == "finished"].sort_values("val/accuracy", ascending=False).head(_TOP)
    headings = ["trial", "backbone", "strategy", "seed", "validation", "training s", "trainable weights"]
    rows = [
        [
            *(str(row["trial"]), row["backbone"], row["strategy"], f"{row['seed']:.0f}", f"{row['val/accuracy']:.2%}"),
            *(f"{row['cost/train_seconds']:.1f}", f"{row['trainable_parameters']:,.0f}"),
        ]
        for row in ranked.to_dict("records")
    ]
    table = markdown([headings, *rows])
    said = _rungs(ledger.trials(), plan.objectives[0].maximize)
    rungs = [f"{sentence[0].upper()}{sentence[1:]}." for sentence in said]
    return f"""{warning}**{heading}** ({objectives})

{listed}

**The {len(ranked)} highest validation accuracies**

{table}

{stopped[:1].upper() + stopped[1:]}: {_counts(ledger)}. Space `{plan.definition.space_name}`, backbones \
{", ".join(plan.definition.models)}, sampler {plan.definition.sampler}, pruner {plan.definition.pruner}.

{" ".join(filter(None, [_luck(runs), *rungs]))} The test set is sealed.

Figures are under *Artifacts*, all of them interactive in `figures/sweep.html`. `tlcompare compare --sweep {name}` · \
`tlcompare replicate --sweep {name}` · `tlcompare pick --sweep {name}`
"""
