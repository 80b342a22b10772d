"""Ctrl-C and SIGTERM: they end what runs by an exception, where that does no harm."""

from __future__ import annotations

import inspect
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import TypeVar

_T = TypeVar("_T")


@contextmanager
def undisturbed(*numbers: int) -> Iterator[None]:
    """These signals do nothing within the block, nor ever to a process that was started in it; signals come to the main
    thread, and others leave them as they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_signals: list[int] = []
_within: list[bool] = []


def terminable() -> AbstractContextManager[None]:
    """SIGTERM ends the block as Ctrl-C does: by an exception, and by `stop_if_asked` should that get lost.

    What a signal's exception has become on its way is that exception again at the end of the block.
    """
    return _stopping(signal.SIGTERM, signal.SIGINT)


def interruptible() -> AbstractContextManager[None]:
    """As `terminable` for Ctrl-C alone: in a program that is not ours, what SIGTERM does is that program's."""
    return _stopping(signal.SIGINT)


@contextmanager
def _stopping(*numbers: int) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in numbers}
    if _stop in before.values() or threading.current_thread() is not threading.main_thread():
        yield
        return
    if before.get(signal.SIGINT) is not signal.default_int_handler:
        before.pop(signal.SIGINT, None)
    for number in before:
        signal.signal(number, _stop)
    try:
        yield
    except Exception:
        stop_if_asked()
        raise
    finally:
        _signals.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


def is_interruption(e: BaseException) -> bool:
    """Whether an exception is that of a signal, or what has become of it on its way."""
    return isinstance(e, KeyboardInterrupt | SystemExit) or bool(_signals)


def stop_if_asked() -> None:
    """Raise once more what a signal has raised: in a finalizer or a callback from C, Python drops exceptions."""
    if _signals:
        _stop(_signals[-1], None)


@contextmanager
def whole() -> Iterator[None]:
    """A signal that comes within the block ends it no earlier than at its end: a transaction that is left half done
    keeps SQLite's file locked, against this process too. Signals come to the main thread; others are left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = len(_signals)
    _within.append(True)
    try:
        yield
    finally:
        _within.pop()
    if not _within and len(_signals) > before:
        stop_if_asked()


def wholly(store: _T) -> _T:
    """Let every public method of a store be `whole`, reads too: they hold SQLite's file as well. Returns the store."""
    for name, _ in inspect.getmembers(type(store), inspect.isfunction):
        if not name.startswith("_"):
            setattr(store, name, whole()(getattr(store, name)))
    return store


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: what is cut off there cannot be imported again in this process."""
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


def _stop(number: int, frame: FrameType | None) -> None:
    _signals.append(number)
    if _within or _importing(frame):
        return
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
