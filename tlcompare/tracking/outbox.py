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

from tlcompare.errors import TrackingError
from tlcompare.files import cache_dir, first_line, locked, new_folder, sealed, unsealed, write_atomically
from tlcompare.tracking.sending import SENDERS, Entry
from tlcompare.tracking.store import gone, short_of_patience, shown_uri

_TRY_AGAIN_S = 30.0
_ENTRY, _FILES, _STORE = "entry.json", "files", "store.json"
_log = logging.getLogger(__name__)
_failed_at: dict[str, float] = {}


@dataclass
class Sent:
    """What `send_kept` came to: entries sent, runs that still wait, and why the store refuses what it refuses."""

    entries: int = 0
    waiting: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def put(run_id: str, entry: Entry) -> None:
    """Send an entry, or keep it if the store does not answer, or if earlier ones of this run wait.

    Raises:
        MlflowException: the store answers, and refuses it.
        TrackingError: it can be neither sent nor kept.
    """
    folder = _folder(run_id)
    if not folder.exists():
        try:
            with short_of_patience():
                return SENDERS[entry.kind](run_id, entry)
        except (MlflowException, OSError) as e:
            if not gone(e):
                raise
            _failed_at[run_id] = time.monotonic()
            _log.warning("warning: %s: %s; what is logged is kept and sent later", shown_uri(), first_line(e))
    try:
        with locked(folder):
            _keep(folder, entry)
    except OSError as e:
        raise TrackingError(f"{shown_uri()} cannot be written, nor can {folder}: {first_line(e)}") from e
    if time.monotonic() - _failed_at.get(run_id, 0.0) > _TRY_AGAIN_S:
        send(run_id)
    return None


def send(run_id: str) -> bool:
    """Send what was kept of a run; returns whether nothing is left.

    Raises:
        MlflowException: the store answers, and refuses it.
    """
    return _send(run_id, Sent())


def send_kept() -> Sent:
    """Send what was kept of all runs of the current tracking store."""
    sent = Sent()
    for run_id in kept():
        try:
            if not _send(run_id, sent):
                sent.waiting.append(run_id)
        except MlflowException as e:
            sent.refused[run_id] = first_line(e)
    return sent


def catch_up() -> None:
    """Before runs are read or added: send what was kept of earlier ones, and say so."""
    sent = send_kept()
    if sent.entries:
        _log.warning("sent what an earlier outage had kept: %d entries", sent.entries)
    for run_id in sent.waiting:
        _log.warning("warning: run %s is not complete in %s yet; later: tlcompare sync", run_id, shown_uri())
    for run_id, reason in sent.refused.items():
        _log.warning("warning: run %s is not complete in %s: %s", run_id, shown_uri(), reason)


def kept() -> list[str]:
    """The runs of the current tracking store that wait to be sent."""
    folders = [f for f in _root().glob("*") if f.is_dir() and not f.name.startswith(".")]
    return sorted(f.name for f in folders if unsealed(f / _STORE) == shown_uri())


def forget(run_id: str) -> None:
    """Drop what was kept of a run."""
    shutil.rmtree(_folder(run_id), ignore_errors=True)


def _send(run_id: str, sent: Sent) -> bool:
    folder = _folder(run_id)
    if not folder.exists():
        return True
    with locked(folder):
        for kept_entry in _entries(folder):
            record = unsealed(kept_entry / _ENTRY)
            if record is None:
                _log.warning("warning: %s was damaged on the disk and is left out", kept_entry)
                record = {"kind": "tags", "body": {}}
            try:
                with short_of_patience():
                    SENDERS[record["kind"]](run_id, Entry(record["kind"], record["body"], kept_entry / _FILES))
            except (MlflowException, OSError) as e:
                if not gone(e):
                    raise
                _failed_at[run_id] = time.monotonic()
                return False
            shutil.rmtree(kept_entry)
            sent.entries += 1
        shutil.rmtree(folder)
    return True


def _keep(folder: Path, entry: Entry) -> None:
    if not (folder / _STORE).exists():
        write_atomically(folder / _STORE, sealed(shown_uri()))
    last = max((int(e.name) for e in _entries(folder)), default=0)
    with new_folder(folder / f"{last + 1:06}") as made:
        (made / _ENTRY).write_text(sealed({"kind": entry.kind, "body": entry.body}), encoding="utf-8")
        if entry.files:
            shutil.copytree(entry.files, made / _FILES)


def _entries(folder: Path) -> list[Path]:
    return sorted(e for e in folder.glob("*") if e.name.isdigit())


def _root() -> Path:
    return cache_dir() / "unsent"


def _folder(run_id: str) -> Path:
    return _root() / run_id
