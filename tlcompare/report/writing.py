"""The report of a sweep: one page, its text, and every number in it."""

from __future__ import annotations

from pathlib import Path

from tlcompare.errors import ConfigError
from tlcompare.escaping import cells
from tlcompare.evidence.findings import find
from tlcompare.evidence.gathered import evidence_of
from tlcompare.files import expanded, write_atomically
from tlcompare.report.document import as_html, as_markdown
from tlcompare.report.numbers import numbers_of
from tlcompare.report.sections import sections_of
from tlcompare.tracking.log import RunLog


def place_of(output: str) -> Path:
    """Where the page of a report goes, the others beside it.

    Raises:
        ConfigError: it cannot go there.
    """
    page = expanded(output)
    if not page.name:
        raise ConfigError(f'-o "{output}" is no file', "Give a name that ends in .html.")
    if page.suffix in (".md", ".csv"):
        raise ConfigError(f"-o {output}: the report's page would overwrite its table", "Let its name end in .html.")
    return page


def write_report(sweep: str, output: str, baseline: str, margin: float | None = None) -> list[str]:
    """Write the report as HTML, Markdown and CSV, and log all three to the sweep's run.

    Args:
        sweep: its name.
        output: where the HTML goes; the others lie beside it.
        baseline: the strategy that others must beat.
        margin: as for `find`.

    Returns:
        The paths written.

    Raises:
        UserError: no such sweep, no replicates, or a file that cannot be written.
    """
    found = find(evidence_of(sweep), baseline, margin)
    title, sections = f"Which layers to unfreeze: {sweep}", sections_of(found)
    page = place_of(output)
    texts = {
        page: as_html(title, sections),
        page.with_suffix(".md"): as_markdown(title, sections),
        page.with_suffix(".csv"): cells(numbers_of(found)).to_csv(index=False, lineterminator="\n"),
    }
    for path, text in texts.items():
        if path.exists() and not (path.is_file() and path.read_bytes().startswith(text[:20].encode())):
            raise ConfigError(f"-o {output}: {path} is there and is no report", "Take another name.")
    log = RunLog(found.evidence.sweep.run_id)
    for path, text in texts.items():
        log.text(f"report/report{path.suffix}", text)
        try:
            write_atomically(path, text)
        except OSError as e:
            raise ConfigError(f"-o {output}: {path} cannot be written: {e.strerror}", "Take another place.") from e
    return [str(path) for path in texts]
