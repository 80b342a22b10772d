import math

import numpy as np
import pytest
import torch

from tests.training.bench import Bench
from tlcompare.data.batches import shuffled
from tlcompare.errors import TrainingError
from tlcompare.training.evaluate import predict
from tlcompare.training.fit import _make_optimizer, _set_learning_rates, class_weights

MODEL = "efficientnet_lite0"
PLANS = ("frozen", "30", "20%", "all", "block6+top", "block3", "first:20", "bn", "bias", "re:blocks\\.5.*conv_dw")


@pytest.mark.parametrize("unfreeze", PLANS)
def test_only_what_is_unfrozen_moves(config, unfreeze):
    bench = Bench(config(model=MODEL, unfreeze=unfreeze, weights="none", lr=0.01))
    fitted = bench.fit()
    moved = bench.moved()
    assert {"head.weight", "head.bias"} <= moved
    weights = {n.removeprefix("backbone.") for n in moved if n.startswith("backbone.")}
    statistics = {n for n in weights if n.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    assert weights - statistics == bench.plan.parameters
    norms = {x.name for x in bench.plan.layers if x.operation == "norm" and x.name in bench.plan.whole}
    assert {n.rpartition(".")[0] for n in statistics} == norms
    assert len(fitted.frozen_digest) == 64


def test_a_frozen_weight_that_moves_fails_the_run(config):
    bench = Bench(config(model=MODEL, unfreeze="20%", weights="none"))

    def tamper(epoch):
        with torch.no_grad():
            bench.layers.network.get_parameter("conv_stem.weight")[0, 0, 0, 0] += 1e-6

    with pytest.raises(TrainingError, match="frozen weight or statistic"):
        bench.fit(on_epoch=tamper)


@pytest.mark.parametrize("unfreeze", ["frozen", "20%"])
def test_it_learns(config, unfreeze):
    bench = Bench(config(model=MODEL, unfreeze=unfreeze, image_size=64, epochs=4, lr=1e-3, head_lr=1e-2))
    fitted = bench.fit()
    assert fitted.epochs[-1].train_loss < 0.7 * fitted.epochs[0].train_loss
    assert max(e.val_accuracy for e in fitted.epochs) > 0.8


def test_the_best_epoch_is_kept(config):
    bench = Bench(config(model=MODEL, unfreeze="frozen", weights="none", epochs=6, head_lr=0.05))
    fitted = bench.fit()
    best = fitted.epochs[fitted.best_epoch - 1]
    assert (best.val_accuracy, -best.val_loss) == max((e.val_accuracy, -e.val_loss) for e in fitted.epochs)
    probabilities = predict(bench.model.rest, bench.feed().val, bench.split.val)
    assert np.array_equal(probabilities, fitted.probabilities)
    truth = np.array(bench.store.labels)[bench.split.val]
    assert (probabilities.argmax(1) == truth).mean() == best.val_accuracy


def test_patience_stops_early(config):
    bench = Bench(config(model=MODEL, weights="none", epochs=30, patience=2, head_lr=1e-9))
    fitted = bench.fit()
    assert len(fitted.epochs) == fitted.best_epoch + 2 < 30


def test_the_same_seed_gives_the_same_weights(config):
    results = []
    for seed in (3, 3, 4):
        bench = Bench(config(model=MODEL, unfreeze="30", weights="none", epochs=2, seed=seed, augment="crop"))
        bench.fit()
        results.append(bench.model.weights())
    assert all(torch.equal(results[0][n], results[1][n]) for n in results[0])
    assert not torch.equal(results[0]["head.weight"], results[2]["head.weight"])


def test_the_head_alone_first(config):
    bench = Bench(config(model=MODEL, unfreeze="30", weights="none", epochs=3, head_first=2, lr=0.01))
    moved = []
    bench.fit(on_epoch=lambda e: moved.append({n for n in bench.moved() if n.startswith("backbone")}))
    assert moved[0] == moved[1] == set()
    assert {n.removeprefix("backbone.") for n in moved[2]} >= bench.plan.parameters


RUINOUS = {"optimizer": "sgd", "lr": 1000, "head_lr": 1000, "weight_decay": 1e30, "precision": "fp32"}


def test_a_loss_that_is_not_finite_stops_with_its_place_and_cause(config):
    bench = Bench(config(model=MODEL, unfreeze="all", weights="none", epochs=3, **RUINOUS))
    with pytest.raises(
        TrainingError, match=r"the loss became (nan|inf) in epoch \d, step \d of \d\. The learning rate"
    ):
        bench.fit()
    bench = Bench(config(model=MODEL, weights="none"))
    with torch.no_grad():
        bench.model.head.weight.fill_(math.nan)
    with pytest.raises(TrainingError, match=r"epoch 1, step 1 of \d\. It was so before any step"):
        bench.fit()


class Greedy(torch.nn.Module):
    """Wants more memory than there is for more than `limit` images."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def forward(self, x):
        if torch.is_grad_enabled() and len(x) > self.limit:
            torch.empty(2**46)
        return x


def test_out_of_memory_halves_the_batch_with_the_same_result(config):
    """With SGD: AdamW makes a step of any gradient that is not zero, of one that is nothing but rounding too."""
    weights, halvings, said = [], [], []
    recipe = {"optimizer": "sgd", "lr": 0.01, "head_lr": 0.01, "dropout": 0, "label_smoothing": 0.1}
    for limit in (1000, 3):
        bench = Bench(config(model=MODEL, unfreeze="bias", weights="none", **recipe))
        bench.model.dropout = Greedy(limit)
        halvings.append(bench.fit(on_notice=said.append).batch_halvings)
        weights.append(bench.model.weights())
    assert halvings == [0, 2]
    assert said[-1] == "out of memory: batches of 8 images are now computed 2 at a time"
    for name in weights[0]:
        torch.testing.assert_close(weights[0][name], weights[1][name], rtol=1e-4, atol=1e-6)
    moved = max((weights[0][name] - before).abs().max() for name, before in bench.before.items())
    assert moved > 1e-3


def test_out_of_memory_on_one_image_says_what_to_do(config):
    bench = Bench(config(model=MODEL, weights="none"))
    bench.model.dropout = Greedy(0)
    with pytest.raises(TrainingError, match=r"train on 1 image.*--image-size than 32"):
        bench.fit()


def test_learning_rates(config):
    bench = Bench(config(model=MODEL, unfreeze="block6-top", layer_decay=0.5, lr=1e-3, head_lr=1e-2, epochs=10))
    optimizer = _make_optimizer(bench.model, bench.layers, bench.plan, bench.config)
    weights = {id(p): n for n, p in bench.layers.network.named_parameters()}
    peak = {weights[id(p)]: g["peak"] for g in optimizer.param_groups if not g["head"] for p in g["params"]}
    assert set(peak) == bench.plan.parameters
    assert (peak["conv_head.weight"], peak["blocks.6.0.conv_pw.weight"], peak["blocks.5.0.conv_pw.weight"]) == (
        1e-3,
        5e-4,
        2.5e-4,
    )
    for group in optimizer.param_groups:
        assert (group["weight_decay"] == 0) == all(p.ndim <= 1 for p in group["params"])
    shares = []
    for at in (0.0, 0.25, 0.5, 5.25, 9.99):
        _set_learning_rates(optimizer, bench.config, at)
        shares.append(optimizer.param_groups[0]["lr"] / 1e-2)
    assert shares[0] < shares[1] < shares[2]
    assert shares[2:] == pytest.approx([1, 0.5, 0], abs=1e-2)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_it_learns_in_bf16_with_every_optimizer(config, optimizer):
    options = {"image_size": 64, "epochs": 4, "head_lr": 0.01 if optimizer == "adamw" else 0.1}
    fitted = Bench(config(model=MODEL, optimizer=optimizer, **options), "bf16").fit()
    assert fitted.epochs[-1].train_loss < 0.8 * fitted.epochs[0].train_loss


def test_class_balance_weighs_rare_classes_up(config):
    bench = Bench(config(model=MODEL, weights="none", class_balance="weighted"))
    label = np.array(bench.store.labels)
    rows = np.concatenate([np.flatnonzero(label == 0)[:2], np.flatnonzero(label == 1)[:4], np.flatnonzero(label == 2)])
    assert class_weights(bench.images, rows, bench.config).tolist() == pytest.approx([18 / 6, 18 / 12, 18 / 36])
    plain = config(model=MODEL, weights="none")
    assert class_weights(bench.images, rows, plain).tolist() == [1, 1, 1]


@pytest.mark.parametrize("batch_size", [12, 23])
def test_norms_never_train_on_a_single_image(config, batch_size):
    """24 training images: a last batch of one is joined to the one before, and is not split off again."""
    bench = Bench(config(model=MODEL, unfreeze="all", weights="none", batch_size=batch_size))
    assert len(bench.split.train) == 24
    sizes = []
    norm = bench.layers.network.get_submodule("bn2")
    norm.register_forward_pre_hook(lambda module, x: sizes.append(len(x[0])) if module.training else None)
    bench.fit()
    assert sum(sizes) == 24
    assert min(sizes) > 1
    with pytest.raises(TrainingError, match="--batch-size 1"):
        Bench(config(model=MODEL, unfreeze="all", weights="none", batch_size=1)).fit()


def test_a_validation_loss_that_is_not_finite_stops_too(config):
    options = RUINOUS | {"lr": 1000, "batch_size": 64}
    bench = Bench(config(model=MODEL, unfreeze="all", weights="none", **options))
    with pytest.raises(TrainingError, match="the validation loss became nan in epoch 1"):
        bench.fit()


def test_passes_are_counted(config):
    bench = Bench(config(model=MODEL, weights="none", epochs=2))
    fitted = bench.fit()
    train, val = len(bench.split.train), len(bench.split.val)
    assert fitted.backward_images == 2 * train
    assert fitted.prefix_images == fitted.suffix_images == 2 * (train + val)


def test_batches_cover_every_row_once_in_an_order_of_the_seed():
    rows = np.arange(33)
    batches = shuffled(rows, 8, seed=1, epoch=0)
    assert sorted(np.concatenate(batches)) == list(range(33))
    assert [len(b) for b in batches] == [8, 8, 8, 9]
    assert not np.array_equal(batches[0], shuffled(rows, 8, seed=1, epoch=1)[0])
    assert np.array_equal(batches[0], shuffled(rows, 8, seed=1, epoch=0)[0])
