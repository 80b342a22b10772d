"""Rows 6, 15, 16, 17 and 18: trials that fail, crowd, or meet another clock or another version."""

import datetime
import itertools
import json
import os
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import optuna
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import ViewType
from optuna.trial import TrialState

import tlcompare
from tests.chaos.sittings import MODEL, SMALL, begin, end, patched, run, slow
from tests.conftest import write_image
from tests.end_to_end.test_sweep import assert_they_agree, children, parent, study

pytestmark = pytest.mark.usefixtures("drawn_once")

EVERY_TRIAL = ["--pruner", "off", "--sampler", "random", "--log-models", "none"]


def output():
    return Path("output.txt").read_text()


def forked_workers():
    """Workers are forked from this process, which has everything imported, and its ends of their pipes: that they shall
    end is something they are not told, and so they are given less time for it."""
    patched("tlcompare.engines.processes", "_GRACE_S", lambda seconds: 0.3)
    patched("tlcompare.engines.processes", "multiprocessing.get_context", lambda get: lambda *kind: get("fork"))


def test_eight_processes_on_one_study(place, photos, many, survived):
    trials = many(10, 160)
    for _ in range(many(1, 10)):
        place()
        options = ["--epochs", 1, "--trials", trials, "--jobs", 8, "--name", "s", *EVERY_TRIAL]
        command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]
        code, _ = end(begin(*command, before=forked_workers), limit=900)
        assert code == 0, output()
        assert "locked" not in output()
        assert_they_agree("s", trials)
        assert {t.state for t in study("s").trials} == {TrialState.COMPLETE}
        survived(6)


def breaking(times, break_it):
    """In this process and its forks, a training step breaks so many times in all, as `break_it` does."""
    counter = Path("broken.txt")

    def change(step):
        def broken(trainer, x, labels):
            there = len(counter.read_text()) if counter.exists() else 0
            if trainer.config.unfreeze == "layer4" and there < times:
                with counter.open("a") as f:
                    f.write("x")
                break_it()
            return step(trainer, x, labels)

        return broken

    def before():
        forked_workers()
        patched("tlcompare.training.fit", "_train_step", change)

    return before


def cuda_error():
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def no_memory():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def not_a_number():
    def change(step):
        def spoiled(trainer, x, labels):
            return step(trainer, x, labels) * (float("nan") if trainer.config.unfreeze == "layer4" else 1)

        return spoiled

    patched("tlcompare.training.fit", "_train_step", change)


def sweep_of_four(photos, *options):
    return [
        "sweep",
        *MODEL,
        "--data",
        photos,
        *SMALL,
        "--epochs",
        2,
        "--trials",
        4,
        "--name",
        "s",
        *EVERY_TRIAL,
        *options,
    ]


@pytest.mark.parametrize("how", ["a CUDA error", slow("a killed worker")])
def test_a_lost_device_or_process_costs_an_attempt(place, photos, many, survived, how):
    break_it, jobs = {"a CUDA error": (cuda_error, 1), "a killed worker": (killed, 2)}[how]
    for _ in range(many(1, 3)):
        place()
        code, _ = end(begin(*sweep_of_four(photos, "--jobs", jobs), before=breaking(2, break_it)))
        assert code == 0, output()
        assert output().count("is run again") == 2
        assert_they_agree("s", 4)
        assert {t.state for t in study("s").trials} == {TrialState.COMPLETE}
        survived(15, 2)


@pytest.mark.slow
def test_a_trial_whose_worker_is_killed_after_its_end_stays_as_it_is(place, photos, survived):
    place()

    def before():
        forked_workers()

        def change(send):
            def deadly(remote, kind, *arguments):
                if kind == "ended" and not Path("killed.txt").exists():
                    Path("killed.txt").touch()
                    killed()
                send(remote, kind, *arguments)

            return deadly

        patched("tlcompare.engines.processes", "_Remote.send", change)

    code, _ = end(begin(*sweep_of_four(photos, "--jobs", 2), before=before))
    assert code == 0, output()
    assert Path("killed.txt").exists()
    assert "is run again" not in output()
    assert_they_agree("s", 4)
    assert {t.state for t in study("s").trials} == {TrialState.COMPLETE}
    assert not MlflowClient().search_runs(["1"], run_view_type=ViewType.DELETED_ONLY)
    survived(15)


