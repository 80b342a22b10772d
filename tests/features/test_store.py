"""The feature store, by counting: what is computed, by whom, and what is noticed."""

import errno
import gc
import os
import resource
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.conftest import write_image
from tests.training.bench import Bench
from tlcompare.backbones.registry import BUILT_IN
from tlcompare.features.store import Features, make_room
from tlcompare.freezing.graph import between, cut_points, latest_cut

MODEL = "efficientnet_lite0"


@pytest.fixture
def bench(tmp_path, monkeypatch, config):
    """Benches with a cache of their own; each loads its backbone and opens the stores anew."""
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path / "cache"))

    def make(precision="fp32", **options):
        return Bench(config(**{"model": MODEL, "epochs": 2} | options), precision)

    return make


def cuts_of(bench, *numbers):
    points = cut_points(bench.layers)
    return [points[n] for n in numbers]


def passes(bench, cuts):
    """Count images as they go through the first part of the backbone, whoever sends them."""
    seen = []
    bench.shared.part(None, cuts[0]).register_forward_pre_hook(lambda module, x: seen.append(len(x[0])))
    return seen


def test_one_pass_emits_every_cut_and_the_next_run_needs_none(bench):
    first = bench()
    cuts = cuts_of(first, 5, 20, 40, -1)
    seen = passes(first, cuts)
    feed = first.feed(cuts)
    slots = 2 * len(first.split.train) + len(first.split.val)
    assert feed.computed == feed.slots == slots
    assert slots <= sum(seen) < slots + 2 * 32, "each image and view once, but for what fills up two last batches"
    assert feed.seconds > 0
    second = bench(unfreeze="20%", seed=5)
    seen = passes(second, cuts)
    again = second.feed(cuts)
    assert (again.computed, seen) == (0, [])
    assert 0 < again.seconds <= feed.seconds


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("model", BUILT_IN)
def test_what_is_kept_is_what_the_network_gives_at_every_block(bench, model, precision):
    made = bench(precision, model=model, weights="none")
    listed = made.layers
    cuts = [latest_cut(listed, {x.name for x in listed.layers if x.block == block}) for block in listed.blocks]
    cuts = [*dict.fromkeys(cuts[1:]), cut_points(listed)[-1]]
    features = made.shared.features(made.images, made.compute)
    slots = np.array([0, 3, 17, 40, 71])
    features.fill(cuts, slots)
    x = made.images.ready(made.images.gather(slots))
    for cut in cuts:
        kept = features.at(cut).read(slots)
        assert tuple(kept.shape) == (5, *cut.shape)
        with torch.inference_mode():
            plain = between(listed.network, None, cut.node)(x)
        error = (kept.float() - plain).square().mean().sqrt() / plain.square().mean().sqrt()
        assert error < (1e-5 if precision == "fp32" else 0.05)


def test_a_later_cut_is_computed_from_the_nearest_that_is_there(bench):
    first = bench()
    early, late = cuts_of(first, 20, -1)
    first.feed([early])
    second = bench()
    seen = passes(second, [early])
    assert second.feed([early, late]).computed == second.feed([early]).slots
    assert seen == []
    whole = bench()
    direct = whole.shared.part(None, late)
    features = second.shared.features(second.images, second.compute)
    slots = second.images.slots(second.split.train[:4], 0)
    expected = direct(whole.images.ready(whole.images.gather(slots)))
    torch.testing.assert_close(features.at(late).read(slots), expected, rtol=1e-4, atol=1e-4)


def test_what_a_feature_is_does_not_depend_on_which_were_lacking(bench, monkeypatch, tmp_path):
    values = []
    for cache, parts in (("one", [range(40)]), ("two", [range(7, 12), range(0, 40, 2), range(40)])):
        monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path / cache))
        some = bench()
        cuts = cuts_of(some, 20, -1)
        features = some.shared.features(some.images, some.compute)
        for part in parts:
            features.fill(cuts, np.array(part))
        values.append([features.at(c).read(np.arange(40)) for c in cuts])
    for a, b in zip(*values, strict=True):
        assert torch.equal(a, b)


