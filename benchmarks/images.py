"""Two small data sets made of what packages ship: digits, and letters drawn with fonts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_LETTERS, SIDE = "ABCDEFGHIJ", 64


def write_digits(folder: Path, images: int) -> None:
    """Some of scikit-learn's digits, as PNG files in class folders."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index in np.random.default_rng(0).permutation(len(digits.target))[:images]:
        pixels = (digits.images[index] * 255 / 16).astype(np.uint8)
        image = Image.fromarray(pixels).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        _save(image, folder, str(digits.target[index]), int(index))


def write_letters(folder: Path, images: int) -> None:
    """Ten letters in the fonts that have them, turned, on grounds of any colour."""
    import matplotlib as mpl

    random = np.random.default_rng(0)
    shipped = sorted(Path(mpl.get_data_path(), "fonts/ttf").glob("*.ttf"))
    fonts = [font for font in shipped if font.name.startswith(("DejaVu", "STIXGen"))]
    for index in range(images):
        letter = _LETTERS[index % len(_LETTERS)]
        colour = random.integers(0, 256, 3)
        ground, ink = (tuple(map(int, c)) for c in (colour, (colour + random.integers(90, 166, 3)) % 256))
        image = Image.new("RGB", (SIDE, SIDE), ground)
        font = ImageFont.truetype(fonts[random.integers(len(fonts))], int(random.integers(36, 56)))
        ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), letter, ink, font, anchor="mm")
        image = image.rotate(float(random.uniform(-15, 15)), Image.Resampling.BICUBIC, fillcolor=ground)
        noisy = np.asarray(image) + random.normal(0, 12, (SIDE, SIDE, 3))
        _save(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), folder, letter, index)


def _save(image: Image.Image, folder: Path, label: str, number: int) -> None:
    path = folder / label / f"{number:04}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


DATA = {"digits": write_digits, "letters": write_letters}
