"""Sources of jobs, played on an engine that trains nothing; every source stands the same tests."""

import contextlib
import itertools
import math
import random
import re
import time
import zlib
from dataclasses import replace

import pytest
from optuna.trial import TrialState

from tests.study.played import Paper, Played, silent
from tests.study.test_search import search
from tlcompare.config import RunConfig
from tlcompare.engines.jobs import Job
from tlcompare.study.clock import ENOUGH_EXPLORED, Clock
from tlcompare.study.coordinator import Coordinator
from tlcompare.study.ledger import Ledger
from tlcompare.study.objective import make_objectives
from tlcompare.study.planning import Limits, Plan
from tlcompare.study.proposals import Proposals
from tlcompare.study.replicates import Replicates
from tlcompare.study.source import NotNow, Over
from tlcompare.study.studies import Definition, Studies, make_pruner
from tlcompare.study.trials import Trials
from tlcompare.tracking.outbox import put
from tlcompare.tracking.sending import Entry

CONTENT = {"unfreeze": {"depth": {"from": "0%", "to": "100%"}, "snap": ["layer"]}}
EPOCHS = 3


def curve(config, epoch):
    """Accuracy after an epoch, the same for the same configuration."""
    key = f"{config.unfreeze} {config.lr} {config.seed}"
    return 0.3 + 0.1 * epoch + zlib.crc32(key.encode()) % 1000 / 5000


class Sweep:
    """Trials in an SQLite study; each call makes source and coordinator anew, as a new process would."""

    total = 14
    sampler = "random"
    pruner = "median"
    epochs = EPOCHS
    slots = 3

    def __init__(self, folder, lite):
        self.studies = Studies(f"sqlite:///{folder / 'optuna.db'}")
        objectives = make_objectives((), ())
        fixed = {"epochs": self.epochs, "model": "efficientnet_lite0"}
        found = search([lite], CONTENT, {"epochs": self.epochs})
        definition = Definition(
            "mine", CONTENT, ("efficientnet_lite0",), fixed, ("val/accuracy",), (), self.sampler, self.pruner
        )
        known, baselines = found.always_first, len(found.baselines)
        self.plan = Plan(definition, found, objectives, Limits(self.total), None, {}, known, baselines, False)
        self.studies.create("s", definition, objectives)
        self.runs = Paper()

    def coordinator(self, view=None, clock=None):
        study = self.studies.load("s")
        study.pruner = make_pruner(self.pruner, EPOCHS)
        model = "efficientnet_lite0"
        ledger = Ledger(self.studies, study, self.plan.objectives)
        proposals = Proposals(ledger, self.plan, {model: "fp32"}, {model: ()}, print)
        trials = Trials(ledger, self.plan, proposals, clock or Clock())
        return Coordinator(trials, self.runs, view or silent())

    def left_running(self):
        return self.studies.load("s").get_trials(states=(TrialState.RUNNING,))


class Climbing(Sweep):
    """Trials that pause at rungs; which of them go on depends on how many run at a time."""

    total = 24
    pruner = "rungs"
    epochs = 9
    slots = 1


class Again:
    """Replicates; what is there is read from the runs."""

    total = 12
    epochs = EPOCHS
    slots = 3

    def __init__(self, folder, lite):
        self.wanted = [
            RunConfig(unfreeze=text, seed=1000 + seed, epochs=EPOCHS)
            for seed in range(4)
            for text in ("frozen", "top", "all")
        ]
        self.runs = Paper()

    def coordinator(self, view=None):
        there = {(r.params["unfreeze"], int(r.params["seed"])) for r in self.runs.all() if r.status == "FINISHED"}
        missing = [c for c in self.wanted if (c.unfreeze, c.seed) not in there]
        source = Replicates(missing, len(there), {RunConfig().model: ()}, (), Clock())
        return Coordinator(source, self.runs, view or silent())

    def left_running(self):
        return []


@pytest.fixture(params=[Sweep, Climbing, Again], ids=["trials", "rungs", "replicates"])
def work(request, tmp_path, lite):
    return request.param(tmp_path, lite)


def results(work):
    """What every finished, pruned or paused run came to, by its name."""
    ended = [r for r in work.runs.all() if r.tags.get("tlcompare.state") in ("finished", "pruned", "paused")]
    return sorted((r.name, r.tags["tlcompare.state"], r.metrics.get("val/accuracy", math.nan)) for r in ended)


