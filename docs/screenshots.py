"""Takes the pictures of docs/ui.md: drives headless Chromium over a real MLflow server.

pip install playwright (no browser of its own is needed), a sweep in mlflow.db here, then:

python docs/screenshots.py --sweep default-1 --chromium /usr/bin/chromium --to docs
"""

from __future__ import annotations

import argparse
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlflow import MlflowClient
from playwright.sync_api import Page, TimeoutError, sync_playwright

from tlcompare.tracking.reading import decision_runs, sweep_run

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", required=True)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--to", type=Path, default=Path("docs"))
    given = parser.parse_args()
    parent = sweep_run(given.sweep)
    experiment = MlflowClient().get_run(parent.run_id).info.experiment_id
    best = parent.tags["tlcompare.best_run"]
    with _server() as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=given.chromium, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{address}/#/experiments/{experiment}/runs")
        page.get_by_text("Model training", exact=True).first.click()

        def take(path: str, name: str, awaited: str) -> None:
            page.goto("about:blank")
            page.goto(f"{address}/#/{path}")
            page.get_by_text(awaited).first.wait_for(timeout=120_000)
            page.wait_for_timeout(4000)
            _tidy(page)
            with suppress(TimeoutError):
                page.get_by_text("Show more", exact=True).first.click(timeout=1000)
            page.wait_for_timeout(1000)
            page.screenshot(path=given.to / f"{name}.png")

        runs = f"experiments/{experiment}/runs"
        view = f"{runs}?viewStateShareKey=tlcompare-{given.sweep}&compareRunsMode="
        take(f"{view}CHART", "ui-strategies", "Parallel Coordinates")
        page.get_by_text(re.compile("^Parallel Coordinates")).first.locator(
            "xpath=ancestor::*[.//button][1]"
        ).get_by_role("button").first.click()
        page.wait_for_timeout(4000)
        page.screenshot(path=given.to / "ui-parallel.png")
        take(f"{view}TABLE", "ui-table", "matching runs")
        if given.sweep in decision_runs():
            take(
                f"{runs}?viewStateShareKey=tlcompare-decision-{given.sweep}&compareRunsMode=CHART",
                "ui-decision",
                "gain",
            )
        take(f"{runs}/{parent.run_id}", "ui-sweep", "About this run")
        take(f"{runs}/{parent.run_id}/artifacts/figures/accuracy_by_depth.png", "ui-depth", "trials.csv")
        take(f"{runs}/{parent.run_id}/artifacts/figures/sweep.html", "ui-interactive", "trials.csv")
        take(f"{runs}/{best}", "ui-trial", "About this run")
        take(f"models/{given.sweep}", "ui-champion", "champion")
        browser.close()


def _tidy(page: Page) -> None:
    """Close what lies over the page."""
    for button in page.locator('[aria-label*="lose"]').all():
        with suppress(Exception):
            button.click(timeout=500)


@contextmanager
def _server() -> Iterator[str]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
