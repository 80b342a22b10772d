"""Contenders with seeds of their own number, and what may be claimed of them."""

import numpy as np
import pytest

from tlcompare.errors import ConfigError
from tlcompare.evidence.contenders import in_common, paired
from tlcompare.evidence.gathered import Evidence
from tlcompare.evidence.looks import looks_to
from tlcompare.evidence.pick import pick
from tlcompare.evidence.questions import BETTER, OPEN, Questions
from tlcompare.evidence.race import course, leader, race_of
from tlcompare.evidence.verdicts import claims_of
from tlcompare.report.decision import sentences

ASKED = Questions("deep", "frozen", ("near", "poor"), margin=0.05, looks=looks_to(8))


@pytest.fixture
def settled(contender):
    """Unfreezing is worth it; one rival is as good and cheaper, another is worse. The best first."""
    return [
        contender("deep", 0.95, 8, trainable_parameters="3000"),
        contender("near", 0.945, 8, trainable_parameters="2000"),
        contender("frozen", 0.8, 6, strategy_family="frozen"),
        contender("poor", 0.7, 8),
    ]


def by_strategy(comparisons):
    return {(c.contender.strategy, c.other.strategy): c.verdict for c in comparisons}


def test_contenders_are_paired_by_the_seeds_and_images_that_both_have(contender):
    a, b = contender("a", 0.9, 8, images=40), contender("b", 0.8, 6, images=30)
    assert paired(a, b).shape == (6, 30)
    assert np.array_equal(paired(a, b), a.right[:6, :30] - b.right)
    first, second = in_common(a, b)
    assert first.seeds == second.seeds == b.seeds
    assert len(first.files) == len(first.truth) == 30
    assert a.minus(b).seeds == 6


def test_the_answers_of_a_race_are_its_claims(settled):
    race = race_of(ASKED, settled)
    claims = claims_of(settled, race)
    assert by_strategy(claims.with_baseline) == {("deep", "frozen"): "better"}
    assert by_strategy(claims.with_best) == {
        ("near", "deep"): "as good",
        ("poor", "deep"): "worse",
        ("frozen", "deep"): "worse",
    }
    assert race.standing.wanted == {}
    assert leader(race, settled).strategy == "deep"
    assert "looks" in claims.rule
    assert "5 points" in claims.rule
    near = settled[1]
    assert claims.not_worse(near, settled[0], 0.05)
    assert not claims.not_worse(settled[3], settled[0], 0.05)


def test_a_race_can_be_gone_through_again_look_by_look(settled):
    steps = course(ASKED, settled)
    assert steps[0].wanted == {"deep": 6, "frozen": 6}
    assert steps[0].worth.seen is None
    assert steps[1].worth.verdict == BETTER
    assert steps[1].wanted == {"near": 6, "poor": 6}
    last = race_of(ASKED, settled).standing
    assert {a.contender: a.verdict for a in steps[-1].rivals} == {a.contender: a.verdict for a in last.rivals}
    assert not steps[-1].wanted
    short = course(ASKED, [c for c in settled if c.strategy in ("deep", "frozen")])
    assert short == steps[:2], "no further than there are seeds"


def test_a_cheaper_one_that_is_as_good_is_picked_within_the_margin_of_the_race_alone(settled):
    race = race_of(ASKED, settled)
    assert pick(settled, race=race).winner.strategy == "deep"
    assert pick(settled, within=0.05, race=race).winner.strategy == "near"
    with pytest.raises(ConfigError, match="the race was run for 5%"):
        pick(settled, within=0.01, race=race)
    assert pick(settled, max_params=2500, race=race).winner.strategy == "near"


def test_a_race_was_against_one_baseline(settled):
    with pytest.raises(ConfigError, match="the race was against frozen"):
        claims_of(settled, race_of(ASKED, settled), "all")


def test_of_those_that_are_not_told_apart_the_higher_mean_is_used(contender):
    ahead, deep = contender("near", 0.953, 8), contender("deep", 0.95, 8)
    every = [ahead, deep, contender("frozen", 0.8, 6, strategy_family="frozen")]
    race = race_of(Questions("deep", "frozen", ("near",), margin=0.001, looks=looks_to(8)), every)
    assert leader(race, every) is ahead
    said = sentences(Evidence(None, (), tuple(every), (), race))
    assert "Not told apart from it: deep." in said[1]
    assert "cannot be concluded that the best is better" in pick(every, race=race).why


def test_seeds_behind_a_gap_wait(settled):
    deep = settled[0]
    with_gap = in_common(deep, deep.__class__(**(vars(deep) | {"runs": deep.runs[:3] + deep.runs[4:]})))[0]
    assert len(with_gap.runs) == 7
    race = race_of(ASKED, [with_gap, *settled[1:]])
    assert race.standing.worth.verdict == OPEN
    assert race.standing.wanted == {"deep": 6}


def test_a_race_says_what_it_has_decided(settled):
    race = race_of(ASKED, settled)
    said = sentences(Evidence(None, (), tuple(settled), (), race))
    assert said[0].startswith("Unfreezing is worth it. deep against frozen: +")
    assert "on 6 seeds, p = 0.0" in said[0]
    assert said[1].startswith("Use deep (9")
    assert "As good within 5 points: near. Worse: poor, frozen." in said[1]
    assert "It trains 3,000 weights in 10.0 s (frozen: 1,000 weights in 10.0 s)" in said[2]
    assert len(said) == 3


def test_what_is_open_is_said_with_what_would_settle_it(contender):
    few = [contender("deep", 0.9, 8, images=40), contender("frozen", 0.89, 8, images=40, strategy_family="frozen")]
    asked = Questions("deep", "frozen", (), margin=0.01, looks=looks_to(8))
    said = sentences(Evidence(None, (), tuple(few), (), race_of(asked, few)))
    assert said[0].startswith("Whether unfreezing is worth it cannot be concluded. deep against frozen:")
    assert "it would take about " in said[0]
    assert "validation images" in said[0]
    assert "Not told apart from it: frozen." in said[1]


@pytest.mark.parametrize(("accuracy", "said"), [(0.6, "Unfreezing hurts"), (0.8, "Unfreezing is not worth it")])
def test_the_baseline_is_used_where_unfreezing_is_not_worth_it(contender, accuracy, said):
    frozen, deep = contender("frozen", 0.8, 6, strategy_family="frozen"), contender("deep", accuracy, 6)
    pair = sorted([frozen, deep], key=lambda c: -c.accuracy.estimate)
    race = race_of(Questions("deep", "frozen", (), 0.08, looks=looks_to(6)), pair)
    first = leader(race, pair)
    assert first is frozen
    every = sentences(Evidence(None, (), (first, deep), (), race))
    assert every[0].startswith(said)
    assert every[1].startswith("Use frozen")
