import sys

import numpy as np
import pytest

from tlcompare.training.memory import peak_mb, reset_peak


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux resets the peak")
def test_the_peak_is_that_of_the_work_since_the_reset():
    reset_peak("cpu")
    before = peak_mb("cpu")
    np.ones(30_000_000).sum()
    high = peak_mb("cpu")
    assert high > before + 200
    reset_peak("cpu")
    assert peak_mb("cpu") < high - 200
