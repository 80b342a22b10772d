"""In which order the configurations of a sweep get their seeds."""

from tlcompare.study.replicate import configurations
from tlcompare.tracking.reading import LoggedRun


def run(configuration, accuracy, loss):
    metrics = {"val/accuracy": accuracy, "val/log_loss": loss}
    return LoggedRun(configuration, "", "FINISHED", "", {}, metrics, {"tlcompare.configuration": configuration})


def test_of_equal_accuracies_the_lower_loss_comes_first():
    runs = [run("a", 0.56, 1.9), run("b", 0.56, 1.4), run("c", 0.58, 2.0), run("b", 0.56, 1.5), run("d", 0.5, 0.1)]
    assert list(configurations(runs, "s")) == ["c", "b", "a", "d"]
