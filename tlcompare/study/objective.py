"""What a sweep is after: one or several metrics, each to be maximised or minimised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlcompare.errors import ConfigError, did_you_mean
from tlcompare.tracking.record import METRICS
from tlcompare.training.epochs import Epoch


@dataclass(frozen=True)
class Objective:
    """A metric by its name in MLflow, and whether more of it is better."""

    metric: str
    maximize: bool

    @property
    def direction(self) -> str:
        return "maximize" if self.maximize else "minimize"

    @property
    def prunable(self) -> bool:
        """Whether its value is known after every epoch."""
        return self.metric in _PER_EPOCH

    def after(self, epoch: Epoch) -> float:
        """Its value after an epoch; only of a prunable one."""
        return float(getattr(epoch, _PER_EPOCH[self.metric]))


_MORE_IS_BETTER = ("val/accuracy", "val/balanced_accuracy", "val/macro_f1", "train/accuracy")
_LESS_IS_BETTER = (
    *("val/log_loss", "val/ece", "train/loss"),
    *(m for m in METRICS if m.startswith("cost/") and m != "cost/frozen_parameters"),
)
_PER_EPOCH = {"val/accuracy": "val_accuracy", "val/log_loss": "val_loss"}


def make_objectives(maximize: Sequence[str], minimize: Sequence[str]) -> tuple[Objective, ...]:
    """Objectives by metric names; validation accuracy if none is named.

    Raises:
        ConfigError: a metric that runs do not have, one of the test set, one named twice, or the worst of one wanted.
    """
    named = [Objective(m, True) for m in maximize] + [Objective(m, False) for m in minimize]
    for objective in named:
        if objective.metric.startswith("test/"):
            raise ConfigError(
                f'"{objective.metric}" cannot be an objective: a sweep never reads the test set',
                f'Take "val/{objective.metric.removeprefix("test/")}".',
            )
        wrong = _LESS_IS_BETTER if objective.maximize else _MORE_IS_BETTER
        sensible = [metric for metric in METRICS if metric not in wrong]
        if objective.metric not in METRICS:
            raise ConfigError(
                f'no metric "{objective.metric}"',
                f"{did_you_mean(objective.metric, sensible)} There are {', '.join(sensible)}.".strip(),
            )
        if objective.metric in wrong:
            less, right = ("less", "--minimize") if objective.maximize else ("more", "--maximize")
            raise ConfigError(f"{less} of {objective.metric} is better", f"Take {right} {objective.metric}.")
    names = [o.metric for o in named]
    if twice := [n for n in names if names.count(n) > 1]:
        raise ConfigError(f'the metric "{twice[0]}" is named twice', "Name it once.")
    return tuple(named) or (Objective("val/accuracy", True),)


def front(rows: Sequence[Sequence[float]], objectives: Sequence[Objective]) -> list[int]:
    """Indices of the rows of values that no other row dominates: the best, or the Pareto set."""
    return [i for i, row in enumerate(rows) if not any(dominates(other, row, objectives) for other in rows)]


def dominates(a: Sequence[float], b: Sequence[float], objectives: Sequence[Objective]) -> bool:
    """Whether `a` is nowhere worse than `b` and somewhere better."""
    signs = [1 if o.maximize else -1 for o in objectives]
    gains = [s * (x - y) for s, x, y in zip(signs, a, b, strict=True)]
    return min(gains) >= 0 and max(gains) > 0


@dataclass(frozen=True)
class NotDominated:
    """Whether none of the `best` rows of values so far dominates a run with these metrics."""

    objectives: tuple[Objective, ...]
    best: tuple[tuple[float, ...], ...]

    def __call__(self, metrics: Mapping[str, float]) -> bool:
        values = [metrics.get(o.metric, float("nan")) for o in self.objectives]
        return not any(dominates(b, values, self.objectives) for b in self.best)


def shown_value(metric: str, value: float) -> str:
    """A metric's value in words: `94.42%`, `cost/train_seconds 11.2`."""
    return f"{value:.2%}" if metric == "val/accuracy" else f"{metric} {value:.4g}"
