from dataclasses import replace

import numpy as np
import pytest

from tests.evidence.conftest import logged
from tlcompare.errors import ConfigError
from tlcompare.evidence.findings import diagnosis, foresight, pareto, response, worth_it
from tlcompare.evidence.verdicts import make_claims
from tlcompare.report.sections import response_text


@pytest.fixture
def ladder(contender):
    """Accuracy rises with depth, stays, and falls at the end."""
    rungs = [("frozen", 0.0, 0.90), ("top", 0.1, 0.94), ("last4", 0.3, 0.975), ("last9", 0.6, 0.978), ("all", 1, 0.95)]
    made = [contender(name, accuracy, depth=depth, luck=0.001) for name, depth, accuracy in rungs]
    return sorted(made, key=lambda c: -c.accuracy.estimate)


def by_name(contenders):
    return {c.strategy: c for c in contenders}


def test_verdicts_are_corrected_for_all_comparisons(ladder):
    claims = make_claims(ladder)
    assert len(claims.with_baseline) == 4
    assert len(claims.with_best) == 4
    assert {c.family for c in (*claims.with_baseline, *claims.with_best)} == {7}
    named = by_name(ladder)
    assert claims.against_baseline(named["top"]).verdict == "better"
    assert claims.against_best(named["all"]).verdict == "worse"
    assert claims.against_best(named["frozen"]).verdict == "worse"
    assert claims.against_best(named["last4"]).verdict == "cannot conclude"
    assert claims.against_best(named["last4"]).why_undecided == "within the noise"
    assert worth_it("mobilenet", claims)[0] == "better"


def test_too_few_seeds_are_named(contender):
    few = [contender("all", 0.99, seeds=5), contender("frozen", 0.5, seeds=5)]
    verdict, comparison = worth_it("mobilenet", make_claims(few))
    assert verdict == "cannot conclude"
    assert comparison.why_undecided == "too few seeds: 1 comparisons need 6"


def test_another_baseline(ladder):
    claims = make_claims(ladder, baseline="all")
    assert {c.other.strategy for c in claims.with_baseline} == {"all"}
    with pytest.raises(ConfigError, match=r'--baseline "al" is none .* Did you mean "all"\? There are last9'):
        make_claims(ladder, baseline="al")


def test_frozen_that_is_better_than_all_others(contender):
    forgot = [contender("frozen", 0.97), contender("top", 0.93), contender("all", 0.90)]
    claims = make_claims(forgot)
    assert worth_it("mobilenet", claims)[0] == "worse"
    assert diagnosis(forgot, claims).forgot
    assert {c.other.strategy for c in claims.with_best} == {"frozen"}


def test_the_best_that_is_no_tail_leaves_the_tails_a_best_of_their_own(contender):
    middle = contender("block3", 0.99, depth=0.7, unfrozen_share="0.1")
    tails = [contender("all", 0.95, depth=1), contender("top", 0.9, depth=0.1), contender("frozen", 0.8)]
    claims = make_claims([middle, *tails])
    answer = response([middle, *tails], claims, margin=0.01)
    assert answer.best.strategy == "all"
    assert {c.contender.strategy for c in answer.too_few} == {"top", "frozen"}
    assert {c.contender.strategy for c in claims.with_best} == {"all", "top", "frozen"}


def test_another_frozen_configuration_is_no_rival(contender):
    twins = [contender("all", 0.9), contender("frozen", 0.95), contender("frozen", 0.94, luck=0.003)]
    ranked = sorted(twins, key=lambda c: -c.accuracy.estimate)
    claims = make_claims(ranked)
    assert worth_it("mobilenet", claims)[0] == "worse"
    assert diagnosis(ranked, claims).unfrozen.strategy == "all"


def test_a_class_with_one_image_is_left_open(contender):
    made = [contender("all", 0.99), contender("frozen", 0.9)]
    odd = [replace(c, truth=("rare", *c.truth[1:])) for c in made]
    odd[0].right[:, 0], odd[1].right[:, 0] = 1, 0
    found = diagnosis(odd, make_claims(odd))
    rare = next(c for c in found.classes if c.name == "rare")
    assert (rare.images, rare.p) == (1, 1)


def test_each_seeds_own_division_is_told_from_a_shared_one(contender):
    shared = [replace_params(r, val_seed="7") for r in contender("all", 0.9).runs]
    own = [replace_params(r, val_seed=r.params["seed"]) for r in shared]
    assert replace(contender("all", 0.9), runs=tuple(shared)).trained_on is None
    assert replace(contender("all", 0.9), runs=tuple(own)).trained_on == 1000
    assert replace(contender("all", 0.9), runs=tuple(own[:1])).trained_on is None


