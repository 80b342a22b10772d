"""What every call that takes long has around it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tlcompare.machine.guest import as_a_guest
from tlcompare.machine.signals import interruptible

_NAMES = {"torch": "torch", "optuna": "Optuna", "mlflow": "MLflow"}


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop button, after everything that was finished has been kept."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback."""
        return ["Interrupted. What was finished stays; the same call goes on from there."]


@contextmanager
def working(*libraries: str) -> Iterator[None]:
    """The program that called is afterwards as it was, whatever happens.

    Within the block, Ctrl-C is held back where it would leave a database half written. SIGTERM is left to the program.

    Args:
        libraries: what the block needs besides torch.

    Raises:
        Interrupted: the block was.
    """
    needed = [name for name in _NAMES if name in ("torch", *libraries) and name not in sys.modules]
    if needed and sys.stderr.isatty():
        *most, last = [_NAMES[name] for name in needed]
        print(f"loading {', '.join(most)}{' and ' if most else ''}{last}", file=sys.stderr)
    with as_a_guest(*libraries):
        try:
            with interruptible():
                yield
        except KeyboardInterrupt as e:
            raise Interrupted from e
