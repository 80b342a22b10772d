"""Rows 11, 12 and 13: archives, downloads, and files in the cache that are not as they were written."""

import hashlib
import io
import json
import os
import pickle
import random
import shutil
import tarfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.chaos.servers import encrypted, sends, server_that
from tests.data.test_sources import archive, file, flower_members
from tests.training.bench import Bench
from tlcompare import serving
from tlcompare.backbones.registry import get_backbone
from tlcompare.backbones.weights import UrlWeights, read_state
from tlcompare.data.images import Preprocessing
from tlcompare.data.pixels import open_store
from tlcompare.data.sources import FLOWERS, find_source
from tlcompare.errors import DataError, TrackingError, UserError, WeightsError
from tlcompare.features.store import FeatureStore
from tlcompare.tracking.outbox import kept, put, send
from tlcompare.tracking.sending import Entry
from tlcompare.training.checkpoints import Checkpoint, State

SMALL = Preprocessing(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "bilinear", 1.0)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site():
    """A server whose answer can be changed; gives its address and a function that sets the answer."""
    with server_that() as server:
        yield f"http://127.0.0.1:{server.server_address[1]}", lambda answer: setattr(server, "answer", answer)


def raw(content):
    """Bytes in place of an archive."""
    return lambda: content


def special(kind):
    return lambda: archive([*flower_members(), file("flower_photos/daisy/x", b"", type=kind, linkname="/etc/passwd")])


def named(name, **attributes):
    return lambda: archive([*flower_members(), file(name, b"evil", **attributes)])


def linked(target, kind=tarfile.SYMTYPE):
    """A link out of the folder, and a file through it."""
    return lambda: archive(
        [*flower_members(), file("flower_photos/out", b"", type=kind, linkname=target), file("flower_photos/out/x")]
    )


