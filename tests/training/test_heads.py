import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.conftest import write_image
from tests.training.bench import Bench
from tlcompare.errors import TrainingError
from tlcompare.freezing.graph import cut_points
from tlcompare.training.fit import fit
from tlcompare.training.heads import fit_head, train_together

MODEL = "efficientnet_lite0"
RECIPES = [
    {},
    {"seed": 3, "head_lr": 0.02},
    {"weight_decay": 0.5, "clip_norm": 0.2, "warmup_epochs": 1},
    {"label_smoothing": 0, "class_balance": "weighted", "head_first": 2, "clip_norm": 0},
]


def curves(fitted):
    return np.array([[e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy, e.head_lr] for e in fitted.epochs])


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_head_trains_as_the_training_loop_would_train_it(config, recipe, optimizer):
    options = {"model": MODEL, "epochs": 3, "dropout": 0, "image_size": 32, "optimizer": optimizer} | recipe
    loop, head = Bench(config(**options)), Bench(config(**options))
    expected = loop.fit()
    fitted = head.fit(fitting=fit_head)
    np.testing.assert_allclose(curves(fitted), curves(expected), rtol=2e-3, atol=2e-4)
    assert fitted.best_epoch == expected.best_epoch
    torch.testing.assert_close(head.model.head.weight, loop.model.head.weight, rtol=1e-2, atol=1e-4)
    assert fitted.frozen_digest == expected.frozen_digest
    passed = 3 * (len(head.split.train) + len(head.split.val))
    assert fitted.suffix_images == expected.suffix_images == passed
    assert fitted.backward_images == expected.backward_images
    assert expected.prefix_images == passed
    assert fitted.prefix_images == 2 * len(head.split.train) + len(head.split.val)
    assert 0 < fitted.features_seconds < fitted.seconds


def test_heads_in_a_batch_are_those_that_train_alone(config):
    configs = [config(model=MODEL, epochs=3, **recipe) for recipe in RECIPES]
    trained = {}
    together, alone = [], []
    for number, one in enumerate(configs):
        bench = Bench(one)
        together.append(bench.fit(fitting=fit_head, ahead=configs[number + 1 :], trained=trained))
        assert len(trained) == 3 - number, "all were trained with the first"
        alone.append(Bench(one).fit(fitting=fit_head))
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(curves(a), curves(b))
        np.testing.assert_array_equal(a.probabilities, b.probabilities)
    assert [f.prefix_images for f in together] == [alone[0].prefix_images, 0, 0, 0]
    assert len({curves(f).tobytes() for f in alone}) == 4


def test_a_head_alone_has_the_bits_it_has_in_a_batch_with_two_threads(config, tmp_path):
    for label in range(37):
        for i in range(6):
            write_image(tmp_path / f"{label:02}" / f"{i}.png", seed=10 * label + i, hue=label % 3)
    first = config(model=MODEL, epochs=2, data=str(tmp_path))
    rows = len(Bench(first).split.train)
    one, other = (replace(first, seed=seed, batch_size=rows - 7) for seed in (0, 1))
    torch.set_num_threads(2)
    try:
        alone, together = Bench(one), Bench(one)
        alone.fit(fitting=fit_head)
        together.fit(fitting=fit_head, ahead=[other])
    finally:
        torch.set_num_threads(1)
    assert torch.equal(alone.model.head.weight, together.model.head.weight)


def test_heads_train_together_unless_what_they_see_differs(config):
    one = config(model=MODEL)
    for same in ({"seed": 1}, {"head_lr": 1.0}, {"unfreeze": "0"}, {"dropout": 0}, {"patience": 2}):
        assert train_together(one, replace(one, **same))
    for other in ({"epochs": 9}, {"batch_size": 9}, {"optimizer": "sgd"}, {"augment": "none"}, {"split_seed": 1}):
        assert not train_together(one, replace(one, **other))
    crop = replace(one, augment="crop", views=None)
    assert not train_together(crop, replace(crop, seed=1))
    random = replace(one, weights="none")
    assert train_together(random, replace(random, head_lr=1.0))
    assert not train_together(random, replace(random, seed=1)), "the frozen backbone is another"


