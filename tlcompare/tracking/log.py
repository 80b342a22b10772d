"""What is logged to a run: at once, or what belongs to a few seconds together."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from tlcompare.escaping import cells
from tlcompare.tracking.outbox import put
from tlcompare.tracking.sending import Entry

_TOGETHER_S = 5.0


@dataclass(frozen=True)
class RunLog:
    """A run to log to. What cannot be sent now, because the store does not answer, is kept and sent later."""

    run_id: str

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters, leaving alone those that `mlflow run` has logged itself."""
        self._put(Entry("values", {"params": {k: str(v) for k, v in values.items()}}))

    def tags(self, values: Mapping[str, Any]) -> None:
        self._put(Entry("values", {"tags": {k: str(v) for k, v in values.items()}}))

    def metrics_of_steps(self, values: Mapping[int, Mapping[str, float]]) -> None:
        """Log metrics by step; values that are not finite, which break charts, are left out."""
        entries = [_metric(k, v, step) for step, m in values.items() for k, v in m.items() if math.isfinite(v)]
        if entries:
            self._put(Entry("values", {"metrics": entries}))

    def scores(self, values: Mapping[str, float], dataset: Mapping[str, str]) -> None:
        """Log final metrics, tied to the data they were measured on and to the model, if it is kept."""
        on = {"dataset_name": dataset["name"], "dataset_digest": dataset["digest"]}
        entries = [_metric(k, v, 0) | on for k, v in values.items() if math.isfinite(v)]
        self._put(Entry("values", {"metrics": entries}))

    def text(self, path: str, text: str) -> None:
        with self._file(path) as file:
            file.write_text(text, encoding="utf-8")

    def json(self, path: str, value: Any) -> None:
        self.text(path, json.dumps(value, indent=1))

    def table(self, path: str, rows: Any) -> None:
        """Log a pandas table as CSV, which the UI shows as a table."""
        self.text(path, cells(rows).to_csv(index=False, float_format="%.6g"))

    def figure(self, path: str, figure: Figure) -> None:
        with warnings.catch_warnings(), self._file(path) as file:
            warnings.filterwarnings("ignore", "Glyph .* missing")  # a class name in a script that no font here has
            figure.savefig(file)

    def end(self, status: str) -> None:
        """End as FINISHED, KILLED or FAILED."""
        self._put(Entry("end", {"status": status, "time": int(time.time() * 1000)}))

    @contextmanager
    def _file(self, path: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            yield file
            self._put(Entry("files", {}, Path(folder)))

    def _put(self, entry: Entry) -> None:
        put(self.run_id, entry)


@dataclass(frozen=True)
class GatheringLog(RunLog):
    """A run that one process fills: what it logs within five seconds goes to the store together."""

    _held: _Held = field(default_factory=lambda: _Held())

    def send(self) -> None:
        """Send what is held."""
        values, files = self._held.take()
        if any(values.values()):
            put(self.run_id, Entry("values", values))
        if files:
            with files as folder:
                put(self.run_id, Entry("files", {}, Path(folder)))

    def _put(self, entry: Entry) -> None:
        if not self._held.add(entry):
            self.send()
            put(self.run_id, entry)
        elif self._held.age > _TOGETHER_S:
            self.send()


class _Held:
    """What has been logged and not been sent yet."""

    def __init__(self) -> None:
        self._values = _nothing()
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._since = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since something was sent."""
        return time.monotonic() - self._since

    def add(self, entry: Entry) -> bool:
        """Add what can wait; returns whether the entry could."""
        if entry.kind == "values":
            for kind, values in entry.body.items():
                self._values[kind] = self._values[kind] | values if kind != "metrics" else self._values[kind] + values
        elif entry.kind == "files" and entry.files:
            self._files = self._files or tempfile.TemporaryDirectory()
            shutil.copytree(entry.files, self._files.name, dirs_exist_ok=True)
        else:
            return False
        return True

    def take(self) -> tuple[dict[str, Any], tempfile.TemporaryDirectory[str] | None]:
        """Give out what is there, and hold nothing."""
        taken = self._values, self._files
        self._values, self._files, self._since = _nothing(), None, time.monotonic()
        return taken


def _nothing() -> dict[str, Any]:
    return {"params": {}, "tags": {}, "metrics": []}


def _metric(key: str, value: float, step: int) -> dict[str, Any]:
    return {"key": key, "value": float(value), "timestamp": int(time.time() * 1000), "step": step}
