import numpy as np
import pytest

from tlcompare.evidence.contenders import Contender
from tlcompare.tracking.reading import LoggedRun


def logged(run_id, **changed):
    params = {
        "data": "photos",
        "image_size": "32",
        "backbone": "mobilenet",
        "strategy": "frozen",
        "strategy_family": "frozen",
        "trainable_parameters": "1000",
        "weights": "default",
        "seed": "0",
        "lr": "0.001",
        "val_seed": "None",
        "depth": "0.0",
        "unfrozen_share": "0.0",
        "train_images": "1000",
        "data_digest": "d",
        "split_seed": "0",
        "val_fraction": "0.15",
        "test_fraction": "0.15",
    }
    metrics = {"val/accuracy": 0.5, "cost/train_seconds": 10.0, "cost/latency_p50_ms": 5.0}
    for name, value in changed.items():
        (params if name in params else metrics)[name] = value
    metrics = {name: value for name, value in metrics.items() if value is not None}
    return LoggedRun(run_id, run_id, "FINISHED", "", params, metrics, {"tlcompare.configuration": params["strategy"]})


@pytest.fixture
def contender():
    """A contender from its accuracy: its runs' misses are spread evenly, other ones for each seed and strategy."""

    def make(strategy, accuracy, seeds=10, images=400, luck=0.002, depth=0.0, **changed):
        random = np.random.default_rng(sum(map(ord, strategy)))
        right = np.ones((seeds, images))
        for row in right:
            misses = round(images * (1 - accuracy - luck * random.normal()))
            row[random.choice(images, max(misses, 0), replace=False)] = 0
        runs = []
        for seed in range(seeds):
            accuracy_ = float(right[seed].mean())
            options = {"seed": str(seed), "depth": str(depth), "unfrozen_share": str(depth), "strategy": strategy}
            runs.append(logged(f"{strategy}-{seed}", **{"val/accuracy": accuracy_} | options | changed))
        truth = tuple("ab"[i % 2] for i in range(images))
        files = tuple(f"{t}/{i:04}.png" for i, t in enumerate(truth))
        label = f"{changed['backbone']} {strategy}" if "backbone" in changed else strategy
        return Contender(tuple(runs), label, right, None, truth, files)

    return make
