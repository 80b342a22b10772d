"""Networks of today, from the command line: what is frozen is computed once, and kept features change nothing."""

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image
from sklearn.datasets import load_digits

CASES = [
    ("timm:vit_small_patch14_dinov2", 224, "blocks.10+blocks.11"),
    ("timm:vit_small_patch16_dinov3", 128, "blocks.10+blocks.11"),
    ("timm:convnext_tiny", 64, "stages.3.1+stages.3.2"),
    ("timm:vit_base_patch16_siglip_224", 64, "blocks.10+blocks.11"),
]


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Twelve handwritten digits of each of three classes."""
    root = tmp_path_factory.mktemp("digits")
    data = load_digits()
    for digit in range(3):
        (root / str(digit)).mkdir()
        for i, image in enumerate(data.images[data.target == digit][:12]):
            Image.fromarray((image * 15.9).astype(np.uint8)).resize((64, 64)).save(root / str(digit) / f"{i}.png")
    return root


def trained(tlcompare, *arguments):
    done = tlcompare("train", "--weights", "none", "--epochs", 2, "--batch-size", 8, "--precision", "fp32", *arguments)
    assert done.exit_code == 0, done.output
    line = next(x for x in done.stdout.splitlines() if x.startswith("run "))
    return MlflowClient().get_run(line.split()[1])


@pytest.mark.slow
@pytest.mark.parametrize(("model", "size", "last_two"), CASES, ids=[c[0] for c in CASES])
@pytest.mark.parametrize("unfreeze", ["frozen", "last two", "all"])
def test_what_is_frozen_is_computed_once(tlcompare, digits, model, size, last_two, unfreeze):
    text = last_two if unfreeze == "last two" else unfreeze
    options = ("--data", digits, "--model", model, "--image-size", size, "--unfreeze", text, "--augment", "none")
    kept, plain = (trained(tlcompare, *options, "--cache-gb", gb) for gb in (20, 0))
    images = sum(int(kept.data.params[f"{part}_images"]) for part in ("train", "val"))
    frozen_passes = {"all": (0, 0), "frozen": (images, images), "last two": (images, 2 * images)}[unfreeze]
    assert (kept.data.metrics["cost/prefix_images"], plain.data.metrics["cost/prefix_images"]) == frozen_passes
    for metric in ("train/loss", "val/log_loss"):
        assert kept.data.metrics[metric] == pytest.approx(plain.data.metrics[metric], rel=0.01)
    params = kept.data.params
    assert params["cut"] == {"frozen": "features", "all": "input"}.get(unfreeze, params["cut"])
    if unfreeze == "last two":
        assert params["cut"].startswith(("blocks.9.", "stages.3.blocks.0."))
