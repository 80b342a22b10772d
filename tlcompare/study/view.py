"""What a sweep, a race or a decision shows while it runs: one live view in a terminal or a notebook, a line per run
elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tlcompare.engines.jobs import Job
from tlcompare.errors import without_credentials
from tlcompare.escaping import harmless
from tlcompare.progress import Notebook, notebook
from tlcompare.study.clock import Clock
from tlcompare.training.epochs import Epoch


@dataclass
class _Row:
    """A trial that is running."""

    title: str
    what: str = "starting"
    share: float | None = None
    accuracy: str = ""


@dataclass
class View:
    """Tells how far a sweep, a race or a decision is; lines go to standard error.

    Attributes:
        question: what a decision asks, above all else.
        known: what it knows so far.
        clock: how long it may take.
    """

    console: Console | Notebook
    live: Live | Notebook | None
    question: str = ""
    known: str = ""
    clock: Clock | None = None
    name: str = ""
    total: int = 0
    done: int = 0
    best: str = "none yet"
    _rows: dict[int, _Row] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)
    _began: float = 0.0
    _ended: int = 0

    def say(self, text: str, of: str = "") -> None:
        """One line, with what it is said of, the first time it is said of anything."""
        if text not in self._said:
            self._said.add(text)
            self._print(f"{of}: {text}" if of else text)

    def begin(self, name: str, done: int, total: int, best: str) -> None:
        self.name, self.done, self.total, self.best = name, done, total, best
        self._began = time.monotonic()
        self._show()

    def started(self, job: Job) -> None:
        self._rows[job.number] = _Row(job.label)
        self._show()

    def progress(self, job: Job, what: str, share: float | None) -> None:
        row = self._rows[job.number]
        row.what, row.share = what, share
        self._show()

    def epoch(self, job: Job, epoch: Epoch) -> None:
        self._rows[job.number].accuracy = f"val {epoch.val_accuracy:.1%}"
        self._show()

    def ended(self, job: Job, result: str, best: str, done: int) -> None:
        self._rows.pop(job.number, None)
        self.best, self.done = best, done
        self._ended += 1
        if not isinstance(self.live, Notebook):
            left = f"  {self._left()} left" if self.live is None and self.done < self.total else ""
            self._print(f"{done:>3}/{self.total}  {job.label}  {result}{f'  best {best}' if best else ''}{left}")
        self._show()

    def again(self, job: Job, reason: str) -> None:
        """A job has to be run once more."""
        self._rows.pop(job.number, None)
        self._print(f"{job.label} is run again: {reason}")
        self._show()

    def _print(self, text: str) -> None:
        self.console.print(harmless(without_credentials(text)), highlight=False, markup=False)

    def _left(self) -> str:
        remaining = max(self.total - self.done, 0)
        if not self._ended:
            return "?"
        return duration((time.monotonic() - self._began) / self._ended * remaining)

    def _time(self) -> str:
        """How long the decision has taken, and may take."""
        if self.clock is None:
            return ""
        taken = duration(sum(self.clock.taken.values()))
        return taken if self.clock.budget is None else f"{taken} of {duration(self.clock.budget)}"

    def _show(self) -> None:
        if self.live is None:
            return
        above = [f"{self.question}  {self._time()}"] if self.question else []
        above += [f"so far: {self.known}"] if self.known else []
        table = Table.grid(padding=(0, 2))
        table.add_row(
            f"{self.name}  {self.done}/{self.total}",
            ProgressBar(total=max(self.total, 1), completed=self.done, width=24),
            f"{self._left()} left",
        )
        if self.best:
            table.add_row(f"best: {self.best}")
        for row in self._rows.values():
            bar = ProgressBar(total=1, completed=row.share, width=24) if row.share is not None else ""
            table.add_row(row.title, bar, f"{row.what}  {row.accuracy}")
        self.live.update(Group(*(Text(harmless(line)) for line in above), table))


def duration(seconds: float) -> str:
    """Seconds in words: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def viewing() -> Iterator[View]:
    """A view whose live part goes away at the end."""
    with notebook() as output:
        if output:
            yield View(output, output)
            return
    console = Console(stderr=True, soft_wrap=True)
    if not sys.stderr.isatty():
        yield View(console, None)
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        yield View(console, live)