def replace_params(run, **params):
    return replace(run, params=run.params | params)


def test_backbones_are_compared_by_their_best(contender):
    rest = [contender("all", 0.96, backbone="resnet50"), contender("frozen", 0.92, backbone="resnet50")]
    both = [contender("top", 0.99), *rest[:1], contender("frozen", 0.95), *rest[1:]]
    claims = make_claims(both)
    (between,) = claims.between
    assert (between.contender.label, between.other.label) == ("resnet50 all", "top")
    assert between.verdict == "worse"


def test_response_to_depth(ladder):
    claims = make_claims(ladder)
    answer = response(ladder, claims, margin=0.02)
    assert [c.strategy for c in answer.points] == ["frozen", "top", "last4", "last9", "all"]
    assert (answer.best.strategy, answer.knee.strategy) == ("last9", "last4")
    assert {c.contender.strategy for c in answer.too_few} == {"frozen", "top"}
    assert [c.contender.strategy for c in answer.too_many] == ["all"]
    text = response_text(answer, 0.02)
    assert "The knee, the least depth shown to lose at most 2.00%, is 30%: last4" in text
    assert "Too many: all (-" in text
    assert "Not told apart from the best: last4." in text
    assert "No lesser depth is shown" in response_text(response(ladder, claims, margin=0.0001), 0.0001)
    assert response(ladder[:1], claims, 0.02) is None
    assert "more than depth" not in text


def test_too_many_layers_are_not_blamed_where_the_recipe_differs_too(contender):
    made = [contender("top", 0.98, depth=0.1, lr="0.01"), contender("all", 0.9, depth=1, lr="0.001")]
    frozen = contender("frozen", 0.8, lr="0.5")
    ranked = [*made, frozen]
    text = response_text(response(ranked, make_claims(ranked), 0.01), 0.01)
    assert "Some of these differ from the best in more than depth" in text
    alone = [made[0], frozen]
    assert "more than depth" not in response_text(response(alone, make_claims(alone), 0.01), 0.01)


def test_blocks_in_the_middle_have_no_depth(contender):
    middle = contender("block3", 0.9, depth=0.7, unfrozen_share="0.1")
    assert not middle.is_tail
    assert contender("last9", 0.9, depth=0.7).is_tail


def test_pareto_says_what_it_cannot_conclude(contender):
    cost = "cost/train_seconds"
    made = [
        contender("a", 0.97, **{cost: 10.0}),
        contender("b", 0.968, **{cost: 11.0}),
        contender("c", 0.90, **{cost: 12.0}),
        contender("d", 0.85, **{cost: 1.0}),
    ]
    assert pareto(made, cost) == ["on the front", "cannot conclude", "dominated", "on the front"]


def test_classes_that_gain_and_images_that_flip(contender):
    better, frozen = contender("all", 0.99), contender("frozen", 0.99)
    frozen.right[:, np.array(frozen.truth) == "b"] = 0
    better.right[:, 1] = 1
    found = diagnosis([better, frozen], make_claims([better, frozen]))
    assert [c.name for c in found.classes] == ["b", "a"]
    assert found.classes[0].recall.estimate > 0.95
    assert found.classes[0].p < 0.05 < found.classes[1].p
    assert found.classes[0].images == 200
    assert "b/0001.png" in found.gained
    assert found.lost == ()
    assert not found.forgot


def test_not_worse_needs_the_whole_interval(contender):
    a, b = contender("a", 0.95), contender("b", 0.95)
    difference = a.minus(b)
    claims = make_claims([a, b], b.strategy)
    assert claims.not_worse(a, b, -difference.low + 1e-6)
    assert not claims.not_worse(a, b, -difference.low - 1e-6)
    assert claims.not_worse(a, a, 0.0)


def test_foresight_ranks_trials_as_the_probe_does():
    probes = [{"block": f"b{i}", "ridge": 0.5 + i / 10, "relative_gradient": 1.0 + i} for i in range(4)]
    trials = []
    for start in range(4):
        blocks = {f"block.b{i}": str(int(i >= start)) for i in range(4)}
        run = logged(f"t{start}", **{"val/accuracy": 0.5 + start / 10})
        run.params.update(blocks)
        trials.append(run)
    found = foresight(trials, "mobilenet", probes)
    assert found.trials == 4
    assert found.ridge[0] == pytest.approx(1)
    assert found.gradient[0] == pytest.approx(-1)
    assert foresight(trials[:2], "mobilenet", probes) is None
    assert foresight(trials, "resnet50", probes) is None
