"""One image: from the bytes of a file to square uint8 pixels."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL import TiffImagePlugin as _tiff  # noqa: F401 (importing a plugin is what makes Pillow read its format)
from PIL import WebPImagePlugin as _webp  # noqa: F401

from tlcompare.errors import DataError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MAX_PIXELS = 89_000_000
# Pillow warns of what `decode` refuses.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# What Pillow raises on damaged files.
_BROKEN = (OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
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


def decode(data: bytes) -> Image.Image:
    """The image in `data` as RGB, upright, the first frame of several, on white where transparent.

    Raises:
        DataError: empty, not an image of a known format, truncated, too large, or of a kind of pixel
            that has no range (floating point).
    """
    if not data:
        raise DataError("empty file")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise DataError(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS:,}")
        image.load()
        return _to_rgb(_upright(image))
    except UnidentifiedImageError as e:
        raise DataError(f"not an image of a known format ({', '.join(FORMATS)})") from e
    except Image.DecompressionBombError as e:
        raise DataError(f"more than {MAX_PIXELS:,} pixels") from e
    except _BROKEN as e:
        raise DataError(f"broken image: {e}") from e


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
    digest.update(image.tobytes())
    return digest.hexdigest()


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation says; EXIF data that cannot be read is ignored, as viewers do."""
    try:
        turn = _TURNS.get(image.getexif().get(0x0112, 1))
    except _BROKEN:
        return image
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            raise DataError(f"pixel values {wide.min()}..{wide.max()} are outside 16 bits")
        image = Image.fromarray((wide // 257).astype(np.uint8))
    if image.mode == "F":
        raise DataError("floating-point pixels have no known range; convert it to 8 or 16 bits")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