def sitting(work, view=None, command="go on", **options):
    """One process's part of the work; gives what the engine played."""
    coordinator = work.coordinator(view)
    coordinator.settle()
    engine = Played(curve, runs=work.runs, **options)
    with coordinator.unfinished(command):
        coordinator.run(engine, "played")
    return engine


class Killed(BaseException):
    """This process is gone at once."""


@pytest.mark.parametrize("slots", [1, 3])
def test_every_source_runs_to_its_end(work, slots):
    engine = sitting(work, slots=slots)
    assert len(results(work)) == len({number for number, _ in engine.played}) == work.total
    assert max(engine.epochs.values()) == 1, "no epoch is trained twice"
    assert engine.most_at_once == slots
    assert engine.asked <= 2 * len(engine.played) + slots, (
        "asked where there was room, at the beginning and after each end"
    )
    assert not work.runs.discarded
    assert not sitting(work).played


def strikes(coordinator, engine, at, strike):
    """Raise `strike` at the step `at`: before or after a call of the source or of the runs, or where the engine is."""
    steps = itertools.count(1)

    def step(*_):
        if next(steps) == at:
            raise strike

    def struck(call):
        def around(*arguments):
            step()
            result = call(*arguments)
            step()
            return result

        return around

    engine.happens = step
    for owner, names in (
        (coordinator._source, ("settle", "next", "opened", "again", "ended")),
        (coordinator._runs, ("all", "open", "reopen", "end", "discard")),
    ):
        for name in names:
            setattr(owner, name, struck(getattr(type(owner), name).__get__(owner)))


@pytest.mark.parametrize("strike", [Killed(), KeyboardInterrupt()], ids=["killed", "interrupted"])
def test_every_source_goes_on_as_if_nothing_had_been(work, tmp_path, lite, strike):
    """Struck at a random step in every sitting; a job is lost now and then."""
    (tmp_path / "whole").mkdir()
    whole = type(work)(tmp_path / "whole", lite)
    sitting(whole)
    random.seed(0)
    sittings = 0
    for _ in range(200):
        before = results(work)
        coordinator = work.coordinator()
        engine = Played(curve, work.slots, work.runs, lost=lambda job: random.random() < 0.3 / work.epochs)
        strikes(coordinator, engine, random.randint(1, 60), strike)
        try:
            with contextlib.nullcontext() if isinstance(strike, Killed) else coordinator.unfinished("again"):
                coordinator.settle()
                coordinator.run(engine, "played")
        except (Killed, KeyboardInterrupt):
            sittings += 1
            if isinstance(strike, KeyboardInterrupt):
                assert not [r for r in work.runs.all() if r.status == "RUNNING"]
                assert not work.left_running()
        else:
            break
        assert {name for name, *_ in before} <= {name for name, *_ in results(work)}
    assert sittings > 4
    assert results(work) == results(whole)


def test_an_interruption_says_what_stays_and_how_to_go_on(work):
    view = silent()

    def struck(what, job):
        if what == "told" and job.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sitting(work, view, "tlcompare go on", happens=struck)
    said = view.console.file.getvalue()
    assert re.search(r"Interrupted; 3 (trials|replicates) are done and stay\. Go on with: tlcompare go on\n", said)


@pytest.mark.parametrize(("kind", "status"), [("end", "RUNNING"), ("tags", "KILLED")])
def test_a_run_whose_end_waits_to_be_sent_is_not_ended_otherwise(work, monkeypatch, workplace, kind, status):
    """An interruption between its end, or what it has logged before that, and the coordinator's hearing of it."""
    monkeypatch.setattr("tlcompare.tracking.outbox._deliver", lambda *_: (_ for _ in ()).throw(ConnectionError()))

    def struck(what, job):
        if what == "epoch" and job.number == 1:
            put(job.run_id, Entry(kind, {"status": "FINISHED", "time": 0}))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sitting(work, happens=struck)
    assert [r.status for r in work.runs.all()] == ["FINISHED", status]


