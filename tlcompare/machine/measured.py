"""Measurements of this machine, made once and kept, unless they were disturbed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tlcompare.files import cache_dir, locked, write_atomically

_WHILE_S = 3600.0


def folder(kind: str) -> Path:
    """Where measurements of a kind are kept."""
    return cache_dir() / kind


def remembered(
    kind: str, key: Mapping[str, Any], disturbed: Callable[[dict[str, Any]], bool] = lambda kept: False
) -> dict[str, Any] | None:
    """What was measured with this key; None if nothing was, or what was `disturbed` more than an hour ago."""
    path = _path(kind, key)
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))[kind]
        return None if disturbed(kept) and time.time() - path.stat().st_mtime > _WHILE_S else kept
    except (OSError, ValueError, KeyError, TypeError):
        return None


def measured_once(
    kind: str,
    key: Mapping[str, Any],
    measure: Callable[[], dict[str, Any]],
    disturbed: Callable[[dict[str, Any]], bool] = lambda kept: False,
) -> dict[str, Any]:
    """What `measure` gave when it was first asked with this key.

    Processes that ask for the same wait for one another. What was `disturbed`, because the machine was busy with
    something else, is measured again by whoever asks an hour later.
    """
    kept = remembered(kind, key, disturbed)
    if kept is None:
        path = _path(kind, key)
        with locked(path):
            kept = remembered(kind, key, disturbed)
            if kept is None:
                kept = measure()
                write_atomically(path, json.dumps({"key": key, kind: kept}, indent=1))
    return kept


def _path(kind: str, key: Mapping[str, Any]) -> Path:
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    return folder(kind) / f"{name}.json"
