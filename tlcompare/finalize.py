"""Opening the sealed test set of a sweep, once."""

from __future__ import annotations

import getpass
import json
import math
import os
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tlcompare.backbones.registry import get_backbone
from tlcompare.config import RunConfig, resolve
from tlcompare.data.batches import Images
from tlcompare.data.splits import Indices
from tlcompare.errors import DataError, TrackingError
from tlcompare.evidence.gathered import evidence_of
from tlcompare.features.feed import Stream
from tlcompare.freezing.graph import between
from tlcompare.freezing.strategy import make_plan
from tlcompare.machine.device import choose_compute
from tlcompare.machine.signals import stop_if_asked
from tlcompare.preparation import Workbench, images_and_split
from tlcompare.progress import Reporter, reporting
from tlcompare.serving import Predictor
from tlcompare.tracking.earlier import logged_config
from tlcompare.tracking.log import RunLog
from tlcompare.tracking.models import load_model, weights_here
from tlcompare.tracking.outbox import send
from tlcompare.tracking.reading import (
    DATA,
    FINALISTS,
    OPENED_AT,
    OPENED_BY,
    LoggedRun,
    file_of,
    opened_elsewhere,
    opening,
    sweep_run,
)
from tlcompare.tracking.record import log_predictions
from tlcompare.tracking.runs import ready, require_files_of
from tlcompare.tracking.store import shown_uri
from tlcompare.tracking.sweeps import alone_with, has_model
from tlcompare.training.evaluate import outputs, predict, score

_BATCH = 64
_MOST_BYTES = 2**30
"""Of the features of one frozen part that are kept."""


def finalize(sweep: str, again: bool = False, data: str | None = None) -> str:
    """Score every replicate of a sweep on the sealed test images, and mark the sweep as opened.

    Args:
        sweep: its name.
        again: score also runs that were made after the test set was opened.
        data: where the images of the sweep are now; None is where they were.

    Returns:
        What there is to say of it, in a few lines.

    Raises:
        UserError: no such sweep, no replicates, runs made after the opening, other images, or no model.
        KeyboardInterrupt, SystemExit: the same command goes on.
    """
    ready()
    parent = sweep_run(sweep)
    require_files_of(parent.run_id)
    data = data or parent.tags.get(DATA)
    evidence = evidence_of(sweep)
    runs = [run for c in evidence.contenders for run in c.runs]
    opened = opening(parent)
    finalists = json.loads(file_of(parent, FINALISTS)) if opened else []
    added = [r for r in runs if r.run_id not in finalists]
    if opened and added and not again:
        raise TrackingError(
            f'the test set of "{sweep}" was {opened}; {len(added)} of its runs were made after that and may have been '
            "chosen in its knowledge",
            "--again scores them too, and the report will say so.",
        )
    todo = [r for r in runs if "test/accuracy" not in r.metrics]
    if not todo:
        return f"The test set of {sweep} was {opened}. Its scores stand; nothing was scored again."
    workbench = Workbench(weights_here)
    with reporting(len(todo)) as reporter, alone_with(parent.run_id):
        own_split = _require_ready(todo, reporter, workbench, data)
        if seen := opened_elsewhere(runs[0], parent.run_id, own_split):
            reporter.say(f"warning: {seen} other run(s) had already been scored on these test images")
        if not opened or added:
            _mark(parent, runs)
        _score(todo, reporter, workbench, data)
    how = "opened" if not opened else "opened again" if added else f"{opened}; what was left is scored now"
    rest = f" {len(evidence.left_out)} runs without a counterpart were not scored." if evidence.left_out else ""
    return f"The test set of {sweep} was {how}: {len(todo)} runs of {len(evidence.contenders)} configurations.{rest}"


def _require_ready(runs: Sequence[LoggedRun], reporter: Reporter, workbench: Workbench, data: str | None) -> bool:
    """Check, before anything is opened, that models and images are there; whether the data came with its test images.

    Raises:
        UserError: they are not.
    """
    for run in runs:
        if not has_model(run.run_id):
            raise TrackingError(f"run {run.run_id} has no model to score", "Delete the run, and replicate again.")
    images, _ = _test_images(runs[0], reporter, workbench, data)
    return any(f.part == "test" for f in images.store.files)


