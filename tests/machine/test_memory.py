import mmap
import platform
import resource
import sys

import pytest
import torch

from tlcompare.config import RunConfig
from tlcompare.machine.device import choose_compute
from tlcompare.machine.memory import peak_mb, reset_peak

SIZE = 24 << 20
only_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux resets the peak")
def test_the_peak_is_that_of_the_work_since_the_reset():
    reset_peak("cpu")
    before = peak_mb("cpu")
    use_pages_of_its_own(240_000_000)
    high = peak_mb("cpu")
    assert high > before + 200
    reset_peak("cpu")
    assert peak_mb("cpu") < high - 200


def use_pages_of_its_own(size: int) -> None:
    """Touch memory that is new to the process: what malloc gives may be free and resident already, and adds no peak."""
    with mmap.mmap(-1, size) as memory:
        for i in range(0, size, mmap.PAGESIZE):
            memory[i] = 1


@only_glibc
def test_what_is_freed_is_had_again_without_asking_the_system_for_pages():
    choose_compute(RunConfig(device="cpu"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(SIZE, dtype=torch.uint8)
    new = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert new * resource.getpagesize() < 8 * SIZE


@only_glibc
def test_what_was_freed_before_the_reset_is_no_part_of_the_peak():
    choose_compute(RunConfig(device="cpu"))
    freed = [torch.ones(SIZE, dtype=torch.uint8) for _ in range(10)]
    high = peak_mb("cpu")
    del freed
    reset_peak("cpu")
    assert peak_mb("cpu") < high - 5 * SIZE / 1e6
