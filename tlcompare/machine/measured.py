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


def remembered(kind: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """What was measured with this key, if anything was."""
    try:
        kept: dict[str, Any] = json.loads(_path(kind, key).read_text(encoding="utf-8"))[kind]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept


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
    path = _path(kind, key)

    def good(kept: dict[str, Any] | None) -> bool:
        return kept is not None and not (disturbed(kept) and time.time() - path.stat().st_mtime > _WHILE_S)

    kept = remembered(kind, key)
    if not good(kept):
        with locked(path):
            kept = remembered(kind, key)
            if not good(kept):
                kept = measure()
                write_atomically(path, json.dumps({"key": key, kind: kept}, indent=1))
    assert kept is not None
    return kept


def _path(kind: str, key: Mapping[str, Any]) -> Path:
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    return folder(kind) / f"{name}.json"
