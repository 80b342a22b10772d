"""Train, validation and test: stratified, and a pure function of what the images show and the seed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tlcompare.errors import DataError

PARTS = ("train", "val", "test")
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Indices into the pixel store; `test` is empty where the data came with train and val only."""

    train: Indices
    val: Indices
    test: Indices


def make_split(
    hashes: Sequence[str],
    labels: Sequence[int],
    classes: Sequence[str],
    given: Sequence[str],
    *,
    val_fraction: float,
    test_fraction: float,
    seed: int,
    val_seed: int | None = None,
) -> Split:
    """Split images; copies of one image always stay together.

    Args:
        hashes: content hash of each image.
        labels: class index of each image.
        classes: class names.
        given: `train`, `val` or `test` where the data came divided, else empty text.
        val_fraction, test_fraction: shares of each class, where the data does not settle it.
        seed: another seed gives another split.
        val_seed: another one divides training and validation images anew and leaves the test images as they are.

    Raises:
        DataError: a class has too few distinct images to be in every part, or there is nothing to divide anew.
    """
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    free: list[int] = []
    for i, part in enumerate(given):
        (parts[part] if part else free).append(i)
    test_given, val_given = bool(parts["test"]), bool(parts["val"])
    if val_seed is not None and val_given:
        hint = "Leave --val-seed or --resplit out."
        raise DataError("the data has its own validation images, which cannot be divided anew", hint)
    seeds = (seed, val_seed)
    if free:
        _deal(parts, free, hashes, labels, classes, val_fraction, test_fraction, seeds)
    elif parts["train"] and not val_given:
        free, parts["train"] = parts["train"], []
        _deal(parts, free, hashes, labels, classes, val_fraction, 0.0, seeds, keep_test=test_given)
    _require_every_class(parts["train"], labels, classes)
    return Split(*(np.asarray(sorted(parts[part]), dtype=np.int64) for part in PARTS))


def straddling(hashes: Sequence[str], split: Split) -> list[list[int]]:
    """Copies of one image that lie in more than one part; only a split given with the data can have any."""
    part_of = {int(i): part for part in PARTS for i in getattr(split, part)}
    return [copies for copies in _copies(hashes) if len({part_of[i] for i in copies}) > 1]


def contradictory(hashes: Sequence[str], labels: Sequence[int]) -> list[list[int]]:
    """Copies of one image that lie in more than one class."""
    return [copies for copies in _copies(hashes) if len({labels[i] for i in copies}) > 1]


def _copies(hashes: Sequence[str]) -> list[list[int]]:
    of: dict[str, list[int]] = defaultdict(list)
    for i, content in enumerate(hashes):
        of[content].append(i)
    return [members for members in of.values() if len(members) > 1]


def _deal(
    parts: dict[str, list[int]],
    free: list[int],
    hashes: Sequence[str],
    labels: Sequence[int],
    classes: Sequence[str],
    val_fraction: float,
    test_fraction: float,
    seeds: tuple[int, int | None],
    keep_test: bool = False,
) -> None:
    copies: dict[str, list[int]] = defaultdict(list)
    for i in free:
        copies[hashes[i]].append(i)
    of_class: dict[int, list[str]] = defaultdict(list)
    for content, members in copies.items():
        of_class[min(labels[i] for i in members)].append(content)
    for label, contents in sorted(of_class.items()):
        needed = 2 if keep_test or test_fraction == 0 else 3
        if len(contents) < needed:
            raise DataError(
                f'class "{classes[label]}" has {len(contents)} distinct image(s), {needed} are needed to split it',
                "Add images, remove the class, or divide the data into train/val/test folders yourself.",
            )
        contents = _shuffled(contents, str(seeds[0]))
        tests = max(1, round(test_fraction * len(contents))) if needed == 3 else 0
        vals = min(max(1, round(val_fraction * len(contents))), len(contents) - tests - 1)
        if seeds[1] is not None:
            contents = contents[:tests] + _shuffled(contents[tests:], f"val {seeds[1]}")
        for at, content in enumerate(contents):
            part = "test" if at < tests else "val" if at < tests + vals else "train"
            parts[part].extend(copies[content])


def _shuffled(contents: list[str], salt: str) -> list[str]:
    return sorted(contents, key=lambda content: hashlib.sha256(f"{salt}:{content}".encode()).digest())


def _require_every_class(train: list[int], labels: Sequence[int], classes: Sequence[str]) -> None:
    present = {labels[i] for i in train}
    absent = [name for label, name in enumerate(classes) if label not in present]
    if absent:
        raise DataError(f"no training image of class {', '.join(absent)}", "Every class needs some in train.")
