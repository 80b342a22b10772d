"""The time to a right verdict: a careful person's way, tlcompare's sweep with ten seeds, and `decide`, which explores
with rungs or with the median pruner.

    python -m benchmarks.verdict --rounds 10

Each is whole processes in a fresh folder with empty caches, one after the other, on digits and on letters drawn with
the fonts that matplotlib ships, EfficientNet-Lite0 with its ImageNet weights. What was measured is kept in --work, so
that the same command goes on. A long run (30 seeds) is taken as the truth. Prints a table as Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.images import DATA, SIDE
from tlcompare.backbones.registry import get_backbone
from tlcompare.config import resolve
from tlcompare.preparation import Workbench, images_and_split
from tlcompare.progress import reporting
from tlcompare.tracking.models import weights_here

_MODEL = "efficientnet_lite0"
_COMMAND = [sys.executable, "-m", "tlcompare"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--data", nargs="*", choices=list(DATA), default=list(DATA))
    parser.add_argument("--minutes", type=float, default=90, help="Begin nothing after so many.")
    parser.add_argument("--work", default="verdict-work")
    given = parser.parse_args()
    work, until = Path(given.work).absolute(), time.monotonic() + 60 * given.minutes
    for data in given.data:
        if not (work / data).exists():
            DATA[data](work / f"{data}-part", given.images)
            (work / f"{data}-part").rename(work / data)
    waiting = [(d, n, who) for n in range(given.rounds) for d in given.data for who in _WAYS]
    waiting += [(data, 500, "truth") for data in given.data]
    for data, number, who in waiting:
        result = work / f"{data}-{number}-{who}.json"
        if not result.exists() and time.monotonic() < until:
            _measure(work, data, number, who, given)
    _print(work, given)


def _measure(work: Path, data: str, number: int, who: str, given: argparse.Namespace) -> None:
    """Let one of them decide in a folder of its own, and keep what it found."""
    folder = work / "now"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if who == "careful":
        _divide(work / data, folder / "divided", number)
    began = time.perf_counter()
    found = (
        _truth(folder, work / data, number, given) if who == "truth" else _WAYS[who](folder, work / data, number, given)
    )
    found["seconds"] = time.perf_counter() - began
    if (folder / "mlflow.db").exists():
        with sqlite3.connect(folder / "mlflow.db") as store:
            count = "select count(*), count(distinct run_uuid) from metrics where key = 'val/epoch_accuracy'"
            found["epochs"], found["runs"] = store.execute(count).fetchone()
    (work / f"{data}-{number}-{who}.json").write_text(json.dumps(found))
    print(f"{data} {number} {who}: {found}", file=sys.stderr, flush=True)


def _careful(folder: Path, data: Path, number: int, given: argparse.Namespace) -> dict[str, Any]:
    sizes = ["--epochs", str(given.epochs), "--side", str(given.side), "--seed", str(100 * number)]
    command = [sys.executable, "-m", "benchmarks.careful", str(folder / "divided"), *sizes, "--out"]
    _run([*command, str(folder / "found.json")], folder)
    return dict(json.loads((folder / "found.json").read_text()))


def _fixed(folder: Path, data: Path, number: int, given: argparse.Namespace, seeds: int = 10) -> dict[str, Any]:
    options = _options(data, number, given)
    _run([*_COMMAND, "sweep", "--name", "s", "--trials", "40", "--seeds", str(seeds), *options], folder)
    return _standing(folder)


def _truth(folder: Path, data: Path, number: int, given: argparse.Namespace) -> dict[str, Any]:
    _run([*_COMMAND, "sweep", "--name", "s", "--trials", "40", *_options(data, number, given)], folder)
    _run([*_COMMAND, "replicate", "--sweep", "s", "--top", "3", "--seeds", "30"], folder)
    return _standing(folder)


def _standing(folder: Path) -> dict[str, Any]:
    """What a sweep's replicates show: the best that unfreezes something against frozen, and the best of all."""
    _run([*_COMMAND, "finalize", "--sweep", "s"], folder)
    rows = json.loads(_run([*_COMMAND, "compare", "--sweep", "s", "--evidence", "--format", "json"], folder))
    unfrozen = next(row for row in rows if row["strategy"] != "frozen")
    return {
        "verdict": unfrozen["verdict_baseline"],
        "gain": unfrozen["minus_baseline"],
        "choice": rows[0]["configuration"],
        "test_accuracy": rows[0]["test_accuracy"],
    }


