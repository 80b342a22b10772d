"""tlcompare beside what else one would use, on the same images: `make bench`, or `python -m benchmarks --help`."""

from __future__ import annotations

import functools
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from benchmarks.work import (
    BACKBONE,
    BATCH_SIZE,
    CLASSES,
    Job,
    Trial,
    default_space,
    shallow_trials,
    traced,
    write_images,
)

PEERS = ("tuned", "tuned_logged", "notebook", "fastai", "lightning", "keras")
_SIDE_BY_SIDE = "tlcompare --jobs auto"
_SHOWN = {"tuned_logged": "tuned + checkpoints + MLflow"}
_PACKAGES = ("torch", "torchvision", "timm", "mlflow", "optuna", "fastai", "lightning", "keras")


@dataclass(frozen=True)
class Workload:
    """A list of trials.

    Attributes:
        name: W1 to W4, and those of larger images.
        about: in words.
        trials: all of them, which tlcompare runs.
        sampled: which of them the peers run; they reuse nothing between trials, so the time of all follows.
        images: how many images there are.
        epochs: of each trial.
    """

    name: str
    about: str
    trials: tuple[Trial, ...]
    sampled: tuple[int, ...]
    images: int
    epochs: int
    image_size: int

    @property
    def scale(self) -> float:
        return len(self.trials) / len(self.sampled)


@functools.cache
def make_workloads(scale: float) -> tuple[Workload, ...]:
    """The workloads; `scale` multiplies the numbers of images and epochs."""
    forty = default_space(40)
    by_work = sorted(range(40), key=lambda i: _depth(forty[i]))
    fifty, sampled = (Trial("50"),), tuple(sorted(by_work[4::8]))

    def workload(
        name: str, about: str, trials: tuple[Trial, ...], sampled: tuple[int, ...], images: int, epochs: int, side: int
    ) -> Workload:
        return Workload(name, about, trials, sampled, min(int(images * scale), 1797), max(int(epochs * scale), 1), side)

    return (
        workload("W1", "one frozen run", (Trial("frozen"),), (0,), 1000, 15, 64),
        workload("W2", "one run of the last 50 layers", fifty, (0,), 300, 6, 64),
        workload("W3", "40 trials of the default space", forty, sampled, 240, 4, 64),
        workload("W4", "40 trials, frozen or the last block", shallow_trials(40), (18, 19), 400, 12, 64),
        workload("W2 at 128", "one run of the last 50 layers", fifty, (0,), 600, 6, 128),
        workload("W3 at 128", "40 trials of the default space", forty, sampled, 600, 4, 128),
    )


@click.command()
@click.option("--scale", default=1.0, help="Times as many images, 1,797 at most, and epochs.")
@click.option("--rounds", default=3, help="Times that everything is run, each with another seed.")
@click.option(
    "--workload", "workloads", multiple=True, help='A workload, such as W1 or "W3 at 128"; repeat it. [default: all]'
)
@click.option("--peer", "peers", multiple=True, help="A peer; repeat it. [default: all that are installed]")
@click.option("--out", default="benchmarks/results", help="Folder for the table and the numbers.")
def main(scale: float, rounds: int, workloads: Sequence[str], peers: Sequence[str], out: str) -> None:
    """Measure how long tlcompare and its peers take for the same trials, alternately, and print the ratios.

    Each measurement is a fresh process that has imported everything; what it writes into caches is thrown away,
    except between a cold and a warm run of W1. Cold is
    with empty stores; `first ever` is also before anything of this machine was measured.

    What was measured of a workload is written when it is done, in place of what was there; the others stay.
    """
    every = {w.name: w for w in make_workloads(scale)}
    if unknown := set(workloads) - set(every):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; there are {', '.join(every)}")
    file = Path(out) / "results.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    reports: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    with tempfile.TemporaryDirectory() as folder, _workers(peers or PEERS) as workers:
        for name in workloads or every:
            began, precision = time.monotonic(), _faster_precision(every[name].image_size)
            results = list(_measure(every[name], workers, Path(folder), rounds, precision))
            reports[name] = {
                "machine": _machine(),
                "precision of tuned": precision,
                "rounds": rounds,
                "scale": scale,
                "minutes": round((time.monotonic() - began) / 60, 1),
                "results": results,
            }
            file.write_text(json.dumps({n: reports[n] for n in every if n in reports}, indent=1) + "\n")
            tables = {n: _table(r, _named(n, r["scale"])) for n, r in reports.items()}
            file.with_suffix(".md").write_text("\n".join(tables[n] for n in every if n in tables))
            click.echo(tables[name])


def _named(name: str, scale: float) -> Workload:
    return next(w for w in make_workloads(scale) if w.name == name)


