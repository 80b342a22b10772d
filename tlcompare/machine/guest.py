"""How work behaves in a program that is not ours: torch, its random numbers and the loggers are left as they were."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

_LEVELS = {"mlflow": logging.ERROR, "mlflow.store.db.utils": logging.CRITICAL, "optuna": logging.ERROR}
"""What other libraries log is said by ours where it matters; the second prints tracebacks of what it then raises."""


@contextmanager
def as_a_guest(*modules: str) -> Iterator[None]:
    """Load these modules, which set their loggers then, and leave what the block changes as it was.

    It changes torch's threads, its determinism and its random numbers.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a notebook it asks for widgets, which nothing here shows
        import_module("tqdm.auto")
    for name in modules:
        import_module(name)
    levels = {name: logging.getLogger(name).level for name in _LEVELS}
    threads, deterministic = torch.get_num_threads(), torch.backends.cudnn.deterministic
    random = torch.get_rng_state()
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        torch.set_num_threads(threads)
        torch.backends.cudnn.deterministic = deterministic
        torch.set_rng_state(random)
        if on_gpus:
            torch.cuda.set_rng_state_all(on_gpus)
