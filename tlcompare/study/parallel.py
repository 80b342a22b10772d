"""How many trials run at a time, where that is left open."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tlcompare.backbones.backbone import OWN
from tlcompare.config import RunConfig
from tlcompare.errors import ConfigError
from tlcompare.features.parallel import throughput
from tlcompare.features.speed import faster_precision
from tlcompare.freezing.layers import build_and_trace
from tlcompare.freezing.strategy import make_plan
from tlcompare.machine.device import choose_compute
from tlcompare.machine.memory import memory_bytes
from tlcompare.training.footprint import footprint

AUTO = "auto"
_PROCESS_BYTES = 900e6
"""What a process takes besides what it trains: torch, MLflow, the frozen part."""
_SHARE = 0.7
_WORTH = 1.05
"""How much more has to get done side by side than one by one."""


def jobs_for(config: RunConfig, say: Callable[[str], None]) -> int:
    """How many trainings like this one, each with its share of the CPUs, get most done together, as memory allows."""
    compute = choose_compute(config)
    if compute.device != "cpu":
        return 1
    layers = build_and_trace(config.model, config.image_size)
    compute = compute if config.precision else faster_precision(layers, compute)
    done = throughput(layers, compute)
    needed = footprint(layers, make_plan(layers, "all", classes=2), compute, 2, config.batch_size).memory_mb * 1e6
    room = _SHARE * memory_bytes() / (_PROCESS_BYTES + needed)
    best = max((jobs for jobs in done if jobs == 1 or jobs <= room), key=done.__getitem__)
    if done[best] < _WORTH * done[1]:
        best = 1
    shown = ", ".join(f"{jobs}: {images:.0f}" for jobs, images in done.items())
    say(f"--jobs auto: {best} at a time ({config.model}, images per second with so many at a time: {shown})")
    return best


def require_known_to_others(models: Iterable[str], jobs: int) -> None:
    """Check that other processes can make these backbones, if there are to be any.

    Raises:
        ConfigError: they cannot.
    """
    if jobs > 1 and (model := next((m for m in models if m.startswith(OWN)), None)):
        raise ConfigError(
            f"--jobs {jobs}: {model} was given in Python, where other processes do not see it",
            "Run one at a time, or give it as package.module:function.",
        )


def jobs_beside(threads: int) -> int:
    """How many trainings of so many threads this machine has room for."""
    return max(choose_compute(RunConfig(device="cpu")).threads // threads, 1)
