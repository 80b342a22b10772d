import pytest

from tlcompare.errors import ConfigError
from tlcompare.evidence.pick import pick


@pytest.fixture
def three(contender):
    """The best, one that is hardly worse and much cheaper, and one that is clearly worse and cheapest."""
    return [
        contender("all", 0.96, trainable_parameters="500"),
        contender("top", 0.957, trainable_parameters="10"),
        contender("frozen", 0.90, trainable_parameters="5", **{"cost/latency_p50_ms": 9.0}),
    ]


def test_the_best_mean_is_picked_and_its_certainty_stated(three):
    picked = pick(three)
    assert picked.winner is three[0]
    assert "10 seeds) has the best mean validation accuracy of 3 configurations." in picked.why
    assert (
        "For 1 of the 2 it was compared with it cannot be concluded that the best is better (within the noise)."
        in picked.why
    )


def test_the_run_named_is_the_winners_best(three):
    best = max(three[0].runs, key=lambda r: r.metrics["val/accuracy"])
    assert pick(three).run_id == best.run_id
    assert pick(three[:1]).why.endswith("10 seeds) is the only configuration.")


def test_the_cheaper_is_good_enough_only_if_that_is_shown(three):
    picked = pick(three, within=0.015)
    assert picked.winner is three[1]
    assert (
        "trains the fewest weights (10) of the 1 that are shown to be at most 1.5 points below the best" in picked.why
    )
    assert pick(three, within=0.2).winner is three[2]
    strict = pick(three, within=0.004)  # its mean is that near, its interval is not
    assert three[0].accuracy.estimate - three[1].accuracy.estimate < 0.004
    assert strict.winner is three[0]
    assert "none that trains fewer weights is shown to be at most 0.4 points below it" in strict.why


def test_a_clear_winner(contender):
    picked = pick([contender("all", 0.97), contender("top", 0.90), contender("frozen", 0.80)])
    assert picked.why.endswith("The best is better than each of the 2 it was compared with.")


def test_few_seeds_conclude_nothing(contender):
    five = [contender(s, a, seeds=5) for s, a in (("all", 0.97), ("frozen", 0.80))]
    assert "cannot be concluded that the best is better (too few seeds: 1 comparisons need 6)" in pick(five).why
    one = [contender(s, a, seeds=1) for s, a in (("all", 0.97), ("frozen", 0.80))]
    assert "With one seed each, nothing can be concluded" in pick(one).why
    assert pick(one, within=0.9).winner is one[0]


def test_limits_come_first(three):
    assert pick(three, within=0.2, max_latency=6).winner is three[1]
    assert pick(three, max_params=5).winner is three[2]
    assert "with at most 5 trainable weights" in pick(three, max_params=5).why
    with pytest.raises(ConfigError, match=r"none of 3 .* at most 1 trainable weights.*least: 5 weights"):
        pick(three, max_params=1)


def test_a_latency_that_was_not_measured_meets_no_limit(contender):
    with pytest.raises(ConfigError, match="none of 1 configurations"):
        pick([contender("all", 0.9, **{"cost/latency_p50_ms": None})], max_latency=6)
