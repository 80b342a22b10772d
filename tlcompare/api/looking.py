"""Calls that train nothing: backbones, layers, plans, search spaces, this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tlcompare.api.options import plain
from tlcompare.api.working import working
from tlcompare.config import presets
from tlcompare.files import expanded

if TYPE_CHECKING:
    import pandas as pd

    from tlcompare.api.network import Layers, Plan
    from tlcompare.api.options import Network


def models(pattern: str | None = None) -> pd.DataFrame:
    """What can be a backbone, one row each.

    Of up to 40 the layers and blocks that can be unfrozen are counted, which takes a second or two each the first time
    and is remembered; networks of more than 100 million weights are not traced.

    Args:
        pattern: a part of a name, or one with * or ?; None is those with a name of their own.

    Returns:
        Columns: model; image_size in pixels; layers, blocks and weights, how many, missing where they were not counted;
        default_weights (`here`, `to download`, or `none` where nobody publishes any); problem, why it cannot be used.

    Raises:
        BackboneError: none matches.
    """
    with working():
        import pandas as pd

        from tlcompare.backbones.registry import BUILT_IN
        from tlcompare.catalogue import matching, rows
        from tlcompare.progress import reporting

        with reporting(0) as reporter:
            found = rows(
                matching(pattern) if pattern else BUILT_IN,
                lambda done, total: reporter.counting("tracing networks", done, total),
            )
        counts = dict.fromkeys(("layers", "blocks", "weights"), "Int64")
        return pd.DataFrame(found).astype(counts)


def layers(model: Network, image_size: int | None = None) -> Layers:
    """The layers of a backbone, in blocks, as `unfreeze` counts and names them.

    Args:
        model: as for `train`.
        image_size: side of the input in pixels; None is the backbone's own.

    Raises:
        BackboneError: no such backbone, or one that cannot be traced.
    """
    with working():
        from tlcompare.api.network import Layers
        from tlcompare.freezing.layers import build_and_trace

        listed = build_and_trace(plain(model), image_size)
        return Layers(listed.backbone, listed.image_size, listed)


def plan(
    model: Network,
    unfreeze: str | int,
    classes: int,
    *,
    image_size: int | None = None,
    batch_size: int = 32,
    measure: bool = False,
) -> Plan:
    """What a strategy would train and cost, and what keeping the frozen features would save, without training.

    The saving is for 1,000 images with their mirror images and the default recipe, where the backbone's speed is known
    on this machine: from a run, or measured. Memory is what is allocated; on a CPU the process may hold up to two
    fifths more, which its allocator does not give back.

    Args:
        model, unfreeze: as for `train`.
        classes: of the new head.
        image_size: side of the input in pixels; None is the backbone's own.
        batch_size: images per step.
        measure: measure the backbone's speed here, if it is not known: some seconds.

    Raises:
        BackboneError: no such backbone, or one that cannot be traced.
        StrategyError: the strategy matches nothing.
    """
    with working():
        from tlcompare.api.network import Plan
        from tlcompare.features.saving import expected_saving, is_measured
        from tlcompare.freezing.layers import build_and_trace
        from tlcompare.freezing.strategy import make_plan
        from tlcompare.progress import reporting
        from tlcompare.training.footprint import expected_footprint

        listed = build_and_trace(plain(model), image_size)
        made = make_plan(listed, str(unfreeze), classes)
        known = is_measured(listed)
        if measure and not known:
            with reporting(0) as reporter:
                reporter.say(f"measuring how fast {listed.backbone} is here, which is kept")
        saving = expected_saving(listed, made, images=1000) if measure or known else None
        needed = expected_footprint(listed, made, classes, batch_size, saving.precision if saving else "fp32")
        return Plan(made.backbone, made.unfreeze, saving, needed, made, batch_size)


def search_spaces() -> Mapping[str, str]:
    """The spaces that come with tlcompare: what each is for, by name."""
    from tlcompare.study.space import read_space

    return {name: read_space(name).about for name in presets()}


def search_space(name: str) -> str:
    """A space as YAML, to start one's own from.

    Args:
        name: of one that comes with tlcompare, or a file.

    Raises:
        ConfigError: no such space, or none that can be used.
    """
    from tlcompare.study.space import read_space

    read_space(name)
    return (presets().get(name) or expanded(name)).read_text(encoding="utf-8").rstrip()


def examine() -> Mapping[str, Mapping[str, str]]:
    """What this machine has: versions, device, caches, weights at hand, tracking store."""
    with working("mlflow"):
        from tlcompare.doctor import examine as examine_all

        return examine_all()


def sync() -> int:
    """Send what a tracking store has missed while it did not answer, to the store that MLflow names now.

    Training goes on when the tracking server is gone: what it logs is kept on this machine, in its order, and sent when
    the server answers again, by the run itself or by whatever is called next. This sends what is left now.

    Returns:
        How many entries were sent.

    Raises:
        TrackingError: it does not answer, or does not take all of them.
    """
    with working("mlflow"):
        from tlcompare.errors import TrackingError
        from tlcompare.files import cache_dir
        from tlcompare.tracking.outbox import send_kept
        from tlcompare.tracking.runs import end_died
        from tlcompare.tracking.store import require_store

        require_store()
        sent = send_kept()
        end_died()
        if sent.waiting:
            waiting = "; ".join(f"run {run_id}: {reason}" for run_id, reason in sent.waiting.items())
            raise TrackingError(
                f"not all could be sent: {waiting}",
                f"Mend that, and sync again; of runs that are gone, delete the folders in {cache_dir() / 'unsent'}.",
            )
        return sent.entries
