"""How much exploring costs until its choice is good, by what ends trials early: replayed on recorded learning curves.

    python -m benchmarks.curves

A grid of depths and learning rates is trained once, to the end, with several seeds, on digits and on letters drawn with
fonts (EfficientNet-Lite0 with its ImageNet weights). What was recorded is kept in benchmarks/results, so that another
call only replays. Each replay begins 40 trials, the baselines and then what a sampler draws of these configurations,
with one of the seeds, and lets a scheduler decide which are trained how far; its choice is the highest validation
accuracy, or at the same the lowest loss, of those that were trained to their end. *Regret* is what the mean over all
seeds of that choice is below the best mean there is; *of the best of three*, where the three best depths are compared
with further seeds, as `decide` does. Prints a table as Markdown.
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
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import IntDistribution

from benchmarks.images import DATA
from tlcompare.study import rungs

_EPOCHS, _SEEDS, _TRIALS, _GOOD, _RIVALS = 9, 3, 40, 0.005, 3
_BASELINES = (0.0, 0.125, 0.5, 1.0)
"""Depths that are tried first, as shares of the places among all."""
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


@dataclass
class Trial:
    """One seed of a configuration, and how far it is.

    Attributes:
        number: in the order in which they begin.
        index: of the configuration.
        place: its depth and learning rate, as places among all.
        share: what an epoch of it costs of one that trains everything.
        best, loss: highest accuracy and lowest loss up to each epoch.
        seconds: of each epoch.
        done: epochs that it has had.
    """

    number: int
    index: int
    place: tuple[int, int]
    share: float
    best: NDArray[np.float64]
    loss: NDArray[np.float64]
    seconds: NDArray[np.float64]
    done: int = 0

    @property
    def always(self) -> bool:
        """Whether it has its end whatever it shows."""
        return self.number < len(_BASELINES)


class Drawing:
    """Gives trials one by one: the baselines, then configurations at random or as TPE chooses them.

    Args:
        curves: of the whole grid.
        random: decides.
        tpe: who chooses.
    """

    def __init__(self, curves: Sequence[Curve], random: np.random.Generator, tpe: bool) -> None:
        self.trials: list[Trial] = []
        self._curves = curves
        self._random = random
        self._tpe = tpe
        names = dict.fromkeys(curve.label.split(" lr ")[0] for curve in curves)
        cost = {n: np.mean([c.seconds.mean() for c in curves if c.label.startswith(f"{n} lr")]) for n in names}
        self._depths = sorted(names, key=cost.__getitem__)
        self._rates = sorted({float(curve.label.split(" lr ")[1]) for curve in curves})
        self._grid = {curve.label: i for i, curve in enumerate(curves)}
        self._dear = max(curve.seconds.mean() for curve in curves)

    def next(self) -> Trial | None:
        number = len(self.trials)
        if number == _TRIALS:
            return None
        if number < len(_BASELINES):
            depth, rate = round(_BASELINES[number] * (len(self._depths) - 1)), len(self._rates) // 2
        elif self._tpe:
            depth, rate = self._chosen()
        else:
            depth, rate = (int(self._random.integers(len(among))) for among in (self._depths, self._rates))
        name = self._depths[depth]
        there = [r for r in self._rates if f"{name} lr {r:g}" in self._grid]
        nearest = min(there, key=lambda r: abs(np.log(r / self._rates[rate])))
        index, seed = self._grid[f"{name} lr {nearest:g}"], int(self._random.integers(_SEEDS))
        curve = self._curves[index]
        best, loss = np.maximum.accumulate(curve.accuracy[seed]), np.minimum.accumulate(curve.loss[seed])
        share = curve.seconds.mean() / self._dear
        self.trials.append(Trial(number, index, (depth, rate), share, best, loss, curve.seconds[seed]))
        return self.trials[-1]

    def _chosen(self) -> tuple[int, int]:
        """What TPE makes of the trials so far; those that have not had their end are pruned ones to it."""
        domains = {"depth": IntDistribution(0, len(self._depths) - 1), "rate": IntDistribution(0, len(self._rates) - 1)}
        sampler = optuna.samplers.TPESampler(seed=int(self._random.integers(2**31)), multivariate=True, group=True)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for trial in self.trials:
            pruned = trial.done < _EPOCHS
            told = optuna.trial.create_trial(
                state=optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE,
                value=None if pruned else float(trial.best[-1]),
                params=dict(zip(domains, trial.place, strict=True)),
                distributions=domains,
                intermediate_values={e + 1: float(trial.best[e]) for e in range(trial.done)},
            )
            study.add_trial(told)
        asked = study.ask(domains)
        return asked.params["depth"], asked.params["rate"]


Step = tuple[Trial, int]
"""A trial, and the epochs that it has after the step."""
Scheduler = Callable[[Drawing], Iterator[Step]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--times", type=int, default=1000, help="Replays; of TPE, a tenth.")
    parser.add_argument("--data", nargs="*", choices=list(DATA), default=list(DATA))
    parser.add_argument("--results", default="benchmarks/results")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    headings = ["data", "sampler", "scheduler", "epochs", "seconds", "choice within half a point", "regret (points)"]
    headings += ["regret of the best of three", "seconds until within half a point"]
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    for data in given.data:
        file = Path(given.results) / f"curves-{data}.json"
        if not file.exists():
            file.write_text(json.dumps(_record(data, given.images, given.side)))
        curves = _curves(file)
        for sampler, times in (("random", given.times), ("TPE", max(given.times // 10, 1))):
            for name, scheduler in _SCHEDULERS.items():
                row = _row(curves, scheduler, times, sampler == "TPE")
                print(f"| {data} | {sampler} | {name} | {' | '.join(row)} |", flush=True)


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


def _row(curves: Sequence[Curve], scheduler: Scheduler, times: int, tpe: bool) -> list[str]:
    """Cost and regret of a scheduler, over so many replays."""
    truth = np.array([curve.accuracy.max(1).mean() for curve in curves])
    regret = truth.max() - truth
    spent, epochs, final, kept, reached = [], [], [], [], []
    for repetition in range(times):
        drawing = Drawing(curves, np.random.default_rng(repetition), tpe)
        ended: list[Trial] = []
        seconds, good = 0.0, math.inf
        for trial, until in scheduler(drawing):
            seconds += float(trial.seconds[trial.done : until].sum())
            trial.done = until
            if until == _EPOCHS:
                ended.append(trial)
                ended.sort(key=lambda t: (-t.best[-1], t.loss[-1]))
            if ended and regret[ended[0].index] <= _GOOD:
                good = min(good, seconds)
        depths = {t.place[0]: t.index for t in reversed(ended)}
        rivals = [depths[depth] for depth in dict.fromkeys(t.place[0] for t in ended)][:_RIVALS]
        spent.append(seconds)
        epochs.append(sum(t.done for t in drawing.trials))
        final.append(regret[ended[0].index])
        kept.append(min(regret[index] for index in rivals))
        reached.append(good)
    found = np.array(final)
    until_good = float(np.median(reached))
    return [
        f"{np.mean(epochs):.0f}",
        f"{np.mean(spent):.0f}",
        f"{(found <= _GOOD).mean():.0%}",
        f"{found.mean() * 100:.2f}",
        f"{np.mean(kept) * 100:.2f}",
        f"{until_good:.0f}" if math.isfinite(until_good) else "never, mostly",
    ]


def _each(drawing: Drawing) -> Iterator[Trial]:
    while (trial := drawing.next()) is not None:
        yield trial


def _whole(drawing: Drawing) -> Iterator[Step]:
    """Everything to its end."""
    yield from ((trial, _EPOCHS) for trial in _each(drawing))


def _pruned(make: Callable[[], optuna.pruners.BasePruner]) -> Scheduler:
    """What Optuna's pruner does not end early; baselines to their end."""

    def scheduler(drawing: Drawing) -> Iterator[Step]:
        study = optuna.create_study(direction="maximize", pruner=make(), sampler=optuna.samplers.RandomSampler(seed=0))
        for trial in _each(drawing):
            asked = study.ask()
            for epoch in range(1, _EPOCHS + 1):
                yield trial, epoch
                asked.report(float(trial.best[epoch - 1]), epoch)
                if epoch < _EPOCHS and not trial.always and asked.should_prune():
                    study.tell(asked, state=optuna.trial.TrialState.PRUNED)
                    break
            else:
                study.tell(asked, float(trial.best[-1]))

    return scheduler


