"""Which runs go on in a process of this machine, so that those whose process was killed can be ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tlcompare.files import cache_dir, lock_of, locked, sealed, unsealed, write_atomically
from tlcompare.tracking.store import store_id


@contextmanager
def alive(run_id: str) -> Iterator[None]:
    """A run goes on until the block ends or this process is gone, after which it is `died` until it is `settled`."""
    with ExitStack() as held:
        with suppress(OSError):  # without it, a killed run stays RUNNING, and nothing worse
            held.enter_context(locked(_note(run_id)))
            write_atomically(_note(run_id), sealed(store_id()))
        yield


def died() -> list[str]:
    """Runs of the current tracking store whose process is gone without having settled them."""
    found = []
    for note in sorted(_note("").glob("[!.]*")):
        with suppress(OSError), locked(note, wait=False):
            if unsealed(note) in (store_id(), None):
                found.append(note.name)
    return found


def settled(run_id: str) -> None:
    """The run has ended."""
    with suppress(OSError):
        _note(run_id).unlink(missing_ok=True)
        lock_of(_note(run_id)).unlink(missing_ok=True)


def _note(run_id: str) -> Path:
    return cache_dir() / "running" / run_id
