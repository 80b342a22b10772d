"""What is written to runs: sent at once, or kept in files, in its order, until the tracking store answers again.

Everything here can be sent twice without being there twice, so that a kill between sending and forgetting is harmless.
"""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from mlflow import MlflowException

from tlcompare.errors import TrackingError, without_credentials
from tlcompare.files import cache_dir, first_line, locked, new_folder, sealed, unsealed
from tlcompare.tracking.sending import SENDERS, Entry
from tlcompare.tracking.store import gone, short_of_patience, shown_uri, store_id, undivided

_TRY_AGAIN_S = 30.0
_ENTRY, _FILES = "entry.json", "files"
_log = logging.getLogger(__name__)
_failed_at: dict[str, float] = {}


@dataclass
class Sent:
    """What `send_kept` came to: how many entries were sent, and the runs that wait, each with the reason."""

    entries: int = 0
    waiting: dict[str, str] = field(default_factory=dict)


def put(run_id: str, entry: Entry) -> None:
    """Send an entry, or keep it if the store does not answer, or if earlier ones of this run wait.

    Raises:
        MlflowException: the store answers, and refuses it.
        TrackingError: it can be neither sent nor kept.
    """
    folder = _folder(run_id)
    if not folder.exists():
        try:
            return _deliver(run_id, entry)
        except (MlflowException, OSError) as e:
            if not gone(e):
                raise
            _failed_at[run_id] = time.monotonic()
            _log.warning("warning: %s: %s; what is logged is kept and sent later", shown_uri(), _reason(e))
    try:
        with locked(folder):
            _keep(folder, entry)
    except OSError as e:
        raise TrackingError(
            f"{shown_uri()} cannot be written, nor can {folder}: {first_line(e)}",
            "Make room, or set TLCOMPARE_CACHE to another disk.",
        ) from e
    if time.monotonic() - _failed_at.get(run_id, 0.0) > _TRY_AGAIN_S:
        send(run_id)
    return None


def send(run_id: str) -> bool:
    """Send what was kept of a run; returns whether nothing is left."""
    return not _send(run_id, Sent())


def send_kept() -> Sent:
    """Send what was kept of all runs of the current tracking store."""
    sent = Sent()
    for run_id in kept():
        if reason := _send(run_id, sent):
            sent.waiting[run_id] = reason
    return sent


def catch_up() -> None:
    """Before runs are read or added: send what was kept of earlier ones, and say so."""
    sent = send_kept()
    if sent.entries:
        _log.warning("sent what an earlier outage had kept: %d entries", sent.entries)
    for run_id, reason in sent.waiting.items():
        _log.warning("warning: run %s is not complete in %s yet: %s", run_id, shown_uri(), reason)


def kept() -> list[str]:
    """The runs that wait to be sent to the current tracking store, and those of which nothing is left to read."""
    folders = [f for f in _root().glob("*") if f.is_dir() and not f.name.startswith(".")]
    return sorted(f.name for f in folders if _store_of(f) in (store_id(), None))


def ending() -> set[str]:
    """The runs whose end waits to be sent."""
    records = {run_id: [unsealed(entry / _ENTRY) for entry in _entries(_folder(run_id))] for run_id in kept()}
    return {run_id for run_id, kept_of in records.items() if any(r and r["kind"] == "end" for r in kept_of)}


def forget(run_id: str) -> None:
    """Drop what was kept of a run."""
    if _folder(run_id).exists():
        with locked(_folder(run_id)):
            shutil.rmtree(_folder(run_id), ignore_errors=True)


def _send(run_id: str, sent: Sent) -> str:
    """Send what was kept of a run; returns why something is left, or nothing."""
    folder = _folder(run_id)
    if not folder.exists():
        return ""
    with locked(folder):
        for place in _entries(folder):
            record = unsealed(place / _ENTRY)
            if record is None:
                _log.warning("warning: %s was damaged on the disk and is left out", place)
            else:
                try:
                    _deliver(run_id, Entry(record["kind"], record["body"], place / _FILES))
                except (MlflowException, OSError) as e:
                    _failed_at[run_id] = time.monotonic()
                    return _reason(e)
                sent.entries += 1
            forgotten = place.with_name(f".{place.name}")
            place.rename(forgotten)
            shutil.rmtree(forgotten)
        shutil.rmtree(folder, ignore_errors=True)
    return ""


def _deliver(run_id: str, entry: Entry) -> None:
    with short_of_patience(timeout=entry.files is None), undivided():
        SENDERS[entry.kind](run_id, entry)


def _reason(e: Exception) -> str:
    return without_credentials(first_line(e))


def _keep(folder: Path, entry: Entry) -> None:
    last = max((int(e.name) for e in _entries(folder)), default=0)
    with new_folder(folder / f"{last + 1:06}") as made:
        record = {"store": store_id(), "kind": entry.kind, "body": entry.body}
        (made / _ENTRY).write_text(sealed(record), encoding="utf-8")
        if entry.files:
            shutil.copytree(entry.files, made / _FILES)


def _store_of(folder: Path) -> str | None:
    """The store that the entries are for, by the first that is whole."""
    records = (unsealed(entry / _ENTRY) for entry in _entries(folder))
    return next((record["store"] for record in records if record), None)


def _entries(folder: Path) -> list[Path]:
    return sorted(e for e in folder.glob("*") if e.name.isdigit())


def _root() -> Path:
    return cache_dir() / "unsent"


def _folder(run_id: str) -> Path:
    return _root() / run_id
