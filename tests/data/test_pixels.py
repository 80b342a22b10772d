import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.conftest import write_image
from tlcompare.data.images import Preprocessing
from tlcompare.data.pixels import open_store
from tlcompare.data.sources import find_source
from tlcompare.errors import DataError
from tlcompare.files import cache_dir

LOOK = Preprocessing(24, (0.5,) * 3, (0.5,) * 3, "bilinear", 1.0)


@pytest.fixture
def folder(tmp_path, photos, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path / "cache"))
    shutil.copytree(photos, tmp_path / "photos")
    return tmp_path / "photos"


def opened(folder, **options):
    return open_store(find_source(str(folder)), LOOK, **options)


def test_images_are_decoded_once(folder):
    seen = []
    store = opened(folder, progress=lambda done, total: seen.append((done, total)))
    assert (store.decoded, store.pixels.shape, store.classes) == (36, (36, 24, 24, 3), ("blue", "green", "red"))
    assert seen[-1] == (36, 36)
    again = opened(folder)
    assert again.decoded == 0
    assert np.array_equal(again.pixels, store.pixels)
    assert (again.hashes, again.files, again.digest) == (store.hashes, store.files, store.digest)


def test_a_changed_image_makes_another_store(folder):
    before = opened(folder)
    write_image(folder / "red" / "00.png", seed=999, hue=0)
    after = opened(folder)
    assert after.decoded == 36
    assert after.digest != before.digest


def test_the_digest_does_not_depend_on_the_size(folder):
    larger = Preprocessing(32, (0.5,) * 3, (0.5,) * 3, "bicubic", 0.9)
    assert open_store(find_source(str(folder)), larger).digest == opened(folder).digest


@pytest.mark.parametrize("file", ["pixels.bin", "index.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_store_is_made_anew(folder, file, damage):
    pixels = np.array(opened(folder).pixels)
    (path,) = (cache_dir() / "pixels").glob(f"*/{file}")
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[:-5] if damage == "cut" else content)
    if damage == "remove":
        path.unlink()
    store = opened(folder)
    assert store.decoded == 36
    assert np.array_equal(store.pixels, pixels)


def spoil(folder):
    (folder / "red" / "empty.jpg").write_bytes(b"")
    (folder / "green" / "notes.txt").write_text("not an image")
    whole = (folder / "blue" / "00.png").read_bytes()
    (folder / "blue" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "blue" / "gone.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "blue" / "pipe.png")


def test_all_bad_files_are_listed_with_their_reasons(folder):
    spoil(folder)
    for _ in range(2):
        with pytest.raises(DataError) as error:
            opened(folder)
        text = str(error.value)
        assert "5 of 41 files" in text
        for name, reason in (
            ("red/empty.jpg", "empty file"),
            ("green/notes.txt", "not an image"),
            ("blue/cut.png", "broken image"),
            ("blue/gone.png", "cannot be read"),
            ("blue/pipe.png", "no regular file"),
        ):
            assert f"{name}: {reason}" in text
        assert "--on-bad-image skip" in text


def test_bad_files_can_be_left_out(folder):
    clean = opened(folder)
    spoil(folder)
    store = opened(folder, on_bad_image="skip")
    assert len(store.bad) == 5
    assert np.array_equal(store.pixels, clean.pixels)


def test_hidden_files_and_clutter_are_no_images(folder):
    (folder / "red" / ".DS_Store").write_bytes(b"x")
    (folder / "red" / "Thumbs.db").write_bytes(b"x")
    (folder / "LICENSE.txt").write_text("beside the classes")
    (folder / ".git").mkdir()
    assert len(opened(folder).files) == 36


def test_pictures_may_lie_deeper_and_have_any_name(folder):
    for name in ("日本 ☃.png", "a" * 200 + ".png", "#%?&.png"):
        write_image(folder / "red" / "deeper" / name, seed=5, hue=0)
    write_image(folder / "red" / "really-a.png", seed=7, hue=0)
    (folder / "red" / "really-a.png").rename(folder / "red" / "says.jpg")
    assert len(opened(folder).files) == 40


def test_a_divided_folder_is_taken_as_it_is(tmp_path, photos, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "divided"
    for part in ("train", "valid", "test"):
        shutil.copytree(photos, root / part)
    store = opened(root)
    assert len(store.files) == 108
    assert {f.part for f in store.files} == {"train", "val", "test"}
    assert store.classes == ("blue", "green", "red")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: [shutil.rmtree(root / n) for n in ("red", "green", "blue")], "no class folders"),
        (lambda root: [shutil.rmtree(root / n) for n in ("red", "green")], 'one class only, "blue"'),
        (lambda root: (root / "white").mkdir(), "empty class in .*: white"),
        (lambda root: [p.unlink() for p in root.rglob("*.png")], "no images"),
        (lambda root: [p.write_bytes(b"") for p in (root / "red").iterdir()], "12 of 36 files"),
    ],
)
def test_folders_that_cannot_be_used(folder, change, said):
    change(folder)
    with pytest.raises(DataError, match=said):
        opened(folder)


def test_skipping_a_whole_class_is_an_error(folder):
    for path in (folder / "red").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no usable image in .* of class red"):
        opened(folder, on_bad_image="skip")


def test_two_processes_may_build_the_same_store(folder):
    import threading

    stores = []
    threads = [threading.Thread(target=lambda: stores.append(opened(folder))) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(stores) == 4
    assert all(np.array_equal(s.pixels, stores[0].pixels) for s in stores)
    assert len(list((cache_dir() / "pixels").glob("[!.]*"))) == 1
    assert sorted(s.decoded for s in stores) == [0, 0, 0, 36]


def test_a_class_may_be_called_train(tmp_path, photos, monkeypatch):
    monkeypatch.setenv("TLCOMPARE_CACHE", str(tmp_path / "cache"))
    for old, new in (("red", "car"), ("green", "bus"), ("blue", "train")):
        shutil.copytree(photos / old, tmp_path / "vehicles" / new)
    store = opened(tmp_path / "vehicles")
    assert store.classes == ("bus", "car", "train")
    assert {f.part for f in store.files} == {""}


@pytest.mark.parametrize(
    ("names", "said"), [(("train", "val", "valid"), "two folders for val"), (("val", "test"), "no train folder")]
)
def test_a_division_that_cannot_be_is_refused(tmp_path, photos, names, said):
    for name in names:
        shutil.copytree(photos, tmp_path / "parts" / name)
    with pytest.raises(DataError, match=said):
        opened(tmp_path / "parts")


def test_a_name_that_is_not_utf8_is_listed(folder):
    import os

    whole = (folder / "red" / "00.png").read_bytes()
    with open(os.fsencode(folder / "red") + b"/\xff.png", "wb") as f:
        f.write(whole)
    with pytest.raises(DataError, match=r"udcff.png: its name is not valid UTF-8"):
        opened(folder)
    assert len(opened(folder, on_bad_image="skip").files) == 36


def test_pixels_are_the_resized_image(folder):
    store = opened(folder)
    image = Image.open(folder / store.files[0].path)
    shown = np.asarray(image.resize((24, 24), Image.Resampling.BILINEAR, box=(2, 0, 38, 36)))
    assert np.array_equal(store.pixels[0], shown)
