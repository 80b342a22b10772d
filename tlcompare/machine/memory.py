"""Memory and its lack, and devices that are lost."""

from __future__ import annotations

import ctypes
import functools
import os
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from tlcompare.errors import MemoryShortage
from tlcompare.files import first_line

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Settings of glibc's `mallopt`."""
_LARGE = 32 << 20
"""Larger blocks are given back all the same: kept, they would split the memory into pieces that fit nothing."""


@functools.cache
def keep_freed_memory() -> None:
    """Let this process keep the memory it frees, with glibc, and unless a MALLOC_ variable sets that otherwise.

    What a training step frees the next one needs. To give it back to the system and have it cleared again, page by
    page, takes up to a fifth of a step. `reset_peak` gives it back.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt") and not any(name.startswith("MALLOC_") for name in os.environ):
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)


def reset_peak(device: str) -> None:
    """Start anew; where the system cannot (not Linux, not CUDA), the peak stays that of the whole process."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim"):
            libc.malloc_trim(0)
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        except OSError:
            return


def peak_mb(device: str) -> float:
    """Highest memory since `reset_peak`, in MB: on CUDA of the device, else resident memory of this process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    except OSError:
        found = None
    if found:
        return int(found.group(1)) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def memory_bytes() -> int:
    """Memory of this machine, or of the container that this process is in."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(there, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return there


def room_on(device: str) -> float:
    """Bytes of a device's own memory that images and features may take: a quarter of what is free."""
    return torch.cuda.mem_get_info()[0] / 4 if device == "cuda" else 0.0


def out_of_memory(e: BaseException) -> bool:
    """Whether Python or torch failed for lack of memory, on any device."""
    if not isinstance(e, RuntimeError):
        return isinstance(e, MemoryError)
    return isinstance(e, torch.OutOfMemoryError) or "can't allocate memory" in str(e) or "out of memory" in str(e)


@contextmanager
def enough_memory() -> Iterator[None]:
    """Turns a lack of memory, where nothing smaller can be tried, into one sentence.

    Raises:
        MemoryShortage: the memory did not suffice.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as e:
        if not out_of_memory(e):
            raise
        hint = "Take a smaller --batch-size or --image-size, unfreeze less, or end what else needs memory here."
        raise MemoryShortage(f"not enough memory to train: {first_line(e)}", hint) from e


def device_lost(e: BaseException) -> bool:
    """Whether an accelerator failed in a way that no later call in this process survives."""
    return isinstance(e, RuntimeError) and not out_of_memory(e) and "CUDA error" in str(e)
