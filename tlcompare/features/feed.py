"""What training reads: features where keeping them pays, else images through the frozen part, gathered ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, fx

from tlcompare.config import RunConfig
from tlcompare.data.batches import Images, Indices, Lookup, in_order
from tlcompare.data.splits import Split
from tlcompare.features.backbone import SharedBackbone
from tlcompare.features.planner import Costs, Demand, worth_keeping
from tlcompare.features.speed import measure_disk, measure_speed
from tlcompare.features.store import FeatureStore, Progress, make_room, room_for_features
from tlcompare.files import first_line
from tlcompare.freezing.graph import Cut, cut_points
from tlcompare.freezing.layers import LayerList
from tlcompare.freezing.strategy import FreezePlan
from tlcompare.machine.device import Compute, upload
from tlcompare.machine.memory import out_of_memory

_AHEAD = 2
_HELD_AT_A_TIME = 256


@dataclass(frozen=True)
class Stream:
    """Images as the part of a network that trains wants them.

    Attributes:
        images: the images and their views.
        store: features to start from; None starts from the images.
        lead: the frozen part from there to where training begins; None if that is where the features are.
        compute: device and precision of the frozen part.
        slots: the views that the run reads, in ascending order.
        held: what `gather` looks them up in, instead of reading them again and again: features of slots, or images.
    """

    images: Images
    store: FeatureStore | None
    lead: fx.GraphModule | None
    compute: Compute
    slots: Indices
    held: Lookup | None = None

    def holding(self, room: float) -> Stream:
        """The same, with all that it reads on the device, if that takes at most `room` bytes and there is room."""
        numbers = self.slots if self.store else np.unique(self.images.rows(self.slots))
        try:
            first = self._read(numbers[:1])
            if first.nbytes * len(numbers) > room:
                return self
            batches = in_order(numbers, _HELD_AT_A_TIME)
            return replace(self, held=Lookup(numbers, torch.cat([self._read(batch) for batch in batches])))
        except RuntimeError as e:
            if not out_of_memory(e):
                raise
            return self

    @property
    def bytes_held(self) -> int:
        """Bytes that it keeps on the device."""
        return self.held.values.nbytes if self.held else 0

    def gather(self, batches: Iterable[Indices]) -> Iterator[Tensor]:
        """Pixels or features of slots, batch by batch, on the device; what is not held there, a thread reads ahead."""
        if self.held:
            yield from map(self._look, batches)
            return
        waiting: deque[Future[Tensor]] = deque()
        with ThreadPoolExecutor(1) as reader:
            for slots in batches:
                waiting.append(reader.submit(self._look, slots))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def advance(self, x: Tensor) -> Tensor:
        """What was gathered, taken to where training begins."""
        with torch.no_grad(), self.compute.autocast():
            if self.store is None:
                x = self.images.ready(x)
            return x if self.lead is None else self.lead(x)

    def _look(self, slots: Indices) -> Tensor:
        find = self.held or self._read
        return find(slots) if self.store else self.images.look(find(self.images.rows(slots)), slots)

    def _read(self, numbers: Indices) -> Tensor:
        """Features of slots, or images, on the device."""
        return upload(self.store.read(numbers), self.compute.device) if self.store else self.images.pixels(numbers)


@dataclass(frozen=True)
class Feed:
    """Training and validation images of one run.

    Attributes:
        train: views of training images, in the run's precision.
        val: validation images as they are, in float32.
        computed: image-passes through the frozen part that were made to have the features; 0 if they were there.
        seconds: what the features that this run uses took to compute, now or earlier.
    """

    train: Stream
    val: Stream
    computed: int
    seconds: float

    def holding(self, room: float) -> Feed:
        """The same, with what takes at most `room` bytes in all on the device."""
        train = self.train.holding(room)
        return replace(self, train=train, val=self.val.holding(room - train.bytes_held))

    @property
    def leads(self) -> bool:
        """Whether frozen layers are computed in every epoch."""
        return self.train.lead is not None

    @property
    def slots(self) -> int:
        """How many images and views the run reads, each counted once."""
        return len(self.train.slots) + len(self.val.slots)

    @property
    def start(self) -> str:
        """The node after which features are kept; empty where the run starts from the images."""
        return self.train.store.folder.name if self.train.store else ""

    @property
    def at_cut(self) -> bool:
        """Whether features are kept right where training begins."""
        return self.train.store is not None and not self.leads


def demand(cut: Cut, split: Split, config: RunConfig) -> Demand:
    """What a run, its configuration settled, wants of its backbone's features at a cut."""
    views = min(config.epochs, int(config.views or 1))
    images = views * len(split.train) + len(split.val)
    return Demand(images, {cut.node: config.epochs * (len(split.train) + len(split.val))})


