"""A run and its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

from tlcompare.api.shown import Shown, displayed
from tlcompare.config import RunConfig, resolve
from tlcompare.data.images import Preprocessing
from tlcompare.errors import DataError, TrackingError
from tlcompare.report.document import Part, Table
from tlcompare.serving import Predictor
from tlcompare.tracking.earlier import logged_config
from tlcompare.tracking.figures import learning_curves
from tlcompare.tracking.models import load_model
from tlcompare.tracking.outbox import kept
from tlcompare.tracking.reading import DECISION, ROLE, SWEEP, LoggedRun, predictions_of, runs_by_id
from tlcompare.tracking.record import epochs_of
from tlcompare.tracking.store import shown_uri
from tlcompare.tracking.views import address_of


class Model(nn.Module):
    """A trained classifier in eval mode, on the CPU: takes what its backbone takes, gives logits.

    Attributes:
        preprocessing: side of the images in pixels, mean and std, and how they are cut and resized; `inputs` does it.
        classes: their names, in the order of the logits.
    """

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.classifier = predictor.model
        self.preprocessing: Preprocessing = predictor.preprocessing
        self.classes: tuple[str, ...] = predictor.classes
        self._predictor = predictor
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Logits, shape (images, classes), of normalised images, float32 of shape (images, 3, side, side)."""
        logits: Tensor = self.classifier(x)
        return logits

    def inputs(self, images: Any) -> Tensor:
        """What `forward` takes, from images as `predict` takes them.

        Raises:
            DataError: one of them is no image, or there are none; says which.
        """
        every = _every(images)
        if not every:
            raise DataError("no images", "Give at least one.")
        return self._predictor.inputs(every)

    def predict(self, images: Any) -> pd.DataFrame:
        """One row per image: its class, the probability of that, and a column with the probability of every class.

        Args:
            images: one or several: paths, bytes of files, images of Pillow's, uint8 arrays of shape (H, W, 3).

        Raises:
            DataError: one of them is no image; says which.
        """
        every = _every(images)
        table = self._predictor.table(every)
        classes = pd.DataFrame(table.pop("probabilities").tolist(), columns=list(self.classes))
        files = [str(image) if isinstance(image, str | Path) else number for number, image in enumerate(every)]
        return pd.concat([table, classes.add_prefix("p(").add_suffix(")")], axis=1).set_index(pd.Index(files))


def _every(images: Any) -> list[Any]:
    """Images, one by one."""
    if isinstance(images, str | Path | bytes | bytearray | Image.Image):
        return [images]
    if isinstance(images, np.ndarray) and (images.ndim == 2 or (images.ndim == 3 and images.shape[-1] in (3, 4))):
        return [images]
    if not isinstance(images, Iterable):
        raise DataError(f"{images!r:.60} is no image", "Give paths, bytes, images of Pillow's or uint8 arrays.")
    return list(images)


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A training run in MLflow, which is read whenever something is asked for.

    Attributes:
        id: of the MLflow run.
    """

    id: str
    _known: LoggedRun | None = field(default=None, compare=False)

    @property
    def logged(self) -> LoggedRun:
        """The run as MLflow holds it: parameters, metrics, tags.

        Raises:
            TrackingError: no such run, or MLflow does not answer.
        """
        try:
            return runs_by_id([self.id])[0]
        except TrackingError:
            if self._known is None:
                raise
            return self._known

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last value of every metric, by its name in MLflow: accuracies in 0..1, `cost/` with its unit."""
        return self.logged.metrics

    @property
    def config(self) -> RunConfig:
        """The options, as they were settled."""
        return resolve(logged_config(self.id).options)

    @property
    def curves(self) -> pd.DataFrame:
        """One row per epoch, by its number.

        Columns: train_loss and val_loss in nats, train_accuracy and val_accuracy in 0..1, lr, head_lr, seconds.
        """
        return pd.DataFrame(epochs_of(self.logged)).set_index("number").rename_axis("epoch")

    @property
    def predictions(self) -> pd.DataFrame:
        """File, true and predicted class, and whether they agree, of every validation image."""
        return predictions_of(self.logged, "val")

    @property
    def url(self) -> str:
        """Its page in MLflow's UI; of a database file, once `mlflow ui` serves it."""
        return address_of(self.id)

    def figure(self) -> Figure:
        """Loss and accuracy over the epochs."""
        run, config = self.logged, self.config
        title = f"{config.model}, unfreeze {config.unfreeze}"
        return displayed(learning_curves(epochs_of(run), int(run.metrics["train/best_epoch"]), config, title))

    def model(self) -> Model:
        """The trained model.

        Raises:
            TrackingError: it was not kept.
        """
        return Model(load_model(f"runs:/{self.id}/model"))

    def predict(self, images: Any) -> pd.DataFrame:
        """As `Model.predict`."""
        return self.model().predict(images)

    def _address(self) -> str:
        return f'tlcompare.open_run("{self.id}")'

    def _parts(self) -> Sequence[Part]:
        run = self.logged
        facts = [
            (f"{name} accuracy", f"{run.metrics[f'{part}/accuracy']:.2%} of {run.params[f'{part}_images']} images")
            for part, name in (("val", "validation"), ("test", "test"))
            if f"{part}/accuracy" in run.metrics
        ]
        if facts:
            facts += [
                ("trainable weights", f"{int(run.metrics['cost/trainable_parameters']):,}"),
                ("training", f"{run.metrics['cost/train_seconds']:.1f} s"),
            ]
        else:
            facts = [("state", run.tags.get("tlcompare.state", run.status.lower()))]
        facts += [("run", f"{self.id} in {shown_uri()}"), ("model", f"runs:/{self.id}/model")]
        if self.id in kept():
            facts.append(
                ("not complete there", "what could not be sent is kept on this machine; send it with: tlcompare sync")
            )
        return [Table((), facts)]


def open_model(uri: str) -> Model:
    """A model that was logged.

    Args:
        uri: `runs:/ID/model`, `models:/NAME@ALIAS`, or a folder.

    Raises:
        TrackingError: nothing there, or not a model of this tool.
    """
    return Model(load_model(uri))


def open_run(run_id: str) -> Run:
    """A run by its id, as its page shows it.

    Raises:
        TrackingError: there is no such run, or it is that of a sweep or a decision.
    """
    run = runs_by_id([run_id])[0]
    for role, tag in (("sweep", SWEEP), ("decision", DECISION)):
        if run.tags.get(ROLE) == role:
            raise TrackingError(f"{run.run_id} is the run of a {role}", f'tlcompare.open_{role}("{run.tags[tag]}")')
    return Run(run.run_id, run)
