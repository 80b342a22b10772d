"""Rows 8 and 9: images that are damaged or odd."""

import io
import os
import random
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlcompare.data.images import Preprocessing, decode, square
from tlcompare.data.pixels import open_store
from tlcompare.data.sources import find_source
from tlcompare.errors import DataError

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif", "TIFF": ".tif"}
SMALL = Preprocessing(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "bilinear", 1.0)


def picture(seed, kind):
    pixels = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def somewhere(data, draw, length=1):
    return draw.randrange(max(len(data) - length, 1))


DAMAGE = {
    "cut": lambda d, r: d[: somewhere(d, r)],
    "empty": lambda d, r: b"",
    "a bit flipped": lambda d, r: flipped(d, somewhere(d, r), 1 << r.randrange(8)),
    "header overwritten": lambda d, r: r.randbytes(16) + d[16:],
    "a block of zeros": lambda d, r: zeroed(d, somewhere(d, r, 64), 64),
    "a block of noise": lambda d, r: noisy(d, somewhere(d, r, 64), r.randbytes(64)),
    "a piece missing": lambda d, r: (lambda i: d[:i] + d[i + 40 :])(somewhere(d, r, 40)),
    "a piece twice": lambda d, r: (lambda i: d[: i + 40] + d[i:])(somewhere(d, r, 40)),
    "sizes in the header": lambda d, r: noisy(d, r.randrange(4, 40), r.randbytes(4)),
    "text in its place": lambda d, r: b"<html><body>404 Not Found</body></html>",
}


def flipped(data, place, mask):
    return data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def zeroed(data, place, length):
    return data[:place] + bytes(len(data[place : place + length])) + data[place + length :]


def noisy(data, place, noise):
    return data[:place] + noise + data[place + len(noise) :]


def test_damaged_images_are_named_and_left_out(tmp_path, many, survived):
    """Each is an image still, or is named with its reason; `error` names every one, `skip` leaves them out."""
    draw, refused = random.Random(0), {}
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "whole.png").write_bytes(picture(ord(label), "PNG"))
    for number in range(many(300, 5000)):
        kind, (how, damage) = draw.choice(list(FORMATS)), draw.choice(list(DAMAGE.items()))
        data = damage(picture(number, kind), draw)
        path = f"{'ab'[number % 2]}/{number:05}{FORMATS[kind]}"
        (tmp_path / path).write_bytes(data)
        try:
            assert square(decode(data), SMALL).shape == (32, 32, 3)
        except DataError as e:
            assert len(e.what) > 5, (kind, how)
            refused[path] = e.what
    assert refused
    source = find_source(str(tmp_path))
    store = open_store(source, SMALL, "skip")
    assert {b.path: b.reason for b in store.bad} == refused
    with pytest.raises(DataError) as e:
        open_store(source, SMALL, "error")
    for path, reason in refused.items():
        assert f"{path}: {reason}" in e.value.what
    survived(8, number + 1)


def test_damage_after_ingest_is_noticed(tmp_path, survived):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for i in range(3):
            (tmp_path / label / f"{i}.png").write_bytes(picture(i + ord(label), "PNG"))
    source = find_source(str(tmp_path))
    store = open_store(source, SMALL)
    file = Path(store.pixels.filename)
    whole = file.read_bytes()
    file.write_bytes(flipped(whole, 1234, 1))
    again = open_store(source, SMALL)
    assert again.decoded == 6
    assert Path(again.pixels.filename).read_bytes() == whole
    (tmp_path / "a" / "0.png").write_bytes(picture(99, "PNG"))
    assert open_store(source, SMALL).digest != store.digest
    survived(8, 2)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def bomb():
    """A PNG that says it has 40,000 x 40,000 pixels."""
    data = saved(Image.new("1", (8, 8)), "PNG")
    header = b"IHDR" + (40000).to_bytes(4) + (40000).to_bytes(4) + data[24:29]
    return data[:12] + header + zlib.crc32(header).to_bytes(4) + data[33:]


def no_size(width, height):
    data = saved(Image.new("L", (4, 4)), "PNG")
    header = b"IHDR" + width.to_bytes(4) + height.to_bytes(4) + data[24:29]
    return data[:12] + header + zlib.crc32(header).to_bytes(4) + data[33:]


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(Image.new("RGB", (20, 10), (200, 0, 0)), "JPEG", exif=exif.tobytes())