def measured_costs(layers: LayerList, compute: Compute) -> Costs:
    """What the planner needs to know, measured on this machine or remembered."""
    return Costs(cut_points(layers), measure_speed(layers, compute), measure_disk())


def cuts_to_keep(costs: Costs, wanted: Demand, config: RunConfig) -> tuple[Cut, ...]:
    """The cuts at which features are worth keeping within `--cache-gb`, and within what the disk has."""
    return worth_keeping(costs, wanted, room_for_features(config)) if config.cache_gb else ()


def make_feed(
    backbone: SharedBackbone,
    plan: FreezePlan,
    images: Images,
    split: Split,
    config: RunConfig,
    compute: Compute,
    kept: Sequence[Cut] | None,
    progress: Progress,
    say: Callable[[str], None],
) -> Feed:
    """What a run reads, with the features computed that it will read and that nobody has computed yet.

    Args:
        backbone: not yet trained.
        plan: what trains.
        images: with the run's views.
        split: rows to train on and to validate on.
        config: the recipe, settled.
        compute: device and precision of training.
        kept: the cuts at which the runs of a sweep keep features; None decides for this run alone.
        progress: called with (images done, images to do) while features are computed.
        say: is told where features cannot be kept.
    """
    costs = measured_costs(backbone.layers, compute)
    wanted = demand(plan.cut, split, config)
    plain, exact = replace(images, policy="none", views=1, seed=0), replace(compute, precision="fp32")
    shown = range(min(config.epochs, images.views))
    trained, validated = np.unique([images.slots(split.train, e) for e in shown]), np.sort(split.val)
    needs = [(backbone.features(images, compute), trained), (backbone.features(plain, exact), validated)]
    if needs[0][0] is needs[1][0]:
        needs = [(needs[0][0], np.sort(np.concatenate([trained, validated])))]
    there = all(features.at(plan.cut).has[slots].all() for features, slots in needs)
    if kept is None:
        kept = [plan.cut] if there and config.cache_gb else cuts_to_keep(costs, wanted, config)
    start = costs.start(plan.cut, kept, wanted.images)
    computed = 0
    stores: list[FeatureStore] = []
    try:
        if start:
            folders = [features.at(cut).folder for features, _ in needs for cut in kept]
            for features, slots in needs:
                make_room(features.lacking(kept, slots), room_for_features(config), folders)
                computed += features.fill(kept, slots, progress)
                stores.append(features.filled(start))
    except (OSError, RuntimeError) as e:
        if isinstance(e, RuntimeError) and not out_of_memory(e):
            raise
        say(f"warning: features cannot be kept and are computed in every epoch: {first_line(e)}")
        for features, _ in needs:
            features.delete(kept)
        start = None
    lead = None if plan.cut in (start, costs.points[0]) else backbone.part(start, plan.cut)
    read = zip(stores, needs, strict=True) if start else ()
    return Feed(
        train=Stream(images, stores[0] if start else None, lead, compute, trained),
        val=Stream(plain, stores[-1] if start else None, lead, exact, validated),
        computed=computed,
        seconds=sum(store.seconds_per_image * len(slots) for store, (_, slots) in read),
    )
