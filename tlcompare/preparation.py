"""Everything a run needs before it trains: pixels, split, traced backbone, weights, freeze plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

from tlcompare.backbones.backbone import Backbone
from tlcompare.backbones.registry import get_backbone
from tlcompare.backbones.weights import load_weights
from tlcompare.config import RunConfig
from tlcompare.data.images import Preprocessing
from tlcompare.data.pixels import PixelStore, open_store
from tlcompare.data.sources import Source, find_source
from tlcompare.data.splits import Split, contradictory, make_split, straddling
from tlcompare.data.views import DEFAULT_VIEWS
from tlcompare.errors import DataError
from tlcompare.features.backbone import SharedBackbone
from tlcompare.features.speed import faster_precision, precisions
from tlcompare.freezing.layers import LayerList, trace
from tlcompare.freezing.strategy import FreezePlan, make_plan
from tlcompare.machine.device import Compute, choose_compute, require_compiler
from tlcompare.progress import Reporter
from tlcompare.training.heads import TrainedHead

_NOT_CONFIGURATION = (
    "unfreeze data on_bad_image val_fraction test_fraction split_seed val_seed seed device threads "
    "cache_gb compile score_test experiment run_name"
).split()
_FEW = 100
"""Validation images of which each moves the accuracy by more than a hundredth."""


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to train.

    Attributes:
        config: as settled, without any `auto`.
        shared: the backbone, with the weights it was loaded with.
    """

    config: RunConfig
    compute: Compute
    backbone: Backbone
    shared: SharedBackbone
    source: Source
    store: PixelStore
    split: Split
    plan: FreezePlan

    @property
    def layers(self) -> LayerList:
        return self.shared.layers

    @property
    def weights(self) -> str:
        """What was loaded into the backbone, for the record."""
        return self.shared.weights

    def suspect_copies(self) -> dict[str, list[list[str]]]:
        """Files that show the same image in more than one part of the data's own split, or in more than one class."""
        found = {
            "in more than one part": straddling(self.store.hashes, self.split),
            "in more than one class": contradictory(self.store.hashes, self.store.labels),
        }
        return {why: [[self.store.files[i].path for i in g] for g in groups] for why, groups in found.items() if groups}


def configuration_key(config: RunConfig, plan: FreezePlan) -> str:
    """The same for two runs exactly if they differ at most in seed, split, place and data: 16 hexadecimal digits."""
    recipe = {name: value for name, value in asdict(config).items() if name not in _NOT_CONFIGURATION}
    return hashlib.sha256(json.dumps([recipe, plan.essence], sort_keys=True).encode()).hexdigest()[:16]


class Workbench:
    """What the runs of one process share: the images and the backbones that were opened, and heads trained ahead.

    Images that change on the disk meanwhile are not noticed.

    Args:
        find_weights: gives the file for `weights` that are neither `default` nor `none` and lie elsewhere.
    """

    def __init__(self, find_weights: Callable[[str], str] = str) -> None:
        self._find_weights = find_weights
        self.heads: dict[RunConfig, TrainedHead] = {}
        self._sources: dict[str, Source] = {}
        self._stores: dict[tuple[Path, Preprocessing, str], PixelStore] = {}
        self._backbones: dict[tuple[str, int, str, int | None, str], SharedBackbone] = {}

    def source(self, data: str) -> Source:
        if data not in self._sources:
            self._sources[data] = find_source(data)
        return self._sources[data]

    def images(self, source: Source, preprocessing: Preprocessing, on_bad_image: str, reporter: Reporter) -> PixelStore:
        key = (source.root, preprocessing, on_bad_image)
        if key not in self._stores:
            progress = partial(reporter.counting, "reading images")
            self._stores[key] = open_store(source, preprocessing, on_bad_image, progress)
        return self._stores[key]

    def backbone(self, backbone: Backbone, config: RunConfig, device: str, reporter: Reporter) -> SharedBackbone:
        """The backbone on the device, with the weights that the configuration names."""
        seed = config.seed if config.weights == "none" else None
        key = (backbone.name, backbone.preprocessing.size, config.weights, seed, device)
        if key not in self._backbones:
            torch.manual_seed(config.seed)
            network = backbone.build()
            layers = trace(backbone, network)
            make_plan(layers, config.unfreeze, classes=2)
            reporter.doing(f"loading the weights of {config.model}")
            found = self._find_weights(config.weights)
            weights = load_weights(
                network,
                found,
                backbone.weights,
                classifier=backbone.classifier,
                rename=backbone.rename,
                size_hint=f"{config.model} takes {backbone.own_size} pixels only: leave --image-size out."
                if backbone.own_size
                else "",
            )
            weights = weights if found == config.weights else f"{config.weights}, {weights}"
            layers.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for other in [k for k in self._backbones if seed is not None and k[:3] == key[:3]]:
                del self._backbones[other]
            self._backbones[key] = SharedBackbone(layers, weights)
        shared = self._backbones[key]
        shared.restore()
        return shared


