"""Row 4: every write, sync, rename and new folder of a small run fails once, in turn."""

import builtins
import errno
import io
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from tests.chaos.sittings import MODEL, SMALL, begin, end, run
from tests.end_to_end.test_sweep import assert_they_agree

pytestmark = pytest.mark.usefixtures("drawn_once")

KINDS = ("ENOSPC", "EIO", "short write")


class Disk:
    """Counts what changes the disk below some folders, and lets one of them fail."""

    def __init__(self, folders, fails_at, kind, log):
        self.folders = tuple(str(f) for f in folders)
        self.fails_at = fails_at
        self.kind = kind
        self.count = 0
        self.log = log

    def concerns(self, path):
        return isinstance(path, str | os.PathLike) and str(Path(path).absolute()).startswith(self.folders)

    def happens(self, what, path):
        self.count += 1
        os.write(self.log, f"{what} {path}\n".encode())
        if self.count == self.fails_at:
            number = errno.ENOSPC if self.kind == "ENOSPC" else errno.EIO
            raise OSError(number, os.strerror(number), str(path))

    def install(self):
        """Replace Python's ways to the disk in this process."""
        disk, real_open = self, io.open

        class Raw(io.FileIO):
            def write(self, data):
                path = os.readlink(f"/proc/self/fd/{self.fileno()}")
                if path.endswith("(deleted)"):  # it has no name: the speed of the disk is measured
                    return super().write(data)
                try:
                    disk.happens("write", path)
                except OSError:
                    if disk.kind == "short write" and len(data) > 1:
                        super().write(memoryview(data)[: len(data) // 2])
                    raise
                return super().write(data)

        def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
            path = os.readlink(f"/proc/self/fd/{file}") if isinstance(file, int) else file
            if not set(mode) & set("wax+") or not disk.concerns(path):
                return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
            raw = Raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
            if "b" in mode:
                return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, newline)

        def failing(name, function, place):
            def wrapped(*arguments, **named):
                path = arguments[place]
                path = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else path
                if disk.concerns(path):
                    disk.happens(name, path)
                return function(*arguments, **named)

            return wrapped

        io.open = builtins.open = opened
        shutil._USE_CP_SENDFILE = False
        for name, place in (("fsync", 0), ("rename", 1), ("replace", 1), ("mkdir", 0)):
            setattr(os, name, failing(name, getattr(os, name), place))


@pytest.fixture
def attempts(place, tmp_path, monkeypatch):
    """Run something with its k-th change of the disk failing; gives its exit code and what it changed.

    What was measured of the machine is there from the first attempt on.
    """
    base = tmp_path / "base"
    base.mkdir()

    def attempt(command, k, kind, watched):
        folder = place()
        own = folder / "cache"
        shutil.copytree(base, own)
        monkeypatch.setenv("TLCOMPARE_CACHE", str(own))
        folders = {"cache": [own], "all": [folder / "mlruns", own]}[watched]

        def before():
            log = os.open(folder / "changes.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            Disk(folders, k, kind, log).install()

        code, _ = end(begin(*command, before=before))
        for known in ("speed", "latency", "disk"):
            if (own / known).is_dir() and not (base / known).exists():
                shutil.copytree(own / known, base / known)
        return code, (folder / "changes.txt").read_text().splitlines(), (folder / "output.txt").read_text()

    return attempt


def test_every_change_of_the_disk_fails_once(attempts, photos, chaos, survived):
    """Either it does not matter, or the error is one clear line; the same command works afterwards."""
    command = ["train", *MODEL, "--unfreeze", "layer4", "--data", photos, *SMALL, "--image-size", 16, "--epochs", 2]
    watched, few = ("all", 1) if chaos else ("cache", 20)
    for _ in range(2):
        code, changes, output = attempts(command, 0, "", watched)
        assert code == 0, output
    assert 15 < len(changes) < 300
    for kind in KINDS if chaos else KINDS[:1]:
        for k in range(random.randint(1, few), len(changes) + 1, few):
            code, seen, output = attempts(command, k, kind, watched)
            where = f"{kind} at {k}: {seen[k - 1] if len(seen) >= k else seen[-1]}: {output}"
            assert code in (0, 2), where
            assert "Traceback" not in output, where
            if code == 2:
                assert "Error: " in output, where
                assert end(begin(*command))[0] == 0, where
            finished = MlflowClient().search_runs(["1"], "attributes.status = 'FINISHED'")
            assert len(finished) == 1, where
            assert finished[0].data.metrics["val/accuracy"] >= 0, where
            assert not MlflowClient().search_runs(["1"], "attributes.status = 'RUNNING'"), where
            survived(4)


def full_after(pages, name):
    """SQLite's file of this name cannot grow by more than so many pages."""

    def connected(connection, record):
        if isinstance(connection, sqlite3.Connection):
            file = connection.execute("PRAGMA database_list").fetchone()[2]
            if file.endswith(name):
                known = Path(f"{file}.limit")
                if not known.exists():
                    known.write_text(str(connection.execute("PRAGMA page_count").fetchone()[0] + pages))
                connection.execute(f"PRAGMA max_page_count = {known.read_text()}")

    return lambda: event.listen(Engine, "connect", connected)


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        pytest.param("mlflow.db", 3, marks=pytest.mark.slow),
        pytest.param("mlflow.db", 12, marks=pytest.mark.slow),
        pytest.param("optuna.db", 3, marks=pytest.mark.slow),
        ("optuna.db", 12),
    ],
)
def test_a_database_that_is_full(place, photos, survived, name, pages):
    place()
    options = ["--epochs", 1, "--trials", 4, "--name", "s", "--pruner", "off", "--log-models", "none"]
    command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]
    if name == "optuna.db":
        assert run("sweep", *command[1:], "--trials", 1).exit_code == 0
    code, _ = end(begin(*command, before=full_after(pages, name)))
    output = Path("output.txt").read_text()
    assert code in (0, 2), output
    assert "Traceback" not in output
    if code == 2:
        assert "is full. Make room on the disk." in output
    code, _ = end(begin(*command))
    assert code == 0, Path("output.txt").read_text()
    assert_they_agree("s", 4)
    survived(4)


def fails_from(number, name):
    """SQLite's file of this name fails from a statement on."""
    seen = []

    def executing(connection, cursor, statement, parameters, *_):
        if str(connection.engine.url.database).endswith(name):
            seen.append(statement)
            if len(seen) >= number:
                raise OperationalError(statement, parameters, sqlite3.OperationalError("disk I/O error"))

    return lambda: event.listen(Engine, "before_cursor_execute", executing)


def test_a_study_that_fails_from_any_statement_on(place, photos, many, survived):
    options = ["--epochs", 1, "--trials", 3, "--name", "s", "--pruner", "off", "--log-models", "none"]
    command = ["sweep", *MODEL, "--data", photos, *SMALL, *options]
    for number in range(many(random.randint(1, 300), 1), 500, many(300, 12)):
        place()
        code, _ = end(begin(*command, before=fails_from(number, "optuna.db")))
        output = Path("output.txt").read_text()
        assert code in (0, 2), (number, output)
        assert "Traceback" not in output, (number, output)
        if code == 2:
            assert "Error: the study storage" in output, (number, output)
        code, _ = end(begin(*command))
        assert code == 0, (number, Path("output.txt").read_text())
        assert_they_agree("s", 3)
        survived(4)
