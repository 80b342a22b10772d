from collections import Counter

import numpy as np
import pytest

from tlcompare.data.splits import contradictory, make_split, straddling
from tlcompare.errors import DataError

CLASSES = ("a", "b")


def split(hashes, labels, given=None, **options):
    settings = {"val_fraction": 0.2, "test_fraction": 0.2, "seed": 0} | options
    return make_split(hashes, labels, CLASSES, given or [""] * len(hashes), **settings)


HASHES = [f"h{i}" for i in range(100)]
LABELS = [0] * 70 + [1] * 30


def test_it_is_stratified_and_complete():
    s = split(HASHES, LABELS)
    assert Counter(LABELS[i] for i in s.val) == Counter(LABELS[i] for i in s.test) == {0: 14, 1: 6}
    assert sorted([*s.train, *s.val, *s.test]) == list(range(100))


def test_it_depends_on_content_and_seed_alone():
    order = np.random.default_rng(0).permutation(100)
    there = split(HASHES, LABELS)
    shuffled = split([HASHES[i] for i in order], [LABELS[i] for i in order])
    assert {HASHES[i] for i in there.val} == {HASHES[order[i]] for i in shuffled.val}
    assert set(split(HASHES, LABELS, seed=1).val) != set(there.val)


def test_dividing_anew_leaves_the_test_images_where_they_are():
    there = split(HASHES, LABELS)
    for seed in range(5):
        anew = split(HASHES, LABELS, val_seed=seed)
        assert list(anew.test) == list(there.test)
        assert set(anew.val) != set(there.val)
        assert Counter(LABELS[i] for i in anew.val) == {0: 14, 1: 6}
        assert not set(anew.test) & {*anew.train, *anew.val}
    given = ["test" if i % 5 == 0 else "train" for i in range(100)]
    parts = [split(HASHES, LABELS, given, val_seed=seed) for seed in (1, 2)]
    assert set(parts[0].val) != set(parts[1].val)
    assert list(parts[0].test) == list(parts[1].test) == list(range(0, 100, 5))
    given[1] = "val"
    with pytest.raises(DataError, match=r"cannot be divided anew.*--val-seed or --resplit"):
        split(HASHES, LABELS, given, val_seed=1)


def test_copies_stay_together():
    hashes = [f"h{i // 4}" for i in range(100)]
    s = split(hashes, [i % 8 // 4 for i in range(100)])
    assert straddling(hashes, s) == []
    assert len(s.val) == 20


def test_a_given_split_is_kept():
    given = ["train"] * 80 + ["val"] * 10 + ["test"] * 10
    s = split(HASHES, [i % 2 for i in range(100)], given)
    assert [list(p) for p in (s.train, s.val, s.test)] == [list(range(80)), list(range(80, 90)), list(range(90, 100))]
    assert straddling(["x"] * 100, s) == [list(range(100))]
    assert contradictory(["x", "y", "x", "z", "z"], [0, 0, 1, 1, 1]) == [[0, 2]]


def test_validation_comes_out_of_train_where_there_is_none():
    s = split(HASHES, [i % 2 for i in range(100)], ["train"] * 60 + ["test"] * 40)
    assert list(s.test) == list(range(60, 100))
    assert len(s.val) == 12
    assert len(s.train) == 48


def test_without_test_images_test_is_empty():
    s = split(HASHES, [i % 2 for i in range(100)], ["train"] * 60 + ["val"] * 40)
    assert len(s.test) == 0


def test_a_class_too_small_is_refused():
    with pytest.raises(DataError, match=r'class "b" has 2 distinct image\(s\), 3 are needed'):
        split(["a", "b", "c", "d", "e", "e"], [0, 0, 0, 1, 1, 1])


def test_every_class_needs_training_images():
    with pytest.raises(DataError, match="no training image of class b"):
        split(["1", "2", "3"], [0, 1, 0], ["train", "val", "val"])
