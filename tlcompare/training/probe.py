"""A cheap look at a backbone before any training: what each block knows of the classes, how much each would change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, fx, nn

from tlcompare.data.batches import Images, Indices, in_order
from tlcompare.data.splits import Split
from tlcompare.freezing.layers import LayerList

_BATCH = 32
_GRADIENT_IMAGES = 256
_PENALTIES = np.logspace(-2, 5, 8)


@dataclass(frozen=True)
class BlockProbe:
    """What one block shows.

    Attributes:
        block: its name.
        ridge: validation accuracy of a ridge classifier on its pooled output, in 0..1; its penalty is chosen by
            leave-one-out on the training images, in closed form.
        nearest_mean: the same of the nearest class mean.
        relative_gradient: norm of the loss's gradient in its weights over the norm of these, with a logistic head on
            the frozen features (Auto-RGN: Lee et al., arXiv 2210.11466).
    """

    block: str
    ridge: float
    nearest_mean: float
    relative_gradient: float


def probe_blocks(
    layers: LayerList, images: Images, split: Split, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> list[BlockProbe]:
    """Probe every block of a backbone whose weights are loaded, in full precision.

    One pass over training and validation images as they are, and a second, forward and backward, over at most 256 of
    the training images. The weights stay as they are; gradients are cleared.

    Args:
        layers: the backbone.
        images: where pixels come from; not augmented.
        split: training images to fit on, validation images to score on.
        on_progress: is told how many images of all have been passed.
    """
    network = layers.network.eval()
    rows = np.concatenate([split.train, split.val])
    pooled, features = _pooled(layers, images, rows, on_progress)
    truth = images.labels(rows).numpy()
    count = len(split.train)
    gradients = _relative_gradients(layers, images, split.train, features[:count], truth[:count])
    network.zero_grad()
    found = []
    for block in layers.blocks:
        x = pooled[block]
        ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=_PENALTIES)).fit(x[:count], truth[:count])
        near = _nearest_mean(x[:count], truth[:count], x[count:])
        scores = [float(np.mean(guess == truth[count:])) for guess in (ridge.predict(x[count:]), near)]
        found.append(BlockProbe(block, scores[0], scores[1], gradients[block]))
    return found


def suggestions(probes: Sequence[BlockProbe]) -> tuple[str, ...]:
    """Strategies that the probe speaks for: to train what follows the block that knows most of the classes, and to
    train from that block on that would change most."""
    blocks = [p.block for p in probes]
    knows = max(range(len(probes)), key=lambda i: (probes[i].ridge, i))
    changes = max(range(len(probes)), key=lambda i: probes[i].relative_gradient)
    starts = (min(knows + 1, len(blocks) - 1), changes)
    return tuple(dict.fromkeys(blocks[-1] if i == len(blocks) - 1 else f"{blocks[i]}-{blocks[-1]}" for i in starts))


def as_probes(rows: Sequence[Mapping[str, object]]) -> list[BlockProbe]:
    """What `asdict` made of probes."""
    return [BlockProbe(**row) for row in rows]  # type: ignore[arg-type]


def _nearest_mean(x: NDArray[np.float32], truth: NDArray[np.int64], others: NDArray[np.float32]) -> NDArray[np.int64]:
    """The class whose mean, of standardised features, is nearest to each of the others."""
    scaler = StandardScaler().fit(x)
    known = np.unique(truth)
    means = np.stack([scaler.transform(x[truth == c]).mean(0) for c in known])
    return np.asarray(known[cdist(scaler.transform(others), means).argmin(1)])


def _pooled(
    layers: LayerList, images: Images, rows: Indices, on_progress: Callable[[int, int], None]
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """The mean over all places of each block's last output, float32 (N, channels) by block; and the features (N, F)."""
    node_of = {layer.block: node for layer, node in zip(layers.layers, layers.nodes, strict=True)}
    wanted = {node_of[block]: block for block in layers.blocks}
    kept: dict[str, list[Tensor]] = {block: [] for block in layers.blocks}
    recorder = _Recorder(layers.network, wanted, kept)
    features: list[Tensor] = []
    done = 0
    with torch.inference_mode():
        for batch in in_order(rows, _BATCH):
            features.append(recorder.run(images.ready(images.gather(batch))).cpu())
            done += len(batch)
            on_progress(done, len(rows))
    return {block: torch.cat(parts).numpy() for block, parts in kept.items()}, torch.cat(features).numpy()


class _Recorder(fx.Interpreter):
    """Runs a network and keeps the pooled output of some nodes."""

    def __init__(self, network: fx.GraphModule, wanted: dict[str, str], kept: dict[str, list[Tensor]]) -> None:
        super().__init__(network)
        self._wanted = wanted
        self._kept = kept

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        if n.name in self._wanted:
            places = tuple(range(2, value.ndim)) if value.ndim == 4 else tuple(range(1, value.ndim - 1))
            self._kept[self._wanted[n.name]].append((value.mean(places) if places else value).float().cpu())
        return value


def _relative_gradients(
    layers: LayerList, images: Images, rows: Indices, features: NDArray[np.float32], truth: NDArray[np.int64]
) -> dict[str, float]:
    """Gradient norm over weight norm, by block, on evenly chosen training images."""
    network = layers.network
    scaler = StandardScaler().fit(features)
    fitted = LogisticRegression(max_iter=500).fit(scaler.transform(features), truth)
    head = _head(fitted, scaler, int(truth.max()) + 1).to(images.device)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(_GRADIENT_IMAGES, len(rows))).astype(int))
    network.requires_grad_(True)
    network.zero_grad()
    for places in in_order(chosen, _BATCH):
        batch = rows[places]
        logits = head(network(images.ready(images.gather(batch))))
        labels = images.labels(batch).to(images.device)
        (nn.functional.cross_entropy(logits, labels, reduction="sum") / len(chosen)).backward()  # type: ignore[no-untyped-call]
    weights = dict(network.named_parameters())
    found = {}
    for block in layers.blocks:
        names = {name for layer in layers.layers if layer.block == block for name in layer.parameters}
        gradients = [g for n in names if (g := weights[n].grad) is not None]
        norms = [sum(float((t.detach() ** 2).sum()) for t in ts) for ts in (gradients, [weights[n] for n in names])]
        found[block] = (norms[0] / norms[1]) ** 0.5 if norms[1] else 0.0
    return found


def _head(fitted: LogisticRegression, scaler: StandardScaler, classes: int) -> nn.Linear:
    """The fitted classifier on features that were not standardised."""
    coefficients, intercept = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:  # of two classes, sklearn keeps one row
        coefficients, intercept = np.concatenate([-coefficients, coefficients]) / 2, np.stack([-1, 1]) * intercept / 2
    weight = np.zeros((classes, coefficients.shape[1]))
    bias = np.full(classes, -1e4)
    weight[fitted.classes_] = coefficients / scaler.scale_
    bias[fitted.classes_] = intercept - (coefficients / scaler.scale_) @ scaler.mean_
    head = nn.Linear(weight.shape[1], classes).requires_grad_(False)
    head.weight.copy_(torch.from_numpy(weight))
    head.bias.copy_(torch.from_numpy(bias))
    return head
