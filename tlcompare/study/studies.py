"""Optuna's side of a sweep: the study in its storage, and trials asked for and told."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import optuna
from filelock import Timeout
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, OptunaError
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from tlcompare import __version__
from tlcompare.errors import ConfigError, StudyError, without_credentials
from tlcompare.files import cache_dir, locked, of_a_full_disk, root_of
from tlcompare.machine.signals import wholly
from tlcompare.study.objective import Objective
from tlcompare.study.rungs import paused
from tlcompare.study.space import Choices, Domain
from tlcompare.tracking.store import sqlite_file

DEFAULT_STORAGE = "sqlite:///optuna.db"
_POPULATION = 10  # Optuna's 50 would be one generation of a usual sweep, drawn at random
_DEFINITION, _ID, _FORMAT_KEY, _VERSION = "definition", "id", "format", "version"
_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


@dataclass(frozen=True)
class Definition:
    """What makes a sweep what it is, kept in the study: going on with it under another definition is refused.

    Attributes:
        space_name, space: the space's name and its content.
        models: the backbones, settled.
        options: options of `train` given for the whole sweep, settled where the data was.
        maximize, minimize: metrics.
        sampler: how configurations are chosen.
        pruner: which trials end early.
        probes: what a probe of each backbone has shown, by backbone; its suggestions are tried after the baselines.
    """

    space_name: str
    space: Mapping[str, Any]
    models: tuple[str, ...]
    options: Mapping[str, Any]
    maximize: tuple[str, ...]
    minimize: tuple[str, ...]
    sampler: str
    pruner: str
    probes: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def checked_name(name: str) -> str:
    """The name of a sweep, which is also that of a registered model.

    Raises:
        ConfigError: it has other characters than letters, digits, dots, dashes and underscores.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f'--name "{name}" is no name of a sweep',
            "It begins with a letter or digit and goes on with those and . _ - up to 100 characters.",
        )
    return name


class Studies:
    """The studies in a storage.

    Raises:
        StudyError: the storage cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self.storage = wholly(optuna.storages.get_storage(url))
        except Exception as e:  # whatever Optuna, the migrations of its tables or a database's driver raise
            raise _unusable(url, e) from e

    def names(self) -> list[str]:
        with usable(self.url):
            return optuna.get_all_study_names(self.storage)

    def definition(self, name: str) -> Definition | None:
        """The definition of an existing study; None if there is none of this name.

        Raises:
            StudyError: it was not made by this tool.
        """
        if name not in self.names():
            return None
        study = self.load(name)
        if _is_blank(study):
            return None
        kept = study.user_attrs.get(_DEFINITION)
        if kept is None:
            raise StudyError(f'the study "{name}" in {shown(self.url)} is not one of tlcompare', "Take another --name.")
        known = json.loads(kept)
        unknown = set(known) - {f.name for f in fields(Definition)}
        if study.user_attrs.get(_FORMAT_KEY, _FORMAT) > _FORMAT or unknown:
            raise StudyError(
                f'the sweep "{name}" was begun with tlcompare {self.version(name)}, which {__version__} cannot read',
                "Upgrade tlcompare, or begin a new sweep with another --name.",
            )
        return Definition(**_tuples(known))

    def version(self, name: str) -> str:
        """The version of tlcompare that a study was begun with."""
        return str(self.load(name).user_attrs.get(_VERSION, "0.1.0"))

    def load(self, name: str) -> optuna.Study:
        with usable(self.url):
            return optuna.load_study(study_name=name, storage=self.storage)

    def create(
        self, name: str | None, definition: Definition, objectives: Sequence[Objective], taken: Collection[str] = ()
    ) -> optuna.Study:
        """A new study; without a name, the space's with the next number that is neither in the storage nor `taken`.

        Raises:
            StudyError: there is one of this name, or the storage cannot be used.
        """
        with usable(self.url):
            better = {True: StudyDirection.MAXIMIZE, False: StudyDirection.MINIMIZE}
            directions = [better[o.maximize] for o in objectives]
            number = 1
            while True:
                wanted = name or f"{_name_from(definition.space_name)}-{number}"
                number += 1
                if wanted in taken and not name:
                    continue
                try:
                    study = optuna.create_study(study_name=wanted, storage=self.storage, directions=directions)
                    break
                except DuplicatedStudyError as e:
                    study = self.load(wanted)
                    if name and _is_blank(study) and study.directions == directions:
                        break
                    if name:
                        raise StudyError(
                            f'the study "{name}" was made by somebody else just now, or for other objectives',
                            "Try again, or take another --name.",
                        ) from e
            study.set_user_attr(_ID, uuid.uuid4().hex)
            study.set_user_attr(_VERSION, __version__)
            study.set_user_attr(_FORMAT_KEY, _FORMAT)
            keep_definition(study, definition)
            return study

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Keep other processes of this machine from running the same sweep.

        Raises:
            StudyError: one does.
        """
        key = hashlib.sha256(f"{_place(self.url)} {name}".encode()).hexdigest()[:24]
        with ExitStack() as held:
            try:
                held.enter_context(locked(cache_dir() / "studies" / key, wait=False))
            except Timeout as e:
                raise StudyError(
                    f'the sweep "{name}" is already running on this machine', "Take another --name."
                ) from e
            yield


