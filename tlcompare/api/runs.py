"""Runs side by side, and one that is picked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tlcompare.api.options import share
from tlcompare.api.run import Model, Run
from tlcompare.api.shown import Shown
from tlcompare.errors import ConfigError
from tlcompare.evidence.gathered import candidates
from tlcompare.evidence.pick import pick
from tlcompare.evidence.table import compare_runs, states_of, unlike
from tlcompare.evidence.two import mcnemar_of
from tlcompare.report.document import Part, Table
from tlcompare.report.table import columns_of, lines_of, render
from tlcompare.tracking.sweeps import has_model, mark_picked


@dataclass(frozen=True, repr=False)
class Choice(Shown):
    """What was picked.

    Attributes:
        why: by which rule, and how surely, in a sentence or two.
        run: its run with the best validation accuracy.
        runs: all of its runs.
        left_out: runs that were not considered, for want of a counterpart with the same seed.
    """

    why: str
    run: Run
    runs: tuple[Run, ...]
    left_out: tuple[Run, ...]

    def model(self) -> Model:
        """As `Run.model`."""
        return self.run.model()

    def predict(self, images: Any) -> pd.DataFrame:
        """As `Model.predict`."""
        return self.run.predict(images)

    def _address(self) -> str:
        return f'tlcompare.open_run("{self.run.id}")'

    def _parts(self) -> Sequence[Part]:
        model = f"runs:/{self.run.id}/model"
        again = f"was not kept; again: tlcompare train --config runs:/{self.run.id}"
        return [self.why, Table((), [("run", self.run.id), ("model", model if has_model(self.run.id) else again)])]


@dataclass(frozen=True, repr=False)
class Runs(Shown):
    """Finished runs side by side, read whenever something is asked for.

    Attributes:
        run_ids: those named; empty is those of the sweep or of the experiment.
        experiment: its name; None is the current one.
        sweep: its name.
    """

    run_ids: tuple[str, ...] = ()
    experiment: str | None = None
    sweep: str | None = None

    @property
    def table(self) -> pd.DataFrame:
        """One row per run; of a sweep's trials, the best first.

        Columns: data, image_size, backbone, strategy, options in which the runs differ, val_accuracy and test_accuracy
        in 0..1 (the latter missing while it is sealed), seconds_per_100 images, trainable_weights, train_seconds, note,
        run_id.
        """
        return pd.DataFrame(columns_of(self._rows()))

    @property
    def states(self) -> str:
        """How many trials of the sweep ended how; empty of other runs."""
        return states_of(self.sweep) if self.sweep else ""

    @property
    def why_unlike(self) -> str:
        """What keeps the runs from being compared; empty if nothing does."""
        differing = unlike(self._rows())
        return f"These runs differ in {', '.join(differing)}: compare like with like only." if differing else ""

    @property
    def mcnemar(self) -> str:
        """The exact McNemar test of two runs; empty where they are not two, named, and alike."""
        two = len(set(self.run_ids)) == 2 and not self.why_unlike
        return mcnemar_of(*dict.fromkeys(self.run_ids)) if two else ""

    def pick(
        self,
        *,
        within: str | float | None = None,
        max_params: int | None = None,
        max_latency: float | None = None,
    ) -> Choice:
        """One strategy: the best mean validation accuracy over the seeds of a configuration, or the cheapest near it.

        The runs picked get the tag tlcompare.picked in MLflow.

        Args:
            within: `0.5%` or 0.005: take, of those that are shown to lose no more, what trains the fewest weights.
            max_params: trainable weights it may have at most.
            max_latency: milliseconds that one image, alone and not in a batch, may take at most.

        Raises:
            ConfigError: nothing meets the limits.
            TrackingError: there are no such runs, or none that can be compared.
        """
        considered, left_out, race = candidates(self.run_ids, self.experiment, self.sweep)
        picked = pick(considered, share("within", within) or 0.0, max_params, max_latency, race=race)
        winners = [run.run_id for run in picked.winner.runs]
        mark_picked(winners, [r.run_id for c in considered if c is not picked.winner for r in c.runs], picked.why)
        return Choice(picked.why, Run(picked.run_id), tuple(map(Run, winners)), tuple(map(Run, left_out)))

    def to(self, form: str) -> str:
        """As text: `table`, `md`, `csv` or `json`."""
        return render(self._rows(), form)

    def _rows(self) -> list[Any]:
        return compare_runs(self.run_ids, self.experiment, self.sweep)

    def _address(self) -> str:
        return "tlcompare.runs()"

    def _parts(self) -> Sequence[Part]:
        heading, *lines = lines_of(self._rows())
        return [Table(heading, lines)]


def runs(*run_ids: str, experiment: str | None = None, sweep: str | None = None) -> Runs:
    """Finished runs side by side: those named, or a sweep's trials, or those of an experiment.

    Args:
        run_ids: as their pages show them.
        experiment: its name; None is `tlcompare`, or what MLFLOW_EXPERIMENT_NAME says.
        sweep: its name.

    Raises:
        ConfigError: more than one of these was given.
        TrackingError: no such run, sweep or experiment, or none that this tool logged.
    """
    named = [n for n, v in (("RUN_IDS", run_ids), ("--sweep", sweep), ("--experiment", experiment)) if v]
    if len(named) > 1:
        raise ConfigError(f"{' and '.join(named)} were given", "Give one of them.")
    return Runs(run_ids, experiment, sweep)
