import io

import numpy as np
import pytest
from PIL import Image

from tlcompare.data.images import MAX_PIXELS, Preprocessing, content_hash, decode, square
from tlcompare.errors import DataError

LOOK = Preprocessing(16, (0.5,) * 3, (0.5,) * 3, "bilinear", 1.0)


def packed(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def colour(image):
    """The colour in the middle."""
    return image.getpixel((image.width // 2, image.height // 2))


RED = Image.new("RGB", (20, 12), (200, 30, 40))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_formats(kind):
    image = decode(packed(RED, kind))
    assert (image.mode, image.size) == ("RGB", (20, 12))
    assert np.allclose(colour(image), (200, 30, 40), atol=6)


def test_the_first_frame_of_a_gif():
    data = packed(RED, "GIF", save_all=True, append_images=[Image.new("RGB", (20, 12), (0, 0, 255))])
    assert colour(decode(data)) == (200, 30, 40)


def test_exif_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    assert decode(packed(RED, "JPEG", exif=exif)).size == (12, 20)


@pytest.mark.parametrize(
    ("image", "kind", "wanted"),
    [
        (RED.quantize(4), "PNG", (200, 30, 40)),
        (Image.new("L", (20, 12), 77), "PNG", (77, 77, 77)),
        (Image.new("1", (20, 12), 1), "PNG", (255, 255, 255)),
        (Image.new("RGBA", (20, 12), (200, 30, 40, 0)), "PNG", (255, 255, 255)),
        (Image.new("RGBA", (20, 12), (200, 30, 40, 255)), "WEBP", (200, 30, 40)),
        (Image.new("LA", (20, 12), (0, 127)), "PNG", (128, 128, 128)),
        (Image.new("CMYK", (20, 12), (255, 0, 0, 0)), "TIFF", (0, 255, 255)),
        (Image.new("CMYK", (20, 12), (255, 0, 0, 0)), "JPEG", (0, 255, 255)),
        (Image.fromarray(np.full((12, 20), 257 * 90, np.uint16)), "PNG", (90, 90, 90)),
        (Image.fromarray(np.full((12, 20), 257 * 90, np.uint16)), "TIFF", (90, 90, 90)),
        (Image.fromarray(np.full((12, 20), 257 * 90, np.int32)), "TIFF", (90, 90, 90)),
    ],
)
def test_kinds_of_pixels(image, kind, wanted):
    decoded = decode(packed(image, kind))
    assert decoded.mode == "RGB"
    assert np.allclose(colour(decoded), wanted, atol=6)


def test_a_transparent_palette_shows_white():
    image = Image.new("P", (20, 12), 0)
    image.putpalette([10, 20, 30] * 256)
    assert colour(decode(packed(image, "PNG", transparency=0))) == (255, 255, 255)


def bomb():
    """A PNG that claims to be 40,000 pixels wide and high."""
    data = bytearray(packed(Image.new("1", (8, 8)), "PNG"))
    import struct
    import zlib

    data[16:24] = struct.pack(">II", 40_000, 40_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty file"),
        (b"hello, I am text", "not an image of a known format"),
        (packed(RED, "JPEG")[:-300], "broken image"),
        (packed(Image.effect_noise((64, 64), 90), "PNG")[:-900], "broken image"),
        (packed(RED, "PPM"), "not an image of a known format"),
        (bomb(), f"more than {MAX_PIXELS:,}"),
        (packed(Image.new("F", (4, 4), 0.5), "TIFF"), "floating-point"),
        (packed(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF"), "outside 16 bits"),
    ],
)
def test_what_is_no_usable_image_says_why(data, said):
    with pytest.raises(DataError) as error:
        decode(data)
    assert said in str(error.value)


def test_damage_anywhere_is_an_error_or_an_image():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "camera"
    random = np.random.default_rng(0)
    whole = {k: packed(RED, k, exif=exif) for k in ("JPEG", "PNG", "WEBP", "TIFF")} | {
        k: packed(RED, k) for k in ("BMP", "GIF")
    }
    results = {"image": 0, "refused": 0}
    for data in whole.values():
        for _ in range(150):
            spoilt = bytearray(data)
            for at in random.integers(0, len(data), random.integers(1, 6)):
                spoilt[at] = random.integers(256)
            if random.random() < 0.2:
                del spoilt[int(random.integers(len(spoilt))) :]
            try:
                assert decode(bytes(spoilt)).mode == "RGB"
                results["image"] += 1
            except DataError:
                results["refused"] += 1
    assert min(results.values()) > 50


def test_square_takes_the_centre():
    image = Image.new("RGB", (60, 20), (0, 0, 255))
    image.paste((0, 255, 0), (20, 0, 40, 20))
    pixels = square(image, LOOK)
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)
    assert (pixels[1:-1, 1:-1] == (0, 255, 0)).all()


def test_content_is_the_same_in_another_lossless_format():
    assert content_hash(decode(packed(RED, "PNG"))) == content_hash(decode(packed(RED, "BMP")))
    assert content_hash(RED) != content_hash(RED.transpose(Image.Transpose.ROTATE_90))
