"""Whether strategies still mean what they meant when a sweep was begun: other versions may list other layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState

from tlcompare.errors import StrategyError, StudyError
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import make_plan
from tlcompare.study.ledger import KNOWN
from tlcompare.study.search import Search
from tlcompare.tracking.reading import LoggedRun

_LOGGED = {"unfrozen_layers", "trainable_parameters", "classes"}


def require_same_layers(layers: Mapping[str, LayerList], runs: Sequence[LoggedRun], sweep: str) -> None:
    """Check that the strategies of a sweep's runs train here what they trained.

    Raises:
        StudyError: the layers of a backbone were listed otherwise.
    """
    for run in runs:
        model, text = run.params.get("model", ""), run.params.get("strategy", "")
        if model not in layers or not _LOGGED <= set(run.params):
            continue
        before = int(run.params["unfrozen_layers"]), int(run.params["trainable_parameters"])
        try:
            plan = make_plan(layers[model], text, int(run.params["classes"]))
        except StrategyError:
            raise _listed_otherwise(sweep, model, f"{text} means nothing here") from None
        now = len(plan.layers), plan.trainable_parameters
        if now != before:
            counts = "{:,} layers with {:,} weights"
            means = f"{text} trained {counts.format(*before)} in it and {counts.format(*now)} here"
            raise _listed_otherwise(sweep, model, means)


def require_same_search(search: Search, trials: Sequence[FrozenTrial], sweep: str) -> None:
    """Check that the parameters of a sweep's trials stand for the strategies that they stood for.

    Raises:
        StudyError: depths snap to other layers or blocks.
    """
    for trial in trials:
        attributes = trial.user_attrs
        drawn = attributes.get(KNOWN, 0) is None and trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        if drawn and (now := search.config(trial.params).unfreeze) != (before := attributes["strategy"]):
            means = f"what led to {before} in it leads to {now} here"
            raise _listed_otherwise(sweep, attributes["backbone"], means)


def _listed_otherwise(sweep: str, model: str, means: str) -> StudyError:
    return StudyError(
        f'the sweep "{sweep}" was begun where the layers of {model} were listed otherwise: {means}',
        "Go on with the tlcompare, torchvision and timm that began it, or begin a new sweep.",
    )
