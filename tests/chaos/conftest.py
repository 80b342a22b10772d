"""Faults by the row of docs/reliability.md that they belong to: a few by default, many with `--chaos`."""

import gc
import os
import shutil
import time

import pytest

from tests.chaos.sittings import MODEL, SMALL, run

FAULTS = {
    1: "SIGKILL at random moments of a 40-trial sweep",
    2: "SIGKILL at every named point of a sweep",
    3: "SIGINT and SIGTERM",
    4: "a write, sync, rename or new folder that fails (ENOSPC, EIO, short write), each in turn",
    5: "a run interrupted after an epoch, against one that was not",
    6: "8 processes, 20 trials each, on one SQLite study and store",
    7: "a tracking server that restarts, vanishes, hangs, is slow, answers 500 or 429, or resets connections",
    8: "damaged images: 6 formats, 10 kinds of damage",
    9: "odd images, files and folders",
    10: "malformed configurations, spaces and flags",
    11: "hostile archives",
    12: "downloads cut, altered, redirected; a poisoned cache",
    13: "stores, checkpoints and models with a byte flipped or cut; pickle payloads",
    14: "hostile names of classes, experiments, runs, sweeps and files",
    15: "NaN, no memory, a killed worker, a CUDA error",
    16: "1,000 short trials",
    17: "clock jumps of an hour",
    18: "studies, runs and models of other versions",
}
_tried: dict[int, list[float]] = {}


@pytest.fixture
def chaos(request):
    """Whether many faults are tried."""
    return request.config.getoption("--chaos")


@pytest.fixture
def many(chaos):
    """How many faults to try: the first number by default, the second with --chaos."""
    return lambda few, lots: lots if chaos else few


@pytest.fixture
def survived():
    """Count faults of a row that were tried and survived, and the time since the last count."""
    since = [time.monotonic()]

    def count(row, number=1):
        assert row in FAULTS
        now = time.monotonic()
        tally = _tried.setdefault(row, [0, 0.0])
        tally[0] += number
        tally[1] += now - since[0]
        since[0] = now

    return count


def pytest_terminal_summary(terminalreporter, config):
    if not config.getoption("--chaos"):
        return
    failed = {r.nodeid: r for r in terminalreporter.getreports("failed")}
    terminalreporter.write_line("\n| # | fault | survived | seconds |\n|---|---|---|---|")
    for row, (number, seconds) in sorted(_tried.items()):
        terminalreporter.write_line(f"| {row} | {FAULTS[row]} | {number:,} | {seconds:.0f} |")
    terminalreporter.write_line(f"{len(failed)} failed")


@pytest.fixture(scope="session")
def warm(photos, template_database, tmp_path_factory):
    """Everything is imported and measured in this process, of which others are forked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("warm"))
        shutil.copy(template_database, "mlflow.db")
        patch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
        small = ["--data", photos, *SMALL, "--epochs", 1]
        for command in (["sweep", *MODEL, *small, "--trials", 2], ["train", *MODEL, "--unfreeze", "all", *small]):
            result = run(*command)
            assert result.exit_code == 0, result.output
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def place(tmp_path, monkeypatch, template_database, warm):
    """Make working folders with a tracking store each, one after another, and move there."""
    made = []

    def move():
        folder = tmp_path / f"place{len(made)}"
        folder.mkdir()
        made.append(folder)
        shutil.copy(template_database, folder / "mlflow.db")
        monkeypatch.chdir(folder)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        return folder

    yield move
    os.chdir(tmp_path)
