import os
import signal

import pytest

from tlcompare.tracking.runs import stop_if_asked, terminable


class Loud:
    """Gets a signal in its finalizer, where Python drops the exception."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        os.kill(os.getpid(), self.number)
        sum(range(1000))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_that_came_in_a_finalizer_is_not_lost(number, raised):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with terminable(), terminable():
            stop_if_asked()
            Loud(number)
            with pytest.raises(raised):
                stop_if_asked()
        stop_if_asked()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
