"""tlcompare's training on one GPU, beside a tuned loop: `python -m benchmarks.gpu`, eight minutes at most.

It needs torch, torchvision, timm and what these bring along, so that it runs in the images that GPU machines come with:
nothing is sent to MLflow here, and nothing asked of Optuna. Weights are random and images synthetic: times say
something, accuracies do not.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

from benchmarks.contestants._torch import batches, clip, make_loss, make_schedule
from benchmarks.work import CLASSES, DROPOUT, WEIGHT_DECAY, Job
from tlcompare.backbones.registry import get_backbone
from tlcompare.config import RunConfig
from tlcompare.data.batches import Images, Indices, shuffled
from tlcompare.data.folders import ImageFile
from tlcompare.data.pixels import PixelStore
from tlcompare.data.splits import Split
from tlcompare.data.views import normalise
from tlcompare.features.backbone import SharedBackbone
from tlcompare.features.feed import Feed, Stream, cuts_to_keep, demand, make_feed, measured_costs
from tlcompare.features.planner import Demand
from tlcompare.freezing.graph import Classifier, new_head
from tlcompare.freezing.layers import LayerList, build_and_trace
from tlcompare.freezing.strategy import FreezePlan, freeze, make_plan, set_training, tail
from tlcompare.machine.device import Compute, choose_compute
from tlcompare.training.checkpoints import Checkpoint
from tlcompare.training.epochs import Fitted
from tlcompare.training.fit import fit
from tlcompare.training.heads import fit_head, vectors_fit

_CHECKED, _BESIDE_EPOCHS, _CLOSE = 320, 6, 0.1
MODELS = ("efficientnet_lite0", "resnet50", "timm:vit_small_patch16_224")


@dataclass(frozen=True)
class Options:
    """What is run.

    Attributes:
        device: cuda, or cpu to try the script.
        models: backbones.
        images: how many; a fifth of them for validation.
        side: of the images, in pixels.
        batch: images in a batch.
        minutes: after which nothing new is begun.
        out: a file for the numbers.
    """

    device: str
    models: tuple[str, ...]
    images: int
    side: int
    batch: int
    minutes: float
    out: str


@dataclass(frozen=True)
class Ground:
    """A backbone and images to train it on."""

    layers: LayerList
    store: PixelStore
    split: Split
    compute: Compute
    config: RunConfig

    def images(self, config: RunConfig) -> Images:
        preprocessing = get_backbone(self.layers.backbone).at_size(self.layers.image_size).preprocessing
        views = int(config.views or 1)
        return Images(self.store, preprocessing, str(config.augment), views, config.seed, self.compute.device)

    def some(self, count: int) -> Ground:
        """The same with so many images, if there are more."""
        return replace(self, split=_split(min(count, len(self.store.files))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the script")
    parser.add_argument("--model", dest="models", action="append", help=f"repeat it; default: {', '.join(MODELS)}")
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--side", type=int, default=224, help="pixels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=7.5, help="after which nothing new is begun")
    parser.add_argument("--out", default="gpu.json")
    given = vars(parser.parse_args())
    run(Options(**given | {"models": tuple(given["models"] or MODELS)}))


def run(options: Options) -> list[dict[str, Any]]:
    """Check, then measure; print a table, and write every row as soon as it is there."""
    began = time.monotonic()
    rows: list[dict[str, Any]] = []
    left_out: list[str] = []
    store = synthetic(options.images, options.side)
    with _empty_cache():
        grounds = {model: _ground(model, store, options) for model in options.models}
        for name, work in _everything(grounds, options):
            if time.monotonic() - began > 60 * options.minutes:
                left_out.append(name)
                continue
            try:
                rows += [{"what": name} | row for row in work()]
            except Exception as e:  # the rest is still worth having
                rows.append({"what": name, "way": "FAILED", "value": f"{type(e).__name__}: {str(e)[:300]}"})
            minutes = (time.monotonic() - began) / 60
            report = {"machine": _machine(options.device), "options": asdict(options), "minutes": minutes}
            Path(options.out).write_text(json.dumps(report | {"rows": rows, "left out": left_out}, indent=1) + "\n")
            print(f"{minutes:4.1f} min  {name}", flush=True)
    print(f"\n{_table(rows, options, left_out)}")
    return rows


def _everything(
    grounds: dict[str, Ground], options: Options
) -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """What is done, the most important first."""
    first = grounds[options.models[0]]
    for model, ground in grounds.items():
        yield f"{model}: checks", partial(checks, ground)
    for name in ("W1", "W2", "W3", "W4"):
        for model, ground in grounds.items():
            yield f"{model}: {name}", partial(workload, ground, name)
    yield f"{options.models[0]}: where images and features live", partial(residency, first)
    yield f"{options.models[0]}: how the step is run", partial(ways, first)
    yield f"{options.models[0]}: side by side", partial(side_by_side, options)


def synthetic(images: int, side: int) -> PixelStore:
    """Noise in which the class shows as brightness."""
    random = np.random.default_rng(0)
    labels = np.arange(images) % CLASSES
    pixels = random.integers(0, 128, (images, side, side, 3), np.uint8)
    pixels += (labels * 12).astype(np.uint8)[:, None, None, None]
    return PixelStore(
        name="synthetic",
        classes=tuple(f"class {i}" for i in range(CLASSES)),
        files=tuple(ImageFile(f"{i}.png", int(label), "") for i, label in enumerate(labels)),
        hashes=tuple(f"{i:016x}" for i in range(images)),
        pixels=pixels,
        bad=(),
        pixels_sha256=f"{images} of {side}",
        digest="synthetic",
        decoded=0,
        notes=(),
    )


def _split(images: int) -> Split:
    rows, nobody = np.arange(images), np.array([], np.int64)
    return Split(rows[rows % 5 != 4], rows[rows % 5 == 4], nobody)


def _ground(model: str, store: PixelStore, options: Options) -> Ground:
    torch.manual_seed(0)
    layers = build_and_trace(model, options.side)
    layers.network.to(options.device, memory_format=torch.channels_last)
    compute = choose_compute(RunConfig(device=options.device))
    config = RunConfig(
        model=model, epochs=4, batch_size=options.batch, augment="flip", views=2, precision=compute.precision
    )
    return Ground(layers, store, _split(options.images), compute, config)


def ours(ground: Ground, configs: Sequence[RunConfig], shared: SharedBackbone, **options: Any) -> list[Fitted]:
    """Train one after the other as a sweep does, with features kept where all of them together want them.

    Args:
        ground: what on.
        configs: of the trainings.
        shared: the backbone.
        options: for `fit`.
    """
    plans = [make_plan(ground.layers, c.unfreeze, CLASSES) for c in configs]
    single = [demand(p.cut, ground.split, c) for p, c in zip(plans, configs, strict=True)]
    passes: dict[str, float] = {}
    for one in single:
        for node, count in one.passes.items():
            passes[node] = passes.get(node, 0) + count
    wanted = Demand(max(one.images for one in single), passes)
    kept = cuts_to_keep(measured_costs(ground.layers, ground.compute), wanted, configs[0])
    heads: dict[Any, Any] = {}
    fitted = []
    for number, (plan, config) in enumerate(zip(plans, configs, strict=True)):
        model, feed = _prepared(ground, plan, config, shared, kept)
        arguments = (model, ground.layers, plan, feed, ground.split, config, ground.compute)
        if not plan.parameters and vectors_fit(feed, ground.layers.features):
            ahead = [c for c in configs[number + 1 :] if c.unfreeze == "frozen"]
            fitted.append(fit_head(*arguments, ahead=ahead, trained=heads))
        else:
            suffix = shared.trained(plan, ground.compute)
            fitted.append(fit(*arguments, **{"suffix": suffix} | options))
    return fitted


def _prepared(
    ground: Ground, plan: FreezePlan, config: RunConfig, shared: SharedBackbone, kept: Any
) -> tuple[Classifier, Feed]:
    shared.restore()
    model = Classifier(ground.layers, plan.cut, CLASSES, config.dropout, config.seed)
    model.to(ground.compute.device, memory_format=torch.channels_last)
    images, quiet = ground.images(config), (lambda done, total: None)
    feed = make_feed(shared, plan, images, ground.split, config, ground.compute, kept, quiet, print)
    return model, feed


def tuned(ground: Ground, configs: Sequence[RunConfig]) -> None:
    """The same trainings in a loop with everything done right but reuse: pixels on the device, autocast, channels-last,
    a fused optimizer, the fastest convolutions, frozen layers in eval mode and outside autograd."""
    device = ground.compute.device
    everything = torch.from_numpy(np.ascontiguousarray(ground.store.pixels)).to(device).permute(0, 3, 1, 2)
    labels = torch.tensor(ground.store.labels, device=device)
    train, val = (torch.from_numpy(rows).to(device) for rows in (ground.split.train, ground.split.val))
    mean, std = ground.images(configs[0]).preprocessing.mean, ground.images(configs[0]).preprocessing.std
    network, loss_of = ground.layers.network, make_loss()
    for config in configs:
        plan = make_plan(ground.layers, config.unfreeze, CLASSES)
        freeze(network, plan)
        head = new_head(ground.layers.features, CLASSES, config.seed).to(device)
        model = nn.Sequential(network, nn.Dropout(DROPOUT), head)
        rates = ((config.head_lr, head.parameters()), (config.lr, network.parameters()))
        groups = [{"lr": rate, "params": [p for p in own if p.requires_grad]} for rate, own in rates]
        optimizer = torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=WEIGHT_DECAY, fused=True)
        steps = -(-len(train) // config.batch_size)
        schedule = make_schedule(optimizer, Job((), "", 0, config.epochs, "", ""), steps)
        random = torch.Generator().manual_seed(config.seed)
        for _ in range(config.epochs):
            model.train()
            network.eval()
            set_training(ground.layers, plan)
            total = torch.zeros((), device=device)
            for chosen in batches(len(train), config.batch_size, random):
                rows = train[chosen.to(device)]
                optimizer.zero_grad(set_to_none=True)
                x = everything[rows]
                x = torch.where(torch.rand(len(x), 1, 1, 1, device=device) < 0.5, x.flip(-1), x)
                with ground.compute.autocast():
                    logits = model(normalise(x, mean, std))
                loss = loss_of(logits.float(), labels[rows])
                loss.backward()
                total += loss.detach()
                clip(model)
                optimizer.step()
                schedule.step()
            model.eval()
            right = torch.zeros((), device=device)
            with torch.inference_mode(), ground.compute.autocast():
                for rows in val.split(2 * config.batch_size):
                    right += (model(normalise(everything[rows], mean, std)).argmax(1) == labels[rows]).sum()
            float(total), float(right)


def workload(ground: Ground, name: str) -> list[dict[str, Any]]:
    """Seconds of all trainings of a workload, tlcompare's with empty stores, the tuned loop's of a sample of them."""
    configs, sampled = _trials(ground, name)
    measured_costs(ground.layers, ground.compute)
    shared = _fresh(ground)
    rows = [{"way": "tlcompare", "value": _seconds(ground, lambda: ours(ground, configs, shared)), "unit": "s"}]
    if name == "W1":
        rows.append({"way": "tlcompare, warm", "value": _seconds(ground, lambda: ours(ground, configs, shared))})
    shared.restore()
    fastest = torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True)
    with fastest:
        seconds = _seconds(ground, lambda: tuned(ground, [configs[i] for i in sampled]))
    rows.append({"way": "tuned", "value": seconds * len(configs) / len(sampled), "sampled": len(sampled)})
    shared.restore()
    about = f"{len(configs)} trainings, {configs[0].epochs} epochs, {configs[0].precision}"
    return [{"unit": "s", "about": about} | row for row in rows]


def _trials(ground: Ground, name: str) -> tuple[list[RunConfig], list[int]]:
    """The trainings of a workload, and which of them the tuned loop runs."""
    config = ground.config
    if name == "W1":
        return [replace(config, unfreeze="frozen", epochs=10)], [0]
    if name == "W2":
        return [replace(config, unfreeze="50")], [0]
    if name == "W3":
        depths = [tail(ground.layers, share, "layer") for share in (0.1, 0.3, 0.5, 0.7, 1.0)]
        return [replace(config, unfreeze=u, epochs=2) for u in ("frozen", *depths)], [0, 1, 2, 3, 4, 5]
    last = ground.layers.blocks[-1]
    rates = np.geomspace(3e-4, 3e-2, 6)
    return [replace(config, unfreeze=u, head_lr=float(r)) for r in rates for u in ("frozen", last)], [4, 5]


def checks(ground: Ground) -> list[dict[str, Any]]:
    """What has to hold wherever it trains; a row each, with how it was."""
    small = replace(ground.some(_CHECKED), compute=replace(ground.compute, precision="fp32"))
    config = replace(ground.config, unfreeze="50", epochs=2, precision="fp32", dropout=0.0)
    shared = _fresh(small)
    plan = make_plan(ground.layers, config.unfreeze, CLASSES)
    before = {n: t.clone() for n, t in ground.layers.network.state_dict().items()}

    def train(kept: Any, **options: Any) -> tuple[Fitted, dict[str, Tensor]]:
        model, feed = _prepared(small, plan, config, shared, kept)
        suffix = shared.trained(plan, small.compute)
        fitted = fit(
            model, ground.layers, plan, feed, small.split, config, small.compute, **{"suffix": suffix} | options
        )
        return fitted, {n: t.clone() for n, t in model.weights().items()}

    uncached, _ = train([])
    cached, weights = train([plan.cut])
    scores, others = (np.log(f.probabilities) - np.log(f.probabilities).mean(0) for f in (uncached, cached))
    apart = float(np.sqrt(((scores - others) ** 2).mean() / (scores**2).mean()))
    about = f"after training, log probabilities differ by {apart:.1e} of what they vary between images"
    rows = [_check("cached equals uncached", apart < _CLOSE, about)]

    def strike(epoch: Any) -> None:
        raise KeyboardInterrupt

    checkpoint = Checkpoint(shared.digest, small.store, small.split, config, small.compute, "check")
    try:
        train([plan.cut], checkpoint=checkpoint, on_epoch=strike)
    except KeyboardInterrupt:
        pass
    said: list[str] = []
    _, resumed = train([plan.cut], checkpoint=checkpoint, on_notice=said.append)
    checkpoint.delete()
    same = sum(torch.equal(weights[n], resumed[n]) for n in weights)
    went_on = any("going on after epoch 1" in text for text in said)
    about = f"{same} of {len(weights)} tensors have the same bits"
    rows.append(_check("interrupted equals uninterrupted", went_on and same == len(weights), about))
    trained = {x.name for x in plan.layers}
    frozen = [n for n in before if n.rpartition(".")[0] not in trained]
    moved = [n for n in frozen if not torch.equal(before[n], weights[f"backbone.{n}"])]
    digests = {f.frozen_digest for f in (uncached, cached)}
    rows.append(_check("what is frozen stays", not moved and len(digests) == 1, f"{len(frozen)} tensors, one digest"))
    if ground.compute.device == "cuda":
        rows.append(_splits_batches(small, config))
    shared.restore()
    return rows


def _splits_batches(ground: Ground, config: RunConfig) -> dict[str, Any]:
    """Whether a batch is split where the device has not enough memory for it."""
    shared, config = _fresh(ground), replace(config, unfreeze="all", epochs=1)
    ours(ground, [config], shared)
    peak, there = torch.cuda.max_memory_allocated(), torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 0.6 * peak) / there)
    try:
        (fitted,) = ours(ground, [config], shared)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    about = f"split {fitted.batch_halvings} times with room for 60 % of {peak / 1e6:,.0f} MB"
    return _check("a batch that does not fit is split", fitted.batch_halvings > 0, about)


def _check(what: str, holds: bool, about: str) -> dict[str, Any]:
    return {"way": what, "value": "ok" if holds else "FAILED", "about": about}


def residency(ground: Ground) -> list[dict[str, Any]]:
    """Milliseconds to have a batch on the device, and images per second of training, by where they come from."""
    rows = []
    for what, unfreeze in (("features", "50"), ("images", "all")):
        config = replace(ground.config, unfreeze=unfreeze, epochs=2)
        shared = _fresh(ground)
        plan = make_plan(ground.layers, unfreeze, CLASSES)
        kept = [plan.cut] if what == "features" else []
        _, feed = _prepared(ground, plan, config, shared, kept)
        stream = feed.train
        order = [stream.images.slots(rows, 0) for rows in shuffled(ground.split.train, config.batch_size, 0, 0)]
        for where, source in (("the host", stream), ("the device", stream.holding(float("inf")))):
            took = _seconds(ground, partial(_read, source, order))
            rows.append({"way": f"{what} on {where}", "value": took / len(order) * 1e3, "unit": "ms a batch"})
        for where, room in (("the host", 0.0), ("the device", float("inf"))):
            with mock.patch("tlcompare.training.fit.room_on", lambda device, room=room: room):
                rows.append(_rate(ground, config, shared, f"trained from {what} on {where}"))
    return rows


def _read(stream: Stream, order: Sequence[Indices]) -> None:
    for x in stream.gather(order):
        stream.advance(x)


def ways(ground: Ground) -> list[dict[str, Any]]:
    """Images per second of training the last 50 layers, by how a step is run."""
    config = replace(ground.config, unfreeze="50", epochs=3)
    shared = _fresh(ground)
    plan = make_plan(ground.layers, "50", CLASSES)
    rows = [_rate(ground, config, shared, "eager")]
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
        rows.append(_rate(ground, config, shared, "eager, convolutions by trial, not deterministic"))
    if ground.compute.device == "cuda":
        shared.restore()
        suffix = shared.trained(plan, ground.compute)
        freeze(ground.layers.network, plan)
        set_training(ground.layers, plan)
        x = torch.zeros(config.batch_size, *plan.cut.shape, device="cuda")
        x = x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x
        with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
            graphed = torch.cuda.make_graphed_callables(suffix, (x,))
        rows.append(_rate(ground, config, shared, "CUDA graph", suffix=lambda x: graphed(x.float())))
        rows.append(_rate(ground, config, shared, "compiled", suffix=shared.compiled(plan.cut, ground.compute)))
    return rows


def _rate(ground: Ground, config: RunConfig, shared: SharedBackbone, way: str, **options: Any) -> dict[str, Any]:
    """Images per second of training and validation, in the fastest epoch."""
    (fitted,) = ours(ground, [config], shared, **options)
    images = len(ground.split.train) + len(ground.split.val)
    return {"way": way, "value": images / min(e.seconds for e in fitted.epochs), "unit": "images/s"}


def side_by_side(options: Options) -> list[dict[str, Any]]:
    """Images per second that one, two and four processes get done together on the device."""
    rows = []
    context = multiprocessing.get_context("spawn")
    for jobs in (1, 2, 4):
        ready, told = context.Barrier(jobs), context.Queue()
        running = [context.Process(target=_beside, args=(options, seed, ready, told)) for seed in range(jobs)]
        for process in running:
            process.start()
        seconds = max(told.get(timeout=240) for _ in running)
        for process in running:
            process.join()
        images = jobs * options.images * _BESIDE_EPOCHS
        rows.append({"way": f"{jobs} at a time", "value": images / seconds, "unit": "images/s"})
    return rows


def _beside(options: Options, seed: int, ready: Any, told: Any) -> None:
    ground = _ground(options.models[0], synthetic(options.images, options.side), options)
    config = replace(ground.config, unfreeze="50", seed=seed)
    shared = SharedBackbone(ground.layers, "none")
    ours(ground, [replace(config, epochs=2)], shared)
    ready.wait(timeout=200)
    told.put(_seconds(ground, lambda: ours(ground, [replace(config, epochs=_BESIDE_EPOCHS)], shared)))


def _fresh(ground: Ground) -> SharedBackbone:
    """The backbone without any features kept of it."""
    shutil.rmtree(Path(os.environ["TLCOMPARE_CACHE"]) / "features", ignore_errors=True)
    return SharedBackbone(ground.layers, "none")


@contextmanager
def _empty_cache() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, TLCOMPARE_CACHE=folder):
        yield


def _seconds(ground: Ground, work: Callable[[], Any]) -> float:
    wait = torch.cuda.synchronize if ground.compute.device == "cuda" else nullcontext
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def _machine(device: str) -> dict[str, Any]:
    return {
        "device": choose_compute(RunConfig(device=device)).device_name,
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }


def _table(rows: Sequence[dict[str, Any]], options: Options, left_out: Sequence[str]) -> str:
    """Everything as Markdown."""
    machine = _machine(options.device)
    lines = [
        f"{machine['device']}, {machine['cores']} cores, torch {machine['torch']}; {options.images} synthetic images "
        f"of {options.side} pixels, batches of {options.batch}.",
        "",
        "| | | | times tlcompare's | |",
        "|---|---|---:|---:|---|",
    ]
    for row in rows:
        own = [r["value"] for r in rows if r["what"] == row["what"] and r["way"] == "tlcompare"]
        times = f"{row['value'] / own[0]:.1f}" if own and row["way"] != "tlcompare" else ""
        value = row["value"] if isinstance(row["value"], str) else f"{row['value']:,.4g} {row['unit']}"
        lines.append(f"| {row['what']} | {row['way']} | {value} | {times} | {row.get('about', '')} |")
    if left_out:
        lines += ["", f"Left out for lack of time: {', '.join(left_out)}."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
