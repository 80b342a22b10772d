"""What a careful person does without tlcompare: Optuna over the tuned loop, then the best and the baselines with seeds.

    python -m benchmarks.careful FOLDER --seed 0 --out result.json

FOLDER holds train, val and test folders of class folders. Of the trials, the five best go on with ten seeds, with the
baselines; the same statistics as tlcompare's say what can be told apart.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import optuna
import torch
from numpy.typing import NDArray

from benchmarks.contestants import tuned
from benchmarks.contestants._torch import make_model
from benchmarks.work import Job, Trial, traced
from tlcompare.evidence.statistics import holm, interval, sign_flip
from tlcompare.freezing.strategy import tail

_TOP, _SEEDS, _LEVEL = 5, 10, 0.05
_BASELINES = (Trial("frozen"), Trial("top"), Trial("block7+top"), Trial("all"))


@dataclass
class Run:
    """A training: its best epoch's right and wrong answers.

    Attributes:
        right: by part, 1 where an image was right, float of shape (images,).
    """

    best: float = -1.0
    right: dict[str, NDArray[np.float64]] = field(default_factory=dict)


Train = Callable[[Trial, optuna.Trial | None], Run]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    job = Job((), given.folder, given.side, given.epochs, "fp32", "")
    Path(given.out).write_text(json.dumps(_decide(job, given.trials, given.seed)))


def _decide(job: Job, trials: int, seed: int) -> dict[str, object]:
    images = {part: tuned.load(job, part) for part in ("train", "val", "test")}
    counts = {"runs": 0, "epochs": 0}

    def train(trial: Trial, optuna_trial: optuna.Trial | None) -> Run:
        run, state = Run(), {}
        counts["runs"] += 1

        def told(epoch: int, model: torch.nn.Module, optimizer: object, metrics: dict[str, float]) -> None:
            counts["epochs"] += 1
            if metrics["val/accuracy"] > run.best:
                run.best = metrics["val/accuracy"]
                state.update({name: tensor.clone() for name, tensor in model.state_dict().items()})
            if optuna_trial:
                optuna_trial.report(run.best, epoch + 1)
                if epoch + 1 < job.epochs and optuna_trial.should_prune():
                    raise optuna.TrialPruned

        tuned.train_one(job, trial, images, told)
        model = make_model(trial)
        model.load_state_dict(state)
        for part in ("val", "test"):
            run.right[part] = _right(model.eval(), *images[part])
        return run

    tried = _search(train, trials, job.epochs, seed)
    began = time.perf_counter()
    best = sorted(tried, key=lambda trial: -tried[trial])[:_TOP]
    finalists = list(dict.fromkeys([*best, *(replace(b, seed=seed) for b in _BASELINES)]))
    again = {t: [train(replace(t, seed=seed + 1000 + n), None) for n in range(_SEEDS)] for t in finalists}
    return _verdict(again) | counts | {"confirming_s": time.perf_counter() - began}


def _search(train: Train, trials: int, epochs: int, seed: int) -> dict[Trial, float]:
    """Optuna's TPE and median pruner over tlcompare's default space; gives the accuracies of what was not pruned."""
    layers, found = traced(64), {}

    def objective(trial: optuna.Trial) -> float:
        if trial.number < len(_BASELINES):
            chosen = replace(_BASELINES[trial.number], seed=seed)
        else:
            depth, snap = trial.suggest_float("depth", 0, 1), trial.suggest_categorical("snap", ["layer", "block"])
            chosen = Trial(tail(layers, depth, snap), lr=trial.suggest_float("lr", 1e-5, 3e-3, log=True), seed=seed)
        run = train(chosen, trial)
        found[chosen] = run.best
        return run.best

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=-(-epochs // 2))
    optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner).optimize(objective, n_trials=trials)
    return found


def _right(model: torch.nn.Module, pixels: torch.Tensor, labels: torch.Tensor) -> NDArray[np.float64]:
    with torch.inference_mode():
        found = torch.cat([model(tuned.normalised(part)).argmax(1) for part in pixels.split(64)])
    return np.asarray((found == labels).double())


def _verdict(again: dict[Trial, list[Run]]) -> dict[str, object]:
    """Every finalist against frozen and against the best, both tests, Holm's correction for all of them."""
    right = {t: np.stack([run.right["val"] for run in runs]) for t, runs in again.items()}
    ranked = sorted(right, key=lambda t: -right[t].mean())
    frozen = next(t for t in ranked if t.unfreeze == "frozen")
    unfrozen = next(t for t in ranked if t is not frozen)
    pairs = [(t, frozen) for t in ranked if t is not frozen]
    pairs += [(t, ranked[0]) for t in ranked[1:] if (t, ranked[0]) not in pairs and ranked[0] is not frozen]
    raw = []
    for a, b in pairs:
        difference = right[a] - right[b]
        raw.append(max(interval(difference).p, sign_flip(difference.mean(1)).p))
    p = holm(raw)[pairs.index((unfrozen, frozen))]
    gain = float((right[unfrozen] - right[frozen]).mean())
    verdict = "cannot conclude" if p > _LEVEL else "better" if gain > 0 else "worse"
    test = float(np.mean([run.right["test"].mean() for run in again[ranked[0]]]))
    choice = f"{ranked[0].unfreeze} lr {ranked[0].lr:.3g}"
    return {"verdict": verdict, "gain": gain, "choice": choice, "test_accuracy": test}


if __name__ == "__main__":
    main()
