"""Two runs on the same images."""

from __future__ import annotations

from tlcompare.errors import TrackingError
from tlcompare.evidence.statistics import exact_mcnemar
from tlcompare.tracking.reading import predictions_of, runs_by_id


def mcnemar_of(first: str, second: str) -> str:
    """The exact McNemar test of two runs on their validation images, in a sentence.

    Raises:
        TrackingError: no such run, or other images.
    """
    a, b = (predictions_of(run, "val").set_index("file")["right"] for run in runs_by_id([first, second]))
    if set(a.index) != set(b.index):
        raise TrackingError("these runs have other validation images", "Take runs on the same images and split.")
    found = exact_mcnemar(list(a == 1), list(b.loc[a.index] == 1))
    return (
        f"Exact McNemar test: {found.first_only} images only the first has right, {found.second_only} only the second; "
        f"p = {found.p:.3g}. It speaks of these two trained models, not of other seeds."
    )
