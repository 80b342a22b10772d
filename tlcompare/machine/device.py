"""Where and how training computes: device, precision, threads."""

from __future__ import annotations

import contextlib
import functools
import platform
from dataclasses import dataclass
from typing import Any

import torch

from tlcompare.config import RunConfig
from tlcompare.errors import ConfigError
from tlcompare.files import first_line, root_of
from tlcompare.machine.memory import keep_freed_memory


@dataclass(frozen=True)
class Compute:
    """A settled choice.

    Attributes:
        device: cpu, cuda or mps.
        precision: bf16 (autocast while training) or fp32. Scores are always computed in fp32.
        threads: CPU threads.
    """

    device: str
    precision: str
    threads: int

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device, torch.bfloat16)

    @property
    def device_name(self) -> str:
        if self.device == "cuda":
            return torch.cuda.get_device_name()
        return _cpu_name() if self.device == "cpu" else f"{platform.machine()} {self.device}"


def choose_compute(config: RunConfig) -> Compute:
    """Settle what the configuration leaves to `auto`, and set torch's thread count, determinism and use of memory.

    Raises:
        ConfigError: the device asked for is not there.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    device = config.device or next(name for name, available in there.items() if available)
    if not there[device]:
        available = [name for name in there if there[name]]
        raise ConfigError(f"--device {device}: torch sees none here", f"There is {', '.join(available)}.")
    torch.backends.cudnn.deterministic = True
    keep_freed_memory()
    precision = config.precision or ("bf16" if native_bf16(device) else "fp32")
    return Compute(device, precision, torch.get_num_threads())


def upload(x: torch.Tensor, device: str) -> torch.Tensor:
    """A tensor of the CPU on a device; to a GPU it is sent while the caller goes on."""
    return x.pin_memory().to(device, non_blocking=True) if device == "cuda" else x.to(device)


@functools.cache
def require_compiler(device: str) -> None:
    """Check that torch.compile works here, before anything rests on it.

    Raises:
        ConfigError: it does not.
    """
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(2, device=device))
    except Exception as e:  # whatever a compiler or what looks for one raises
        raise ConfigError(
            f"--compile: torch cannot compile here: {first_line(root_of(e))}",
            "Install a C++ compiler such as g++, or set CXX to one; or leave --compile out.",
        ) from e


def share_of_threads(parallel: int) -> int:
    """CPU threads for each of so many runs at a time."""
    return max(torch.get_num_threads() // parallel, 1)


def native_bf16(device: str) -> bool:
    """Whether the device has bfloat16 instructions of its own."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device == "cpu":
        capabilities: dict[str, Any] = getattr(
            torch.cpu, "get_capabilities", dict
        )()  # before torch 2.11 it does not tell
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
    return False


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            return next(line.partition(":")[2].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