def test_a_lost_job_comes_next_and_fails_after_three_attempts(work):
    lost = []

    def loses(job):
        if (once := job.number == 1 and not lost) or job.number == 3:
            lost.append(once)
        return once or job.number == 3

    engine = sitting(work, lost=loses)
    numbers = [number for number, _ in engine.played]
    assert numbers[:8] == [0, 1, 1, 2, 3, 3, 3, 4]
    assert len(work.runs.discarded) == 3
    failed = [r for r in work.runs.all() if r.status == "FAILED"]
    assert [r.tags["tlcompare.reason"] for r in failed] == ["its process was lost"]
    assert len(work.runs.all()) == work.total


def test_a_job_that_is_lost_when_all_others_are_done_is_run_again(work):
    lost = []

    def last_one(job):
        if job.number == work.total - 1 and not lost:
            lost.append(job)
            return True
        return False

    sitting(work, slots=2, lost=last_one)
    assert lost
    assert "failed" not in {state for _, state, _ in results(work)}
    assert len(results(work)) == work.total


def diverges(first, last):
    def accuracy(config, epoch):
        accuracy.seen += epoch == 1
        if first <= accuracy.seen <= last:
            raise ArithmeticError("the loss became nan")
        return curve(config, epoch)

    accuracy.seen = 0
    return accuracy


@pytest.mark.parametrize(("failures", "gave_up"), [(4, False), (5, True)])
def test_failures_in_a_row_end_it(work, failures, gave_up):
    view = silent()
    coordinator = work.coordinator(view)
    over = coordinator.run(Played(diverges(3, 2 + failures), runs=work.runs), "played")
    assert coordinator.gave_up == gave_up
    assert len(coordinator.failed) == failures
    assert coordinator.failed[0].endswith(": the loss became nan")
    assert over.startswith("5 ") == gave_up
    assert (f"in a row failed, the first with: {coordinator.failed[0]}" in over) == gave_up
    assert len(work.runs.all()) == (7 if gave_up else work.total)
    assert "FAILED: the loss became nan" in view.console.file.getvalue()


def test_a_value_that_is_not_there_is_a_failure(work):
    coordinator = work.coordinator()
    coordinator.run(Played(lambda c, epoch: math.nan if c.unfreeze == "top" else curve(c, epoch)), "played")
    assert coordinator.failed
    assert all(f.endswith(": val/accuracy is not a number") for f in coordinator.failed)


class Ladder:
    """A source whose last job waits for the others, as a rung does."""

    noun, metrics = "steps", ()

    def __init__(self, total, answers_at_all=True):
        self.total = total
        self.begun = self.ended_ = 0
        self.answers_at_all = answers_at_all

    def settle(self, runs):
        return set()

    def next(self):
        if self.begun == self.total:
            return Over("the top")
        if not self.answers_at_all or self.begun == self.total - 1 > self.ended_:
            return NotNow()
        self.begun += 1
        return Job(self.begun, f"step {self.begun}", RunConfig(epochs=self.begun))

    def opened(self, job):
        pass

    def epoch(self, job, epoch):
        return ""

    def ended(self, job, outcome):
        self.ended_ += 1

    def result(self, outcome):
        return ""

    def best(self):
        return ""

    def done(self):
        return self.ended_


def test_not_now_is_not_the_end():
    source = Ladder(4)
    engine = Played(curve, slots=4)
    assert Coordinator(source, Paper(), silent()).run(engine, "played") == "the top"
    assert [number for number, _ in engine.played] == [1, 2, 3, 4]
    assert engine.clock == 3 + 4, "the last one began when the longest of the others had ended"


def test_not_now_while_nothing_runs_is_a_bug():
    with pytest.raises(RuntimeError, match="a source of steps waits for one to end, and none is running"):
        Coordinator(Ladder(4, answers_at_all=False), Paper(), silent()).run(Played(curve), "played")


def test_thousands_of_jobs_are_asked_for_once_each():
    configs = [RunConfig(seed=seed, epochs=1) for seed in range(3000)]
    runs = Paper()
    engine = Played(lambda config, epoch: 0.5, slots=8, runs=runs)
    source = Replicates(configs, 0, {RunConfig().model: ()}, (), Clock())
    assert Coordinator(source, runs, silent()).run(engine, "played") == "all replicates are done"
    assert [config.seed for _, config in engine.played] == list(range(3000))
    assert engine.asked <= 2 * 3000 + 8


