import numpy as np
import pytest
from sklearn.metrics import log_loss

from tlcompare.training.evaluate import expected_calibration_error, score


def test_scores_by_hand():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]], np.float32)
    labels = [0, 1, 1, 0]
    s = score(probabilities, labels, ["a", "b"])
    assert s.accuracy == 0.75
    assert s.balanced_accuracy == 0.75
    assert s.confusion.tolist() == [[2, 0], [1, 1]]
    assert s.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert [(c.precision, c.recall, c.images) for c in s.classes] == [(pytest.approx(2 / 3), 1, 2), (1, 0.5, 2)]
    assert s.log_loss == pytest.approx(log_loss(labels, probabilities), rel=1e-5)
    # Bins of width 1/15: each image is alone in its bin.
    assert s.ece == pytest.approx((0.1 + 0.6 + 0.3 + 0.2) / 4, abs=1e-6)


def test_a_calibrated_model_has_no_calibration_error():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.5, 1, 20_000)
    truth = (random.uniform(size=20_000) > confidence).astype(int)
    probabilities = np.stack([confidence, 1 - confidence], 1).astype(np.float32)
    assert expected_calibration_error(probabilities, truth) < 0.02
    assert expected_calibration_error(probabilities, 1 - truth) > 0.3


def test_a_class_without_images_does_not_count():
    s = score(np.eye(3, dtype=np.float32)[[0, 1]], [0, 1], ["a", "b", "c"])
    assert (s.balanced_accuracy, s.macro_f1) == (1, 1)
    assert s.classes[2].images == 0
