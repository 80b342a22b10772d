import io

import numpy as np
import pytest
from PIL import Image

from tlcompare.config import RunConfig
from tlcompare.tracking.figures import confusion, learning_curves
from tlcompare.training.epochs import Epoch
from tlcompare.training.evaluate import score


def drawn(figure):
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return Image.open(out)


@pytest.mark.parametrize("name", ["$\\frac{$", "<script>", "日本", "x" * 80, "a\nb"])
def test_any_class_name_can_be_drawn(name):
    scores = score(np.eye(2, dtype=np.float32), [0, 1], [name, "other"])
    assert drawn(confusion(scores.confusion, [name, "other"], f"re:{name}")).width > 300


def test_many_classes_can_be_drawn():
    names = [f"class {i}" for i in range(120)]
    scores = score(np.eye(120, dtype=np.float32), list(range(120)), names)
    assert drawn(confusion(scores.confusion, names, "many")).width > 1500


def test_learning_curves_say_what_the_training_loss_is():
    epochs = [Epoch(n, 2 / n, 1 - 1 / n, 2 / n, 1 - 1 / n, 0.1, 0.1, 1.0) for n in (1, 2, 3)]
    for config, said in (
        (RunConfig(augment="none", label_smoothing=0), "training"),
        (RunConfig(augment="flip"), "smoothed"),
    ):
        figure = learning_curves(epochs, 3, config, "$a$ \\b{")
        assert drawn(figure).width > 600
        assert said in figure.axes[0].get_legend().get_texts()[0].get_text()
    plain = learning_curves(epochs, 3, RunConfig(augment="none", label_smoothing=0), "x")
    assert plain.axes[0].get_legend().get_texts()[0].get_text() == "training"
