"""One image: from the bytes of a file to square uint8 pixels."""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL import TiffImagePlugin as _tiff  # noqa: F401 (importing a plugin is what makes Pillow read its format)
from PIL import WebPImagePlugin as _webp  # noqa: F401

from tlcompare.errors import DataError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 89_000_000
_REPLACE, _SHRINK, _CONVERT = "Replace the file.", "Make it smaller.", "Convert it to 8 or 16 bits."
_LARGE, _BAND = 16_000_000, 1_000_000
_LARGE_LOCK = threading.Lock()
# Blocks this large go back to the system when an image is freed; Pillow's own, of 16 MB, stay in its heap.
Image.core.set_block_size(64 * 2**20)  # type: ignore[attr-defined]
# Pillow warns of what `decode` refuses.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# What Pillow raises on damaged files.
_BROKEN = (OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error)
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_SCALES = {"1": 255, "L;2": 85, "L;4": 17}
_RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Preprocessing:
    """What a backbone wants to see.

    Attributes:
        size: side of the square input, in pixels.
        mean, std: per-channel normalisation of values in 0..1, RGB order.
        interpolation: `bilinear` or `bicubic`.
        crop_share: side of the central square that is seen, as a share of the image's shorter side.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    crop_share: float

    def __post_init__(self) -> None:
        channels = len(self.mean), len(self.std)
        if self.interpolation not in _RESAMPLING or not 0 < self.crop_share <= 1 or channels != (3, 3):
            raise ValueError(f"no preprocessing: {self}")


def decode(data: bytes) -> Image.Image:
    """The image in `data` as RGB, upright, the first frame of several, on white where transparent.

    Raises:
        DataError: empty, not an image of a known format, truncated, too large, or of a kind of pixel
            that has no range (floating point, 32 bits, signed).
    """
    if not data:
        raise DataError("empty file", _REPLACE)
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise DataError(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS:,}", _SHRINK)
        kind, ends = _kind(image), _ends(image)
        image.load()
        _see_through(image, kind)
        with suppress(*_BROKEN):  # EXIF data that cannot be read is ignored, as viewers do
            ImageOps.exif_transpose(image, in_place=True)
        return to_rgb(image, ends)
    except UnidentifiedImageError as e:
        raise DataError(f"not an image of a known format ({', '.join(FORMATS)})", _REPLACE) from e
    except Image.DecompressionBombError as e:
        raise DataError(f"more than {MAX_PIXELS:,} pixels", _SHRINK) from e
    except _BROKEN as e:
        raise DataError(f"broken image: {e}", _REPLACE) from e


def square(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Cut out the centre, crop_share of the shorter side, and resize it to pixels of shape (size, size, 3)."""
    side = min(image.size) * preprocessing.crop_share
    left, top = (image.width - side) / 2, (image.height - side) / 2
    cut = image.resize(
        (preprocessing.size, preprocessing.size),
        _RESAMPLING[preprocessing.interpolation],
        box=(left, top, left + side, top + side),
    )
    return np.asarray(cut, dtype=np.uint8)


def content_hash(image: Image.Image) -> str:
    """SHA-256 of the decoded pixels and their shape: equal for the same picture in another lossless format."""
    digest = hashlib.sha256(f"{image.width}x{image.height}".encode())
    for band in _bands(image):
        digest.update(band.tobytes())
    return digest.hexdigest()


@contextmanager
def large_ones_in_turn(data: bytes) -> Iterator[None]:
    """Within the block, no other thread is in one with an image of more than 16 million pixels if this is one."""
    with _LARGE_LOCK if pixels_of(data) > _LARGE else nullcontext():
        yield


def pixels_of(data: bytes) -> int:
    """Width times height as the file's header has them; 0 if it has none."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.width * image.height
    except (Image.DecompressionBombError, *_BROKEN):
        return 0


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    """The image in bands from top to bottom, so that what is made of one takes little memory."""
    rows = max(_BAND // image.width, 1)
    if image.height <= rows:
        yield image
    else:
        for top in range(0, image.height, rows):
            yield image.crop((0, top, image.width, min(top + rows, image.height)))


def to_rgb(image: Image.Image, ends: tuple[int, int] = (0, 65535)) -> Image.Image:
    """The image in RGB, what is transparent laid on white, 16 bits brought to 8; `ends` are black and white in 16 bits.

    Raises:
        DataError: its pixels have no known range.
    """
    if image.mode in ("F", "I"):
        raise DataError(f"{'floating-point' if image.mode == 'F' else '32-bit'} pixels have no known range", _CONVERT)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    result = Image.new("RGB", image.size)
    top = 0
    for band in _bands(image):
        result.paste(_band_to_rgb(band, ends), (0, top))
        top += band.height
    return result


def _kind(image: Image.Image) -> str:
    """How the pixels of a PNG, not yet loaded, lie in its file, in Pillow's words; empty for other images."""
    tiles = getattr(image, "tile", None)
    return str(tiles[0][3]) if image.format == "PNG" and tiles else ""


def _ends(image: Image.Image) -> tuple[int, int]:
    """Black and white of an image in 16 bits: a TIFF may have 12, and 0 for white, which Pillow leaves as it is.

    Raises:
        DataError: a TIFF with negative values, which Pillow does not always tell apart.
    """
    tags = getattr(image, "tag_v2", {})
    if tags.get(_SAMPLE_FORMAT) in (2, (2,)):
        raise DataError("signed pixels have no known range", _CONVERT)
    white = 4095 if tags.get(_BITS) in (12, (12,)) else 65535
    return (white, 0) if tags.get(_PHOTOMETRIC) == 0 else (0, white)


def _see_through(image: Image.Image, kind: str) -> None:
    """Bring the one transparent colour of a PNG, which its file has in its own bits, to those of the loaded pixels."""
    colour = image.info.get("transparency")
    if kind in _SCALES and isinstance(colour, int):
        image.info["transparency"] = colour * _SCALES[kind]
    elif kind == "RGB;16B" and isinstance(colour, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in colour)


def _band_to_rgb(image: Image.Image, ends: tuple[int, int]) -> Image.Image:
    if image.mode.startswith("I"):
        low, high = ends
        values, clear = np.asarray(image).astype(np.int64), image.info.get("transparency")
        shown = np.where(values == clear, 255, (values - low) * 255 // (high - low))
        image = Image.fromarray(shown.clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