def test_the_key_changes_with_weights_views_images_and_precision(bench, config, photos, tmp_path):
    def folder(made, **changes):
        compute = replace(made.compute, precision=changes.pop("precision", "fp32"))
        return made.shared.features(replace(made.images, **changes), compute).folder

    first = bench()
    same = bench(unfreeze="all", lr=1, seed=9)
    assert folder(same) == folder(first), "neither the strategy nor the recipe nor the seed of mirrored views matters"
    other = bench()
    with torch.no_grad():
        other.layers.network.get_parameter("conv_stem.weight")[0, 0, 0, 0] += 1e-6
    changed = type(other.shared)(other.layers, "")
    for hue in range(3):
        for i in range(4):
            write_image(tmp_path / "more" / str(hue) / f"{i}.png", seed=hue * 10 + i, hue=hue)
    folders = [
        folder(first),
        changed.features(first.images, first.compute).folder,
        folder(first, policy="none", views=1),
        folder(first, policy="crop", views=4),
        folder(first, policy="crop", views=4, seed=1),
        folder(first, precision="bf16"),
        folder(bench(data=str(tmp_path / "more"))),
        folder(bench(image_size=48)),
    ]
    write_image(tmp_path / "more" / "0" / "0.png", seed=99, hue=0)
    folders.append(folder(bench(data=str(tmp_path / "more"))))
    hidden = replace(first.store, hashes=(*first.store.hashes[:-1], "f" * 64))
    assert folder(first, store=hidden) == folder(first), "what mirrored views cannot show"
    folders.append(folder(first, store=hidden, policy="crop", views=4))
    assert len(set(folders)) == len(folders)


def test_a_feature_does_not_depend_on_which_cuts_are_kept(bench, monkeypatch, tmp_path):
    """Also where one of them comes between a convolution and its norm, which are computed as one."""
    values = []
    for cache, with_split in (("one", False), ("two", True)):
        monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path / cache))
        made = bench("bf16")
        points = cut_points(made.layers)
        split = next(p for p in points if p.number > 20 and made.shared.splits_norm(p))
        later = points[points.index(split) + 5]
        features = made.shared.features(made.images, made.compute)
        for cuts in ([split], [split, later]) if with_split else ([later],):
            features.fill(cuts, np.arange(40))
        values.append(features.at(later).read(np.arange(40)))
    assert torch.equal(*values)


@pytest.mark.parametrize("damage", ["cut", "altered", "index altered", "index gone", "gone"])
def test_a_damaged_store_is_noticed_and_made_anew(bench, damage):
    first = bench()
    (cut,) = cuts_of(first, 40)
    feed = first.feed([cut])
    kept = first.shared.features(first.images, first.compute).at(cut)
    before = kept.read(feed.train.slots)
    file, index = kept.folder / "features.bin", kept.folder / "index.json"
    if damage == "cut":
        os.truncate(file, file.stat().st_size - 1)
    elif damage == "altered":
        with file.open("r+b") as f:
            f.seek(int(feed.train.slots[3]) * before[0].nbytes + 5)
            f.write(b"\x07\x07")
    elif damage == "index altered":
        index.write_text(index.read_text().replace("float32", "float16"))
    elif damage == "index gone":
        index.unlink()
    else:
        file.unlink()
    second = bench()
    feed = second.feed([cut])
    assert feed.computed >= len(second.images.slots(second.split.train, 0))
    assert torch.equal(second.shared.features(second.images, second.compute).at(cut).read(feed.train.slots), before)
    assert bench().feed([cut]).computed == 0


def test_what_was_computed_before_an_interruption_stays(bench):
    first = bench()
    cuts = cuts_of(first, 20, -1)
    features = first.shared.features(first.images, first.compute)

    def interrupt(done, total):
        if done >= 64:
            raise KeyboardInterrupt

    slots = np.arange(72)
    with pytest.raises(KeyboardInterrupt):
        features.fill(cuts, slots, interrupt)
    again = bench()
    assert again.shared.features(again.images, again.compute).fill(cuts, slots) == 8


def test_two_processes_build_one_store(bench):
    made = bench()
    cuts = cuts_of(made, 20, -1)
    counts = []
    children = []
    for _ in range(2):
        out, into = os.pipe()
        child = os.fork()
        if not child:
            code = 99
            try:
                computed = made.shared.features(made.images, made.compute).fill(cuts, np.arange(72))
                os.write(into, str(computed).encode())
                code = 0
            finally:
                os._exit(code)
        os.close(into)
        children.append((child, out))
    for child, out in children:
        counts.append(int(os.read(out, 100)))
        os.close(out)
        assert os.waitpid(child, 0)[1] == 0
    assert sorted(counts) == [0, 72]
    assert made.shared.features(made.images, made.compute).fill(cuts, np.arange(72)) == 0


