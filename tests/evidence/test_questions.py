"""Questions in a fixed sequence: what is asked when, what settles them, and which seeds are wanted."""

import numpy as np
import pytest
from scipy import stats

from tlcompare.evidence.looks import LOOKS, nominal
from tlcompare.evidence.questions import (
    AS_GOOD,
    BETTER,
    GIVEN_UP,
    OPEN,
    WORSE,
    Questions,
    hope,
    needed,
    standing,
    visible,
)
from tlcompare.evidence.statistics import interval, variance_by_seeds

ASKED = Questions("deep", "frozen", ("near", "poor"), margin=0.02)


def runs(seeds, accuracy, images=600, spread=0.004, salt=0):
    """Right or wrong: the hardest images are missed by all, so that only few differ between configurations."""
    random = np.random.default_rng([salt, round(accuracy * 1e4)])
    right = np.zeros((seeds, images))
    for row in right:
        row[: round(images * (accuracy + spread * random.normal()))] = 1
    return right


def there(**seeds_and_accuracies):
    return {key: runs(*given) for key, given in seeds_and_accuracies.items()}


def test_the_main_question_is_asked_first_and_alone():
    found = standing(ASKED, {}, None)
    assert (found.worth.verdict, found.wanted) == (OPEN, {"deep": 6, "frozen": 6})
    found = standing(ASKED, there(deep=(6, 0.95), frozen=(4, 0.85)), None)
    assert found.wanted == {"frozen": 6}


def test_rivals_follow_where_unfreezing_is_worth_it():
    found = standing(ASKED, there(deep=(6, 0.95), frozen=(6, 0.85)), None)
    assert found.worth.verdict == BETTER
    assert found.worth.p <= 0.05
    assert found.wanted == {"near": 6, "poor": 6}
    found = standing(ASKED, there(deep=(6, 0.95), frozen=(6, 0.85), near=(6, 0.949), poor=(6, 0.8)), None)
    assert [a.verdict for a in found.rivals] == [OPEN, OPEN], "six seeds cannot settle two questions"
    assert found.wanted == {"deep": 8, "near": 8, "poor": 8}
    found = standing(ASKED, there(deep=(8, 0.95), frozen=(6, 0.85), near=(8, 0.949), poor=(8, 0.8)), None)
    assert [(a.contender, a.verdict) for a in found.rivals] == [("near", AS_GOOD), ("poor", WORSE)]
    assert all(a.p <= 0.05 for a in found.rivals)
    assert found.wanted == {}


@pytest.mark.parametrize(("deep", "verdict"), [(0.75, WORSE), (0.85, AS_GOOD)])
def test_rivals_are_not_asked_where_it_is_not(deep, verdict):
    found = standing(ASKED, there(deep=(6, deep), frozen=(6, 0.85), poor=(6, 0.5)), None)
    assert (found.worth.verdict, found.wanted) == (verdict, {})
    assert {a.verdict for a in found.rivals} == {OPEN}


def test_what_seeds_cannot_settle_is_given_up_with_what_would():
    random = np.random.default_rng(0)
    taste = (random.random(100) < 0.5).astype(float)
    right = {"frozen": np.tile(taste, (6, 1)), "deep": np.tile(random.permutation(taste), (6, 1))}
    right["deep"][0, 0] = 1 - right["deep"][0, 0]
    found = standing(ASKED, right, None)
    assert (found.worth.verdict, found.wanted) == (GIVEN_UP, {})
    assert found.worth.needed.seeds is None, "images are what is missing"
    assert found.worth.needed.images > 100


def test_an_open_rival_goes_on_while_others_are_settled():
    right = there(deep=(8, 0.95), frozen=(6, 0.85), poor=(8, 0.8)) | {"near": runs(8, 0.93, spread=0.016, salt=4)}
    found = standing(ASKED, right, None)
    assert [a.verdict for a in found.rivals] == [OPEN, WORSE]
    assert found.wanted == {"deep": 12, "near": 12}


def test_hope_is_what_often_comes_true():
    random = np.random.default_rng(0)
    said, came = [], []
    for by_seed in random.normal(0.02, 0.03, (400, 16)):
        runs = np.repeat(by_seed[:, None], 40, 1)
        said.append(hope(runs[:6], None, LOOKS, 0.0, 0.05))
        came.append(interval(runs).p <= nominal(LOOKS, 0.05)[-1])
    hopeless, hopeful = np.array(said) < 0.1, np.array(said) > 0.9
    assert min(hopeless.sum(), hopeful.sum()) > 20
    assert np.mean(np.array(came)[hopeless]) < 0.2
    assert np.mean(np.array(came)[hopeful]) > 0.6
    assert hope(np.zeros((16, 5)), None, LOOKS, 0.0, 0.05) == 0


@pytest.mark.parametrize("trained_on", [None, 900])
def test_so_many_images_or_seeds_would_settle_it(trained_on):
    random = np.random.default_rng(0)
    scores = random.choice([-1.0, 0, 1], (6, 300), p=(0.04, 0.90, 0.06)) + random.normal(0, 0.02, (6, 1))
    found = needed(scores, trained_on, LOOKS, 0.0, 0.05)
    v = variance_by_seeds(scores, trained_on)
    allowed = (scores.mean() / stats.norm.isf(nominal(LOOKS, 0.05)[-1] / 2)) ** 2
    if trained_on is None:
        assert v.of_seeds / found.seeds + v.of_images <= allowed < v.of_seeds / (found.seeds - 1) + v.of_images
    else:
        assert found.seeds is None
        assert allowed <= v.of_images

    def with_images(images):
        return v.beyond_images / 16 + ((v.of_seeds - v.beyond_images) / 16 + v.of_images) * 300 / images

    assert with_images(found.images) <= allowed < with_images(found.images - 1)


def test_few_images_show_large_differences_alone():
    random = np.random.default_rng(0)
    few = random.permutation(np.repeat([1.0, -1.0, 0.0], [2, 2, 35]))[None]
    assert visible(few, None, LOOKS) == pytest.approx(0.13, abs=0.01)
    assert visible(np.tile(few, 100), None, LOOKS) < 0.02
    assert visible(few, 180, LOOKS) < visible(few, None, LOOKS)


def test_questions_are_kept_as_text():
    assert Questions.from_json(ASKED.to_json()) == ASKED


@pytest.mark.parametrize("mean", [0.02, 0.1, 0.3])
def test_what_is_needed_is_more_than_there_is(mean):
    random = np.random.default_rng(0)
    for trained_on in (None, 240):
        for _ in range(20):
            scores = random.normal(mean, 0.5, (6, 60)).round()
            found = needed(scores, trained_on, LOOKS, 0.0, 0.05)
            assert found.seeds is None or found.seeds > 6
            assert found.images is None or found.images > 60
