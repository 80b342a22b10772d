"""Runs that differ in their seed alone, put together: what there is to compare, image by image and seed by seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from tlcompare.config import HEAD_ALONE
from tlcompare.errors import TrackingError
from tlcompare.evidence.statistics import Interval, Scores, interval
from tlcompare.evidence.table import Row, row_of, strategies, varying
from tlcompare.tracking.reading import LoggedRun, predictions_of

_SAME = ("data_digest", "split_seed", "val_fraction", "test_fraction")
FROZEN = "frozen"


@dataclass(frozen=True, eq=False)
class Contender:
    """A configuration and its runs, one for each seed.

    Attributes:
        runs: in the order of their seeds, which are those of every other contender but in a race.
        label: the configuration in a few words.
        right: float of shape (seeds, images): 1 where the run had the validation image right; NaN where the image was
            not among its validation images.
        test: the same for the test images; None where they are sealed.
        truth: the class of each validation image.
        files: the path of each validation image.
    """

    runs: tuple[LoggedRun, ...]
    label: str
    right: Scores
    test: Scores | None
    truth: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def row(self) -> Row:
        """Its first run."""
        return row_of(self.runs[0])

    @property
    def key(self) -> str:
        return self.row.configuration

    @property
    def backbone(self) -> str:
        return self.row.backbone

    @property
    def strategy(self) -> str:
        return self.row.strategy

    @property
    def depth(self) -> float:
        """Share of the layers from the first that trains to the end, in 0..1."""
        return float(self.runs[0].params["depth"])

    @property
    def is_tail(self) -> bool:
        """Whether it trains everything from some layer to the end, or nothing."""
        return float(self.runs[0].params["unfrozen_share"]) >= self.depth - 0.02

    @property
    def seeds(self) -> tuple[str, ...]:
        return tuple(r.params["seed"] for r in self.runs)

    @property
    def trained_on(self) -> int | None:
        """Number of training images, where every seed had its own division of the images."""
        return int(self.runs[0].params["train_images"]) if _divided_anew(self.runs) else None

    @cached_property
    def accuracy(self) -> Interval:
        """Validation accuracy, in 0..1."""
        return within(interval(self.right, self.trained_on), 0.0)

    @cached_property
    def test_accuracy(self) -> Interval | None:
        return None if self.test is None else within(interval(self.test), 0.0)

    @property
    def sealed(self) -> bool:
        """Whether none of its runs was scored on the test images."""
        return all("test/accuracy" not in r.metrics for r in self.runs)

    def mean(self, metric: str) -> float:
        """Mean of a metric over the seeds; NaN if a run lacks it."""
        return float(np.mean([r.metrics.get(metric, np.nan) for r in self.runs]))

    def spread(self, metric: str) -> float:
        """Standard deviation of a metric over the seeds; NaN with one seed."""
        values = [r.metrics.get(metric, np.nan) for r in self.runs]
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")

    @property
    def gap(self) -> float:
        """How much more accurate it is on the training images than on validation, in -1..1."""
        return self.mean("train/accuracy") - self.mean("val/accuracy")

    @property
    def drop(self) -> float | None:
        """Test minus validation accuracy, in -1..1; None where the test set is sealed."""
        return None if self.test_accuracy is None else self.test_accuracy.estimate - self.accuracy.estimate

    def minus(self, other: Contender) -> Interval:
        """Difference in validation accuracy, paired by seed and image."""
        return within(interval(paired(self, other), self.trained_on), -1.0)


def contenders(runs: Sequence[LoggedRun]) -> tuple[list[Contender], list[str]]:
    """Runs by configuration, the best first, for the seeds that every configuration has; and the runs left out.

    A configuration with less than half as many seeds as another is left out, so that one that was begun last does not
    take the others' evidence away; so is one without the seed that most have, if there is none that all have.

    Raises:
        TrackingError: runs on other images or another split, or none with an accuracy.
    """
    groups = _by_configuration(runs)
    most = max(map(len, groups.values()))
    groups = {key: group for key, group in groups.items() if len(group) > most / 2}
    common = set.intersection(*(set(group) for group in groups.values()))
    if not common:
        count = Counter(place for group in groups.values() for place in group)
        common = {max(sorted(count), key=lambda place: count[place])}
        groups = {key: group for key, group in groups.items() if common <= set(group)}
    found = _made([{place: group[place] for place in common} for group in groups.values()])
    used = {run.run_id for c in found for run in c.runs}
    return found, [r.run_id for r in runs if r.run_id not in used]


def raced(runs: Sequence[LoggedRun]) -> list[Contender]:
    """Runs by configuration, the best first, each with all the seeds it has.

    Raises:
        TrackingError: as for `contenders`.
    """
    return _made(list(_by_configuration(runs).values()))


def in_common(a: Contender, b: Contender) -> tuple[Contender, Contender]:
    """Two contenders with the seeds and validation images that both have."""
    if (a.seeds, a.files) == (b.seeds, b.files):
        return a, b
    seeds, files = set(a.seeds) & set(b.seeds), set(a.files) & set(b.files)
    return _part(a, seeds, files), _part(b, seeds, files)


def _part(c: Contender, seeds: Set[str], files: Set[str]) -> Contender:
    rows = [i for i, seed in enumerate(c.seeds) if seed in seeds]
    columns = [i for i, file in enumerate(c.files) if file in files]
    return replace(
        c,
        runs=tuple(c.runs[i] for i in rows),
        right=c.right[np.ix_(rows, columns)],
        test=None if c.test is None else c.test[rows],
        truth=tuple(c.truth[i] for i in columns),
        files=tuple(c.files[i] for i in columns),
    )


def paired(a: Contender, b: Contender) -> Scores:
    """The differences of two contenders, (seeds, images), for the seeds and images that both have."""
    first, second = in_common(a, b)
    return np.asarray(first.right - second.right)


def _by_configuration(runs: Sequence[LoggedRun]) -> dict[str, dict[tuple[str, str], LoggedRun]]:
    """The runs of every configuration, by their seed and division.

    Raises:
        TrackingError: runs on other images or another split, or none with an accuracy.
    """
    rows = {run.run_id: row_of(run) for run in runs}
    if differing := [name for name in _SAME if len({r.basis[name] for r in rows.values()}) > 1]:
        raise TrackingError(
            f"these runs differ in {', '.join(differing)}, so their accuracies do not compare",
            "Take runs on the same images and split.",
        )
    groups: dict[str, dict[tuple[str, str], LoggedRun]] = defaultdict(dict)
    for run in runs:
        if "val/accuracy" in run.metrics:
            groups[rows[run.run_id].configuration].setdefault((run.params["seed"], _division(run)), run)
    if not groups:
        raise TrackingError("no run has a validation accuracy", "Take runs that have finished.")
    return dict(groups)


def _made(groups: Sequence[Mapping[tuple[str, str], LoggedRun]]) -> list[Contender]:
    """A contender of each group of runs, the best first."""
    chosen = [tuple(group[p] for p in sorted(group, key=lambda place: (int(place[0]), place[1]))) for group in groups]
    first = [row_of(runs[0]) for runs in chosen]
    names = [n for n in varying(first) if n != "seed"]
    several = len({row.backbone for row in first}) > 1
    written = strategies([runs[0] for runs in chosen])
    names = ["backbone", *names] if several else names
    found = _told_apart([_contender(runs, names, text) for runs, text in zip(chosen, written, strict=True)])
    return sorted(found, key=lambda c: -np.nanmean(c.right, 1).mean())


def within(x: Interval, least: float) -> Interval:
    """An interval kept within what can be: from `least` to 1."""
    return replace(x, low=max(x.low, least), high=min(x.high, 1.0))


def _contender(runs: tuple[LoggedRun, ...], names: Sequence[str], written: str) -> Contender:
    """The contender of these runs, whose label shows its strategy, as it is `written`, and what `names` says."""
    row = row_of(runs[0])
    if runs[0].params["strategy_family"] == FROZEN:
        names = [n for n in names if n not in HEAD_ALONE]
    backbone = [row.backbone] if "backbone" in names else []
    strategy = f"last {written}" if row.strategy.isdigit() and row.strategy != "0" else written
    right, truth, files = _matrix(runs, "val", whole=not _divided_anew(runs))
    sealed = any("test/accuracy" not in r.metrics for r in runs)
    return Contender(
        runs=runs,
        label=" ".join([*backbone, strategy, *(f"{n} {row.chosen[n]}" for n in names if n in row.chosen)]),
        right=right,
        test=None if sealed else _matrix(runs, "test", whole=True)[0],
        truth=truth,
        files=files,
    )


def _told_apart(found: Sequence[Contender]) -> list[Contender]:
    """Contenders with a piece of their key after labels that would be the same."""
    count = Counter(c.label for c in found)
    return [replace(c, label=f"{c.label} ({c.key[:6]})") if count[c.label] > 1 else c for c in found]


def _division(run: LoggedRun) -> str:
    """The seed that divided training and validation images, where it was not the split's."""
    return run.params.get("val_seed", "None")


def _divided_anew(runs: Sequence[LoggedRun]) -> bool:
    return len({_division(r) for r in runs}) == len(runs) > 1


def _matrix(runs: Sequence[LoggedRun], part: str, whole: bool) -> tuple[Scores, tuple[str, ...], tuple[str, ...]]:
    """Right or wrong for every run and image, the class of each image and its file, in the order of the files; `whole`
    leaves out images that not every run has."""
    tables = [predictions_of(run, part).set_index("file") for run in runs]
    right = pd.concat([t["right"] for t in tables], axis=1, join="inner" if whole else "outer").sort_index()
    truth = pd.concat([t["true"] for t in tables])
    truth = truth[~truth.index.duplicated()].loc[right.index]
    return right.to_numpy(dtype=np.float64).T, tuple(map(str, truth)), tuple(map(str, right.index))