def _measure(
    workload: Workload, workers: dict[str, Worker], folder: Path, rounds: int, precision: str
) -> Iterator[dict[str, Any]]:
    """One row per contestant: seconds of every round, accuracies, counts."""
    data = folder / f"{workload.images}"
    if not data.exists():
        write_images(data, workload.images)
    every: dict[str, list[dict[str, Any]]] = {}

    def job(
        trials: Sequence[Trial], cache: Path, epochs: int = workload.epochs, count: bool = False, jobs: int | str = 1
    ) -> Job:
        return Job(tuple(trials), str(data), workload.image_size, epochs, precision, str(cache), count, jobs)

    sampled = [workload.trials[i] for i in workload.sampled]
    measured = folder / f"measured-{workload.image_size}"
    for number in range(rounds):
        for name, worker in workers.items():
            ours = name == "tlcompare"
            trials = [replace(t, seed=number) for t in (workload.trials if ours else sampled)]
            cache = folder / f"cache-{workload.name}-{number}"
            if ours and (workload.name == "W1" or not measured.exists()):
                first = worker.run(job(trials[:1], cache))
                shutil.copytree(cache, measured, dirs_exist_ok=True)
                if workload.name == "W1":
                    every.setdefault("tlcompare, first ever", []).append(first)
            _empty_stores(measured, cache)
            done = worker.run(job(trials, cache))
            once = done["once_seconds"]
            seconds = once + (done["seconds"] - once) * (1 if ours else workload.scale)
            every.setdefault(name, []).append(done | {"seconds": seconds})
            if ours and workload.name == "W1":
                every.setdefault("tlcompare, warm", []).append(worker.run(job(trials, cache)))
            if ours and len(trials) > 1:
                _empty_stores(measured, cache)
                every.setdefault(_SIDE_BY_SIDE, []).append(worker.run(job(trials, cache, jobs="auto")))
                shutil.copytree(cache / "parallel", measured / "parallel", dirs_exist_ok=True)
            click.echo(f"{workload.name} round {number + 1} {name}: {every[name][-1]['seconds']:.1f} s", err=True)
    for name, rows in every.items():
        ours = name.startswith("tlcompare")
        counts: dict[str, Any] = {}
        if ours and name in workers:
            _empty_stores(measured, folder / "count")
            counts = workers[name].run(job(workload.trials, folder / "count", count=True))
        elif not ours:
            one, two = (workers[name].run(job(sampled, folder / "count", n, count=True)) for n in (1, 2))
            counts = _every_epoch(workload, one, two)
        yield {
            "contestant": name,
            "seconds": [r["seconds"] for r in rows],
            "accuracies": [[r["accuracies"][i] for i in workload.sampled] if ours else r["accuracies"] for r in rows],
            "peak_mb": None if name == _SIDE_BY_SIDE else max(r["peak_mb"] for r in rows),
        } | counts


