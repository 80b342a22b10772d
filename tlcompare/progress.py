"""Progress on standard error: one live bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tlcompare.escaping import harmless
from tlcompare.training.epochs import Epoch


class Reporter(Protocol):
    """Is told how far a run is."""

    def say(self, text: str) -> None:
        """One line for the user."""

    def doing(self, what: str) -> None:
        """What goes on now; it has no known length."""

    def counting(self, what: str, done: int, total: int) -> None:
        """So many images of all are done: decoded, or passed through the frozen part."""

    def step(self, epoch: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        """One optimizer step done."""

    def epoch(self, epoch: Epoch) -> None:
        """One epoch done."""


class RunReporter:
    """Tells how far a single run is: a live bar in a terminal, lines elsewhere."""

    def __init__(self, progress: Progress | None, console: Console, epochs: int) -> None:
        self._progress = progress
        self._console = console
        self._epochs = epochs
        self._task = progress.add_task("starting", total=None) if progress else None
        self._said = time.monotonic()

    def say(self, text: str) -> None:
        self._console.print(harmless(text), highlight=False, markup=False)

    def doing(self, what: str) -> None:
        if self._progress and self._task is not None:
            self._progress.update(self._task, description=what, completed=0, total=None)

    def counting(self, what: str, done: int, total: int) -> None:
        if self._progress and self._task is not None:
            self._progress.update(self._task, description=what, completed=done, total=total)
        elif done == total or time.monotonic() - self._said > 10:
            self._said = time.monotonic()
            self.say(f"{what}: {done} of {total}")

    def step(self, epoch: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        if self._progress and self._task is not None:
            self._progress.update(
                self._task,
                description=f"epoch {epoch}/{self._epochs}  loss {loss:.3f}  accuracy {accuracy:.1%}",
                completed=(epoch - 1) * steps + step,
                total=self._epochs * steps,
            )

    def epoch(self, epoch: Epoch) -> None:
        self.say(
            f"epoch {epoch.number:>2}/{self._epochs}  "
            f"train loss {epoch.train_loss:.3f} accuracy {epoch.train_accuracy:.1%}  "
            f"val loss {epoch.val_loss:.3f} accuracy {epoch.val_accuracy:.1%}  {epoch.seconds:.1f} s"
        )


@contextmanager
def reporting(epochs: int) -> Iterator[RunReporter]:
    """A reporter whose bar goes away at the end."""
    console = Console(stderr=True, soft_wrap=True)
    if not sys.stderr.isatty():
        yield RunReporter(None, console, epochs)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield RunReporter(progress, console, epochs)
