"""The trained model as MLflow serves it: safetensors weights, no pickle, images in, class names out."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import torch
from mlflow.pyfunc import PythonModel
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tlcompare.backbones.backbone import Backbone
from tlcompare.backbones.registry import backbone_of_a_model
from tlcompare.data.images import MAX_PIXELS, Preprocessing, decode, large_ones_in_turn, pixels_of, square, to_rgb
from tlcompare.data.views import normalise
from tlcompare.errors import DataError, TrackingError
from tlcompare.files import first_line, sha256_of
from tlcompare.freezing.graph import Classifier, latest_cut
from tlcompare.freezing.layers import LayerList, trace

WEIGHTS_FILE = "model.safetensors"
DESCRIPTION_FILE = "model.json"
_FORMAT = 2
"""The first had no digests."""
_BATCH = 64
_MOST_IMAGES, _MOST_BYTES, _MOST_PIXELS = 256, 64 * 2**20, 2 * MAX_PIXELS
"""In one request to a server."""
TAKE_URI = "Take the URI from the run's page."
_RESTORE = "Restore it, or train it again."
_SHORTEST = 32
"""Characters of base64 that no image has less of; many words and paths would be base64 too."""
_URL_SAFE = str.maketrans("-_", "+/")
_TAKES = "Give bytes, base64, a path, or a uint8 array (H, W, 3)."


@dataclass(frozen=True)
class Predictor:
    """A trained classifier with everything it needs to read an image; `layers` are those of its backbone."""

    model: Classifier
    layers: LayerList
    preprocessing: Preprocessing
    classes: tuple[str, ...]

    def probabilities(self, images: Iterable[Any]) -> NDArray[np.float32]:
        """Class probabilities, float32 of shape (images, classes).

        Args:
            images: each the bytes of an image file, base64 text of them, a path, an image of Pillow's, or a uint8
                array of shape (H, W), (H, W, 3) or (H, W, 4).

        Raises:
            DataError: one of them is no image; says which.
        """
        pixels = self._pixels(images)
        if not pixels:
            return np.empty((0, len(self.classes)), np.float32)
        parts = []
        with torch.inference_mode():
            for chunk in torch.split(torch.stack(pixels), _BATCH):
                parts.append(self.model(self._normalised(chunk)).softmax(1).numpy())
        return np.concatenate(parts)

    def inputs(self, images: Iterable[Any]) -> torch.Tensor:
        """Images as the network takes them: float32 of shape (images, 3, side, side).

        Args:
            images: as for `probabilities`, at least one.

        Raises:
            DataError: one of them is no image; says which.
        """
        return self._normalised(torch.stack(self._pixels(images)))

    def _pixels(self, images: Iterable[Any]) -> list[torch.Tensor]:
        pixels = []
        for number, image in enumerate(images, start=1):
            try:
                pixels.append(torch.from_numpy(self._square(image)).permute(2, 0, 1))
            except DataError as e:
                raise DataError(f"image {number}: {e.what}", e.hint) from e
        return pixels

    def _normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        return normalise(pixels, self.preprocessing.mean, self.preprocessing.std)

    def _square(self, image: Any) -> NDArray[np.uint8]:
        if isinstance(image, Image.Image):
            return square(to_rgb(ImageOps.exif_transpose(image)), self.preprocessing).copy()
        data = image if isinstance(image, np.ndarray) else _bytes_of(image)
        with large_ones_in_turn(data if isinstance(data, bytes) else b""):
            return square(_to_image(data), self.preprocessing).copy()

    def table(self, images: Iterable[Any]) -> pd.DataFrame:
        """One row per image: `class`, its `probability`, and `probabilities` of every class by name."""
        probabilities = self.probabilities(images)
        best = probabilities.argmax(1) if len(probabilities) else []
        return pd.DataFrame(
            {
                "class": [self.classes[i] for i in best],
                "probability": [float(row[i]) for row, i in zip(probabilities, best, strict=True)],
                "probabilities": [dict(zip(self.classes, map(float, row), strict=True)) for row in probabilities],
            }
        )


def save(folder: Path, model: Classifier, backbone: Backbone, classes: Sequence[str]) -> None:
    """Write the weights and the description of a trained model into `folder`."""
    weights = {name: t.detach().cpu().clone().contiguous() for name, t in model.weights().items()}
    save_file(weights, folder / WEIGHTS_FILE)
    description: dict[str, Any] = {
        "format": _FORMAT,
        "backbone": backbone.name,
        "preprocessing": asdict(backbone.preprocessing),
        "classes": list(classes),
        "weights_sha256": sha256_of(folder / WEIGHTS_FILE),
    }
    description["sha256"] = _digest(description)
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description, indent=1), encoding="utf-8")


def load(folder: Path, shown_as: str = "", into: Predictor | None = None) -> Predictor:
    """The model that `save` wrote, ready to predict, on the CPU.

    Args:
        folder: where it is.
        shown_as: what to call it in errors.
        into: a predictor that is no longer needed: of the same kind, its network takes the weights, where it is.

    Raises:
        TrackingError: the folder holds no such model, or a damaged or newer one.
    """
    name = shown_as or folder
    try:
        description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        kind = description["format"]
        if kind > _FORMAT:
            raise TrackingError(
                f"the model in {name} is of format {kind}, this version reads up to {_FORMAT}", "Upgrade tlcompare."
            )
        if ("sha256" in description or kind != 1) and (
            description["sha256"] != _digest(description)
            or description["weights_sha256"] != sha256_of(folder / WEIGHTS_FILE)
        ):
            raise TrackingError(f"the model in {name} is not as it was written", _RESTORE)
        backbone, classes = backbone_of_a_model(description["backbone"]), tuple(map(str, description["classes"]))
        shown: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in description["preprocessing"].items()
        }
        preprocessing = Preprocessing(**shown)
        weights = load_file(folder / WEIGHTS_FILE)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as e:
        raise TrackingError(f"{name} holds no model of this tool: {first_line(e)}", TAKE_URI) from e
    if into and (into.layers.backbone, into.preprocessing, into.classes) == (backbone.name, preprocessing, classes):
        model, layers = into.model, into.layers
    else:
        backbone = backbone.at_size(preprocessing.size)
        layers = trace(backbone, backbone.build())
        model = Classifier(layers, latest_cut(layers, ()), len(classes), dropout=0.0)
    named = {f"backbone.{name}" for name, _ in model.backbone.named_parameters()}
    wanted = {name: tensor.shape for name, tensor in model.weights().items()}
    there = {name: tensor.shape for name, tensor in weights.items() if name in wanted or name in named}
    if there != wanted:  # tables that an earlier version logged beside them are made anew
        raise TrackingError(f"the weights in {name} are not those of {backbone.name}", _RESTORE)
    with torch.no_grad():
        for name, tensor in model.weights().items():
            tensor.copy_(weights[name])
    model.to(memory_format=torch.channels_last)
    return Predictor(model.eval(), layers, preprocessing, classes)


def _digest(description: Mapping[str, Any]) -> str:
    """SHA-256 of everything else in a description."""
    content = {name: value for name, value in description.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# MLflow warns of a `predict` without annotations, and would take annotations for a schema; ours comes with the model.
with warnings.catch_warnings(record=True):

    class ImageClassifier(PythonModel):  # type: ignore[misc]
        """What `mlflow models serve` loads: a column `image` of files in base64 in, a row of classes each out."""

        def load_context(self, context: Any) -> None:
            self._predictor = load(Path(context.artifacts["model"]))

        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            column = model_input["image"] if isinstance(model_input, pd.DataFrame) else model_input
            try:
                return self._predictor.table(_within_limits(list(column)))
            except DataError as e:
                raise mlflow.MlflowException.invalid_parameter_value(str(e)) from e


def _within_limits(images: list[Any]) -> list[Any]:
    """The images of a request, if a server can take so much at once.

    Raises:
        DataError: it cannot.
    """
    if not _behind_a_server():
        return images
    size = sum(len(image) for image in images if isinstance(image, bytes | str))
    if len(images) > _MOST_IMAGES or size > _MOST_BYTES:
        raise DataError(
            f"{len(images)} images of {size:,} bytes are more than a request may have",
            f"Send at most {_MOST_IMAGES} of {_MOST_BYTES:,} bytes in all.",
        )
    if (pixels := sum(map(_pixels_in, images))) > _MOST_PIXELS:
        raise DataError(f"{pixels:,} pixels are more than a request may have", f"Send at most {_MOST_PIXELS:,} in all.")
    return images


def _pixels_in(image: Any) -> int:
    try:
        return pixels_of(_bytes_of(image))
    except DataError:  # which is said when its turn comes, with its number
        return 0


def _to_image(image: bytes | NDArray[np.uint8]) -> Image.Image:
    if isinstance(image, bytes):
        return decode(image)
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or 0 in image.shape:
        raise DataError(f"an array of {image.dtype}, shape {image.shape}", _TAKES)
    try:
        return to_rgb(Image.fromarray(image))
    except TypeError as e:
        raise DataError(f"an array of shape {image.shape}", _TAKES) from e


def _bytes_of(image: Any) -> bytes:
    """The content of an image's file."""
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if isinstance(image, str | Path) and not _behind_a_server() and _is_file(image):
        return Path(image).read_bytes()
    if isinstance(image, str):
        return _decoded(image)
    raise DataError(f"{image!r:.60} is no image", _TAKES)


def _decoded(text: str) -> bytes:
    """What base64 text stands for: in either alphabet, with or without padding, line breaks or a `data:` in front."""
    start, comma, rest = text.partition(",")
    if comma and start.startswith("data:"):
        if not start.endswith(";base64"):
            raise DataError(f"a data URI that is not base64: {start[:40]}", _TAKES)
        text = rest
    plain = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    if len(plain) >= _SHORTEST:
        with suppress(ValueError):
            return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    raise DataError("text that is neither base64 nor the path of a file", _TAKES)


def _is_file(text: str | Path) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False


def _behind_a_server() -> bool:
    """A scoring server must not read files of its own machine for whoever asks."""
    return "__pyfunc_model_path__" in os.environ


mlflow.models.set_model(ImageClassifier())
