"""Progress: one live bar in a terminal, one line that is written anew in a notebook, plain lines elsewhere."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any, Protocol

from rich.console import Console, RenderableType
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


class Notebook:
    """One output below a notebook's cell: what was said, and how far it is, which is written anew."""

    _WAIT_S = 0.25

    def __init__(self, display: Any) -> None:
        self._lines: list[str] = []
        self._now = ""
        self._shown = -self._WAIT_S
        self._handle = display(_plain_output(""), raw=True, display_id=True)

    def print(self, text: str, **style: Any) -> None:
        """A line that stays."""
        self._lines.append(text)
        self._show()

    def update(self, now: RenderableType) -> None:
        """How far it is; what follows within a quarter of a second is left out."""
        if time.monotonic() - self._shown >= self._WAIT_S:
            out = StringIO()
            console = Console(file=out, width=110, color_system=None, force_jupyter=False)
            console.print(now, highlight=False, markup=False)
            self._now = out.getvalue().rstrip()
            self._show()

    def close(self) -> None:
        self._now = ""
        self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        self._handle.update(_plain_output("\n".join(filter(None, [*self._lines, self._now]))), raw=True)


def _plain_output(text: str) -> dict[str, str]:
    return {"text/plain": text, "text/html": f"<pre style='opacity:.7'>{html.escape(text)}</pre>" if text else ""}


@contextmanager
def notebook() -> Iterator[Notebook | None]:
    """The output of the cell that runs, in a notebook; elsewhere None."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if not hasattr(shell, "kernel"):
        yield None
        return
    from IPython.display import display

    output = Notebook(display)
    try:
        yield output
    finally:
        output.close()


class NotebookReporter:
    """Tells how far a single run is, below a notebook's cell."""

    def __init__(self, output: Notebook, epochs: int) -> None:
        self._output, self._epochs = output, epochs

    def say(self, text: str) -> None:
        self._output.print(harmless(text))

    def doing(self, what: str) -> None:
        self._output.update(what)

    def counting(self, what: str, done: int, total: int) -> None:
        self._output.update(f"{what}: {done} of {total}")

    def step(self, epoch: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        share = ((epoch - 1) * steps + step) / (self._epochs * steps)
        self._output.update(f"epoch {epoch}/{self._epochs}  {share:.0%}  loss {loss:.3f}  accuracy {accuracy:.1%}")

    def epoch(self, epoch: Epoch) -> None:
        self._output.update(f"epoch {epoch.number}/{self._epochs}  val accuracy {epoch.val_accuracy:.1%}")


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
def reporting(epochs: int) -> Iterator[Reporter]:
    """A reporter whose bar goes away at the end."""
    with notebook() as output:
        if output:
            yield NotebookReporter(output, epochs)
            return
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
