import json
import os

import pytest

from tlcompare.machine import measured
from tlcompare.machine.measured import measured_once, remembered


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))


def measuring(*values):
    """Gives these, one after the other."""
    left = [{"value": value} for value in values]
    return lambda: left.pop(0)


def busy(found):
    return found["value"] > 10


def an_hour_later():
    path = measured._path("k", {})
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 3601))


def test_what_was_measured_is_kept():
    assert remembered("k", {"a": 1}) is None
    measure = measuring(1, 2)
    assert [measured_once("k", {"a": key}, measure)["value"] for key in (1, 1, 2, 1)] == [1, 1, 2, 1]
    assert remembered("k", {"a": 1}) == {"value": 1}


def test_what_was_measured_on_a_busy_machine_is_measured_again_an_hour_later():
    measure = measuring(30, 20, 5, 1)
    seen = []
    for _ in range(4):
        seen += [measured_once("k", {}, measure, busy)["value"] for _ in range(2)]
        assert remembered("k", {}, busy) == {"value": seen[-1]}
        an_hour_later()
        assert (remembered("k", {}, busy) is None) == (seen[-1] > 10)
    assert seen == [30, 30, 20, 20, 5, 5, 5, 5]


def test_a_process_that_waited_for_another_takes_what_that_has_measured(monkeypatch):
    measured_once("k", {}, measuring(30), busy)
    an_hour_later()
    path = measured._path("k", {})

    def meanwhile(of):
        path.write_text(json.dumps({"k": {"value": 4}}))
        return locked(of)

    locked = measured.locked
    monkeypatch.setattr(measured, "locked", meanwhile)
    assert measured_once("k", {}, measuring(), busy)["value"] == 4


def test_a_damaged_file_is_measured_anew():
    measured_once("k", {}, measuring(1))
    measured._path("k", {}).write_text("{")
    assert measured_once("k", {}, measuring(2))["value"] == 2
