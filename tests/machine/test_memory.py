import mmap
import sys

import pytest

from tlcompare.machine.memory import peak_mb, reset_peak


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