def test_without_room_on_the_disk_training_goes_on_without_features(bench):
    made = bench()
    said = []
    made.feed(cuts_of(made, -1))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        feed = made.feed(cuts_of(made, 20), said.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert said == [
        f"warning: features cannot be kept and are computed in every epoch: [Errno {errno.EFBIG}] File too large"
    ]
    assert feed.leads
    assert (feed.train.store, feed.computed) == (None, 0)
    assert bench().feed(cuts_of(made, 20)).computed > 0


def test_the_least_recently_used_leave_first(bench, tmp_path):
    folders = []
    for age, size in enumerate((32, 48, 64)):
        made = bench(image_size=size)
        feed = made.feed(cuts_of(made, 20))
        assert feed.train.store is not None
        for store in (feed.train.store, feed.val.store):
            os.utime(store.folder / "index.json", (age, age))
            folders.append(store.folder)
    sizes = [sum(f.stat().st_blocks * 512 for f in folder.iterdir()) for folder in folders]
    make_room(1000, sum(sizes) + 1000, keep=[])
    assert all(f.exists() for f in folders)
    make_room(1000, sum(sizes[2:]) + 1000, keep=[])
    assert [f.exists() for f in folders] == [False, False, True, True, True, True]
    make_room(sum(sizes), 0, keep=[folders[2]])
    assert [f.exists() for f in folders] == [False, False, True, False, False, False]
    said = []
    again = bench(image_size=48)
    assert again.feed(cuts_of(again, 20), said.append).computed == len(made.split.val)
    assert said == []


def test_what_another_process_deleted_is_let_go_and_made_anew(bench):
    made = bench()
    (cut,) = cuts_of(made, 20)
    made.feed([cut])
    features = made.shared.features(made.images, made.compute)
    make_room(0, 0, keep=[])
    assert not features.folder.joinpath(cut.node).exists()
    assert not features.at(cut).has.any()
    assert made.feed([cut]).computed == made.feed([cut]).slots


def test_features_that_are_there_are_used_even_where_making_them_would_not_pay(bench):
    first = bench(augment="none", views=1)
    first.feed(cuts_of(first, -1))
    once = bench(augment="none", views=1, epochs=1)
    assert once.feed(None).at_cut
    other = bench(augment="none", views=1, epochs=1, image_size=48)
    assert other.feed(None).train.store is None


def test_the_budget_holds_for_the_cuts_of_one_backbone_too(bench):
    made = bench(cache_gb=0.002)
    for number in (30, 40, 50, 60, -1):
        made.feed(cuts_of(made, number))
    stores = list((made.shared.features(made.images, made.compute).folder.parent).glob("*/*"))
    total = sum(f.stat().st_blocks * 512 for folder in stores for f in folder.iterdir())
    assert 0 < total <= 2_000_000


@pytest.mark.parametrize("after", [1, 2])
def test_what_another_process_deletes_while_a_run_reads_it_stays_readable(bench, monkeypatch, after):
    made = bench(augment="flip")
    (cut,) = cuts_of(made, 20)
    seen = made.feed([cut])
    expected = [next(s.gather([s.slots[:8]])) for s in (seen.train, seen.val)]
    fills, whole = [], Features.fill

    def fill(self, *arguments):
        filled = whole(self, *arguments)
        fills.append(self)
        if len(fills) == after:
            make_room(0, 0, keep=[])
        return filled

    monkeypatch.setattr(Features, "fill", fill)
    again = made.feed([cut])
    assert len(fills) == 2
    for stream, values in zip((again.train, again.val), expected, strict=True):
        assert torch.equal(next(stream.gather([stream.slots[:8]])), values)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="Linux lists a process's open files")
def test_a_backbone_that_is_no_longer_used_keeps_no_file_open(bench):
    def opened():
        return [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]

    made = bench()
    (cut,) = cuts_of(made, 20)
    made.feed([cut])
    file = str(made.shared.features(made.images, made.compute).at(cut).file)
    assert file in opened()
    gc.disable()
    try:
        del made
        assert file not in opened()
    finally:
        gc.enable()
