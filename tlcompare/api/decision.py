"""A decision: whether unfreezing is worth it, and what to use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from tlcompare.api.options import Place
from tlcompare.api.run import Model, Run
from tlcompare.api.shown import Shown, displayed
from tlcompare.api.sweep import Evidence, Report, Sweep
from tlcompare.errors import TrackingError, did_you_mean
from tlcompare.evidence.contenders import FROZEN
from tlcompare.evidence.gathered import evidence_of
from tlcompare.evidence.verdicts import claims_of
from tlcompare.report.charts import draw, interactive
from tlcompare.report.decision import CONTENDERS, contender_rows
from tlcompare.report.document import Part, Picture, Table
from tlcompare.report.drawings import as_svg, draw_accuracies, draw_chart
from tlcompare.report.figures import depth_chart
from tlcompare.tracking.reading import LoggedRun, decision_runs, file_of, sweep_names
from tlcompare.tracking.store import shown_uri
from tlcompare.tracking.views import address_of


@dataclass(frozen=True, repr=False)
class Decision(Shown):
    """A decision in MLflow, which is read whenever something is asked for.

    Attributes:
        name: as `open_decision` takes it; its sweep has the same.
    """

    name: str
    _known: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def logged(self) -> LoggedRun:
        """Its run as MLflow holds it."""
        return _found(self.name)

    @property
    def numbers(self) -> Mapping[str, Any]:
        """All of it, as `tlcompare decide --json` prints it.

        Raises:
            TrackingError: it has not been written down yet.
        """
        try:
            return dict(json.loads(file_of(self.logged, "decision.json")))
        except TrackingError:
            if self._known is None:
                raise
            return self._known

    @property
    def sentences(self) -> tuple[str, ...]:
        """Whether unfreezing is worth it, what to use, what the sealed test says, what it costs, what is open."""
        return tuple(self.numbers["sentences"])

    @property
    def why(self) -> str:
        """The sentences, as one text."""
        return " ".join(self.sentences)

    @property
    def verdict(self) -> str | None:
        """Of the best that unfreezes something against `frozen`: `better`, `as good`, `worse` or `cannot conclude`;
        None where no seed has finished."""
        verdict: str | None = self.numbers.get("worth_it")
        return verdict

    @property
    def table(self) -> pd.DataFrame:
        """One row per contender, the best first; columns as of `Evidence.table`."""
        return pd.DataFrame(self.numbers.get("contenders", []))

    @property
    def run(self) -> Run:
        """The run that is to be used.

        Raises:
            TrackingError: there is none yet.
        """
        return Run(str(self._use["run"]))

    @property
    def sweep(self) -> Sweep:
        """What was explored and confirmed."""
        return Sweep(self.name)

    @property
    def url(self) -> str:
        """Its page in MLflow's UI; of a database file, once `mlflow ui` serves it."""
        return address_of(self.logged.run_id)

    def evidence(self) -> Evidence:
        """As `Sweep.evidence`."""
        return self.sweep.evidence()

    def figure(self, plotly: bool = False) -> Any:
        """Accuracy against depth with intervals: of matplotlib, or of plotly, where the mouse tells which is which."""
        chart = depth_chart(evidence_of(self.name))
        return interactive(chart) if plotly else displayed(draw(chart))

    def report(self, path: Place = "report.html") -> Report:
        """As `Sweep.report`."""
        return self.sweep.report(path)

    def model(self) -> Model:
        """The model that is to be used.

        Raises:
            TrackingError: there is none yet, or it was not kept.
        """
        return self.run.model()

    def predict(self, images: Any) -> pd.DataFrame:
        """As `Model.predict`, with the model that is to be used."""
        return self.model().predict(images)

    @property
    def _use(self) -> Mapping[str, Any]:
        use = self.numbers.get("use")
        if use is None:
            raise TrackingError(f'the decision "{self.name}" has nothing to use yet', "Go on with it: the same call.")
        return dict(use)

    def _address(self) -> str:
        return f'tlcompare.open_decision("{self.name}")'

    def _parts(self) -> Sequence[Part]:
        numbers = self.numbers
        first, *others = numbers["sentences"]
        said: list[Part] = [f"**{first}**", *others]
        if "use" not in numbers:
            return said
        evidence = evidence_of(self.name)
        claims = claims_of(evidence.contenders, evidence.race, FROZEN)
        depth = depth_chart(evidence)
        return [
            *said,
            Table(CONTENDERS, contender_rows(evidence, claims)),
            Picture(
                as_svg(draw_accuracies(evidence.contenders), "accuracies"), "The contenders, over all their seeds."
            ),
            Picture(as_svg(draw_chart(depth), depth.title), f"{depth.title}: every trial, and the contenders."),
        ]


def open_decision(name: str) -> Decision:
    """A decision by its name.

    Raises:
        TrackingError: there is no such decision; says which there are.
    """
    _found(name)
    return Decision(name)


def _found(name: str) -> LoggedRun:
    known = decision_runs()
    if name not in known:
        there = f"There are {', '.join(known)}." if known else "There is none: tlcompare decide --help"
        if name in sweep_names():
            there = f'There is a sweep of that name: tlcompare.open_sweep("{name}")'
        raise TrackingError(f'{shown_uri()} has no decision "{name}"', f"{did_you_mean(name, known)} {there}".strip())
    return known[name]
