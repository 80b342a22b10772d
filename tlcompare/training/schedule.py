"""Learning rates over a run: the head alone first, then linear warm-up and cosine for all."""

from __future__ import annotations

import math

from tlcompare.config import RunConfig


def shares_of_peak(config: RunConfig, at: float) -> tuple[float, float]:
    """Shares in 0..1 of the peak learning rates of head and backbone at the point `at`, in epochs."""
    if at < config.head_first:
        return _cosine(at / config.head_first), 0.0
    since, length = at - config.head_first, config.epochs - config.head_first
    warm_up = min(config.warmup_epochs, length / 2)
    if since < warm_up:
        share = (since + 0.01) / (warm_up + 0.01)
    else:
        share = _cosine((since - warm_up) / (length - warm_up))
    return share, share


def _cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))
