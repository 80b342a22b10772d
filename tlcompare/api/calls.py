"""Calls that train: one run, a sweep, a decision; and a probe, which looks before anything trains."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Unpack, get_type_hints

from tlcompare.api.options import (
    DEFAULTS,
    DecideOptions,
    Place,
    Recipe,
    SweepOptions,
    TrainOptions,
    listed,
    plain,
    said,
    seconds,
    share,
    taking,
)
from tlcompare.api.working import working
from tlcompare.config import RunConfig, read_yaml, resolve
from tlcompare.files import expanded

if TYPE_CHECKING:
    from tlcompare.api.decision import Decision
    from tlcompare.api.run import Run
    from tlcompare.api.sweep import Sweep
    from tlcompare.study.asked import Asked
    from tlcompare.study.planning import Request
    from tlcompare.tracking.earlier import Earlier

_ANEW = {"data", "model", "image_size"}
"""Options with which an earlier run is no longer done again."""


@taking(TrainOptions, DEFAULTS)
def train(config: Place | Mapping[str, Any] | RunConfig | None = None, **options: Unpack[TrainOptions]) -> Run:
    """Train one backbone under one unfreezing strategy and log everything to MLflow.

    A call that was interrupted goes on where it was when it is made again.

    Args:
        config: options from a YAML file, from an earlier run (`runs:/ID`), a mapping, or a `RunConfig`.
        options: those of `RunConfig`, which come before those of `config`.

    Raises:
        UserError: anything a user can mend; the run, if it had begun, is marked failed with the reason.
        Interrupted: the same call goes on.
    """
    given = said(options, TrainOptions)
    if isinstance(config, str) and config.startswith("runs:/"):
        with working("mlflow", "tlcompare.tracking.earlier"):
            from tlcompare.tracking.earlier import logged_config

            earlier = logged_config(config)
        again = (
            earlier
            if not _ANEW & set(given)
            else replace(earlier, digest="" if "data" in given else earlier.digest, trained=0)
        )
        return _train(resolve(earlier.options, given), again)
    if isinstance(config, RunConfig):
        config = asdict(config)
    elif not isinstance(config, Mapping):
        config = read_yaml(expanded(plain(config))) if config else {}
    return _train(resolve({name: plain(value) for name, value in config.items()}, given))


def _train(config: RunConfig, earlier: Earlier | None = None) -> Run:
    from tlcompare.data.sources import require_known

    require_known(config.data)
    with working("mlflow", "tlcompare.api.run", "tlcompare.run"):
        from tlcompare.api.run import Run
        from tlcompare.run import train as train_one

        result = train_one(config, earlier)
        return Run(result.run_id, result.logged)


@taking(SweepOptions, {})
def sweep(**options: Unpack[SweepOptions]) -> Sweep:
    """Let Optuna explore what to unfreeze, one MLflow run per trial.

    The baselines (frozen, the report's strategies or the last blocks, all) are always tried first.

    Args:
        name: of the sweep; an existing one goes on. None is the space's and a number.
        space: what may be tried: a name that `search_spaces` gives, or a YAML file.
        model: a backbone, or several.
        trials: in all, with those of earlier sittings; None is 40, or the whole grid or list.
        timeout: begin no trial after this: seconds, `90s`, `30m`, `2h`.
        patience: stop after this many trials without improvement.
        maximize, minimize: metrics; with several the result is a Pareto set. None is val/accuracy.
        sampler: tpe, random, grid, gp or nsga2; None is the space's, else tpe.
        pruner: rungs, median, hyperband or off.
        jobs: trials at a time, each in a process of its own; `auto` measures how many get most done.
        log_models: of which trials the model is kept: all, best or none.
        storage: Optuna's, as a URL; None is TLCOMPARE_STORAGE, else sqlite:///optuna.db.
        probe: probe the backbones first, and try what that suggests after the baselines.
        seeds: afterwards run the five best configurations and the baselines with so many further seeds.
        epoch_patience: `patience` of `train`.
        options: others of `RunConfig`, each fixed for all trials.

    Raises:
        UserError: anything a user can mend; finished trials stay.
        Interrupted: the same name goes on.
    """
    given = said(options, SweepOptions)
    request = _explored(given, begins=False)
    with working("optuna", "mlflow", "tlcompare.api.sweep", "tlcompare.study.sweep"):
        from tlcompare.api.sweep import TOP, Sweep
        from tlcompare.study.sweep import sweep as run_sweep

        swept = run_sweep(request())
    found = Sweep(swept.name, swept.text)
    if "seeds" in given:
        more = found.replicate(top=TOP, seeds=given["seeds"], jobs=given.get("jobs", 1), data=given.get("data"))
        found = replace(found, summary=f"{found.summary}\n{more.summary}")
    return found


@taking(SweepOptions, {})
def foresee_sweep(**options: Unpack[SweepOptions]) -> str:
    """What a sweep would try and what it would cost, from measurements of this machine, without running it.

    Args:
        options: those of `sweep`.

    Raises:
        UserError: whatever would stop it.
    """
    request = _explored(said(options, SweepOptions), begins=False)
    with working("optuna", "mlflow"):
        from tlcompare.study.forecast import forecast

        return forecast(request())


@taking(DecideOptions, {})
def decide(**options: Unpack[DecideOptions]) -> Decision:
    """Find out which layers to unfreeze, and whether it is worth it: from images to a verdict.

    It explores with a sweep, runs the best and the frozen baseline with as many seeds as the answers need, opens the
    sealed test images once all is settled, and writes the report. A call that was interrupted goes on where it was when
    it is made again, and the time taken before counts. When a budget is over before the answers are there, the decision
    says what is open and leaves the test images sealed; the same call with a larger one goes on.

    Args:
        budget: time that it may take in all: seconds, `90s`, `30m`, `2h`; None is no limit.
        name: of the decision; an existing one goes on. None is `decide` and a number.
        space, model, pruner, jobs, storage, epoch_patience: as for `sweep`.
        trials: to explore with at most; None is 40.
        patience: stop exploring after this many trials without improvement; None is 20, 0 is off.
        top: how many configurations go on to the seeds, besides frozen; None is 3.
        max_seeds: most seeds of a configuration; None is 16.
        within: `1%` or 0.01: what one may lose and be as good; None is 0.01.
        keep_sealed: leave the test images sealed; `Sweep.finalize` opens them later, once.
        output: file of the report; None is the name and `.html`.
        options: others of `RunConfig`, each fixed for all runs.

    Raises:
        UserError: anything a user can mend; what was finished stays.
        Interrupted: the same call goes on.
    """
    began = time.monotonic()
    asked = _asked(said(options, DecideOptions))
    with working("optuna", "mlflow", "tlcompare.api.decision", "tlcompare.deciding"):
        from tlcompare.api.decision import Decision
        from tlcompare.deciding import decide as run_decide

        numbers = run_decide(asked(), began).numbers
        return Decision(str(numbers["decision"]), numbers)


@taking(DecideOptions, {})
def foresee_decision(**options: Unpack[DecideOptions]) -> str:
    """What a decision would try and take, from measurements of this machine, without deciding anything.

    Args:
        options: those of `decide`.

    Raises:
        UserError: whatever would stop it.
    """
    asked = _asked(said(options, DecideOptions))
    with working("optuna", "mlflow"):
        from tlcompare.deciding import foresee

        return foresee(asked())


def probe(**options: Unpack[TrainOptions]) -> str:
    """Say, before any training, how much each block knows of your classes and how much it would change.

    One pass over the training images gives, for each block, the validation accuracy of a ridge classifier and of the
    nearest class mean on its pooled output, and the relative gradient norm (Auto-RGN, arXiv 2210.11466). It is a hint
    where to begin, never a result; `sweep(probe=True)` tries its suggestions first.

    Args:
        options: those of `train` that name backbone, images, split and machine.

    Raises:
        UserError: any option, image or weight that cannot be used.
    """
    config = resolve(said(options, TrainOptions))
    with working("mlflow"):
        from tlcompare.probing import probe as probe_one

        return probe_one(config)


_LIMITS = ("trials", "timeout", "patience", "jobs", "log_models")


def _explored(given: Mapping[str, Any], begins: bool) -> Callable[[], Request]:
    """What is to be explored; what is quick to check is checked now, the rest once the request is made.

    Raises:
        UserError: an option, the space or the data cannot be.
    """
    from tlcompare.data.sources import require_known
    from tlcompare.study.space import read_space

    recipe = get_type_hints(Recipe)
    fixed = {name: value for name, value in given.items() if name in recipe}
    fixed |= {"patience": given["epoch_patience"]} if "epoch_patience" in given else {}
    limits = {name: given[name] for name in _LIMITS if name in given}
    if "timeout" in given:
        limits["timeout"] = seconds("timeout", given["timeout"])
    names = {name: listed(given.get(name, ())) for name in ("model", "maximize", "minimize")}
    if "space" in given:
        read_space(given["space"])
    require_known(resolve(fixed).data)

    def request() -> Request:
        from tlcompare.study.planning import Request

        return Request(
            name=given.get("name"),
            space=given.get("space"),
            models=names["model"],
            options=fixed,
            maximize=names["maximize"],
            minimize=names["minimize"],
            sampler=given.get("sampler"),
            pruner=given.get("pruner"),
            storage=given.get("storage") or os.environ.get("TLCOMPARE_STORAGE"),
            probe=given.get("probe", False),
            begins=begins,
            limits=limits,
        )

    return request


def _asked(given: Mapping[str, Any]) -> Callable[[], Asked]:
    """What is to be decided; what is quick to check is checked now.

    Raises:
        UserError: an option, the space or the data cannot be.
    """
    margin, budget = share("within", given.get("within")), seconds("budget", given.get("budget"))
    request = _explored(given, begins=True)

    def asked() -> Asked:
        from tlcompare.study.asked import Asked

        sealed, output = given.get("keep_sealed", False), given.get("output")
        return Asked(request(), given.get("top"), given.get("max_seeds"), margin, budget or None, sealed, output)

    return asked