GRADIENT = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
ODD = {
    "a bomb": (bomb(), "more than 89,000,000 pixels"),
    "0 x 0": (no_size(0, 0), "not an image"),
    "0 x 4": (no_size(0, 4), "not an image"),
    "1 x 1": (saved(Image.new("RGB", (1, 1), (9, 9, 9)), "PNG"), (1, 1)),
    "1 x 5000": (saved(Image.new("RGB", (1, 5000)), "PNG"), (1, 5000)),
    "16 bit": (saved(Image.fromarray(GRADIENT), "PNG"), (8, 8)),
    "16 bit TIFF": (saved(Image.fromarray(GRADIENT), "TIFF"), (8, 8)),
    "floating point": (saved(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "floating-point"),
    "CMYK": (saved(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG"), (9, 9)),
    "CMYK TIFF": (saved(Image.new("CMYK", (9, 9)), "TIFF"), (9, 9)),
    "palette": (saved(Image.new("P", (9, 9)), "PNG"), (9, 9)),
    "palette with a transparent colour": (saved(Image.new("P", (9, 9)), "PNG", transparency=0), (9, 9)),
    "alpha": (saved(Image.new("RGBA", (9, 9), (1, 2, 3, 0)), "PNG"), (9, 9)),
    "grey and alpha": (saved(Image.new("LA", (9, 9)), "PNG"), (9, 9)),
    "one bit": (saved(Image.new("1", (9, 9)), "PNG"), (9, 9)),
    "an animated GIF": (
        saved(Image.new("P", (9, 9)), "GIF", save_all=True, append_images=[Image.new("P", (9, 9), 3)]),
        (9, 9),
    ),
    "an animated WebP": (
        saved(Image.new("RGB", (9, 9)), "WEBP", save_all=True, append_images=[Image.new("RGB", (9, 9), "red")]),
        (9, 9),
    ),
    "several pages": (
        saved(Image.new("RGB", (9, 9)), "TIFF", save_all=True, append_images=[Image.new("RGB", (5, 5))]),
        (9, 9),
    ),
    "turned by EXIF": (turned(6), (10, 20)),
    "mirrored and turned": (turned(5), (10, 20)),
    "an EXIF orientation that is none": (turned(99), (20, 10)),
    "a vector image": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "known format"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run", "known format"),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_images_are_read_rightly_or_refused(odd, survived):
    data, wanted = ODD[odd]
    if isinstance(wanted, str):
        with pytest.raises(DataError, match=wanted):
            decode(data)
    else:
        image = decode(data)
        assert (image.size, image.mode) == (wanted, "RGB")
        assert square(image, SMALL).shape == (32, 32, 3)
    survived(9)


def test_what_they_show_is_what_was_meant():
    assert decode(ODD["CMYK"][0]).getpixel((4, 4))[0] > 200
    assert decode(ODD["alpha"][0]).getpixel((4, 4)) == (255, 255, 255)
    assert np.asarray(decode(ODD["16 bit"][0]))[-1, -1].tolist() == [255, 255, 255]


def test_odd_files_and_names(tmp_path, survived):
    """A wrong suffix does not matter; links are followed, and what leads nowhere or cannot be read is named."""
    good = picture(1, "PNG")
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "plain.png").write_bytes(picture(ord(label), "PNG"))
    folder = tmp_path / "a"
    (folder / "really_a_png.jpg").write_bytes(good)
    (folder / f"{'ü' * 120}.png").write_bytes(picture(2, "PNG"))
    (folder / "猫 \u202e\u200b.png").write_bytes(picture(3, "PNG"))
    (folder / "link.png").symlink_to(folder / "really_a_png.jpg")
    (folder / "nowhere.png").symlink_to(tmp_path / "gone.png")
    (folder / "round.png").symlink_to(folder / "round.png")
    (folder / "fifo.png").symlink_to("/dev/null")
    (folder / "no_image.png").write_text("text")
    store = open_store(find_source(str(tmp_path)), SMALL, "skip")
    assert {b.path.rpartition("/")[2] for b in store.bad} == {"nowhere.png", "round.png", "fifo.png", "no_image.png"}
    assert all(b.reason for b in store.bad)
    assert len(store.files) == 6
    survived(9, 8)


LARGE = {
    "RGB": ("JPEG", lambda side: Image.new("RGB", (side, side))),
    "RGBA": ("PNG", lambda side: Image.new("RGBA", (side, side), (9, 9, 9, 9))),
    "16 bit": ("PNG", lambda side: Image.fromarray(np.zeros((side, side), np.uint16))),
}


@pytest.mark.slow
def test_the_largest_images_take_less_than_a_gigabyte(tmp_path, survived):
    """Sixteen images of 88 million pixels, read by as many threads as there are cores."""
    for number in range(8):
        kind, make = list(LARGE.values())[number % 3]
        for label in ("a", "b"):
            (tmp_path / label).mkdir(exist_ok=True)
            (tmp_path / label / f"{number}.bin").write_bytes(saved(make(9400), kind))
    child = os.fork()
    if child == 0:
        try:
            Path("/proc/self/clear_refs").write_text("5")
            before = peak()
            open_store(find_source(str(tmp_path)), SMALL, "error")
            (tmp_path / "peak").write_text(str(peak() - before))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert int((tmp_path / "peak").read_text()) < 1_000_000
    survived(9, 16)


def peak():
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()).group(1))