def prepare(config: RunConfig, reporter: Reporter, workbench: Workbench) -> Prepared:
    """Settle the configuration and build everything; what cannot be is refused before anything slow.

    Raises:
        UserError: any option, strategy, image or weight that cannot be used.
    """
    compute = choose_compute(config)
    if config.compile:
        reporter.doing("looking for a compiler")
        require_compiler(compute.device)
    backbone = get_backbone(config.model).at_size(config.image_size)
    shared = workbench.backbone(backbone, config, compute.device, reporter)
    source = workbench.source(config.data)
    store, split = images_and_split(config, backbone, source, reporter, workbench)
    if config.score_test and not len(split.test):
        raise DataError(f"--score-test: {source.root} has no test images", "Add a test folder, or leave it out.")
    if config.precision is None and len(precisions(compute)) > 1:
        reporter.doing(f"measuring how fast {config.model} trains here")
        compute = faster_precision(shared.layers, compute)
    config = _settle(config, compute, backbone, source)
    plan = make_plan(shared.layers, config.unfreeze, len(store.classes))
    return Prepared(config, compute, backbone, shared, source, store, split, plan)


def images_and_split(
    config: RunConfig, backbone: Backbone, source: Source, reporter: Reporter, workbench: Workbench
) -> tuple[PixelStore, Split]:
    """The images as the backbone wants them, and how they are divided.

    Raises:
        DataError: images that cannot be used, or divided.
    """
    store = workbench.images(source, backbone.preprocessing, config.on_bad_image, reporter)
    split = make_split(
        store.hashes,
        store.labels,
        store.classes,
        [f.part for f in store.files],
        val_fraction=config.val_fraction,
        test_fraction=config.test_fraction,
        seed=config.split_seed,
        val_seed=config.val_seed,
    )
    return store, split


def announce(prepared: Prepared, reporter: Reporter) -> None:
    """Say what is about to train, and on what."""
    plan, compute = prepared.plan, prepared.compute
    reporter.say(
        f"{plan.backbone}, unfreeze {plan.unfreeze}: {len(plan.layers)} of {plan.listed} layers, "
        f"{plan.trainable_parameters:,} of {plan.total_parameters:,} weights train; frozen up to {plan.cut.after}"
    )
    reporter.say(f"{images_of(prepared)}; {compute.device_name}, {compute.precision}, {compute.threads} threads")
    if prepared.config.weights == "none":
        reporter.say(f"weights: {prepared.weights}")
    for note in notes_on_data(prepared):
        reporter.say(note)


def images_of(prepared: Prepared) -> str:
    """How many images there are for what."""
    split, store = prepared.split, prepared.store
    return (
        f"{store.name}: {len(split.train)} train, {len(split.val)} validation, {len(split.test)} test images "
        f"in {len(store.classes)} classes"
    )


def notes_on_data(prepared: Prepared) -> list[str]:
    """What is odd about the images, a sentence each."""
    store, notes = prepared.store, list(prepared.store.notes)
    if store.bad:
        notes.append(f"left out {len(store.bad)} unusable file(s), listed in left_out.json")
    if (count := len(prepared.split.val)) < _FEW:
        notes.append(f"warning: {count} validation images: each is {1 / count:.1%} of the accuracy that is shown")
    given = {f.part for f in store.files}
    if "train" in given and "val" not in given:
        notes.append(f"the data has no val folder: {prepared.config.val_fraction:.0%} of train are kept for validation")
    for why, groups in prepared.suspect_copies().items():
        notes.append(f"warning: {len(groups)} image(s) {why}, such as {' = '.join(groups[0])}; see suspect_copies.json")
    return notes


def _settle(config: RunConfig, compute: Compute, backbone: Backbone, source: Source) -> RunConfig:
    """The configuration with every `auto` replaced by what it came to."""
    augment = config.augment or ("flip" if source.mirrors else "none")
    return replace(
        config,
        data=source.origin if Path(source.origin) == source.root else config.data,
        weights=str(Path(config.weights).absolute()) if Path(config.weights).exists() else config.weights,
        image_size=backbone.preprocessing.size,
        augment=augment,
        views=config.views or DEFAULT_VIEWS[augment],
        precision=compute.precision,
        device=compute.device,
        threads=compute.threads,
    )