def test_replicates_of_others_stay():
    """Another of the same seed, and one that somebody else finishes meanwhile."""
    runs = Paper()
    for _ in range(2):
        job = Job(0, "twin", RunConfig(seed=1), run_id=runs.open("twin", {}))
        runs.finish(job, "finished", {"val/accuracy": 0.5})
    before = set(runs.runs)
    source = Replicates([RunConfig(seed=2, epochs=1)], 1, {RunConfig().model: ()}, (), Clock())
    coordinator = Coordinator(source, runs, silent())
    coordinator.settle()
    coordinator.run(Played(curve, runs=runs), "played")
    assert before < set(runs.runs)
    assert not runs.discarded


def test_what_stays_is_counted_where_mlflow_does_not_answer(work, monkeypatch):
    view = silent()
    coordinator = work.coordinator(view)

    def struck(what, job):
        if what == "told" and job.number == 2:
            monkeypatch.setattr(work.runs, "all", lambda: (_ for _ in ()).throw(OSError("no answer")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), coordinator.unfinished("again"):
        coordinator.run(Played(curve, runs=work.runs, happens=struck), "played")
    assert "Interrupted; 3 " in view.console.file.getvalue()


def test_the_time_counts_from_the_first_trial(tmp_path, lite):
    work = Sweep(tmp_path, lite)
    work.plan = replace(work.plan, limits=Limits(work.total, timeout=0.5))
    coordinator = work.coordinator()
    time.sleep(0.6)
    engine = Played(curve, runs=work.runs)
    coordinator.run(engine, "played")
    assert engine.played


def test_an_end_is_told_once(work):
    told = []
    coordinator = work.coordinator()
    source = coordinator._source
    ended = source.ended
    source.ended = lambda job, outcome: (told.append(job.number), ended(job, outcome))
    coordinator.run(Played(curve, slots=3, runs=work.runs, lost=lambda job: job.number == 2), "played")
    assert sorted(told) == list(range(work.total))


@pytest.fixture
def played_time(monkeypatch):
    """An engine whose epochs take ten seconds, and the runs that it fills."""
    runs = Paper()
    engine = Played(curve, runs=runs)
    monkeypatch.setattr("time.monotonic", lambda: 10 * engine.clock)
    return engine, runs


def test_no_seed_begins_that_could_not_end_in_time(played_time):
    engine, runs = played_time
    configs = [RunConfig(seed=seed, epochs=6) for seed in range(20)]
    clock = Clock(1000)
    with clock.stage("confirming"):
        source = Replicates(configs, 0, {RunConfig().model: ()}, (), clock)
        assert Coordinator(source, runs, silent()).run(engine, "played") == "the time is over"
    assert {r.status for r in runs.all()} == {"FINISHED"}
    assert source.done() == 14, "a fifteenth would have ended at 900 s, when none of that is left"
    assert clock.taken == {"confirming": 840}


def test_what_takes_too_long_ends_with_its_epoch(played_time):
    engine, runs = played_time
    clock = Clock(1000)
    with clock.stage("confirming"):
        source = Replicates([RunConfig(epochs=200)], 0, {RunConfig().model: ()}, (), clock)
        Coordinator(source, runs, silent()).run(engine, "played")
    (run,) = runs.all()
    assert (run.tags["tlcompare.state"], source.done()) == ("pruned", 0)
    assert clock.taken == {"confirming": 900}


def test_no_trial_begins_after_half_of_the_time(tmp_path, lite, monkeypatch):
    work = Sweep(tmp_path, lite)
    engine = Played(curve, runs=work.runs)
    monkeypatch.setattr("time.monotonic", lambda: 10 * engine.clock)
    clock = Clock(30 * EPOCHS)
    with clock.stage("exploring"):
        coordinator = work.coordinator(clock=clock)
        assert coordinator.run(engine, "played") == ENOUGH_EXPLORED
    assert len(work.runs.all()) == 2, "the second began before half of the time was over"


def test_tpe_learns_from_trials_that_wait_at_a_rung(tmp_path, lite, monkeypatch):
    """Which it does not by itself: it would choose others."""
    monkeypatch.setattr(Climbing, "sampler", "tpe")
    chosen = []
    for name in ("halting", "bare"):
        (tmp_path / name).mkdir()
        work = Climbing(tmp_path / name, lite)
        chosen.append([config for _, config in sitting(work).played])
        monkeypatch.setattr("tlcompare.study.proposals.Halting", lambda sampler: sampler)
    assert chosen[0][:10] == chosen[1][:10], "as long as it chooses at random"
    assert chosen[0] != chosen[1]
