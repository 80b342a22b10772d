import pytest

from tlcompare.features.planner import Costs, Demand, worth_keeping
from tlcompare.features.speed import Disk, Speed
from tlcompare.freezing.graph import Cut

FAST, SLOW = Disk(1e-10, 1e-9, 1e-10), Disk(1e-5, 1e-5, 1e-5)


def costs(disk=FAST):
    """Four layers of a millisecond each; features shrink from 4 kB to 40 bytes, but for a bulge before the third."""
    sizes = (3000, 1000, 4000, 100, 10)
    points = tuple(Cut(f"layer{i}", i + 1, (n,), f"node{i}") for i, n in enumerate(sizes))
    return Costs(points, Speed({p.node: 0.001 * i for i, p in enumerate(points)}, 0.02), disk)


def names(kept):
    return [k.after for k in kept]


def test_a_single_run_keeps_its_own_cut():
    assert names(worth_keeping(costs(), Demand(100, {"node4": 1000}), 1e9)) == ["layer4"]
    assert names(worth_keeping(costs(), Demand(100, {"node2": 1000}), 1e9)) == ["layer2"]


def test_a_cut_that_does_not_fit_gives_way_to_an_earlier_one():
    assert names(worth_keeping(costs(), Demand(100, {"node2": 1000}), 100 * 5000)) == ["layer1"]
    assert worth_keeping(costs(), Demand(100, {"node2": 1000}), 1000) == ()


def test_nothing_is_kept_where_it_does_not_pay():
    assert worth_keeping(costs(SLOW), Demand(100, {"node2": 1000}), 1e9) == (), "reading takes longer than computing"
    assert worth_keeping(costs(), Demand(100, {"node4": 100}), 1e9) == (), "every image comes once only"
    assert worth_keeping(costs(), Demand(100, {"node0": 10000}), 1e9) == (), "everything trains"


def test_a_sweep_keeps_every_cut_that_its_trials_start_at():
    demand = Demand(100, {"node1": 1000, "node2": 1000, "node4": 1000})
    kept = worth_keeping(costs(), demand, 1e9)
    assert names(kept) == ["layer1", "layer2", "layer4"]
    assert costs().seconds(demand, kept) < 0.1 * costs().seconds(demand, ())
    least = 100 * 0.004
    assert costs().seconds(demand, kept) == pytest.approx(least, rel=0.05)


def test_where_a_run_starts():
    some = costs()
    first, second, third, fourth, fifth = some.points
    assert some.start(fifth, (second, fourth), 100) is fourth
    assert some.start(third, (second, fourth), 100) is second
    assert some.start(second, (second, fourth), 100) is second
    assert some.start(first, (second, fourth), 100) is None
    assert costs(SLOW).start(fifth, (third,), 100) is None


def test_nothing_is_kept_for_a_backbone_that_no_trial_has():
    assert worth_keeping(costs(), Demand(0, {}), 1e9) == ()
