"""Faults by the row of docs/reliability.md that they belong to: a few by default, many with `--chaos`."""

import gc
import json
import os
import shutil
import time
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.sittings import MODEL, SMALL, run
from tests.conftest import copied_figures

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


def pytest_sessionfinish(session):
    if table := session.config.getoption("--chaos-table"):
        Path(table).write_text(json.dumps(_tried))


@pytest.fixture(scope="session")
def warm(photos, template_database, tmp_path_factory):
    """Everything is imported and measured in this process, of which others are forked."""
    with copied_figures(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("warm"))
        shutil.copy(template_database, "mlflow.db")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{Path('mlflow.db').absolute()}")
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