def keep_definition(study: optuna.Study, definition: Definition) -> None:
    """Write down what a study is for."""
    study.set_user_attr(_DEFINITION, json.dumps(asdict(definition)))


def _is_blank(study: optuna.Study) -> bool:
    """Whether an attempt broke off before it had said what the study is for; nothing is in it then."""
    return not study.trials and set(study.user_attrs) <= {_ID, _VERSION, _FORMAT_KEY}


def _name_from(space_name: str) -> str:
    """The name of a space's file in the characters that a sweep's name may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", space_name).strip("-._")[:80] or "space"


def require_separate(storage: str, tracking_uri: str) -> None:
    """Check that the study does not go into MLflow's own database, whose migrations it would upset.

    Raises:
        StudyError: it would.
    """
    if _place(storage) == _place(tracking_uri):
        raise StudyError(f"--storage {shown(storage)} is MLflow's own database", "Take one of its own for the study.")


def _place(url: str) -> str:
    return str(sqlite_file(url) or url)


def shown(url: str) -> str:
    return without_credentials(url)


@contextmanager
def usable(url: str) -> Iterator[None]:
    """Turns a storage's failure into one sentence."""
    try:
        yield
    except (SQLAlchemyError, OptunaError) as e:
        raise _unusable(url, e) from e


def _unusable(url: str, e: Exception) -> StudyError:
    hint = "--storage takes a URL such as sqlite:///optuna.db or postgresql://HOST/NAME."
    why, hint = of_a_full_disk(root_of(e), hint)
    if "no longer compatible with the table schema" in str(e):
        older = "storage upgrade" in str(e)
        why = f"its tables are those of {'an older' if older else 'a newer'} Optuna"
        hint = f"Make a copy of it, then: optuna storage upgrade --storage {shown(url)}" if older else "Upgrade Optuna."
    return StudyError(f"the study storage {shown(url)} cannot be used: {why}", hint)


def ask(
    study: optuna.Study,
    sampler: optuna.samplers.BaseSampler,
    params: Mapping[str, Any],
    attributes: Mapping[str, Any] | None = None,
    past: Collection[int] = (),
) -> Trial:
    """The trial that waits to be run, else a new one with these parameters; the sampler fills in the others.

    Args:
        study: where it is asked for.
        sampler: of this trial.
        params: of a new one.
        attributes: of a new one, from its beginning on.
        past: numbers of trials that wait and are to go on waiting.
    """
    study.sampler = sampler
    waiting = [t for t in _waiting(study) if t.number not in past]
    if not waiting:
        study.enqueue_trial(dict(params), user_attrs=dict(attributes or {}))
        waiting = [t for t in _waiting(study) if t.number not in past]
    if not past:
        return study.ask()
    study._thread_local.cached_all_trials = None  # as `Study.ask`, which takes the first that waits
    study._storage.set_trial_state_values(waiting[0]._trial_id, TrialState.RUNNING)
    return Trial(study, waiting[0]._trial_id)


