"""A sweep, and what its replicates show."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from tlcompare.api.options import Place, plain, share
from tlcompare.api.run import Model, Run
from tlcompare.api.runs import Choice, Runs
from tlcompare.api.shown import Shown, displayed
from tlcompare.api.working import working
from tlcompare.errors import ConfigError
from tlcompare.evidence.contenders import FROZEN
from tlcompare.evidence.gathered import Evidence as Gathered
from tlcompare.evidence.gathered import evidence_of
from tlcompare.evidence.table import states_of
from tlcompare.evidence.trials import trials_table
from tlcompare.evidence.verdicts import Claims, claims_of
from tlcompare.report.charts import draw, interactive
from tlcompare.report.decision import CONTENDERS, contender_rows, sentences
from tlcompare.report.document import Part, Picture, Table
from tlcompare.report.drawings import as_svg, draw_accuracies, draw_chart, draw_differences
from tlcompare.report.figures import trials_chart
from tlcompare.report.standing import render, standing
from tlcompare.report.writing import write_report
from tlcompare.tracking.reading import LoggedRun, sweep_run, trials_of
from tlcompare.tracking.views import address_of

TOP = 5
_SHOWN = ("trial", "state", "backbone", "strategy", "seed", "val/accuracy", "cost/train_seconds")


@dataclass(frozen=True, repr=False)
class Evidence(Shown):
    """What a sweep's replicates show, read whenever something is asked for.

    Attributes:
        sweep: its name.
        baseline: the strategy that others must beat.
        summary: what was done for it just now, in a few lines; empty where it was only looked at.
    """

    sweep: str
    baseline: str = FROZEN
    summary: str = field(default="", compare=False)

    @property
    def table(self) -> pd.DataFrame:
        """One row per configuration, the best first.

        Columns: configuration, backbone, strategy, seeds; val_accuracy and test_accuracy with _low and _high, ends of
        the 95% interval, in 0..1; val_sd over seeds; minus_baseline and minus_best with _low and _high, differences in
        0..1; p_ and verdict_ of both, corrected; trainable_weights; train_seconds.
        """
        found, claims = self._claims()
        return pd.DataFrame(standing(found.contenders, claims))

    @property
    def rule(self) -> str:
        """What a verdict rests on, in a sentence or two."""
        return self._claims()[1].rule

    @property
    def sentences(self) -> tuple[str, ...]:
        """Of a race over seeds (`until_decided`): is unfreezing worth it, what to use, what it costs, what could not be
        settled; of other replicates nothing."""
        found = evidence_of(self.sweep)
        return tuple(sentences(found)) if found.race else ()

    def figure(self) -> Figure:
        """Every configuration's gain over the baseline, with its interval."""
        return displayed(draw_differences(self._claims()[1].with_baseline, self.baseline))

    def to(self, form: str, wide: bool = False) -> str:
        """As text: `table`, of 120 characters unless it is `wide`, `md`, `csv` or `json`."""
        found, claims = self._claims()
        return render(found.contenders, claims, form, wide)

    def _claims(self) -> tuple[Gathered, Claims]:
        found = evidence_of(self.sweep)
        return found, claims_of(found.contenders, found.race, self.baseline)

    def _address(self) -> str:
        return f'tlcompare.open_sweep("{self.sweep}").evidence()'

    def _parts(self) -> Sequence[Part]:
        found, claims = self._claims()
        bars = as_svg(draw_accuracies(found.contenders), "accuracies with their intervals")
        return [
            Table(CONTENDERS, contender_rows(found, claims)),
            f"95% intervals in brackets; differences in percentage points. {claims.rule}",
            Picture(bars, "Mean validation accuracy over seeds."),
        ]


@dataclass(frozen=True, repr=False)
class Report:
    """A report that was written; a notebook shows its page.

    Attributes:
        page: the HTML file, which needs no network.
        text: the same as Markdown.
        numbers: every number in it, as CSV.
    """

    page: Path
    text: Path
    numbers: Path

    def __repr__(self) -> str:
        return f"{self.page}\n{self.text}\n{self.numbers}"

    def _repr_html_(self) -> str:
        page = html.escape(self.page.read_text(encoding="utf-8"))
        return f'<iframe srcdoc="{page}" sandbox style="width:100%;height:36rem;border:1px solid #8885"></iframe>'