HOSTILE = {
    "parent folder": named("../evil"),
    "parent folders within": named("flower_photos/../../evil"),
    "absolute name": named("/tmp/tlcompare-evil"),
    "absolute name of Windows": named("C:\\evil"),
    "backslashes": named("..\\..\\evil"),
    "link to /etc": linked("/etc"),
    "link to a parent": linked("../../.."),
    "hard link out": linked("../../../../etc/passwd", tarfile.LNKTYPE),
    "hard link to an absolute name": linked("/etc/passwd", tarfile.LNKTYPE),
    "character device": special(tarfile.CHRTYPE),
    "block device": special(tarfile.BLKTYPE),
    "named pipe": special(tarfile.FIFOTYPE),
    "a bomb of zeros": lambda: archive([file("flower_photos/daisy/zeros", bytes(40_000_000))]),
    "ten thousand empty files": lambda: archive([file(f"flower_photos/daisy/{i}", b"") for i in range(10_000)]),
    "no archive": raw(b"<html>moved</html>"),
    "nothing": raw(b""),
    "an archive cut short": lambda: archive(flower_members())[:-300],
    "a gzip of noise": lambda: __import__("gzip").compress(random.Random(0).randbytes(5000)),
    "a folder that is missing": lambda: archive([file("other/daisy/1.jpg")]),
    "a file in place of the folder": lambda: archive([file("flower_photos", b"x")]),
    "setuid": named("flower_photos/daisy/run.jpg", mode=0o4777),
    "a very long name": named("flower_photos/" + "x" * 5000),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_hostile_archives(tmp_path, own_cache, site, survived, how):
    """Nothing is written outside, nothing is left behind, and no more is unpacked than was said."""
    url, answer = site
    content = HOSTILE[how]()
    answer(sends(content))
    limit = 20_000_000
    published = replace(FLOWERS, url=f"{url}/x.tgz", sha256=hashlib.sha256(content).hexdigest(), unpacked_limit=limit)
    (tmp_path / "outside").write_text("as it was")
    try:
        source = find_source("flowers", published)
    except DataError as e:
        assert url in str(e)
        assert not list((own_cache / "datasets").glob("[!.]*"))
    else:
        made = list(source.root.rglob("*"))
        assert all(p.resolve().is_relative_to(own_cache) for p in made)
        assert not any(p.stat().st_mode & 0o6000 for p in made)
        assert sum(p.stat().st_size for p in made) < limit
    assert {p.name for p in tmp_path.iterdir()} == {"outside", "cache"}
    assert not Path("/tmp/tlcompare-evil").exists()
    survived(11)


CUTS = [0, 1, 100, 0.1, 0.5, 0.9, -1]


@pytest.mark.parametrize("cut", CUTS)
def test_a_download_that_is_cut_leaves_nothing_and_works_the_next_time(own_cache, site, survived, cut):
    url, answer = site
    content = archive(flower_members())
    until = int(cut * len(content)) if isinstance(cut, float) else cut
    published = replace(FLOWERS, url=f"{url}/x.tgz", sha256=hashlib.sha256(content).hexdigest())
    answer(sends(content[:until], len(content)))
    with pytest.raises(DataError, match=r"cannot download|another file"):
        find_source("flowers", published)
    assert not list((own_cache / "datasets").glob("[!.]*"))
    answer(sends(content))
    assert find_source("flowers", published).root.is_dir()
    survived(12)


@pytest.mark.parametrize(
    "wrong", [sends(b"other"), sends(b"gone", status=404), sends(b"broken", status=500), sends(b"<html>log in</html>")]
)
def test_another_file_than_the_published_one(own_cache, site, tmp_path, monkeypatch, survived, wrong):
    url, answer = site
    answer(wrong)
    with pytest.raises(DataError):
        find_source("flowers", replace(FLOWERS, url=f"{url}/x.tgz"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    with pytest.raises(WeightsError):
        UrlWeights(f"{url}/net.pth", "0123").fetch()
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and not p.name.endswith(".lock")]
    survived(12, 2)


def test_a_redirect_to_plain_http_is_refused(own_cache, site, tmp_path, monkeypatch, survived):
    plain, answer = site
    content = archive(flower_members())
    answer(sends(content))
    with encrypted(tmp_path, sends(b"", status=302, Location=f"{plain}/x.tgz"), monkeypatch) as server:
        url = f"https://127.0.0.1:{server.server_address[1]}/x.tgz"
        published = replace(FLOWERS, url=url, sha256=hashlib.sha256(content).hexdigest())
        with pytest.raises(DataError, match="is not encrypted"):
            find_source("flowers", published)
        assert not list((own_cache / "datasets").glob("[!.]*"))
        server.answer = sends(content)
        assert find_source("flowers", published).root.is_dir()
    survived(12)


@pytest.mark.parametrize("poison", ["change", "remove", "add", "manifest"])
def test_a_poisoned_data_set_is_made_anew(own_cache, survived, poison):
    root = find_source("digits").root
    victim = root / "3" / "0003.png"
    whole = victim.read_bytes()
    if poison == "change":
        victim.write_bytes(flip(whole, 70))
    elif poison == "remove":
        victim.unlink()
    elif poison == "add":
        (root / "3" / "more.png").write_bytes(whole)
    else:
        manifest = root / ".manifest.json"
        manifest.write_bytes(flip(manifest.read_bytes(), 999))
    find_source("digits")
    assert victim.read_bytes() == whole
    assert not (root / "3" / "more.png").exists()
    survived(12)


def test_a_data_set_is_whole_even_if_the_damaged_one_was_half_deleted(own_cache, monkeypatch, survived):
    root = find_source("digits").root
    (root / "3" / "0003.png").unlink()

    def cut_short(folder, ignore_errors):
        if folder.is_dir():
            (folder / ".manifest.json").unlink()
            whole(folder / "4")
            raise KeyboardInterrupt

    whole = shutil.rmtree
    monkeypatch.setattr("tlcompare.data.sources.shutil.rmtree", cut_short)
    with pytest.raises(KeyboardInterrupt):
        find_source("digits")
    monkeypatch.setattr("tlcompare.data.sources.shutil.rmtree", whole)
    assert len(list(find_source("digits").root.rglob("*.png"))) == 1797
    survived(12)


def flip(data, place):
    return data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :]


def damages(data, count, draw):
    """Copies of the data with a byte flipped, cut off, or lengthened, all over it."""
    for number in range(count):
        place = int((number + draw.random()) / count * len(data))
        kind = number % 5
        yield data[:place] if kind == 3 else data + b"x" if kind == 4 else flip(data, min(place, len(data) - 1))


class Canary:
    """Unpickling this leaves a file behind."""

    def __init__(self, folder):
        self.file = folder / "canary"

    def __reduce__(self):
        return (Path.touch, (self.file,))


def payloads(folder):
    plain = pickle.dumps(Canary(folder))
    zipped = io.BytesIO()
    torch.save({"x": Canary(folder)}, zipped)
    return [plain, zipped.getvalue()]


def tampered(file, count, folder):
    """Write damaged content and pickles into a file, one after another; the whole content in the end."""
    whole = file.read_bytes()
    for data in [*damages(whole, count, random.Random(0)), *payloads(folder)]:
        file.write_bytes(data)
        yield data
        assert not (folder / "canary").exists()
    file.write_bytes(whole)


def test_tampered_pixels(own_cache, photos, many, tmp_path, survived):
    source = find_source(str(photos))
    store = open_store(source, SMALL)
    expected = np.array(store.pixels)
    for name in ("pixels.bin", "index.json"):
        file = Path(store.pixels.filename).with_name(name)
        for _ in tampered(file, many(10, 250), tmp_path):
            again = open_store(source, SMALL)
            assert (again.pixels == expected).all()
            assert again.files == store.files
            assert again.digest == store.digest
            survived(13)


def test_tampered_features(tmp_path, many, survived):
    folder = tmp_path / "features"
    slots = np.arange(600)
    values = torch.randn(600, 8, generator=torch.Generator().manual_seed(0))
    store = FeatureStore(folder, 700, (8,))
    store.write(slots, values, 1.0)
    store.save()
    for name in ("features.bin", "index.json"):
        for _ in tampered(folder / name, many(25, 750), tmp_path):
            again = FeatureStore(folder, 700, (8,))
            there = np.flatnonzero(again.has)
            assert not len(there) or torch.equal(again.read(there), values[there])
            survived(13)
    assert FeatureStore(folder, 700, (8,)).has.sum() == 600


def test_tampered_checkpoints(config, own_cache, many, tmp_path, survived):
    bench = Bench(config(model="efficientnet_lite0"))
    checkpoint = Checkpoint("x", bench.store, bench.split, bench.config, bench.compute)
    checkpoint.save(State((), 0, 0, 0.0, {"prefix": 3}, {"now.a": torch.randn(40)}))
    (file,) = (own_cache / "checkpoints").iterdir()
    for _ in tampered(file, many(50, 1750), tmp_path):
        assert checkpoint.load() is None
        survived(13)
    assert checkpoint.load().counts == {"prefix": 3}


def test_tampered_models(config, many, tmp_path, survived):
    bench = Bench(config(model="efficientnet_lite0"))
    folder = tmp_path / "model"
    folder.mkdir()
    serving.save(folder, bench.model, get_backbone("efficientnet_lite0").at_size(32), ["a", "b", "c"])
    for name in (serving.WEIGHTS_FILE, serving.DESCRIPTION_FILE):
        whole = json.loads((folder / serving.DESCRIPTION_FILE).read_text())
        for data in tampered(folder / name, many(30, 750), tmp_path):
            with suppress(ValueError):
                if name == serving.DESCRIPTION_FILE and json.loads(data) == whole:
                    continue
            with pytest.raises(UserError):
                serving.load(folder)
            survived(13)
    assert serving.load(folder).classes == ("a", "b", "c")


def test_tampered_weights(tmp_path, survived):
    for name in ("x.pth", "x.pt", "x.safetensors"):
        for data in payloads(tmp_path):
            (tmp_path / name).write_bytes(data)
            with pytest.raises(WeightsError):
                read_state(tmp_path / name)
            assert not (tmp_path / "canary").exists()
            survived(13)


@pytest.mark.parametrize("damaged", ["000001", "000002"])
def test_a_tampered_outbox_loses_no_more_than_what_was_damaged(place, monkeypatch, own_cache, survived, damaged):
    from mlflow import MlflowClient

    place()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    client = MlflowClient()
    run_id = client.create_run("0").info.run_id
    here = os.environ["MLFLOW_TRACKING_URI"]
    for number in range(3):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        with monkeypatch.context() as patch:
            patch.setattr("tlcompare.tracking.outbox.store_id", lambda: here)
            put(run_id, Entry("tags", {f"tag{number}": "x"}))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", here)
    assert kept() == [run_id]
    victim = own_cache / "unsent" / run_id / damaged / "entry.json"
    victim.write_bytes(flip(victim.read_bytes(), 80))
    assert kept() == [run_id]
    assert send(run_id)
    left = {"tag0", "tag1", "tag2"} - {f"tag{int(damaged) - 1}"}
    assert {t for t in client.get_run(run_id).data.tags if t.startswith("tag")} == left
    assert not kept()
    survived(13)


def test_a_newer_model_says_what_to_do(tmp_path, survived):
    (tmp_path / serving.DESCRIPTION_FILE).write_text(json.dumps({"format": 99}))
    with pytest.raises(TrackingError, match=r"format 99.*Upgrade tlcompare"):
        serving.load(tmp_path)
    survived(18)