class Halting(BaseSampler):
    """Chooses as another sampler does to which the trials that wait at a rung have been pruned there.

    Optuna's samplers learn nothing from a trial that has not ended, and none that has ended can go on.
    """

    def __init__(self, sampler: BaseSampler) -> None:
        self._sampler = sampler

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, optuna.distributions.BaseDistribution]:
        return self._sampler.infer_relative_search_space(self._seen(study), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, space: dict[str, optuna.distributions.BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(self._seen(study), trial, space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, name: str, domain: optuna.distributions.BaseDistribution
    ) -> Any:
        return self._sampler.sample_independent(self._seen(study), trial, name, domain)

    def _seen(self, study: optuna.Study) -> optuna.Study:
        """The study as the other sampler is to see it."""
        storage: Any = _Halted(study._storage)
        return optuna.load_study(study_name=study.study_name, storage=storage, sampler=self._sampler)


class _Halted:
    """A storage as it is, but that trials which wait at a rung have been pruned there."""

    def __init__(self, storage: optuna.storages.BaseStorage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Collection[TrialState] | None = None
    ) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(study_id, deepcopy=False)
        waiting = paused(trials)
        seen = [_pruned(t) if t.number in waiting else t for t in trials]
        return [t for t in seen if states is None or t.state in states]


def _pruned(trial: FrozenTrial) -> FrozenTrial:
    halted = copy(trial)
    halted.state = TrialState.PRUNED
    return halted


def next_number(trials: Sequence[FrozenTrial], past: Collection[int] = ()) -> int:
    """The number of the trial that `ask` will give, of all trials that there are."""
    waiting = [t.number for t in trials if t.state == TrialState.WAITING and t.number not in past]
    return min(waiting, default=len(trials))


def kept_of(study: optuna.Study, trial: Trial) -> FrozenTrial:
    """What the storage has of a trial."""
    return study._storage.get_trial(trial._trial_id)


def _waiting(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.WAITING,))


def wanted(trial: FrozenTrial) -> Mapping[str, Any]:
    """The parameters that a trial was enqueued with, or has already."""
    return {**trial.params, **trial.system_attrs.get("fixed_params", {})}


def suggest(trial: Trial, name: str, domain: Domain) -> Any:
    """A value of the domain for a parameter of the trial."""
    if isinstance(domain, Choices):
        return trial.suggest_categorical(name, domain.values)
    if domain.whole:
        return trial.suggest_int(name, int(domain.low), int(domain.last), log=domain.log, step=int(domain.step or 1))
    return trial.suggest_float(name, domain.low, domain.last, log=domain.log, step=domain.step)


def tell(study: optuna.Study, number: int, state: str, values: Sequence[float] | None) -> None:
    """End a trial as `finished` with its values, `pruned` or `failed`."""
    study.tell(number, values if state == "finished" else None, state=_STATES[state])


def begin(studies: Studies, trial: FrozenTrial) -> None:
    """Let a trial that waits run, without parameters being chosen."""
    studies.storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)


def set_attribute(studies: Studies, trial: FrozenTrial, name: str, value: Any) -> None:
    """Set a user attribute of a trial, whatever its state, unless it has ended."""
    studies.storage.set_trial_user_attr(trial._trial_id, name, value)


def put_back(studies: Studies, trial: FrozenTrial) -> None:
    """Let a trial that was begun wait to be run again under its number, with the parameters it has."""
    studies.storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)


def running(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def make_sampler(kind: str, seed: int, number: int, parameter: str = "") -> optuna.samplers.BaseSampler:
    """The sampler of one trial, or of one of its parameters.

    Its randomness depends on these alone, so that resuming changes nothing.
    """
    own = int.from_bytes(hashlib.sha256(f"{seed} {number} {parameter}".encode()).digest()[:4])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if kind == "tpe":
            return optuna.samplers.TPESampler(seed=own, multivariate=True, group=True)
        if kind == "gp":
            return optuna.samplers.GPSampler(seed=own)
    if kind == "nsga2":
        return optuna.samplers.NSGAIISampler(population_size=_POPULATION, seed=own)
    return optuna.samplers.RandomSampler(seed=own)


def make_pruner(kind: str, epochs: int) -> optuna.pruners.BasePruner:
    """`median` lets half of the epochs pass first, and five trials; `hyperband` halves from the first epoch; rungs
    are none of Optuna's."""
    if kind == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=-(-epochs // 2))
    if kind == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
    return optuna.pruners.NopPruner()


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """JSON's lists as the tuples they were."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
