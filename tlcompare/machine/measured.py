"""Measurements of this machine, made once and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tlcompare.files import cache_dir, write_atomically


def folder(kind: str) -> Path:
    """Where measurements of a kind are kept; deleting it makes the next run measure again."""
    return cache_dir() / kind


def measured_once(kind: str, key: Mapping[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `measure` gave when it was first asked with this key."""
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    path = folder(kind) / f"{name}.json"
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))[kind]
    except (OSError, ValueError, KeyError, TypeError):
        kept = measure()
        write_atomically(path, json.dumps({"key": key, kind: kept}, indent=1))
    return kept
