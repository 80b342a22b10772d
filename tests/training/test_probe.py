import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from tlcompare.data.batches import Images
from tlcompare.preparation import Workbench, prepare
from tlcompare.probing import run_probe
from tlcompare.study.planning import Quiet
from tlcompare.training.probe import BlockProbe, suggestions


@pytest.fixture(scope="module")
def quiet():
    return Quiet(lambda text: None)


def test_a_probe_of_real_weights(config, quiet):
    prepared = prepare(config(), quiet, Workbench())
    before = {name: t.clone() for name, t in prepared.layers.network.state_dict().items()}
    probes = run_probe(prepared, quiet)
    assert [p.block for p in probes] == list(prepared.layers.blocks)
    assert max(p.ridge for p in probes) > 0.9
    assert all(0 <= p.nearest_mean <= 1 for p in probes)
    assert all(np.isfinite(p.relative_gradient) and p.relative_gradient > 0 for p in probes)
    after = prepared.layers.network.state_dict()
    assert all(torch.equal(after[name], t) for name, t in before.items())
    assert all(p.grad is None for p in prepared.layers.network.parameters())
    assert run_probe(prepared, quiet) == probes


def test_one_pass_for_the_features_and_one_for_the_gradient(config, quiet):
    prepared = prepare(config(), quiet, Workbench())
    seen = []
    stem = next(m for m in prepared.layers.network.modules() if isinstance(m, torch.nn.Conv2d))
    hook = stem.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    run_probe(prepared, quiet)
    hook.remove()
    assert sum(seen) == len(prepared.split.train) * 2 + len(prepared.split.val)


def test_the_gradient_is_that_of_a_logistic_head_on_the_frozen_features(config, quiet):
    """The gradient of the last block, computed anew from features that scikit-learn and autograd see apart."""
    prepared = prepare(config(), quiet, Workbench())
    found = {p.block: p.relative_gradient for p in run_probe(prepared, quiet)}
    network, split = prepared.layers.network.eval(), prepared.split
    images = Images(prepared.store, prepared.backbone.preprocessing, "none", 1, 0, "cpu")
    x, y = images.ready(images.gather(split.train)), images.labels(split.train)
    network.requires_grad_(True)
    features = network(x)
    fixed = features.detach().double()
    scale, mean = fixed.std(0, correction=0), fixed.mean(0)
    scale[scale == 0] = 1
    head = LogisticRegression(max_iter=500).fit(((fixed - mean) / scale).numpy(), y)
    weight, bias = torch.from_numpy(head.coef_), torch.from_numpy(head.intercept_)
    logits = ((features.double() - mean) / scale) @ weight.T + bias
    torch.nn.functional.cross_entropy(logits, y).backward()
    names = {n for layer in prepared.layers.layers if layer.block == "top" for n in layer.parameters}
    weights = [p for n, p in network.named_parameters() if n in names]
    norms = [torch.sqrt(sum((t.double() ** 2).sum() for t in ts)) for ts in ([p.grad for p in weights], weights)]
    assert found["top"] == pytest.approx(float(norms[0] / norms[1]), rel=0.02)
    prepared.shared.restore()


def probe(block, ridge, gradient):
    return BlockProbe(block, ridge, 0.0, gradient)


def test_what_it_suggests():
    early = [probe("stem", 0.5, 0.1), probe("b1", 0.9, 0.2), probe("b2", 0.8, 0.1), probe("top", 0.7, 0.3)]
    assert suggestions(early) == ("b2-top", "top")
    late = [probe("stem", 0.5, 0.9), probe("b1", 0.6, 0.2), probe("top", 0.7, 0.3)]
    assert suggestions(late) == ("top", "stem-top")
