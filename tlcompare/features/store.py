"""The feature store: what a frozen prefix emits, per image and view, computed once and memory-mapped."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import time
import weakref
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import torch
from filelock import Timeout
from numpy.typing import NDArray
from torch import Tensor, fx

from tlcompare.config import RunConfig
from tlcompare.data.batches import Images, Indices, in_order
from tlcompare.files import cache_dir, locked, sealed, unsealed, write_atomically
from tlcompare.freezing.graph import Cut
from tlcompare.machine.device import Compute, upload

_FORMAT = 1
_CROPS = 2
"""Counts up when random views become others."""
_BATCH = 32
_SEGMENT = 256
_SAVE_EVERY_S = 60.0
_DTYPES = {str(t): t for t in (torch.float32, torch.bfloat16, torch.float16)}

Progress = Callable[[int, int], None]


class Prefix(Protocol):
    """A backbone as it was loaded."""

    @property
    def digest(self) -> str:
        """Of its weights and operations; the same for two backbones that emit the same features."""

    def part(self, start: Cut | None, end: Cut) -> fx.GraphModule:
        """What lies between two cuts, for inference; from the input, if there is no start."""

    def splits_norm(self, cut: Cut) -> bool:
        """Whether a convolution and its norm, which are computed as one, lie on two sides of a cut."""


class FeatureStore:
    """Features at one cut: a file with room for every image and view, and a record of which are in it.

    The file is read through a memory map. The record holds a digest of every 256 entries, so that what was damaged or
    not written to its end is noticed when the store is opened, and computed again.
    """

    def __init__(self, folder: Path, slots: int, shape: tuple[int, ...]) -> None:
        """Open the store in `folder`, or begin one.

        Args:
            folder: of this store alone.
            slots: images times views.
            shape: of one image's features.
        """
        self.folder = folder
        self._slots = slots
        self._shape = shape
        self.file = folder / "features.bin"
        self._verified: dict[str, str] = {}
        self._begin()
        self.refresh()

    def _begin(self) -> None:
        self.has: NDArray[np.bool_] = np.zeros(self._slots, bool)
        self.seconds_per_image = 0.0
        self._dtype: torch.dtype | None = None
        self._map: NDArray[np.uint8] | None = None
        self._dirty: set[int] = set()
        self._record = ""

    @property
    def _slot_bytes(self) -> int:
        assert self._dtype is not None
        return math.prod(self._shape) * self._dtype.itemsize

    def refresh(self) -> None:
        """Take notice of what another process has added or removed."""
        record = unsealed(self.folder / "index.json")
        if record is None:
            self._begin()
            return
        if json.dumps(record) == self._record and self._whole():
            return
        self._begin()
        self._dtype = _DTYPES[record["dtype"]]
        if not self._whole():
            self._dtype = None
            return
        self.seconds_per_image = record["seconds_per_image"]
        with self.file.open("rb") as f:
            for name, (bits, known) in record["segments"].items():
                if self._verified.get(name) == known or self._digest(f, int(name)) == known:
                    self._verified[name] = known
                    part = self.has[_slots_of(int(name))]
                    part[:] = np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8), count=len(part))
        self._record = json.dumps(record)
        self._open()

    def read(self, slots: Indices) -> Tensor:
        """Features of these slots, (N, *shape), feature maps in channels-last memory."""
        assert self._map is not None
        assert self._dtype is not None
        values = torch.from_numpy(self._map[slots]).view(self._dtype)
        if len(self._shape) != 3:
            return values.view(len(slots), *self._shape)
        channels, height, width = self._shape
        return values.view(len(slots), height, width, channels).permute(0, 3, 1, 2)

    def write(self, slots: Indices, values: Tensor, seconds: float) -> None:
        """Put features (N, *shape) into these slots, which are in ascending order; `save` makes it known.

        Args:
            slots: where to.
            values: on any device.
            seconds: what computing them from the images took.

        Raises:
            OSError: no room on the disk.
        """
        if self._dtype is None:
            self._dtype = values.dtype
            self.folder.mkdir(parents=True, exist_ok=True)
            self.file.unlink(missing_ok=True)  # another process may still read the old one
            with self.file.open("wb") as f:
                f.truncate(self._slots * self._slot_bytes)
            self._open()
        rows = values.movedim(1, -1) if values.dim() == 4 else values
        packed = rows.cpu().contiguous().view(torch.uint8).reshape(len(slots), -1).numpy()
        runs = np.flatnonzero(np.diff(slots) > 1) + 1
        with self.file.open("r+b") as f:
            for run, part in zip(np.split(slots, runs), np.split(packed, runs), strict=True):
                f.seek(int(run[0]) * self._slot_bytes)
                f.write(part.tobytes())
        before = int(self.has.sum())
        self.has[slots] = True
        now = int(self.has.sum())
        self.seconds_per_image = (before * self.seconds_per_image + seconds) / max(now, 1)
        self._dirty.update(np.unique(slots // _SEGMENT).tolist())

    def save(self) -> None:
        """Record what has been written."""
        if not self._dirty:
            return
        with self.file.open("rb") as f:
            for number in self._dirty:
                self._verified[str(number)] = self._digest(f, number)
        self._dirty.clear()
        filled = [n for n in range(-(-self._slots // _SEGMENT)) if self.has[_slots_of(n)].any()]
        record = {
            "dtype": str(self._dtype),
            "seconds_per_image": self.seconds_per_image,
            "segments": {
                str(n): [np.packbits(self.has[_slots_of(n)]).tobytes().hex(), self._verified[str(n)]] for n in filled
            },
        }
        write_atomically(self.folder / "index.json", sealed(record))
        self._record = json.dumps(record)

    def used(self) -> None:
        """Note the time, so that what has not been used for longest leaves first."""
        with suppress(OSError):
            os.utime(self.folder / "index.json")

    def _open(self) -> None:
        self._map = np.memmap(self.file, np.uint8, "r", shape=(self._slots, self._slot_bytes))

    def _whole(self) -> bool:
        try:
            return self.file.stat().st_size == self._slots * self._slot_bytes
        except OSError:
            return False

    def _digest(self, f: BinaryIO, number: int) -> str:
        f.seek(number * _SEGMENT * self._slot_bytes)
        return hashlib.sha256(f.read(_SEGMENT * self._slot_bytes)).hexdigest()


class Features:
    """Features of one data set's images and views by one backbone, at any of its cuts; of use while that is there."""

    def __init__(self, backbone: Prefix, images: Images, compute: Compute) -> None:
        self.folder = cache_dir() / "features" / features_key(backbone.digest, images, compute)[:32]
        # The backbone holds this: with a reference back, the files of one that was dropped would stay open for a while.
        self._backbone = weakref.proxy(backbone)
        self._images = images
        self._compute = compute
        self._stores: dict[str, FeatureStore] = {}

    def at(self, cut: Cut) -> FeatureStore:
        """The store at a cut, opened anew if another process has deleted it, so that its disk is free again."""
        known = self._stores.get(cut.node)
        if known is None or (known.has.any() and not known.file.exists()):
            slots = len(self._images.store.files) * self._images.views
            self._stores[cut.node] = FeatureStore(self.folder / cut.node, slots, cut.shape)
        return self._stores[cut.node]

    def filled(self, cut: Cut) -> FeatureStore:
        """The store at a cut as `fill` left it: it can be read even if another process has deleted it since."""
        return self._stores[cut.node]

    def delete(self, cuts: Collection[Cut]) -> None:
        """Delete the stores at these cuts."""
        with locked(self.folder):
            for cut in cuts:
                self._stores.pop(cut.node, None)
                shutil.rmtree(self.folder / cut.node, ignore_errors=True)

    def lacking(self, cuts: Collection[Cut], slots: Indices) -> int:
        """Bytes that `fill` would add."""
        per_value = 4 if self._compute.precision == "fp32" else 2
        return sum(int((~self.at(c).has[slots]).sum()) * math.prod(c.shape) * per_value for c in cuts)

    def fill(self, cuts: Sequence[Cut], slots: Indices, progress: Progress | None = None) -> int:
        """Make sure that the features at all these cuts are there, with one pass for all that are not.

        Of several processes that ask for the same, one computes and the others wait. What was computed before an
        interruption is kept.

        Args:
            cuts: in forward order.
            slots: image times views plus view, in ascending order.
            progress: called with (images done, images to do).

        Returns:
            How many images and views were passed through the backbone, or a part of it.

        Raises:
            OSError: no room on the disk.
        """
        stores = [self.at(cut) for cut in cuts]
        if all(store.has[slots].all() for store in stores):
            for store in stores:
                store.used()
            return 0
        with locked(self.folder):
            for store in stores:
                store.refresh()
            there = np.stack([store.has[slots] for store in stores])
            patterns, which = np.unique(there, axis=1, return_inverse=True)
            groups = [(patterns[:, i], slots[which.ravel() == i]) for i in range(patterns.shape[1])]
            groups = [(has, group) for has, group in groups if not has.all()]
            total = sum(len(group) for _, group in groups)
            done, saved = 0, time.monotonic()
            try:
                for has, group in groups:
                    for batch in in_order(group, _BATCH):
                        self._pass(cuts, has, batch)
                        done += len(batch)
                        if progress:
                            progress(done, total)
                        if time.monotonic() - saved > _SAVE_EVERY_S:
                            _save(stores)
                            saved = time.monotonic()
            finally:
                _save(stores)
        return total

    def _pass(self, cuts: Sequence[Cut], has: NDArray[np.bool_], batch: Indices) -> None:
        """Compute one batch at the cuts that lack it, each from the one before it.

        A feature does not depend on which others were lacking: every batch is filled up to the same size, and nothing
        is computed from a cut that splits a convolution from its norm.
        """
        full = np.concatenate([batch, np.repeat(batch[-1:], _BATCH - len(batch))])
        value: Tensor | None = None
        at: Cut | None = None
        seconds = 0.0
        with torch.inference_mode(), self._compute.autocast():
            for cut, there in zip(cuts, has, strict=True):
                start_here = not self._backbone.splits_norm(cut)
                if there:
                    if start_here:
                        value, at, seconds = None, cut, len(batch) * self.at(cut).seconds_per_image
                    continue
                start = time.perf_counter()
                if value is None:
                    images = self._images
                    if at is None:
                        value = images.ready(images.gather(full))
                    else:
                        value = upload(self.at(at).read(full), self._compute.device)
                reached = self._backbone.part(at, cut)(value)
                emitted = reached[: len(batch)].cpu()
                took = time.perf_counter() - start
                self.at(cut).write(batch, emitted, seconds + took)
                if start_here:
                    value, at, seconds = reached, cut, seconds + took


