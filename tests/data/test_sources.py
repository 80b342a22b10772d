import gzip
import hashlib
import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from tlcompare.data.sources import FLOWERS, find_source
from tlcompare.errors import DataError

NAMES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def archive(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def file(name, content=b"x", **attributes):
    member = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(member, key, value)
    return member, content


def flower_members():
    picture = io.BytesIO()
    Image.new("RGB", (10, 8), (9, 99, 9)).save(picture, "JPEG")
    pictures = [file(f"flower_photos/{n}/{i}.jpg", picture.getvalue()) for n in NAMES for i in range(3)]
    return [file("flower_photos/LICENSE.txt", b"terms"), *pictures]


@pytest.fixture
def publish(tmp_path, serve_folder):
    def start(content, sha256=None, **options):
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "flower_photos.tgz").write_bytes(content)
        url, asked = serve_folder(tmp_path / "site")
        digest = sha256 or hashlib.sha256(content).hexdigest()
        return replace(FLOWERS, url=f"{url}/flower_photos.tgz", sha256=digest, **options), asked

    return start


def test_flowers_are_downloaded_once(publish):
    published, asked = publish(archive(flower_members()))
    source = find_source("flowers", published)
    assert sorted(d.name for d in source.root.iterdir() if d.is_dir()) == list(NAMES)
    assert find_source("flowers", published) == source
    assert len(asked) == 1
    assert source.mirrors


def test_a_data_set_from_before_there_were_manifests_is_taken_as_it_is(publish, own_cache):
    published, asked = publish(archive(flower_members()))
    root = find_source("flowers", published).root.parent
    (root / ".manifest.json").unlink()
    find_source("flowers", published)
    (root / "flower_photos" / ".DS_Store").write_text("of a file manager")
    find_source("flowers", published)
    assert len(asked) == 1


def test_a_data_set_that_cannot_be_made_anew_stays(publish, own_cache):
    published, _ = publish(archive(flower_members()))
    root = find_source("flowers", published).root
    picture = next(root.rglob("*.jpg"))
    picture.write_bytes(b"altered")
    with pytest.raises(DataError, match="cannot download"):
        find_source("flowers", replace(published, url="http://127.0.0.1:9/x.tgz"))
    assert picture.read_bytes() == b"altered"
    find_source("flowers", published)
    assert picture.read_bytes() != b"altered"


def test_another_archive_than_the_published_one_is_refused(publish, own_cache):
    published, _ = publish(archive(flower_members()), sha256="0" * 64)
    with pytest.raises(DataError, match=r"sent another file than the published one"):
        find_source("flowers", published)
    assert not list((own_cache / "datasets").glob("[!.]*"))


def test_offline_says_what_to_do():
    with pytest.raises(DataError, match=r"cannot download .*--data DIR"):
        find_source("flowers", replace(FLOWERS, url="http://127.0.0.1:9/flower_photos.tgz"))


def test_digits_are_embedded():
    source = find_source("digits")
    assert len(list(source.root.rglob("*.png"))) == 1797
    assert sorted(d.name for d in source.root.iterdir() if d.is_dir()) == [str(i) for i in range(10)]
    assert not source.mirrors


def write_mnist(folder):
    """The four files of MNIST, with a few images."""
    folder.mkdir(parents=True)
    for part, count in (("train", 6), ("t10k", 4)):
        images = np.arange(count * 28 * 28, dtype=np.uint8)
        for name, magic, content in (
            (f"{part}-images-idx3-ubyte", [0x803, count, 28, 28], images),
            (f"{part}-labels-idx1-ubyte", [0x801, count], np.arange(count, dtype=np.uint8) % 2),
        ):
            data = np.array(magic, ">i4").tobytes() + content.tobytes()
            (folder / name).write_bytes(data)
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))


def test_a_torchvision_data_set_becomes_a_divided_folder(own_cache):
    write_mnist(own_cache / "downloads" / "MNIST" / "MNIST" / "raw")
    source = find_source("torchvision:MNIST")
    files = sorted(str(p.relative_to(source.root)) for p in source.root.rglob("*.png"))
    assert len(files) == 10
    assert files[0] == "test/0 - zero/000000.png"
    assert not source.mirrors
    assert torch.equal(
        torch.from_numpy(np.array(Image.open(source.root / files[0]))).flatten()[:3],
        torch.tensor([0, 1, 2], dtype=torch.uint8),
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("nowhere", "is no folder"),
        ("digit", 'Did you mean "digits"'),
        ("torchvision:MNISTT", 'Did you mean "MNIST"'),
        ("torchvision:VisionDataset", "has no data set"),
        ("torchvision:../../elsewhere", "has no data set"),
    ],
)
def test_unknown_data_is_refused(data, said):
    with pytest.raises(DataError, match=said):
        find_source(data)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"")
    with pytest.raises(DataError, match="is a file, not a folder"):
        find_source(str(tmp_path / "x.zip"))