def _decide(folder: Path, data: Path, number: int, given: argparse.Namespace, pruner: str = "rungs") -> dict[str, Any]:
    options = ["--pruner", pruner, *_options(data, number, given)]
    found = json.loads(_run([*_COMMAND, "decide", "--json", *options], folder))
    unfrozen = next(row for row in found["contenders"] if row["minus_baseline"] is not None)
    return {
        "verdict": found["worth_it"],
        "gain": unfrozen["minus_baseline"],
        "choice": found["use"]["configuration"],
        "test_accuracy": found["use"]["test_accuracy"],
        "stages": found["seconds"],
    }


_WAYS: dict[str, Callable[[Path, Path, int, argparse.Namespace], dict[str, Any]]] = {
    "careful": _careful,
    "sweep": _fixed,
    "decide": _decide,
    "decide-median": partial(_decide, pruner="median"),
}


def _options(data: Path, number: int, given: argparse.Namespace) -> list[str]:
    """The recipe of the careful person's loop, on one thread."""
    options = {"data": data, "model": _MODEL, "image-size": given.side, "epochs": given.epochs, "threads": 1}
    options |= {"augment": "none", "split-seed": number, "seed": 100 * number}
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


def _run(command: Sequence[str], folder: Path) -> str:
    """A process with one thread and empty caches; gives what it printed."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    ours |= {"OMP_NUM_THREADS": "1", "TLCOMPARE_CACHE": str(folder / "cache"), "PYTHONPATH": str(Path.cwd())}
    with (folder / "log.txt").open("a") as log:
        ended = subprocess.run(  # noqa: S603 (our own command)
            command, cwd=folder, env=ours, stdout=subprocess.PIPE, stderr=log, text=True, check=True
        )
    return ended.stdout


def _divide(data: Path, folder: Path, number: int) -> None:
    """The same division into training, validation and test images that tlcompare makes, as folders."""
    os.environ["TLCOMPARE_CACHE"] = str(folder.parent / "own cache")
    config = resolve({"data": str(data), "split_seed": str(number)})
    workbench = Workbench(weights_here)
    source = workbench.source(config.data)
    with reporting(1) as reporter:
        store, split = images_and_split(config, get_backbone(_MODEL).at_size(SIDE), source, reporter, workbench)
    for part in ("train", "val", "test"):
        for index in getattr(split, part):
            file = Path(store.files[index].path)
            place = folder / part / store.classes[store.labels[index]] / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(data / file, place)


def _print(work: Path, given: argparse.Namespace) -> None:
    """The table, over the rounds that all three have ended."""
    headings = [
        "data",
        "way",
        "rounds",
        "seconds",
        "times decide's",
        "runs",
        "epochs",
        "test accuracy",
        "gain (points)",
    ]
    headings += ["verdicts", "as the long run"]
    print(f"{given.images} images of {given.side} pixels, {given.epochs} epochs, one thread, {platform.machine()}\n")
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    for data in given.data:
        found = {who: [_read(work, data, n, who) for n in range(given.rounds)] for who in _WAYS}
        whole = [n for n in range(given.rounds) if all(found[who][n] for who in _WAYS)]
        truth = _read(work, data, 500, "truth")
        for who in _WAYS if whole else ():
            rows = [found[who][n] for n in whole]
            ratios = [found[who][n]["seconds"] / found["decide"][n]["seconds"] for n in whole]
            times = f"{statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"
            verdicts = [row["verdict"] for row in rows]
            counted = ", ".join(f"{v} {verdicts.count(v)}" for v in dict.fromkeys(verdicts))
            agree = f"{sum(v == truth['verdict'] for v in verdicts)} of {len(whole)}" if truth else "-"
            print(f"| {' | '.join([data, who, str(len(whole)), *_means(rows, times), counted, agree])} |")
        if truth:
            print(f"| {' | '.join([data, 'long run', '1', *_means([truth], ''), truth['verdict'], ''])} |")


def _means(rows: Sequence[dict[str, Any]], times: str) -> list[str]:
    """Seconds, `times`, runs, epochs, test accuracy and gain, on average."""
    mean = {key: statistics.mean(row[key] for row in rows) for key in ("seconds", "runs", "epochs", "gain")}
    test = statistics.mean(row["test_accuracy"] for row in rows)
    counts = [f"{mean['runs']:.0f}", f"{mean['epochs']:.0f}"]
    return [f"{mean['seconds']:.0f}", times, *counts, f"{test:.2%}", f"{mean['gain'] * 100:+.1f}"]


def _read(work: Path, data: str, number: int, who: str) -> dict[str, Any]:
    path = work / f"{data}-{number}-{who}.json"
    return json.loads(path.read_text()) if path.exists() else {}


if __name__ == "__main__":
    main()