def _every_epoch(workload: Workload, one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """A peer's counts for all trials and epochs, from those of the sampled trials for one epoch and for two."""
    passes = workload.epochs * workload.images * len(workload.trials)
    counts = {"prefix_images": passes, "suffix_images": passes}
    for name in ("decoded", "multiply_adds"):
        each = 0 if one[name] is None else two[name] - one[name]
        if each or name == "decoded":
            once = one[name] - each
            counts[name] = once + workload.epochs * each * workload.scale
    return counts


def _least(workload: Workload) -> int:
    """The least multiply-adds: the frozen part once per image, the rest in every epoch, gradients that are needed."""
    from tlcompare.freezing.strategy import make_plan

    layers = traced(workload.image_size)
    forward = {x.number: sum(x.sizes) * math.prod(x.shape[1:]) for x in layers.layers if x.operation == "conv"}
    head = layers.features * CLASSES
    train, epochs = workload.images - workload.images // 5, workload.epochs
    deepest, total = 0, 0
    for trial in workload.trials:
        plan = make_plan(layers, trial.unfreeze, CLASSES)
        behind = {n: count for n, count in forward.items() if n > plan.cut.number}
        deepest = max(deepest, sum(forward.values()) - sum(behind.values()))
        trained = {x.number for x in plan.layers if plan.trained_in(x)}
        first = min(trained, default=0)
        gradients = sum(count * ((n in trained) + (n > first)) for n, count in behind.items())
        total += epochs * (workload.images * (sum(behind.values()) + head) + train * (gradients + 2 * head))
    return workload.images * deepest + total


def _empty_stores(measured: Path, cache: Path) -> None:
    """A cache that holds what was measured of this machine, and no images or features."""
    shutil.rmtree(cache, ignore_errors=True)
    if measured.exists():
        shutil.copytree(measured, cache, ignore=shutil.ignore_patterns("pixels", "features", "studies"))


class Worker:
    """A contestant's warm process."""

    def __init__(self, name: str, log: Path) -> None:
        self._log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "benchmarks.worker", name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.there = self._answer() == "ready"

    def run(self, job: Job) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            job_file, result_file = Path(folder, "job"), Path(folder, "result")
            job_file.write_text(job.to_json())
            assert self._process.stdin is not None
            self._process.stdin.write(f"{job_file} {result_file}\n")
            self._process.stdin.flush()
            self._answer()
            if not result_file.exists():
                raise click.ClickException(f"it failed:\n{self._log.read_text()[-3000:]}")
            result: dict[str, Any] = json.loads(result_file.read_text())
            return result

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def _workers(peers: Sequence[str]) -> Iterator[dict[str, Worker]]:
    """tlcompare's process and those of the peers that are installed."""
    with tempfile.TemporaryDirectory() as logs:
        workers = {name: Worker(name, Path(logs, name)) for name in ("tlcompare", *peers)}
        for name in [n for n, w in workers.items() if not w.there]:
            click.echo(f"left out {name}: {Path(logs, name).read_text().strip().splitlines()[-1]}", err=True)
            workers.pop(name).stop()
        try:
            yield workers
        finally:
            for worker in workers.values():
                worker.stop()


def _depth(trial: Trial) -> float:
    from tlcompare.freezing.strategy import make_plan

    return make_plan(traced(64), trial.unfreeze, CLASSES).depth


def _faster_precision(side: int) -> str:
    """In which stock PyTorch makes a training step of the whole network sooner here."""
    import torch

    from tlcompare.machine.device import native_bf16

    network = deepcopy(traced(side).network).train().to(memory_format=torch.channels_last)
    x = torch.rand(BATCH_SIZE, 3, side, side).contiguous(memory_format=torch.channels_last)
    seconds: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for precision in ["fp32", "bf16"] * 4 if native_bf16("cpu") else []:
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            features = network(x)
        features.float().square().mean().backward()
        seconds[precision].append(time.perf_counter() - start)
    return min(seconds, key=lambda precision: min(seconds[precision], default=0.0))


def _machine() -> dict[str, Any]:
    from tlcompare.config import RunConfig
    from tlcompare.machine.device import choose_compute

    def installed(name: str) -> str:
        try:
            return version(name)
        except ImportError:
            return "not installed"

    return {
        "processor": choose_compute(RunConfig()).device_name,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {name: installed(name) for name in _PACKAGES},
    }


def _table(report: dict[str, Any], workload: Workload) -> str:
    """What was measured of a workload, as Markdown."""
    machine, w, rows = report["machine"], workload, report["results"]
    packages = ", ".join(f"{name} {v}" for name, v in machine["packages"].items())
    ours = next(r["seconds"] for r in rows if r["contestant"] == "tlcompare")
    sampled = "" if w.scale == 1 else f"; peers ran {len(w.sampled)} of the {len(w.trials)} trials, scaled up"
    lines = [
        f"**{w.name}**: {w.about}; {w.images} images of {w.image_size} pixels, {w.epochs} epochs{sampled}. "
        f"Multiply-adds at least: {_count(_least(w))}.",
        "",
        "| | seconds | spread | slower than tlcompare | accuracy | images decoded | passes: frozen part, rest "
        "| multiply-adds | peak memory |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for r in rows:
        times = [t / o for t, o in zip(r["seconds"], ours, strict=True)]
        ratio = f"{statistics.median(times):.1f}× ({min(times):.1f} to {max(times):.1f})"
        means = [statistics.mean(a) for a in r["accuracies"]]
        error = statistics.stdev(means) / len(means) ** 0.5 if len(means) > 1 else 0.0
        peak = f"{r['peak_mb']:.0f} MB" if r["peak_mb"] else ""
        lines.append(
            f"| {_SHOWN.get(r['contestant'], r['contestant'])} | {statistics.median(r['seconds']):.1f} "
            f"| {min(r['seconds']):.1f} to {max(r['seconds']):.1f} | {ratio} "
            f"| {statistics.mean(means):.1%} ± {error:.1%} | {_count(r.get('decoded'))} "
            f"| {_passes(r)} "
            f"| {_count(r.get('multiply_adds'))} | {peak} |"
        )
    about = (
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, {packages}; {BACKBONE}, "
        f"tuned in {report['precision of tuned']}, seeds 0 to {report['rounds'] - 1}, {report['minutes']} minutes."
    )
    return "\n".join([*lines, "", about, ""])


def _passes(row: dict[str, Any]) -> str:
    return f"{_count(row['prefix_images'])}, {_count(row['suffix_images'])}" if "prefix_images" in row else ""


def _count(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value / 1e9:,.1f} G" if value > 1e9 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