def _first_epoch(keep: int) -> Scheduler:
    """Everything for one epoch, then the best of these in full, and the baselines."""

    def scheduler(drawing: Drawing) -> Iterator[Step]:
        for trial in _each(drawing):
            yield trial, _EPOCHS if trial.always else 1
        begun = [trial for trial in drawing.trials if not trial.always]
        for trial in sorted(begun, key=lambda t: -t.best[0])[:keep]:
            yield trial, _EPOCHS

    return scheduler


def _rungs(
    at: tuple[int, ...] = (1, 3, _EPOCHS), one_in: int = rungs.ONE_IN, by_loss: bool = True, cheap: bool = True
) -> Scheduler:
    """The rungs of `tlcompare sweep`, or others.

    Args:
        at: after how many epochs they are.
        one_in: one of so many is promoted.
        by_loss: rank by validation loss, not by accuracy.
        cheap: let what costs little go further at once, and one in ten to its end.
    """

    def scheduler(drawing: Drawing) -> Iterator[Step]:
        climbs: dict[int, rungs.Climb] = {}

        def climb(trial: Trial, climbing: rungs.Climb) -> Step:
            until = at[climbing.goal]
            for epoch in sorted({e for e in at if e <= until}):
                worst = trial.loss[epoch - 1] if by_loss else -trial.best[epoch - 1]
                climbing = rungs.passed(climbing, at, epoch, float(worst))
            climbs[trial.number] = replace(climbing, paused=not climbing.ends)
            return trial, until

        while True:
            with patch.object(rungs, "ONE_IN", one_in):
                number = rungs.next_promoted(climbs)
            if number is not None:
                yield climb(drawing.trials[number], rungs.promoted(climbs[number]))
            elif trial := drawing.next():
                checked = cheap and trial.number % rungs.CHECKED == 0
                yield climb(trial, rungs.begun(at, trial.share if cheap else 1.0, trial.always or checked))
            else:
                return

    return scheduler


_SCHEDULERS: dict[str, Scheduler] = {
    "everything to its end": _whole,
    "median pruner": _pruned(lambda: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=-(-_EPOCHS // 2))),
    "Optuna's Hyperband": _pruned(lambda: optuna.pruners.HyperbandPruner(1, _EPOCHS, 3)),
    "one epoch, then the best 5": _first_epoch(5),
    "one epoch, then the best 10": _first_epoch(10),
    "**rungs 1-3-9, one in two**": _rungs(),
    "the same by accuracy": _rungs(by_loss=False),
    "the same for all, cheap or not": _rungs(cheap=False),
    "rungs 1-3-9, one in three": _rungs(one_in=3),
    "rungs 2-4-9, one in two": _rungs((2, 4, _EPOCHS)),
    "rungs 2-4-9, one in three": _rungs((2, 4, _EPOCHS), 3),
    "rungs 3-9, one in three": _rungs((3, 3, _EPOCHS), 3),
}


if __name__ == "__main__":
    main()