def test_a_head_that_diverges_fails_alone(config):
    good = config(model=MODEL, epochs=2)
    bad = replace(good, head_lr=1000.0, weight_decay=1e36, seed=1)
    trained = {}
    assert Bench(good).fit(fitting=fit_head, ahead=[bad], trained=trained).epochs
    with pytest.raises(TrainingError, match=r"loss became (nan|inf) in epoch \d\. The learning rate"):
        Bench(bad).fit(fitting=fit_head, trained=trained)


def test_patience_and_what_is_told(config):
    told = []
    bench = Bench(config(model=MODEL, weights="none", epochs=30, patience=2, head_lr=1e-9))
    fitted = bench.fit(fitting=fit_head, on_epoch=told.append)
    assert len(fitted.epochs) == fitted.best_epoch + 2 < 30
    assert tuple(told) == fitted.epochs
    with torch.inference_mode():
        x = torch.cat(list(bench.feed().val.gather([np.sort(bench.split.val)])))
        logits = bench.model.rest(bench.feed().val.advance(x))
    best = fitted.epochs[fitted.best_epoch - 1]
    order = np.argsort(np.argsort(bench.split.val))
    truth = np.array(bench.store.labels)[bench.split.val]
    assert (logits.argmax(1).numpy()[order] == truth).mean() == best.val_accuracy


PLANS = [
    *((p, "fp32") for p in ("frozen", "20%", "bn")),
    *(pytest.param(p, "fp32", marks=pytest.mark.slow) for p in ("block3", "bias")),
    pytest.param("frozen", "bf16", marks=pytest.mark.slow),
    ("20%", "bf16"),
]


@pytest.mark.parametrize(("unfreeze", "precision"), PLANS)
def test_the_curves_of_cached_and_uncached_runs_agree(config, tmp_path, monkeypatch, unfreeze, precision):
    the_curves_agree(config, tmp_path, monkeypatch, {"model": MODEL, "unfreeze": unfreeze}, precision)


@pytest.mark.parametrize(
    ("model", "unfreeze"),
    [
        ("timm:test_vit", "blocks.4+blocks.5"),
        pytest.param("timm:tnt_s_patch16_224", "blocks.10-norm", marks=pytest.mark.slow),
        pytest.param("timm:mvitv2_tiny", "stages.3.1", marks=pytest.mark.slow),
        pytest.param("timm:vit_srelpos_small_patch16_224", "blocks.10-norm", marks=pytest.mark.slow),
        pytest.param("timm:xcit_nano_12_p16_224", "cls_attn_blocks", marks=pytest.mark.slow),
        pytest.param("torchvision:vit_b_32", "1%", marks=pytest.mark.slow),
    ],
)
def test_the_curves_agree_where_several_tensors_and_tables_cross_the_cut(
    config, tmp_path, monkeypatch, model, unfreeze
):
    options = {"model": model, "unfreeze": unfreeze, "weights": "none", "image_size": 64}
    the_curves_agree(config, tmp_path, monkeypatch, options, "fp32")


def the_curves_agree(config, tmp_path, monkeypatch, options, precision):
    """A run from kept features, at its cut and at one before, is the run through the whole network."""
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path))
    fitting = fit_head if options["unfreeze"] == "frozen" else fit
    results = []
    for places in ((), ("own",), (10,)):
        bench = Bench(config(epochs=2, lr=3e-4, **options), precision)
        points = cut_points(bench.layers)
        kept = [bench.plan.cut if p == "own" else points[p] for p in places]
        results.append(bench.fit(kept=kept, fitting=fitting))
    plain = curves(results[0])
    assert math.isfinite(plain.sum())
    loose = 0.01 if precision == "fp32" else 0.1
    for cached in results[1:]:
        np.testing.assert_allclose(curves(cached)[:, [0, 2]], plain[:, [0, 2]], rtol=loose)