@pytest.mark.slow
def test_the_last_trial_is_run_again_when_the_others_are_done(place, photos, survived):
    """Its worker is killed after there was nothing left to do for the other one."""
    place()

    def slow_and_deadly():
        forked_workers()

        def change(step):
            def deadly(trainer, x, labels):
                if trainer.config.unfreeze == "all" and not Path("killed.txt").exists():
                    time.sleep(1)
                    Path("killed.txt").touch()
                    killed()
                return step(trainer, x, labels)

            return deadly

        patched("tlcompare.training.fit", "_train_step", change)

    code, _ = end(begin(*sweep_of_four(photos, "--jobs", 2), before=slow_and_deadly))
    assert code == 0, output()
    assert output().count("is run again") == 1
    assert_they_agree("s", 4)
    assert {t.state for t in study("s").trials} == {TrialState.COMPLETE}
    survived(15)


@pytest.mark.parametrize("how", [slow("a CUDA error"), slow("a killed worker"), slow("no memory"), "NaN"])
def test_what_fails_for_good_fails_with_its_reason_and_the_sweep_goes_on(place, photos, many, survived, how):
    reasons = {
        "a CUDA error": (cuda_error, "illegal memory access"),
        "a killed worker": (killed, "signal 9; the usual cause is too little memory"),
        "no memory": (no_memory, "out of memory"),
        "NaN": (None, "the loss became nan"),
    }
    break_it, said = reasons[how]
    for _ in range(many(1, 3)):
        place()
        jobs = 2 if break_it is killed else 1
        before = breaking(10_000, break_it) if break_it else not_a_number
        code, _ = end(begin(*sweep_of_four(photos, "--jobs", jobs), before=before))
        assert code == 0, output()
        assert_they_agree("s", 4)
        failed = [r for r in children("s") if r.info.status == "FAILED"]
        assert [r.data.params.get("strategy", "layer4") for r in failed] == ["layer4"]
        assert said in failed[0].data.tags["tlcompare.reason"]
        assert parent("s").info.status == "FINISHED"
        survived(15)


def resources():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    children_of = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {
        "memory": int(status["VmRSS"].split()[0]) * 1024,
        "files": len(os.listdir("/proc/self/fd")),
        "threads": int(status["Threads"]),
        "processes": len(children_of),
        "worked": time.process_time(),
    }


def test_a_thousand_trials(place, photos, chaos, survived):
    """Memory, open files, threads and processes do not grow, nor does the CPU time per trial, by the median."""
    if not chaos:
        pytest.skip("takes minutes; runs with --chaos")
    folder = place()
    options = ["--epochs", 1, "--trials", 1000, "--name", "s", *EVERY_TRIAL]
    command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]

    def change(tell):
        def noted(*arguments):
            tell(*arguments)
            with open(folder / "resources.txt", "a") as f:
                f.write(json.dumps(resources()) + "\n")

        return noted

    code, _ = end(begin(*command, before=lambda: patched("tlcompare.study.ledger", "tell", change)), limit=3000)
    assert code == 0, output()
    seen = [json.loads(line) for line in Path("resources.txt").read_text().splitlines()]
    assert len(seen) == 1000
    for what in ("files", "threads", "processes"):
        assert seen[-1][what] <= seen[100][what] + 2, what
    grown = seen[-1]["memory"] - seen[200]["memory"]
    times = [b["worked"] - a["worked"] for a, b in itertools.pairwise(seen)]
    early, late = sorted(times[100:300])[100], sorted(times[-200:])[100]
    print(f"memory grew by {grown / 1e6:.0f} MB in 800 trials; {early:.3f} CPU s a trial early, {late:.3f} late")
    assert grown < 100e6
    assert late < 2 * early
    survived(16)


