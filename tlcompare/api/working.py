"""What every call that takes long has around it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tlcompare.machine.guest import as_a_guest
from tlcompare.machine.signals import interruptible, whole

_NAMES = {"torch": "torch", "optuna": "Optuna", "mlflow": "MLflow"}


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop button, after everything that was finished has been kept."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback."""
        return ["Interrupted. What was finished stays; the same call goes on from there."]


@contextmanager
def working(*modules: str) -> Iterator[None]:
    """The program that called is afterwards as it was, whatever happens.

    Within the block, Ctrl-C is held back where it would leave a database half written, and before it until everything
    is loaded: what was cut off while it was imported cannot be imported again. SIGTERM is left to the program.

    Args:
        modules: what the block needs besides torch.

    Raises:
        Interrupted: the block was.
    """
    needed = [name for name in _NAMES if name in ("torch", *modules) and name not in sys.modules]
    if needed and sys.stderr.isatty():
        *most, last = [_NAMES[name] for name in needed]
        print(f"loading {', '.join(most)}{' and ' if most else ''}{last}", file=sys.stderr)
    try:
        with interruptible(), ExitStack() as guest:
            with whole():
                guest.enter_context(as_a_guest(*modules))
            yield
    except KeyboardInterrupt as e:
        raise Interrupted from e
