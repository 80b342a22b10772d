"""A warm process per contestant: it imports everything once and forks a fresh child for every job.

`python -m benchmarks.worker NAME` reads lines of `job-file result-file` and answers each with a line.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from benchmarks.work import Done, Job
from tlcompare.freezing.depthwise import DepthwiseConv
from tlcompare.freezing.pointwise import PointwiseConv
from tlcompare.machine.memory import peak_mb, reset_peak


def main(name: str) -> None:
    """Serve jobs until standard input ends."""
    contestant = importlib.import_module(f"benchmarks.contestants.{name}")
    database = _empty_database() if name in ("tlcompare", "tuned_logged") else None
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.collect()
    gc.freeze()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        job_file, result_file = line.split()
        child = os.fork()
        if child == 0:
            _work(contestant.run, Job.from_json(Path(job_file).read_text()), Path(result_file), database)
        os.waitpid(child, 0)
        print("done", file=answers, flush=True)


def _work(run: Callable[[Job], Done], job: Job, result_file: Path, database: Path | None) -> None:
    code = 1
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            if database:
                shutil.copy(database, "mlflow.db")
                os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
            result_file.write_text(json.dumps(_counted(run, job) if job.count else _timed(run, job)))
            code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _timed(run: Callable[[Job], Done], job: Job) -> dict[str, Any]:
    reset_peak("cpu")
    start = time.perf_counter()
    done = run(job)
    return {
        "seconds": time.perf_counter() - start,
        "once_seconds": done.once_seconds,
        "peak_mb": peak_mb("cpu"),
        "accuracies": done.accuracies,
    }


def _counted(run: Callable[[Job], Done], job: Job) -> dict[str, Any]:
    from PIL import ImageFile

    decoded = 0
    load = ImageFile.ImageFile.load

    lock = threading.Lock()

    def counted_load(image: ImageFile.ImageFile) -> Any:
        nonlocal decoded
        with lock:
            decoded += bool(image.tile)
        return load(image)

    multiply_adds = convolutions = 0

    def count(module: nn.Module, x: tuple[Any, ...], y: Any) -> None:
        """Forward, and what of backward will follow: the gradients of weights, and of inputs."""
        nonlocal multiply_adds, convolutions
        if isinstance(module, DepthwiseConv | PointwiseConv):
            module = module.convolution  # which is not called itself
        if isinstance(module, nn.Conv2d | nn.Linear):
            forward = y.numel() // module.weight.shape[0] * module.weight.numel()
            gradients = module.weight.requires_grad + x[0].requires_grad if torch.is_grad_enabled() else 0
            multiply_adds += forward * (1 + gradients)
            convolutions += isinstance(module, nn.Conv2d)

    hook = register_module_forward_hook(count)
    with mock.patch.object(ImageFile.ImageFile, "load", counted_load):
        done = run(job)
    hook.remove()
    return {
        "decoded": decoded,
        "multiply_adds": multiply_adds + done.head_multiply_adds if convolutions else None,
        "prefix_images": done.prefix_images,
        "suffix_images": done.suffix_images,
    }


def _empty_database() -> Path:
    """An MLflow database: a project makes one once, and that takes seconds."""
    from mlflow import MlflowClient

    folder = Path(tempfile.mkdtemp())
    MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"


if __name__ == "__main__":
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    main(sys.argv[1])
