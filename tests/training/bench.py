"""Everything that training takes, for a small backbone on the small photos."""

import copy
import functools

import torch

from tlcompare.backbones.registry import get_backbone
from tlcompare.backbones.weights import load_weights
from tlcompare.data.batches import Images
from tlcompare.data.pixels import open_store
from tlcompare.data.sources import find_source
from tlcompare.data.splits import make_split
from tlcompare.features.backbone import SharedBackbone
from tlcompare.features.feed import make_feed
from tlcompare.freezing.graph import Classifier
from tlcompare.freezing.layers import trace
from tlcompare.freezing.strategy import make_plan
from tlcompare.machine.device import Compute
from tlcompare.training.fit import fit


@functools.lru_cache(maxsize=4)
def loaded(model, image_size, weights, seed):
    """The layers of a backbone with its weights; not to be trained."""
    backbone = get_backbone(model).at_size(image_size)
    torch.manual_seed(seed)
    network = backbone.build()
    load_weights(network, weights, backbone.weights, rename=backbone.rename)
    return trace(backbone, network)


class Bench:
    """Everything a call of `fit` takes, for a small backbone on the small photos."""

    def __init__(self, config, precision="fp32"):
        self.config = config
        self.compute = Compute("cpu", precision, 1)
        backbone = get_backbone(config.model).at_size(config.image_size)
        self.layers = copy.deepcopy(loaded(config.model, config.image_size, config.weights, config.seed))
        self.shared = SharedBackbone(self.layers, "")
        self.store = open_store(find_source(config.data), backbone.preprocessing)
        self.split = make_split(
            self.store.hashes,
            self.store.labels,
            self.store.classes,
            [""] * len(self.store.files),
            val_fraction=0.25,
            test_fraction=0.1,
            seed=0,
        )
        classes = len(self.store.classes)
        self.plan = make_plan(self.layers, config.unfreeze, classes)
        self.model = Classifier(self.layers, self.plan.cut, classes, config.dropout, config.seed)
        views = {"none": 1}.get(str(config.augment), 2)
        self.images = Images(self.store, backbone.preprocessing, str(config.augment), views, config.seed, "cpu")
        self.before = {n: t.clone() for n, t in self.model.weights().items()}

    def feed(self, kept=(), say=lambda text: None):
        """What training reads, with features kept at these cuts; without any, images through the whole backbone."""
        return make_feed(
            self.shared,
            self.plan,
            self.images,
            self.split,
            self.config,
            self.compute,
            kept,
            lambda done, total: None,
            say,
        )

    def fit(self, kept=(), fitting=fit, **callbacks):
        return fitting(
            self.model, self.layers, self.plan, self.feed(kept), self.split, self.config, self.compute, **callbacks
        )

    def moved(self):
        return {n for n, t in self.model.weights().items() if not torch.equal(t, self.before[n])}
