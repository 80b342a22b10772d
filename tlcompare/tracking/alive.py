"""Which runs go on in a process of this machine, so that those whose process was killed can be ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tlcompare.files import cache_dir, lock_of, locked, sealed, unsealed, write_atomically
from tlcompare.tracking.store import store_id


@contextmanager
def alive(run_id: str) -> Iterator[None]:
    """A run goes on until the block ends, or until this process is gone."""
    note = _folder() / run_id
    with locked(note):
        write_atomically(note, sealed(store_id()))
        try:
            yield
        finally:
            forget(run_id)


def died() -> list[str]:
    """Runs of the current tracking store whose process is gone without having ended them."""
    found = []
    for note in sorted(_folder().glob("[!.]*")):
        with suppress(BlockingIOError), locked(note, wait=False):
            if unsealed(note) == store_id():
                found.append(note.name)
    return found


def forget(run_id: str) -> None:
    """It needs no ending any more."""
    note = _folder() / run_id
    note.unlink(missing_ok=True)
    lock_of(note).unlink(missing_ok=True)


def _folder() -> Path:
    return cache_dir() / "running"