def room_for_features(config: RunConfig) -> float:
    """Bytes that all features together may take: `--cache-gb`, but a tenth of what the disk has free stays free."""
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    return min(config.cache_gb * 1e9, sum(map(_bytes_of, _store_folders())) + 0.9 * shutil.disk_usage(folder).free)


def make_room(needed: int, budget: float, keep: Collection[Path]) -> None:
    """Delete the stores that were not used for longest until `needed` more bytes fit into `budget` bytes.

    Those in `keep`, and those that another process is filling, stay.
    """
    every = [(_used_at(folder), folder) for folder in _store_folders()]
    total = needed + sum(_bytes_of(folder) for _, folder in every)
    for _, folder in sorted(every):
        if total <= budget:
            return
        if folder in keep:
            continue
        with suppress(Timeout), locked(folder.parent, wait=False):
            total -= _bytes_of(folder)
            shutil.rmtree(folder, ignore_errors=True)


def features_key(backbone: str, images: Images, compute: Compute) -> str:
    """Tells apart everything that features depend on but the cut; `backbone` is a digest."""
    preprocessing = images.preprocessing
    parts = {
        "format": _FORMAT,
        "torch": torch.__version__,
        "pixels": images.store.pixels_sha256,
        "normalisation": [preprocessing.mean, preprocessing.std],
        "views": [images.policy, images.views, _draws(images) if images.policy == "crop" else None],
        "backbone": backbone,
        "compute": [compute.device, compute.precision],
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _draws(images: Images) -> list[Any]:
    """What random views depend on besides the pixels."""
    hashes = hashlib.sha256(json.dumps(images.store.hashes).encode()).hexdigest()
    return [_CROPS, images.seed, hashes]


def _slots_of(segment: int) -> slice:
    return slice(segment * _SEGMENT, (segment + 1) * _SEGMENT)


def _save(stores: Sequence[FeatureStore]) -> None:
    for store in stores:
        store.save()


def _store_folders() -> list[Path]:
    return list((cache_dir() / "features").glob("*/*"))


def _used_at(folder: Path) -> float:
    try:
        return (folder / "index.json").stat().st_mtime
    except OSError:
        return 0.0


def _bytes_of(folder: Path) -> int:
    """Bytes that a folder's files take up on the disk; a store has room that is not taken up yet."""
    total = 0
    for file in folder.glob("*"):
        with suppress(OSError):
            total += file.stat().st_blocks * 512
    return total
