"""How much exploring costs until its choice is good, by what ends trials early: replayed on recorded learning curves.

    python -m benchmarks.curves

A grid of depths and learning rates is trained once, to the end, with several seeds, on digits and on letters drawn with
fonts (EfficientNet-Lite0 with its ImageNet weights). What was recorded is kept in benchmarks/results, so that another
call only replays. Each replay draws 40 of these configurations in random order, with one seed each, and lets a
scheduler decide which are trained how far; its choice is the highest validation accuracy of those that were trained to
their end. *Regret* is what the mean over all seeds of that choice is below the best mean there is. Prints a table as
Markdown.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

from benchmarks.images import DATA

_EPOCHS, _SEEDS, _TRIALS, _GOOD = 9, 3, 40, 0.005
_SPACE = """
about: Depths and learning rates, all of them.
sampler: grid
models: [efficientnet_lite0]
unfreeze:
  depth: [0%, 5%, 10%, 20%, 30%, 45%, 60%, 80%, 100%]
recipe:
  lr: [3e-5, 1e-4, 3e-4, 1e-3, 3e-3]
"""


@dataclass(frozen=True)
class Curve:
    """A configuration with its epochs, arrays of shape (seeds, epochs).

    Attributes:
        accuracy, loss: of validation.
        seconds: of each epoch.
    """

    label: str
    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]
    seconds: NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """One seed of a configuration: its best accuracy and loss up to each epoch, and the seconds of each."""

    number: int
    best: NDArray[np.float64]
    loss: NDArray[np.float64]
    seconds: NDArray[np.float64]


Step = tuple[int, int]
"""A trial, by its place, and the epochs that it has after the step."""
Scheduler = Callable[[Sequence[Trial]], Iterator[Step]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--data", nargs="*", choices=list(DATA), default=list(DATA))
    parser.add_argument("--results", default="benchmarks/results")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    headings = ["data", "scheduler", "epochs", "seconds", "within half a point at the end", "regret (points)"]
    headings += ["regret, one in ten is above", "seconds until within half a point"]
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    for data in given.data:
        file = Path(given.results) / f"curves-{data}.json"
        if not file.exists():
            file.write_text(json.dumps(_record(data, given.images, given.side)))
        curves = _curves(file)
        for name, scheduler in _SCHEDULERS.items():
            print(f"| {data} | {name} | {' | '.join(_row(curves, scheduler, given.times))} |", flush=True)


def _record(data: str, images: int, side: int) -> list[dict[str, object]]:
    """Train the whole grid with all seeds as a sweep, and read its curves from MLflow."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        DATA[data](folder / data, images)
        (folder / "space.yaml").write_text(_SPACE)
        store = f"sqlite:///{folder / 'mlflow.db'}"
        ours = os.environ | {"MLFLOW_TRACKING_URI": store, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
        command = [
            sys.executable,
            "-m",
            "tlcompare",
            "sweep",
            "--space",
            "space.yaml",
            "--name",
            "s",
            "--data",
            str(folder / data),
        ]
        command += ["--epochs", str(_EPOCHS), "--image-size", str(side), "--threads", "1", "--augment", "none"]
        command += ["--pruner", "off", "--log-models", "none"]
        points = 0
        for seeds in range(1, _SEEDS + 1):
            trials = ["--trials", str(seeds * points)] if points else []
            subprocess.run([*command, *trials], cwd=folder, env=ours, check=True, stdout=sys.stderr)  # noqa: S603
            points = points or len(_runs(store))
        return _runs(store)


def _runs(store: str) -> list[dict[str, object]]:
    """Label, seed and curves of every finished trial."""
    os.environ["MLFLOW_TRACKING_URI"] = store
    from tlcompare.tracking.reading import history_of, sweep_run, trials_of

    found = []
    for run in trials_of(sweep_run("s").run_id):
        curves = {"accuracy": "val/epoch_accuracy", "loss": "val/epoch_loss", "seconds": "cost/epoch_seconds"}
        values = {name: [round(v, 5) for v in history_of(run, m).values()] for name, m in curves.items()}
        label = f"{run.params['strategy']} lr {run.params['lr']}"
        found.append({"label": label, "seed": int(run.params["seed"]), **values})
    return found


def _curves(file: Path) -> list[Curve]:
    """The configurations that were recorded with all seeds."""
    groups: dict[str, list[dict[str, list[float]]]] = {}
    for run in json.loads(file.read_text()):
        groups.setdefault(run["label"], []).append(run)
    return [
        Curve(label, *(np.array([run[name] for run in runs]) for name in ("accuracy", "loss", "seconds")))
        for label, runs in groups.items()
        if len(runs) == _SEEDS
    ]


def _row(curves: Sequence[Curve], scheduler: Scheduler, times: int) -> list[str]:
    """Cost and regret of a scheduler, over so many replays."""
    truth = np.array([curve.accuracy.max(1).mean() for curve in curves])
    regret = truth.max() - truth
    spent, epochs, final, reached = [], [], [], []
    for repetition in range(times):
        random = np.random.default_rng(repetition)
        trials = list(_drawn(curves, random))
        done = [0] * len(trials)
        seen, best, seconds, good = -1.0, None, 0.0, math.inf
        for place, until in scheduler(trials):
            trial = trials[place]
            seconds += float(trial.seconds[done[place] : until].sum())
            done[place] = until
            if until == _EPOCHS and trial.best[-1] > seen:
                seen, best = float(trial.best[-1]), trial.number
            if best is not None and regret[best] <= _GOOD:
                good = min(good, seconds)
        spent.append(seconds)
        epochs.append(sum(done))
        final.append(regret[best])
        reached.append(good)
    found = np.array(final)
    until_good = float(np.median(reached))
    return [
        f"{np.mean(epochs):.0f}",
        f"{np.mean(spent):.0f}",
        f"{(found <= _GOOD).mean():.0%}",
        f"{found.mean() * 100:.2f}",
        f"{np.quantile(found, 0.9) * 100:.2f}",
        f"{until_good:.0f}" if math.isfinite(until_good) else "never, mostly",
    ]


def _drawn(curves: Sequence[Curve], random: np.random.Generator) -> Iterator[Trial]:
    """Configurations in random order, the frozen one first, with a seed each."""
    frozen = next(i for i, curve in enumerate(curves) if curve.label.startswith("frozen"))
    others = [int(i) for i in random.permutation(len(curves)) if i != frozen]
    for number in [frozen, *others][:_TRIALS]:
        curve, seed = curves[number], int(random.integers(_SEEDS))
        best, loss = np.maximum.accumulate(curve.accuracy[seed]), np.minimum.accumulate(curve.loss[seed])
        yield Trial(number, best, loss, curve.seconds[seed])


def _whole(trials: Sequence[Trial]) -> Iterator[Step]:
    """Everything to its end."""
    yield from ((place, _EPOCHS) for place in range(len(trials)))


def _pruned(make: Callable[[], optuna.pruners.BasePruner]) -> Scheduler:
    """What Optuna's pruner does not end early; the frozen one to its end."""

    def scheduler(trials: Sequence[Trial]) -> Iterator[Step]:
        study = optuna.create_study(direction="maximize", pruner=make(), sampler=optuna.samplers.RandomSampler(seed=0))
        for place, trial in enumerate(trials):
            asked = study.ask()
            for epoch in range(1, _EPOCHS + 1):
                yield place, epoch
                asked.report(float(trial.best[epoch - 1]), epoch)
                if place and epoch < _EPOCHS and asked.should_prune():
                    study.tell(asked, state=optuna.trial.TrialState.PRUNED)
                    break
            else:
                study.tell(asked, float(trial.best[-1]))

    return scheduler


def _first_epoch(keep: int) -> Scheduler:
    """Everything for one epoch, then the best of these in full."""

    def scheduler(trials: Sequence[Trial]) -> Iterator[Step]:
        yield from ((place, 1) for place in range(len(trials)))
        for place in sorted(range(len(trials)), key=lambda place: -trials[place].best[0])[:keep]:
            yield place, _EPOCHS

    return scheduler


def _rungs(eta: int, at: Sequence[int] = (1, 3, _EPOCHS), by_loss: bool = False) -> Scheduler:
    """Successive halving that promotes and resumes (ASHA, arXiv 1810.05934): whenever one of `eta` at a rung has not
    been promoted, the best of them is, else the next trial begins; at the end, what is promotable still is.

    Args:
        eta: one of so many is promoted.
        at: after how many epochs.
        by_loss: rank by validation loss instead of accuracy.
    """

    def value(trial: Trial, epochs: int) -> float:
        return -float(trial.loss[epochs - 1]) if by_loss else float(trial.best[epochs - 1])

    def scheduler(trials: Sequence[Trial]) -> Iterator[Step]:
        rungs: list[dict[int, float]] = [{} for _ in at]
        promoted: list[set[int]] = [set() for _ in at]
        waiting = list(range(len(trials)))

        def promotable() -> tuple[int, int] | None:
            for rung in reversed(range(len(at) - 1)):
                ranked = sorted(rungs[rung].values(), reverse=True)
                count = len(ranked) // eta
                if not count:
                    continue
                among = [p for p, v in rungs[rung].items() if v >= ranked[count - 1] and p not in promoted[rung]]
                if among:
                    return rung, max(among, key=rungs[rung].__getitem__)
            return None

        while True:
            found = promotable()
            if found is None and not waiting:
                return
            rung, place = found if found else (-1, waiting.pop(0))
            if found:
                promoted[rung].add(place)
            epochs = at[rung + 1] if place else _EPOCHS
            yield place, epochs
            rungs[at.index(epochs)][place] = value(trials[place], epochs)

    return scheduler


_SCHEDULERS: dict[str, Scheduler] = {
    "everything to its end": _whole,
    "median pruner": _pruned(lambda: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=-(-_EPOCHS // 2))),
    "Optuna's Hyperband": _pruned(lambda: optuna.pruners.HyperbandPruner(1, _EPOCHS, 3)),
    "one epoch, then the best 5": _first_epoch(5),
    "one epoch, then the best 10": _first_epoch(10),
    "rungs 1-3-9": _rungs(3),
    "rungs 1-3-9 by loss": _rungs(3, by_loss=True),
    "rungs 1-3-9 by loss, one in two": _rungs(2, by_loss=True),
    "rungs 2-4-9 by loss": _rungs(3, (2, 4, _EPOCHS), by_loss=True),
    "rungs 2-4-9 by loss, one in two": _rungs(2, (2, 4, _EPOCHS), by_loss=True),
    "rungs 3-9 by loss": _rungs(3, (3, _EPOCHS), by_loss=True),
    "rungs 3-9 by accuracy": _rungs(3, (3, _EPOCHS)),
    "rungs 3-6-9 by loss, one in two": _rungs(2, (3, 6, _EPOCHS), by_loss=True),
}


if __name__ == "__main__":
    main()
