"""Measurements of this machine, made once and kept, unless they were disturbed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tlcompare.files import cache_dir, locked, write_atomically


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
    something else, is measured again by the next process that asks.
    """
    path = _path(kind, key)
    kept = remembered(kind, key)
    if kept is None or (disturbed(kept) and path not in _measured_here):
        with locked(path):
            now = remembered(kind, key)
            if now is None or now == kept:
                now = measure()
                write_atomically(path, json.dumps({"key": key, kind: now}, indent=1))
                _measured_here.add(path)
            kept = now
    return kept


_measured_here: set[Path] = set()


def _path(kind: str, key: Mapping[str, Any]) -> Path:
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    return folder(kind) / f"{name}.json"
