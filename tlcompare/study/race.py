"""Seeds for the configurations of a sweep until its questions are answered, or cannot be."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext

from tlcompare.config import RunConfig, flag
from tlcompare.errors import StudyError
from tlcompare.evidence.contenders import FROZEN, raced
from tlcompare.evidence.looks import looks_to
from tlcompare.evidence.questions import OPEN, Answer, Questions, visible
from tlcompare.evidence.race import Race, race_of
from tlcompare.preparation import Workbench
from tlcompare.study.clock import Clock
from tlcompare.study.parallel import AUTO, jobs_beside
from tlcompare.study.replicate import (
    FIRST_SEED,
    Choice,
    NothingToAsk,
    choices,
    configurations,
    note_command,
    prepared_for,
    run_missing,
)
from tlcompare.study.sitting import Sitting
from tlcompare.study.view import View, viewing
from tlcompare.tracking.log import RunLog
from tlcompare.tracking.models import weights_here
from tlcompare.tracking.reading import (
    DATA,
    QUESTIONS,
    LoggedRun,
    predictions_of,
    replicates_of,
    sweep_run,
    trials_of,
    warning_if_opened,
)
from tlcompare.tracking.runs import ready, require_files_of
from tlcompare.tracking.sweeps import alone_with

TOP, MOST, MARGIN = 5, 16, 0.01


def race(
    sweep: str,
    top: int | None = None,
    most: int | None = None,
    margin: float | None = None,
    *,
    jobs: int | str = 1,
    data: str | None = None,
    sitting: Sitting | None = None,
) -> bool:
    """Give the best configurations of a sweep, and its frozen baseline, seeds until what they are asked is answered.

    The questions are written to the sweep's run before the first seed, and do not change any more. Training and
    validation images are divided anew for each seed, since those that the sweep was looked at with favour its best;
    where the data came with its own validation images, they stay.

    Args:
        sweep: its name.
        top: how many configurations, by mean validation accuracy, of several with the same strategy the best alone;
            None is five, or what was asked for before.
        most: how many seeds at most, 6 to 20; None is 16, or what was asked for before.
        margin: how much less accurate what is as good may be, in 0..1; None is 0.01, or what was asked for before.
        jobs: runs at a time; `auto` is as many as there are CPUs for.
        data: where the images of the sweep are now; None is where they were.
        sitting: of the decision that it confirms for, if it does.

    Returns:
        Whether there was time for all seeds that the answers need.

    Raises:
        NothingToAsk: no two configurations are there to compare.
        UserError: no such sweep, other questions than before, or runs that fail.
        KeyboardInterrupt, SystemExit: the same command goes on.
    """
    ready()
    parent = sweep_run(sweep)
    require_files_of(parent.run_id)
    data = data or parent.tags.get(DATA)
    groups = configurations(trials_of(parent.run_id), sweep)
    questions = _questions(parent, groups, sweep, top, most, margin)
    command = f"tlcompare replicate --sweep {sweep} --until-decided"
    command += f" --data {shlex.quote(data)}" if data not in (None, parent.tags.get(DATA)) else ""
    again, clock = (sitting.again, sitting.clock) if sitting else (command, Clock())
    asked = {c.key: c for c in choices(groups, questions.all, data)}
    with nullcontext(sitting.view) if sitting else viewing() as view, alone_with(parent.run_id):
        if warning := warning_if_opened(parent):
            view.say(warning)
        workbench = Workbench(weights_here)
        winner = asked[questions.winner].config
        prepared = prepared_for([winner], parent, sweep, workbench, view)[winner.model]
        divide = all(file.part != "val" for file in prepared.store.files)
        view.say(_seen_at_all(groups, questions, len(prepared.split.train) if divide else None))
        RunLog(parent.run_id).tags({QUESTIONS: questions.to_json()})
        if jobs == AUTO:
            jobs = jobs_beside(max(int(c.config.threads or 1) for c in asked.values()))
        note_command(parent, command)
        said: dict[str, str] = {}
        while (now := _so_far(parent, questions, said, view)).standing.wanted:
            wanted = _next(now, asked, divide)
            if not run_missing(parent, sweep, wanted, int(jobs), again, view, workbench, clock):
                return False
        return True


def _questions(
    parent: LoggedRun,
    groups: Mapping[str, Sequence[LoggedRun]],
    sweep: str,
    top: int | None,
    most: int | None,
    margin: float | None,
) -> Questions:
    """The questions that were asked before, or else new ones.

    Raises:
        StudyError: they were others, or there is nothing to ask, or seeds are there that would know the answers.
    """
    if QUESTIONS in parent.tags:
        before = Questions.from_json(parent.tags[QUESTIONS])
        given = {
            "top": (top, before.top),
            "max_seeds": (most, before.looks.seeds[-1]),
            "within": (margin, before.margin),
        }
        if changed := next((name for name, (now, old) in given.items() if now not in (None, old)), None):
            raise StudyError(
                f'the seeds of the sweep "{sweep}" were begun with {flag(changed)} {_option(given[changed][1])}',
                "Leave it out: what they are to answer was fixed before the first of them.",
            )
        return before
    if any(run.status == "FINISHED" for run in replicates_of(parent.run_id)):
        raise StudyError(
            f'the sweep "{sweep}" has replicates already, so that nothing can be asked any more before they are seen',
            f"Go on with these: tlcompare replicate --sweep {sweep} --seeds N; or delete them in MLflow first.",
        )
    unfrozen = [key for key, runs in groups.items() if runs[0].params["strategy_family"] != FROZEN]
    if not unfrozen:
        raise NothingToAsk(
            f'no trial of the sweep "{sweep}" that unfreezes something has finished', f"tlcompare sweep --name {sweep}"
        )
    winner = unfrozen[0]
    backbone = groups[winner][0].params["backbone"]
    baselines = [key for key in groups if key not in unfrozen and groups[key][0].params["backbone"] == backbone]
    if not baselines:
        raise NothingToAsk(
            f'no trial of the sweep "{sweep}" has finished with {backbone} frozen, which is what others must beat',
            f"tlcompare sweep --name {sweep} tries it first; a list of trials must have it.",
        )
    top = TOP if top is None else top
    rivals = tuple(key for key in _strategies(groups)[:top] if key not in (winner, baselines[0]))
    every = (winner, baselines[0], *rivals)
    first = FIRST_SEED + min(int(groups[key][0].params["seed"]) for key in every)
    looks = looks_to(MOST if most is None else most)
    return Questions(winner, baselines[0], rivals, MARGIN if margin is None else margin, top, first, looks)


def _strategies(groups: Mapping[str, Sequence[LoggedRun]]) -> list[str]:
    """The best configuration of each strategy and backbone, the best first."""
    best: dict[tuple[str, str], str] = {}
    for key, runs in groups.items():
        best.setdefault((runs[0].params["backbone"], runs[0].params["strategy"]), key)
    return list(best.values())


def _option(value: float) -> str:
    return f"{value * 100:g}%" if 0 < value < 1 else f"{value:g}"


def _seen_at_all(groups: Mapping[str, Sequence[LoggedRun]], questions: Questions, trained_on: int | None) -> str:
    """What difference so few images can show, from the trials of winner and baseline."""
    first, second = (
        predictions_of(groups[key][0], "val").set_index("file")["right"].sort_index()
        for key in (questions.winner, questions.baseline)
    )
    differences = (first - second).to_numpy(float)[None]
    least, seeds = visible(differences, trained_on, questions.looks), questions.looks.seeds[-1]
    return (
        f"{differences.shape[1]} validation images like these can show differences of about {least * 100:.1f} points "
        f"and more, with up to {seeds} seeds"
    )


def _so_far(parent: LoggedRun, questions: Questions, said: dict[str, str], view: View) -> Race:
    """What the seeds that are there have answered; what is new of it is said."""
    finished = [r for r in replicates_of(parent.run_id) if r.status == "FINISHED"]
    contenders = raced(finished) if finished else []
    found = race_of(questions, contenders)
    labels = {c.key: c.label for c in contenders}
    for answer in (found.standing.worth, *found.standing.rivals):
        if answer.seen is not None and said.get(answer.contender) != (news := _news(answer, labels)):
            said[answer.contender] = news
            view.say(news)
            view.known = news
    return found


def _news(answer: Answer, labels: Mapping[str, str]) -> str:
    assert answer.seen is not None
    d = answer.seen.difference
    verdict = "open, more seeds follow" if answer.verdict == OPEN else answer.verdict
    numbers = f"{d.estimate * 100:+.1f} [{d.low * 100:.1f}, {d.high * 100:.1f}] points after {d.seeds} seeds"
    return f"{labels[answer.contender]} against {labels[answer.other]}: {numbers}: {verdict}"


def _next(found: Race, asked: Mapping[str, Choice], divide: bool) -> list[tuple[Choice, RunConfig]]:
    """The seeds up to the next look, one after the other, so that pairs are complete."""
    first, wanted = found.questions.first_seed, found.standing.wanted
    return [
        (asked[key], asked[key].with_seed(seed, divide))
        for seed in range(first, first + max(wanted.values()))
        for key, seeds in wanted.items()
        if seed < first + seeds
    ]
