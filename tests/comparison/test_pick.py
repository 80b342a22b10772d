import pytest

from tlcompare.comparison.pick import pick
from tlcompare.comparison.table import Row
from tlcompare.errors import ConfigError, TrackingError


def row(run_id, configuration, accuracy, weights=1000, seconds=10.0, latency=5.0, digest="d"):
    return Row(
        data="photos",
        image_size=32,
        backbone="mobilenet",
        strategy=configuration,
        val_accuracy=accuracy,
        test_accuracy=None,
        seconds_per_100=0.5,
        trainable_weights=weights,
        train_seconds=seconds,
        note="",
        run_id=run_id,
        latency_ms=latency,
        configuration=configuration,
        chosen={},
        basis={"data_digest": digest, "image_size": "32", "split_seed": "0", "val_fraction": "1", "test_fraction": "1"},
    )


ROWS = [
    row("a1", "A", 0.90, weights=10),
    row("a2", "A", 0.92, weights=10),
    row("b1", "B", 0.94, weights=500),
    row("b2", "B", 0.88, weights=500),
    row("c1", "C", 0.905, weights=5, latency=9.0),
]


def test_the_best_mean_not_the_best_run():
    picked = pick([*ROWS, row("b3", "B", 0.88)])
    assert picked.winner.rows[0].configuration == "A"
    assert picked.winner.accuracy == pytest.approx(0.91)
    assert "best mean validation accuracy of 3 configurations" in picked.why


def test_the_run_named_is_the_winners_best():
    assert pick(ROWS[:2]).run_id == "a2"
    assert "2 seeds) is the only configuration." in pick(ROWS[:2]).why


def test_within_a_margin_the_fewest_weights_win():
    picked = pick(ROWS, within=0.01)
    assert picked.run_id == "c1"
    assert "trains the fewest weights (5) of the 3 whose mean validation accuracy is within 1.00%" in picked.why
    assert pick(ROWS, within=0.001).run_id in ("a2", "b1")


def test_limits_come_first():
    assert pick(ROWS, within=0.01, max_latency=6).run_id == "a2"
    assert pick(ROWS, max_params=5).run_id == "c1"
    assert "with at most 5 trainable weights" in pick(ROWS, max_params=5).why
    with pytest.raises(ConfigError, match=r"none of 3 .* at most 1 trainable weights.*least: 5 weights"):
        pick(ROWS, max_params=1)


def test_a_latency_that_was_not_measured_meets_no_limit():
    with pytest.raises(ConfigError, match="none of 1 configurations"):
        pick([row("a", "A", 0.9, latency=None)], max_latency=6)


def test_runs_on_other_images_are_not_compared():
    with pytest.raises(TrackingError, match="differ in data_digest"):
        pick([*ROWS, row("x", "X", 0.99, digest="other")])


def test_runs_without_an_accuracy():
    with pytest.raises(TrackingError, match="no run has a validation accuracy"):
        pick([row("a", "A", None)])
