"""How much each choice moved the objective."""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from tlcompare.config import RECIPE
from tlcompare.tracking.reading import LoggedRun

_LEAST_TRIALS = 8
_ROUNDING = 0.02  # a tail may begin with a layer without weights


def importance(runs: Sequence[LoggedRun], metric: str) -> dict[str, float]:
    """Share of each choice in the variance of a metric over finished runs (fANOVA, Hutter et al., ICML 2014).

    It is computed from what the runs logged rather than from Optuna's parameters, which a baseline or another backbone
    may not have: backbone, depth, blocks, and every option of the recipe that varies.

    Returns:
        Shares that add up to 1, by name; empty where fewer than eight runs finished or nothing varies.
    """
    runs = [r for r in runs if r.status == "FINISHED" and metric in r.metrics]
    names = ["backbone", "depth", *(n for n in RECIPE if n != "weights")]
    columns = {name: [_value(r.params[name]) for r in runs] for name in names if all(name in r.params for r in runs)}
    columns = {name: values for name, values in (columns | _blocks(runs)).items() if len(set(values)) > 1}
    if len(runs) < _LEAST_TRIALS or not columns:
        return {}
    distributions = {name: _distribution(name, values) for name, values in columns.items()}
    study = optuna.create_study()
    for i, run in enumerate(runs):
        params = {name: values[i] for name, values in columns.items()}
        study.add_trial(optuna.create_trial(params=params, distributions=distributions, value=run.metrics[metric]))
    if len({run.metrics[metric] for run in runs}) == 1:
        return {}
    return optuna.importance.get_param_importances(study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0))


def _blocks(runs: Sequence[LoggedRun]) -> dict[str, list[float | str]]:
    """A flag for every block of every backbone, where strategies were more than tails: of a tail, depth says it all."""
    if all(abs(float(r.params["depth"]) - float(r.params["unfrozen_share"])) < _ROUNDING for r in runs):
        return {}
    flags: list[dict[str, float | str]] = []
    for run in runs:
        blocks = (name for name, value in run.params.items() if name.startswith("block.") and value == "1")
        flags.append({f"{run.params['backbone']}.{name}": 1.0 for name in blocks})
    names = sorted({name for flag in flags for name in flag})
    return {name: [flag.get(name, 0.0) for flag in flags] for name in names}


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _distribution(name: str, values: Sequence[float | str]) -> BaseDistribution:
    numbers = [v for v in values if isinstance(v, float)]
    if len(numbers) < len(values):
        return CategoricalDistribution(tuple(dict.fromkeys(values)))
    return FloatDistribution(min(numbers), max(numbers), log=name in ("lr", "head_lr"))