@dataclass(frozen=True, repr=False)
class Sweep(Shown):
    """A sweep in MLflow, which is read whenever something is asked for.

    Attributes:
        name: as `open_sweep` takes it.
        summary: what there was to say at its end, in a few lines; empty of a sweep that was only opened.
    """

    name: str
    summary: str = field(default="", compare=False)

    @property
    def logged(self) -> LoggedRun:
        """Its run as MLflow holds it."""
        return sweep_run(self.name)

    @property
    def table(self) -> pd.DataFrame:
        """One row per trial, in the order in which they were begun.

        Columns: trial, state (finished, pruned, paused, failed, interrupted or running), what was chosen, metrics by
        their MLflow names, reason, run_id.
        """
        return trials_table(trials_of(self.logged.run_id))

    @property
    def best(self) -> Run:
        """The finished trial with the best validation accuracy: a lucky one among many, until seeds have shown more.

        Raises:
            TrackingError: none has finished.
        """
        return Run(str(self._runs.table["run_id"].iloc[0]))

    @property
    def url(self) -> str:
        """Its page in MLflow's UI; of a database file, once `mlflow ui` serves it."""
        return address_of(self.logged.run_id)

    def figure(self, plotly: bool = False) -> Any:
        """Accuracy against depth, a point per trial: of matplotlib, or of plotly, where the mouse tells which."""
        chart = trials_chart(self.table)
        return interactive(chart) if plotly else displayed(draw(chart))

    def replicate(
        self,
        *,
        top: int | None = None,
        seeds: int | None = None,
        until_decided: bool = False,
        max_seeds: int | None = None,
        within: str | float | None = None,
        resplit: bool = False,
        jobs: int | str = 1,
        data: Place | None = None,
    ) -> Evidence:
        """Run the best configurations, and the baselines, with further seeds.

        The seeds are the same for all configurations, so that they are compared in pairs, and none that the sweep has
        chosen by. What is there already is not repeated.

        Args:
            top: how many configurations, by mean validation accuracy; None is five.
            seeds: for each configuration; None is ten.
            until_decided: instead as many seeds as the answers need, as a decision does.
            max_seeds: most seeds of a configuration, with until_decided; None is 16.
            within: `1%` or 0.01: what one may lose and be as good, with until_decided; None is 0.01.
            resplit: divide training and validation images anew for each seed; the sealed test images stay.
            jobs: runs at a time; `auto` is as many as there are CPUs for.
            data: where the images of the sweep are now, if they were moved.

        Raises:
            UserError: nothing has finished in it, other questions than before, or runs that fail.
            Interrupted: the same call goes on.
        """
        fixed, raced = {"--seeds": seeds, "--resplit": resplit or None}, {"--max-seeds": max_seeds, "--within": within}
        if until_decided and (given := [name for name, value in fixed.items() if value is not None]):
            raise ConfigError(f"{given[0]} and --until-decided were given", "Give one of the two.")
        if not until_decided and (given := [name for name, value in raced.items() if value is not None]):
            raise ConfigError(f"{given[0]} needs --until-decided", "Add it, or give --seeds instead.")
        with working("optuna", "mlflow"):
            from tlcompare.study.race import race
            from tlcompare.study.replicate import replicate

            if until_decided:
                race(self.name, top, max_seeds, share("within", within), jobs=jobs, data=plain(data))
                return Evidence(self.name)
            top, seeds = TOP if top is None else top, 10 if seeds is None else seeds
            said = replicate(self.name, top, seeds, resplit=resplit, jobs=jobs, data=plain(data))
            return Evidence(self.name, summary=said)

    def evidence(self, baseline: str = FROZEN) -> Evidence:
        """What its replicates show.

        Args:
            baseline: the strategy that others must beat.
        """
        return Evidence(self.name, baseline)

    def pick(
        self,
        *,
        within: str | float | None = None,
        max_params: int | None = None,
        max_latency: float | None = None,
    ) -> Choice:
        """One strategy, by its replicates or, where there are none, by its trials: see `Runs.pick`."""
        return self._runs.pick(within=within, max_params=max_params, max_latency=max_latency)

    def finalize(self, *, again: bool = False, data: Place | None = None) -> Evidence:
        """Open the sealed test images: score all replicates on them, once.

        The sweep is marked as opened, with the date and by whom. What is chosen after that is no longer independent of
        the test images, so doing it again is refused or says so.

        Args:
            again: score also runs that were made after they were opened.
            data: where the images of the sweep are now, if they were moved.

        Raises:
            UserError: no replicates, runs made after the opening, other images, or no model.
            Interrupted: the same call goes on.
        """
        with working("mlflow"):
            from tlcompare.finalize import finalize

            return Evidence(self.name, summary=finalize(self.name, again, plain(data)))

    def report(
        self, path: Place = "report.html", *, baseline: str = FROZEN, within: str | float | None = None
    ) -> Report:
        """Write what it shows as one HTML file that needs no network; beside it come the same as Markdown and every
        number in it as CSV. All three are logged to its run.

        Args:
            path: of the HTML file.
            baseline: the strategy that others must beat.
            within: `1%` or 0.01: margin below the best within which the cheaper is good enough.

        Raises:
            UserError: no replicates, or a file that cannot be written.
        """
        return Report(*map(Path, write_report(self.name, plain(path), baseline, share("within", within))))

    def model(self) -> Model:
        """The model of its best trial: see `best`."""
        return self.best.model()

    def predict(self, images: Any) -> pd.DataFrame:
        """As `Model.predict`, with the model of its best trial."""
        return self.best.predict(images)

    @property
    def _runs(self) -> Runs:
        return Runs(sweep=self.name)

    def _address(self) -> str:
        return f'tlcompare.open_sweep("{self.name}")'

    def _parts(self) -> Sequence[Part]:
        trials = self.table
        ranked = trials.sort_values("val/accuracy", ascending=False, na_position="last", kind="stable")
        chart = trials_chart(trials)
        return [
            f"**{self.name}**: {states_of(self.name)}",
            Table(_SHOWN, [[_cell(name, row[name]) for name in _SHOWN] for row in ranked.to_dict("records")]),
            Picture(as_svg(draw_chart(chart), chart.title), f"{chart.title}, one seed per trial."),
        ]


def _cell(name: str, value: Any) -> str:
    if pd.isna(value):
        return "-"
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    return f"{value:.1f}" if name.endswith("seconds") else f"{value:.0f}" if name == "seed" else str(value)


def open_sweep(name: str) -> Sweep:
    """A sweep by its name.

    Raises:
        TrackingError: there is no such sweep; says which there are.
    """
    sweep_run(name)
    return Sweep(name)
