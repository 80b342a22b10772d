import os
import signal
import threading

import pytest
from mlflow import MlflowClient

from tlcompare.config import RunConfig
from tlcompare.machine.signals import stop_if_asked, terminable, whole
from tlcompare.tracking.runs import open_run


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


def twice_whole(number, done):
    with whole():
        with whole():
            os.kill(os.getpid(), number)
            done.append("inner")
        done.append("outer")


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_waits_for_the_end_of_what_must_be_whole_and_comes_once(number, raised):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    done = []
    try:
        with terminable():
            with pytest.raises(raised):
                twice_whole(number, done)
            with whole():
                done.append("cleaning up")
        assert done == ["inner", "outer", "cleaning up"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_import_is_not_cut_and_what_came_within_is_asked_for_later(tmp_path, monkeypatch):
    (tmp_path / "struck_module.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with terminable():
        import struck_module

        assert struck_module.whole
        with pytest.raises(SystemExit):
            stop_if_asked()


def test_what_is_whole_in_another_thread_does_not_hold_a_signal_back():
    begun, over = threading.Event(), threading.Event()

    def work():
        with whole():
            begun.set()
            over.wait()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    try:
        with terminable(), pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        over.set()
        thread.join()


def test_a_signal_that_comes_out_as_another_exception_interrupts_and_is_no_failure(workplace):
    def turned():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except BaseException as e:
            raise RuntimeError("what a callback from C makes of it") from e

    with pytest.raises(SystemExit) as ended, terminable(), open_run(RunConfig()) as log:
        turned()
    assert ended.value.code == 143
    run = MlflowClient().get_run(log.run_id)
    assert (run.info.status, run.data.tags["tlcompare.state"]) == ("KILLED", "interrupted")
