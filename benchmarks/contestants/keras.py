"""Keras 3 on the torch backend, as the course report did it: layers not trainable, compile, fit."""

from __future__ import annotations

import os
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from benchmarks.contestants._torch import PREPROCESSING, _weights, trained
from benchmarks.work import (
    BATCH_SIZE,
    CLASSES,
    CLIP_NORM,
    DROPOUT,
    LABEL_SMOOTHING,
    WARMUP_EPOCHS,
    WEIGHT_DECAY,
    Done,
    Job,
    Trial,
)

_STAGES = ((1, 16, 3, 1, 1), (6, 24, 3, 2, 2), (6, 40, 5, 2, 2), (6, 80, 3, 2, 3), (6, 112, 5, 1, 3), (6, 192, 5, 2, 4),
           (6, 320, 3, 1, 1))  # fmt: skip
"""Expansion, channels, kernel, stride, repeats: EfficientNet (arXiv 1905.11946), its Lite variant."""


def run(job: Job) -> Done:
    start = time.perf_counter()
    images = {part: _load(job, part) for part in ("train", "val")}
    once = time.perf_counter() - start
    return Done([_train(job, trial, images) for trial in job.trials], once)


def _train(job: Job, trial: Trial, images: dict[str, tuple[NDArray, NDArray]]) -> float:
    keras.utils.set_random_seed(trial.seed)
    keras.backend.clear_session()
    backbone = _backbone(job.image_size)
    _, modules = trained(trial)
    for layer in backbone.layers:
        layer.trainable = layer.name.replace("-", ".") in modules
    x = layers.GlobalAveragePooling2D()(backbone.output)
    model = keras.Model(backbone.input, layers.Dense(CLASSES, "softmax")(layers.Dropout(DROPOUT)(x)))
    steps = -(-len(images["train"][1]) // BATCH_SIZE)
    warm_up, total = int(WARMUP_EPOCHS * steps), job.epochs * steps
    # One learning rate for all weights: Keras has no groups.
    peak = trial.lr if modules else trial.head_lr
    schedule = keras.optimizers.schedules.CosineDecay(0.0, total - warm_up, warmup_target=peak, warmup_steps=warm_up)
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY, clipnorm=CLIP_NORM),
        keras.losses.CategoricalCrossentropy(label_smoothing=LABEL_SMOOTHING),
        metrics=["accuracy"],
    )
    history = model.fit(
        *images["train"], batch_size=BATCH_SIZE, epochs=job.epochs, validation_data=images["val"], verbose=0
    )
    return max(history.history["val_accuracy"])


def _load(job: Job, part: str) -> tuple[NDArray, NDArray]:
    """Images float32 (N, S, S, 3), normalised, and one-hot labels; in memory, as small data sets are in notebooks."""
    paths = sorted(p for p in Path(job.data, part).rglob("*.jpg"))
    loaded = [keras.utils.load_img(p, target_size=(job.image_size,) * 2, interpolation="bicubic") for p in paths]
    pixels = np.stack([keras.utils.img_to_array(image) for image in loaded]) / 255
    labels = keras.utils.to_categorical([int(p.parent.name) for p in paths], CLASSES)
    return ((pixels - np.array(PREPROCESSING.mean)) / np.array(PREPROCESSING.std)).astype(np.float32), labels


def _backbone(size: int) -> keras.Model:
    """EfficientNet-Lite0 with the same weights; layers are called as in timm, with hyphens for dots."""

    def convolution(x, name, kernel, stride, filters=None):
        options = {"padding": "same", "use_bias": False, "name": name.replace(".", "-")}
        if filters is None:
            return layers.DepthwiseConv2D(kernel, stride, **options)(x)
        return layers.Conv2D(filters, kernel, stride, **options)(x)

    def norm(x, name, active=True):
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=name.replace(".", "-"))(x)
        return layers.ReLU(6.0)(x) if active else x

    inputs = x = keras.Input((size, size, 3))
    x = norm(convolution(x, "conv_stem", 3, 2, 32), "bn1")
    for stage, (expansion, channels, kernel, stride, repeats) in enumerate(_STAGES):
        for repeat in range(repeats):
            start, name = x, f"blocks.{stage}.{repeat}"
            step = stride if repeat == 0 else 1
            if expansion == 1:
                x = norm(convolution(x, f"{name}.conv_dw", kernel, step), f"{name}.bn1")
                x = norm(convolution(x, f"{name}.conv_pw", 1, 1, channels), f"{name}.bn2", active=False)
            else:
                x = norm(convolution(x, f"{name}.conv_pw", 1, 1, expansion * x.shape[-1]), f"{name}.bn1")
                x = norm(convolution(x, f"{name}.conv_dw", kernel, step), f"{name}.bn2")
                x = norm(convolution(x, f"{name}.conv_pwl", 1, 1, channels), f"{name}.bn3", active=False)
            if repeat:
                x = layers.Add()([start, x])
    model = keras.Model(inputs, norm(convolution(x, "conv_head", 1, 1, 1280), "bn2"))
    weights = {name: t.numpy() for name, t in _weights().items()}
    for layer in model.layers:
        name = layer.name.replace("-", ".")
        if f"{name}.running_mean" in weights:
            layer.set_weights([weights[f"{name}.{w}"] for w in ("weight", "bias", "running_mean", "running_var")])
        elif f"{name}.weight" in weights:
            kernel = weights[f"{name}.weight"]
            depthwise = isinstance(layer, layers.DepthwiseConv2D)
            layer.set_weights([kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(2, 3, 1, 0)])
    return model
