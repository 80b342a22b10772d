"""Where training stands between two steps, kept in a file, so that a run that broke off goes on from there."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from tlcompare import __version__
from tlcompare.config import RunConfig
from tlcompare.data.pixels import PixelStore
from tlcompare.data.splits import Split
from tlcompare.files import cache_dir, seal, unsealed_bytes, write_atomically
from tlcompare.machine.device import Compute
from tlcompare.training.epochs import Epoch

_FORMAT = 2
_RECORD = "record"
_KEPT_DAYS = 30
_EVERY_S = 60.0
"""Seconds of training that a kill may cost."""
_SHARE = 0.02
"""Of the time, at most, goes into keeping."""
_GENERATORS: dict[str, Any] = {"cuda": torch.cuda, "mps": torch.mps}
_DECIDES_NOTHING = ("data", "on_bad_image", "cache_gb", "score_test", "experiment", "run_name")


@dataclass(frozen=True)
class State:
    """Training between two steps.

    Attributes:
        epochs: those that are done.
        best_epoch: the number of the best of them; 0 if there is none.
        steps: how many steps of the next epoch are done.
        seconds: that those have taken.
        counts: what the run has counted so far.
        tensors: weights, optimizer, random numbers and sums of the epoch as they are, and the weights and probabilities
            of the best epoch.
    """

    epochs: tuple[Epoch, ...]
    best_epoch: int
    steps: int
    seconds: float
    counts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]


class Checkpoint:
    """The state of one training, in a file that is named for everything the training depends on.

    Who trains the same once more, after an interruption, goes on from it: which run it was does not matter.

    Attributes:
        name: of the file.
    """

    def __init__(
        self, backbone: str, store: PixelStore, split: Split, config: RunConfig, compute: Compute, start: str = ""
    ) -> None:
        """Name the file; `backbone` is the digest of the backbone as it was loaded, `start` where its kept features are
        from: those computed anew differ in their last bits."""
        options = {name: value for name, value in asdict(config).items() if name not in _DECIDES_NOTHING}
        parts = {
            "format": _FORMAT,
            "versions": [__version__, torch.__version__],
            "options": options,
            "backbone": backbone,
            "images": [store.pixels_sha256, store.digest],
            "rows": [split.train.tolist(), split.val.tolist()],
            "start": start,
            "compute": [compute.device, compute.precision, compute.threads],
        }
        self.name = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
        self._file = _folder() / self.name
        self._saved, self._took = time.monotonic(), 0.0

    @property
    def due(self) -> bool:
        """Whether more training would be lost than may be, and saving it takes little beside that."""
        return time.monotonic() - self._saved > max(_EVERY_S, self._took / _SHARE)

    def load(self) -> State | None:
        """The state that was saved last; None if there is none, or it was damaged."""
        body = unsealed_bytes(self._file)
        if body is None:
            return None
        try:
            tensors = safetensors.torch.load(body)
            record: dict[str, Any] = json.loads(tensors.pop(_RECORD).numpy().tobytes())
            epochs = tuple(Epoch(**e) for e in record["epochs"])
            return State(
                epochs, int(record["best_epoch"]), int(record["steps"]), record["seconds"], record["counts"], tensors
            )
        except (SafetensorError, ValueError, KeyError, TypeError):
            return None

    def save(self, state: State) -> None:
        """Replace what was saved before.

        Raises:
            OSError: no room on the disk.
        """
        began = time.monotonic()
        record = {
            "epochs": [asdict(e) for e in state.epochs],
            "best_epoch": state.best_epoch,
            "steps": state.steps,
            "seconds": state.seconds,
            "counts": state.counts,
        }
        packed = torch.from_numpy(np.frombuffer(json.dumps(record).encode(), np.uint8).copy())
        tensors = {name: t.detach().cpu().contiguous() for name, t in state.tensors.items()}
        body = safetensors.torch.save(tensors | {_RECORD: packed})
        write_atomically(self._file, seal(body), body)
        self._saved = time.monotonic()
        self._took = self._saved - began

    def delete(self) -> None:
        """Remove it, the training being over, and those that nobody has come back for in 30 days."""
        delete_checkpoints([self.name])


def delete_checkpoints(names: Collection[str]) -> None:
    """Remove those of these names, and those that nobody has come back for in 30 days."""
    for file in _folder().glob("*"):
        with suppress(OSError):  # of another process, and gone meanwhile
            if file.name in names or file.stat().st_mtime < time.time() - _KEPT_DAYS * 86400:
                file.unlink()


def _folder() -> Path:
    return cache_dir() / "checkpoints"


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimizer remembers of its parameters, by `optimizer.INDEX.NAME`."""
    remembered = optimizer.state_dict()["state"]
    return {f"optimizer.{i}.{key}": value for i, known in remembered.items() for key, value in known.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer of the same parameters its memory back."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    remembered: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            index, _, key = rest.partition(".")
            like = parameters[int(index)]
            kept = torch.empty_like(like, requires_grad=False).copy_(value) if value.shape == like.shape else value
            remembered.setdefault(int(index), {})[key] = kept
    optimizer.load_state_dict(optimizer.state_dict() | {"state": remembered})


def random_states(device: str) -> dict[str, Tensor]:
    """The states of the generators that dropout draws from, by `random.DEVICE`."""
    there = {"random.cpu": torch.get_rng_state()}
    return there | ({f"random.{device}": _GENERATORS[device].get_rng_state()} if device in _GENERATORS else {})


def restore_random_states(tensors: Mapping[str, Tensor]) -> None:
    """Put the generators back into these states."""
    torch.set_rng_state(tensors["random.cpu"])
    for device, generator in _GENERATORS.items():
        if f"random.{device}" in tensors:
            generator.set_rng_state(tensors[f"random.{device}"])
