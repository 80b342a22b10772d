"""A probe from end to end: images, backbone, a look at every block, MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import pandas as pd

from tlcompare.config import RunConfig
from tlcompare.data.batches import Images
from tlcompare.preparation import Prepared, Workbench, prepare
from tlcompare.progress import Reporter, reporting
from tlcompare.report.drawings import draw_probe
from tlcompare.report.table import aligned
from tlcompare.tracking.log import RunLog
from tlcompare.tracking.models import weights_here
from tlcompare.tracking.runs import free_run, open_probe, ready
from tlcompare.tracking.store import shown_uri
from tlcompare.training.probe import BlockProbe, probe_blocks, suggestions


def probe(config: RunConfig) -> str:
    """Probe a backbone on images and log what it shows to an MLflow run of its own.

    Returns:
        What there is to say of it, in a few lines.

    Raises:
        UserError: any option, image or weight that cannot be used.
    """
    ready()
    free_run(config)
    with reporting(config.epochs) as reporter:
        prepared = prepare(config, reporter, Workbench(weights_here))
        probes = run_probe(prepared, reporter)
    settled = prepared.config
    with open_probe(settled) as log:
        log.params({"model": settled.model, "data": settled.data, "image_size": settled.image_size})
        log_probe(log, settled.model, probes)
    lines = [["block", "ridge", "nearest mean", "relative gradient"]]
    lines += [[p.block, f"{p.ridge:.2%}", f"{p.nearest_mean:.2%}", f"{p.relative_gradient:.4f}"] for p in probes]
    table = "\n".join(aligned(lines, left=[True, False, False, False]))
    return (
        f"{table}\nsuggests  {' and '.join(suggestions(probes))}\n"
        f"run       {log.run_id} in {shown_uri()}\n"
        "A hint where to begin, not a result: only training tells."
    )


def run_probe(prepared: Prepared, reporter: Reporter) -> list[BlockProbe]:
    """Probe the backbone of a prepared run."""
    size = prepared.backbone.preprocessing
    images = Images(prepared.store, size, "none", 1, prepared.config.seed, prepared.compute.device)
    counting = partial(reporter.counting, f"probing {prepared.config.model}")
    try:
        return probe_blocks(prepared.layers, images, prepared.split, counting)
    finally:
        prepared.shared.restore()


def log_probe(log: RunLog, model: str, probes: Sequence[BlockProbe]) -> None:
    """Log a probe as a table and a figure."""
    log.table(f"probe/{model}.csv", pd.DataFrame([asdict(p) for p in probes]))
    log.figure(f"probe/{model}.png", draw_probe(model, probes))
