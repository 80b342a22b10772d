import io
import struct
import zlib

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
        (packed(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF"), "signed pixels"),
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


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(bits, colour, row, transparent):
    """Four pixels of this many bits, in grey (colour 0) or RGB (2), one of them transparent."""
    header = struct.pack(">IIBBBBB", 4, 1, bits, colour, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"tRNS", transparent) + chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + content + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (png(1, 0, bytes([0b01010000]), struct.pack(">H", 1)), [0, 255, 0, 255]),
        (png(1, 0, bytes([0b01010000]), struct.pack(">H", 0)), [255, 255, 255, 255]),
        (png(2, 0, bytes([0b00011011]), struct.pack(">H", 1)), [0, 255, 170, 255]),
        (png(4, 0, bytes([0x01, 0x2F]), struct.pack(">H", 1)), [0, 255, 34, 255]),
        (png(8, 0, bytes([10, 20, 30, 40]), struct.pack(">H", 10)), [255, 20, 30, 40]),
        (png(16, 0, struct.pack(">4H", 0, 1000, 30000, 65535), struct.pack(">H", 1000)), [0, 255, 116, 255]),
        (png(8, 2, bytes([1] * 3 + [2] * 3 + [3] * 3 + [4] * 3), struct.pack(">3H", 2, 2, 2)), [1, 255, 3, 4]),
        (
            png(16, 2, struct.pack(">12H", *[2560] * 3, *[5120] * 3, *[7680] * 6), struct.pack(">3H", *[2560] * 3)),
            [255, 20, 30, 30],
        ),
        (
            png(
                16,
                2,
                struct.pack(">12H", *[200] * 3, *[51400] * 3, *[30000] * 3, *[65535] * 3),
                struct.pack(">3H", *[200] * 3),
            ),
            [255, 200, 117, 255],
        ),
    ],
)
def test_a_transparent_colour_is_white_in_any_depth(data, shown):
    assert np.asarray(decode(data))[0, :, 0].tolist() == shown


def tiff(pixels, photometric, sample_format, twelve_bits=False):
    """One row of pixels, uncompressed."""
    data, bits = pixels.tobytes(), 8 * pixels.itemsize
    if twelve_bits:
        data, bits = bytes.fromhex("".join(f"{value:03x}" for value in pixels)), 12
    entries = [(256, len(pixels)), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 8), (278, 1)]
    entries += [(279, len(data)), (339, sample_format)]
    packed = b"".join(struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(entries)) + packed + bytes(4)


SIXTEEN = np.array([0, 1000, 30000, 65535], np.uint16)


def test_what_is_white_in_a_tiff():
    assert np.asarray(decode(tiff(SIXTEEN, 1, 1)))[0, :, 0].tolist() == [0, 3, 116, 255]
    assert np.asarray(decode(tiff(SIXTEEN, 0, 1)))[0, :, 0].tolist() == [255, 251, 138, 0]
    twelve = np.array([0, 1000, 2000, 4095], np.uint16)
    assert np.asarray(decode(tiff(twelve, 1, 1, twelve_bits=True)))[0, :, 0].tolist() == [0, 62, 124, 255]
    eight = np.array([0, 100, 200, 255], np.uint8)
    assert np.asarray(decode(tiff(eight, 0, 1)))[0, :, 0].tolist() == [255, 155, 55, 0]


@pytest.mark.parametrize(("kind", "sample_format"), [(np.int8, 2), (np.int16, 2), (np.int32, 2), (np.uint32, 1)])
def test_pixels_without_a_known_range_are_refused(kind, sample_format):
    with pytest.raises(DataError, match="no known range"):
        decode(tiff(np.array([0, 1, 2, 100], kind), 1, sample_format))
