"""More seeds for the configurations of a sweep that matter, so that what it found can be told from chance."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tlcompare.config import RunConfig, resolve
from tlcompare.errors import StudyError, TrackingError
from tlcompare.evidence.verdicts import seeds_for
from tlcompare.freezing.strategy import make_plan
from tlcompare.preparation import Prepared, Workbench, prepare
from tlcompare.study.engines import Engine, InProcess, Job, NextJob, Outcome, Processes
from tlcompare.study.planning import Quiet
from tlcompare.study.reuse import cuts_worth_keeping
from tlcompare.study.view import View, viewing
from tlcompare.tracking.outbox import catch_up, kept
from tlcompare.tracking.reading import BASELINE, LoggedRun, replicates_of, sweep_run, trials_of, warning_if_opened
from tlcompare.tracking.runs import RunLog, logged_config, ready
from tlcompare.tracking.signals import is_interruption, stop_if_asked, terminable
from tlcompare.tracking.store import cleaning_up
from tlcompare.tracking.sweeps import REPLICATED, alone_with, discard_trial, end_trial, open_replicate
from tlcompare.training.epochs import Epoch
from tlcompare.training.heads import train_together

_FIRST_SEED = 1000
_ATTEMPTS = 3
_FAILURES_IN_A_ROW = 3


@dataclass(frozen=True)
class Choice:
    """A configuration that is run again: its key, and the options with which the sweep ran it."""

    key: str
    config: RunConfig


def replicate(sweep: str, top: int, seeds: int, *, resplit: bool = False, jobs: int = 1) -> str:
    """Run the best configurations of a sweep, and its baselines, with seeds that it has not chosen by.

    All get the same seeds, so that they can be compared in pairs. Runs that are there already are not repeated.

    Args:
        sweep: name of the sweep.
        top: how many configurations, by mean validation accuracy.
        seeds: how many seeds each.
        resplit: divide training and validation images anew for each seed; the sealed test images stay.
        jobs: runs at a time.

    Returns:
        What there is to say of it, in a few lines.

    Raises:
        UserError: no such sweep, nothing finished in it, or runs that fail; those that finished stay.
        KeyboardInterrupt, SystemExit: the same command goes on.
    """
    ready()
    parent = sweep_run(sweep)
    chosen, others = _choose(trials_of(parent.run_id), sweep, top)
    first = _FIRST_SEED + int(min(c.config.seed for c in chosen))
    wanted = [
        (c, replace(c.config, seed=seed, val_seed=seed if resplit else c.config.val_seed, run_name=None))
        for seed in range(first, first + seeds)
        for c in chosen
    ]
    again = f"tlcompare replicate --sweep {sweep} --top {top} --seeds {seeds}{' --resplit' if resplit else ''}"
    with viewing() as view, terminable(), alone_with(parent.run_id):
        if warning := warning_if_opened(parent):
            view.say(warning)
        view.say(f"{len(chosen) - others} baselines, and {others} others of the best {top}")
        needed = seeds_for(list(Counter(c.config.model for c in chosen).values()))
        if seeds < needed:
            view.say(f"note: to prove all differences between {len(chosen)} configurations takes {needed} seeds")
        work = _Replication(parent, sweep, wanted, view)
        try:
            work.run(jobs)
        except BaseException as e:
            if not is_interruption(e):
                raise
            with cleaning_up():
                work.end_running()
            view.say(f"Interrupted; {work.done} of {len(wanted)} runs are done and stay. Go on with: {again}")
            raise
        if work.failures:
            raise StudyError(
                f"{len(work.failures)} runs failed, the first with: {work.failures[0]}",
                f"Mend that, or lower --top to leave the configuration out. Again: {again}",
            )
        before = parent.tags.get(REPLICATED, "").splitlines()
        RunLog(parent.run_id).tags({REPLICATED: "\n".join(dict.fromkeys([*before, again]))})
    return (
        f"replicated   {len(chosen)} configurations of {sweep} with seeds {first} to {first + seeds - 1}\n"
        f"compare      tlcompare compare --sweep {sweep} --evidence\n"
        f"choose       tlcompare pick --sweep {sweep}\n"
        f"test         tlcompare finalize --sweep {sweep}    (once, when all choosing is over)\n"
        f"report       tlcompare report --sweep {sweep} -o report.html"
    )


def _choose(trials: Sequence[LoggedRun], sweep: str, top: int) -> tuple[list[Choice], int]:
    """The baselines that finished, and the `top` configurations with the best mean validation accuracy; and how many
    of these are no baselines."""
    groups: dict[str, list[LoggedRun]] = {}
    for run in trials:
        if run.status == "FINISHED" and "val/accuracy" in run.metrics:
            groups.setdefault(run.tags["tlcompare.configuration"], []).append(run)
    if not groups:
        raise TrackingError(f'no trial of the sweep "{sweep}" has finished', f"tlcompare sweep --name {sweep}")
    means = {key: sum(r.metrics["val/accuracy"] for r in runs) / len(runs) for key, runs in groups.items()}
    best = sorted(groups, key=lambda key: -means[key])[:top]
    given = [key for key, runs in groups.items() if any(map(_is_baseline, runs))]
    found = []
    for key in dict.fromkeys([*given, *best]):
        run = groups[key][0]
        options, _ = logged_config(f"runs:/{run.run_id}")
        found.append(Choice(key, resolve(options)))
    if not found:
        raise StudyError(f'--top 0: the sweep "{sweep}" has no baselines to run again', "Give --top 1 or more.")
    return found, len(found) - len(given)


def _is_baseline(run: LoggedRun) -> bool:
    """Whether the sweep tried it in any case; in sweeps that did not write that down, `frozen` and `all`."""
    if BASELINE in run.tags:
        return run.tags[BASELINE] == "true"
    return run.params["strategy_family"] in ("frozen", "all")


class _Replication:
    """The watch of the engine, and the source of its jobs."""

    def __init__(
        self,
        parent: LoggedRun,
        sweep: str,
        wanted: Sequence[tuple[Choice, RunConfig]],
        view: View,
    ) -> None:
        self._parent = parent
        self._sweep = sweep
        self._wanted = wanted
        self._view = view
        self.done = 0
        self.failures: list[str] = []
        self._attempts: Counter[int] = Counter()
        self._waiting: deque[tuple[int, RunConfig]] = deque()
        self._in_a_row = 0

    def run(self, jobs: int) -> None:
        there = self._there()
        missing = [(c, config) for c, config in self._wanted if (c.key, config.seed, config.val_seed) not in there]
        self.done = len(self._wanted) - len(missing)
        self._view.begin(f"{self._sweep} replicates", self.done, len(self._wanted), "")
        if not missing:
            return
        workbench = Workbench()
        first = {c.config.model: config for c, config in reversed(self._wanted)}
        prepared = {model: prepare(config, Quiet(self._view.say), workbench) for model, config in first.items()}
        self._require_same_images(prepared)
        engine: Engine = InProcess(workbench) if jobs == 1 else Processes(jobs)
        engine.run(self._source(missing, prepared), self)
        catch_up()
        self.end_running()  # a server that made a run and lost the answer was asked for another

    def end_running(self) -> None:
        """Nothing is left running in MLflow, but what waits to be sent, its end among it."""
        waiting = kept()
        for run in replicates_of(self._parent.run_id):
            if run.status == "RUNNING" and run.run_id not in waiting:
                end_trial(run.run_id, "interrupted", "interrupted")

    def _there(self) -> set[tuple[str, int, int | None]]:
        """What has finished; what has not is discarded, to be run again."""
        there: set[tuple[str, int, int | None]] = set()
        waiting = kept()
        for run in replicates_of(self._parent.run_id):
            if run.status == "FINISHED":
                config = run.params
                val_seed = None if config["val_seed"] == "None" else int(config["val_seed"])
                there.add((run.tags["tlcompare.configuration"], int(config["seed"]), val_seed))
            elif run.run_id in waiting:
                raise TrackingError(
                    f"run {run.run_id} has results that wait to be sent", "See what holds them up: tlcompare sync"
                )
            else:
                discard_trial(run.run_id)
        resplit = any(config.val_seed == config.seed for _, config in self._wanted)
        if there and resplit != any(val_seed == seed for _, seed, val_seed in there):
            kind = "that share one split" if resplit else "of --resplit"
            raise StudyError(
                f'the sweep "{self._sweep}" has replicates {kind}, with which others would not compare',
                "Go on with these, or delete them in MLflow first.",
            )
        return there

    def _require_same_images(self, prepared: Mapping[str, Prepared]) -> None:
        digest = next(r.params["data_digest"] for r in trials_of(self._parent.run_id) if "data_digest" in r.params)
        if any(p.store.digest != digest for p in prepared.values()):
            raise StudyError(
                f'the images are no longer those of the sweep "{self._sweep}"',
                "Restore them: replicates on other images prove nothing about it.",
            )

    def _source(self, missing: Sequence[tuple[Choice, RunConfig]], prepared: Mapping[str, Prepared]) -> NextJob:
        kept = cuts_worth_keeping(prepared, [(config, 1.0) for _, config in missing])
        heads = {
            config
            for _, config in missing
            if not make_plan(prepared[config.model].layers, config.unfreeze, classes=2).parameters
        }
        self._waiting.extend(enumerate(config for _, config in missing))

        def next_job() -> Job | None:
            stop_if_asked()
            if not self._waiting or self._in_a_row >= _FAILURES_IN_A_ROW:
                return None
            number, config = self._waiting.popleft()
            run_id = open_replicate(self._parent.run_id, self._sweep, config)
            later = (c for _, c in self._waiting if c in heads)
            ahead = tuple(c for c in later if train_together(c, config)) if config in heads else ()
            cuts = tuple(cut.node for cut in kept[config.model])
            label = f"{config.model} {config.unfreeze} seed {config.seed}"
            job = Job(number, label, config, run_id, "all", (), (), ahead, cuts)
            self._view.started(job)
            return job

        return next_job

    def said(self, job: Job, text: str) -> None:
        self._view.say(text, of=job.label)

    def progress(self, job: Job, what: str, share: float | None) -> None:
        self._view.progress(job, what, share)

    def epoch(self, job: Job, epoch: Epoch) -> str:
        self._view.epoch(job, epoch)
        return ""

    def ended(self, job: Job, outcome: Outcome) -> None:
        self._attempts[job.number] += 1
        if outcome.lost and self._attempts[job.number] < _ATTEMPTS:
            discard_trial(job.run_id)
            self._waiting.append((job.number, job.config))
            self._view.again(job, outcome.reason)
            return
        if outcome.state == "finished":
            self.done += 1
            self._in_a_row = 0
            result = f"{outcome.metrics['val/accuracy']:.2%}  {outcome.metrics['cost/train_seconds']:.1f} s"
        else:
            end_trial(job.run_id, "failed", outcome.reason, outcome.detail)
            self._in_a_row += 1
            self.failures.append(f"{job.label}: {outcome.reason}")
            result = f"FAILED: {outcome.reason}"
        self._view.ended(job, result, "", self.done)