def _mark(parent: LoggedRun, runs: Sequence[LoggedRun]) -> None:
    """Write down, before anything is scored, when and by whom the test set was opened, and for which runs."""
    log = RunLog(parent.run_id)
    log.json(FINALISTS, [r.run_id for r in runs])
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    before = parent.tags.get(OPENED_AT)
    log.tags(
        {
            OPENED_AT: f"{before}, again {now}" if before else now,
            OPENED_BY: _user(),
            "tlcompare.test_opened": "true",
        }
    )
    if not send(parent.run_id):
        raise TrackingError(f"{shown_uri()} does not answer, so that nothing was scored", "Try again when it does.")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"user {os.getuid()}"


def _score(runs: Sequence[LoggedRun], reporter: Reporter, workbench: Workbench, data: str | None) -> None:
    """Score runs, those of one configuration after one another: the images are looked up once for them, the network is
    built once for a backbone, and what is frozen in several runs is computed once."""
    predictor: Predictor | None = None
    parts = _FrozenParts()
    place: tuple[str, ...] = ()
    for number, run in enumerate(sorted(runs, key=_place)):
        stop_if_asked()
        reporter.counting("scoring on the test images", number, len(runs))
        if _place(run) != place:
            place, (images, test) = _place(run), _test_images(run, reporter, workbench, data)
            labels = images.store.labels
        predictor = load_model(f"runs:/{run.run_id}/model/artifacts", predictor)
        predictor.model.to(images.device)
        stream = Stream(images, None, None, choose_compute(RunConfig(device=images.device)), test)
        probabilities = parts.predict(predictor, run.params["strategy"], stream)
        log = RunLog(run.run_id)
        log_predictions(log, images.store, "test", test, probabilities)
        scores = score(probabilities, [labels[i] for i in test], images.store.classes)
        log.tags({"tlcompare.test_opened": "true"})
        log.metrics_of_steps({0: {f"test/{name}": value for name, value in scores.metrics().items()}})
    reporter.counting("scoring on the test images", len(runs), len(runs))


def _place(run: LoggedRun) -> tuple[str, ...]:
    """The same for runs that have the same test images and network."""
    return (run.params["backbone"], run.tags["tlcompare.configuration"], run.params["data_digest"])


class _FrozenParts:
    """What the frozen parts of one backbone give for the test images, as long as their weights are the same."""

    def __init__(self) -> None:
        self._network: nn.Module | None = None
        self._kept: dict[str, tuple[dict[str, Tensor], Tensor]] = {}

    def predict(self, predictor: Predictor, unfreeze: str, stream: Stream) -> NDArray[np.float32]:
        """Class probabilities, float32 of shape (images, classes), of a model trained with this strategy."""
        model, layers = predictor.model, predictor.layers
        if self._network is not model:
            self._network, self._kept = model, {}
        cut = make_plan(layers, unfreeze, len(predictor.classes)).cut
        if 4 * len(stream.slots) * math.prod(cut.shape) > _MOST_BYTES:
            return predict(model, stream, stream.slots)
        before = between(layers.network, None, cut.node).eval()
        weights, features = self._kept.get(cut.node, ({}, None))
        now = before.state_dict()
        if features is None or not all(torch.equal(tensor, weights[name]) for name, tensor in now.items()):
            features = outputs(before, stream, stream.slots)
            self._kept[cut.node] = {name: tensor.clone() for name, tensor in now.items()}, features
        behind = between(layers.network, cut.node, None).eval()
        with torch.inference_mode():
            logits = torch.cat([model.head(behind(x)) for x in torch.split(features, _BATCH)])
        return np.asarray(logits.softmax(1).cpu())


def _test_images(run: LoggedRun, reporter: Reporter, workbench: Workbench, data: str | None) -> tuple[Images, Indices]:
    """The images of a run, on this machine's device, and which of them are the test images.

    Raises:
        DataError: they are no longer those that the run was trained on, or none are for testing.
    """
    earlier = logged_config(f"runs:/{run.run_id}")
    config = resolve(earlier.options, {"device": "auto"}, {"data": data} if data else {})
    backbone = get_backbone(config.model).at_size(config.image_size)
    source = workbench.source(config.data)
    store, split = images_and_split(config, backbone, source, reporter, workbench)
    if store.digest != earlier.digest:
        raise DataError(f"the images in {source.root} are not those that were trained on", "Restore them.")
    if not len(split.test):
        raise DataError(f"{source.root} has no test images", "Add a test folder; validation images are no substitute.")
    device = choose_compute(config).device
    return Images(store, backbone.preprocessing, "none", 1, config.seed, device), split.test