@pytest.mark.parametrize(
    ("when", "jump"),
    [
        ("in a run", -3600),
        *(slow(*jump) for jump in (("in a run", 3600), ("between trials", -3600), ("between trials", 3600))),
    ],
)
def test_clock_jumps(place, photos, survived, when, jump):
    place()
    began = time.time()

    def before():
        shift = [0.0]
        patched("time", "time", lambda now: lambda: now() + shift[0])

        def change(function):
            def jumping(*arguments, **named):
                shift[0] = jump
                return function(*arguments, **named)

            return jumping

        place_of = ("tlcompare.run", "log_epoch") if when == "in a run" else ("tlcompare.tracking.sweeps", "Runs.open")
        patched(*place_of, change)

    code, _ = end(begin(*sweep_of_four(photos), before=before))
    assert code == 0, output()
    assert_they_agree("s", 4)
    for r in children("s"):
        assert r.info.end_time >= r.info.start_time
        assert all(v >= 0 for k, v in r.data.metrics.items() if "seconds" in k)
    for t in study("s").trials:
        assert t.state == TrialState.COMPLETE
    assert abs(began - datetime.datetime.now().timestamp()) < 600
    code, _ = end(begin(*sweep_of_four(photos)))
    assert code == 0, output()
    assert_they_agree("s", 4)
    survived(17)


def restored(folder):
    """The study, runs and photos of release 0.1.0, as they were left in a working folder."""
    assets = Path(__file__).parents[1] / "assets" / "release-0.1.0"
    for name in ("optuna", "mlflow"):
        (folder / f"{name}.db").unlink(missing_ok=True)
        with sqlite3.connect(folder / f"{name}.db") as database:
            database.executescript((assets / f"{name}.sql").read_text().replace("@HERE@", str(folder)))
    shutil.copytree(assets / "runs", folder / "mlruns")
    for file in (folder / "mlruns").rglob("config.yaml"):
        file.write_text(file.read_text().replace("@HERE@", str(folder)))
    for hue, name in enumerate(("red", "green", "blue")):
        for i in range(12):
            write_image(folder / "photos" / name / f"{i:02}.png", seed=100 * hue + i, hue=hue)


def test_a_study_of_the_previous_release_goes_on(place, survived):
    restored(place())
    before = [r.info.run_id for r in children("old")]
    assert len(before) == 5
    result = run("sweep", "--name", "old", "--trials", 6, "--log-models", "none")
    assert result.exit_code == 0, result.output
    assert f"begun with tlcompare 0.1.0 and goes on with {tlcompare.__version__}" in result.stderr
    assert_they_agree("old", 6)
    assert [r.info.run_id for r in children("old")][:5] == before
    rows = json.loads(run("compare", "--sweep", "old", "--format", "json").stdout)
    assert len(rows) == 6
    assert run("pick", "--sweep", "old").exit_code == 0
    again = run("train", "--config", f"runs:/{before[0]}")
    assert again.exit_code == 0, again.output
    survived(18)


def test_a_study_of_a_newer_release_says_what_to_do(place, survived):
    restored(place())
    old = study("old")
    definition = old.user_attrs["definition"]
    for change in ({"format": 99}, {"definition": json.dumps(json.loads(definition) | {"new": 1})}):
        for name, value in change.items():
            old.set_user_attr(name, value)
        old.set_user_attr("version", "9.9.9")
        result = run("sweep", "--name", "old")
        assert result.exit_code == 2
        assert "was begun with tlcompare 9.9.9" in result.stderr
        assert "Upgrade tlcompare" in result.stderr
        old.set_user_attr("format", 1)
        survived(18)
    assert len(optuna.load_study(study_name="old", storage="sqlite:///optuna.db").trials) == 5
    assert len(MlflowClient().search_runs(["1"])) == 6
