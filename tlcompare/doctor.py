"""What this machine has: versions, device, caches, weights, tracking store."""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from huggingface_hub.constants import HF_HUB_CACHE

from tlcompare import __version__
from tlcompare.backbones.registry import BUILT_IN, get_backbone
from tlcompare.config import RunConfig
from tlcompare.errors import TrackingError
from tlcompare.files import cache_dir, folder_size
from tlcompare.machine.device import choose_compute
from tlcompare.machine.measured import folder
from tlcompare.tracking.outbox import kept
from tlcompare.tracking.store import require_store, shown_uri, sqlite_file, tracking_uri

_PACKAGES = ("torch", "torchvision", "timm", "mlflow", "optuna", "numpy", "pillow", "scikit-learn")


def examine() -> dict[str, dict[str, str]]:
    """Findings by section, ready to print."""
    compute = choose_compute(RunConfig())
    return {
        "versions": {"tlcompare": __version__, "python": platform.python_version()}
        | {name: _version(name) for name in _PACKAGES},
        "compute": {
            "device": f"{compute.device} ({compute.device_name})",
            "precision": "whichever trains a backbone faster (auto)"
            if compute.device == "cpu" and compute.precision == "bf16"
            else f"{compute.precision} (auto)",
            "threads": str(compute.threads),
        },
        "caches": {
            "folder": f"{cache_dir()} ({shutil.disk_usage(_existing(cache_dir())).free / 1e9:.1f} GB free)",
            "pixel stores": _size(cache_dir() / "pixels"),
            "features": _size(cache_dir() / "features"),
            "data sets": _size(cache_dir() / "datasets"),
            "latencies": _size(folder("latency")),
            "hugging face": f"{HF_HUB_CACHE}: {_size(Path(HF_HUB_CACHE))}",
            "torch hub": f"{torch.hub.get_dir()}: {_size(Path(torch.hub.get_dir()))}",
        },
        "weights offline": {name: _weights(name) for name in BUILT_IN},
        "tracking": {"store": shown_uri(), "reachable": _reachable(), "not sent yet": f"{len(kept())} runs"},
    }


def _reachable() -> str:
    file = sqlite_file(tracking_uri())
    if file and not file.exists():
        return "not yet: the first run makes it"
    try:
        require_store()
    except TrackingError as e:
        return f"no: {e.what}"
    return "yes"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _weights(name: str) -> str:
    source = get_backbone(name).weights
    if source is None:
        return "nobody publishes any"
    path = source.cached()
    return f"yes: {path}" if path else f"no: needs {source}"


def _size(folder: Path) -> str:
    return f"{folder_size(folder) / 1e6:.1f} MB"


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
