import pytest

from tlcompare.errors import ConfigError
from tlcompare.study.objective import NotDominated, Objective, front, make_objectives

ACCURACY, SECONDS = Objective("val/accuracy", True), Objective("cost/train_seconds", False)


def test_the_default_is_validation_accuracy():
    assert make_objectives((), ()) == (ACCURACY,)
    assert make_objectives(("val/accuracy",), ("cost/train_seconds",)) == (ACCURACY, SECONDS)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("test/accuracy", 'a sweep never reads the test set. Take "val/accuracy"'),
        ("val/log_loss", "less of val/log_loss is better. Take --minimize val/log_loss"),
        ("val/acuracy", 'Did you mean "val/accuracy"'),
    ],
)
def test_a_metric_that_cannot_be_an_objective(metric, said):
    with pytest.raises(ConfigError, match=said):
        make_objectives((metric,), ())


def test_a_metric_named_twice():
    with pytest.raises(ConfigError, match="named twice"):
        make_objectives(("train/best_epoch",), ("train/best_epoch",))


def test_the_pareto_set():
    rows = [(0.9, 10.0), (0.8, 5.0), (0.8, 7.0), (0.95, 30.0), (0.9, 10.0)]
    assert front(rows, (ACCURACY, SECONDS)) == [0, 1, 3, 4]
    assert front([(0.9,), (0.95,), (0.95,)], (ACCURACY,)) == [1, 2]


def test_a_model_is_kept_unless_one_so_far_is_better_in_everything():
    metrics = {"val/accuracy": 0.9, "cost/train_seconds": 10.0}
    assert NotDominated((ACCURACY,), ())(metrics)
    assert NotDominated((ACCURACY,), ((0.9,),))(metrics)
    assert not NotDominated((ACCURACY,), ((0.91,),))(metrics)
    assert NotDominated((ACCURACY, SECONDS), ((0.95, 20.0), (0.8, 1.0)))(metrics)
    assert not NotDominated((ACCURACY, SECONDS), ((0.95, 9.0),))(metrics)
