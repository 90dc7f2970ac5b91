"""Text on pictures, any script the system has a font for."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sealkit.drawing.fonts import face_for
from sealkit.drawing.polygons import Colour


def draw_text(
    image: np.ndarray,
    text: str,
    box: tuple[float, float, float, float],
    colour: Colour = (0, 0, 0),
    vertical: bool = False,
) -> np.ndarray:
    """One line of text, as large as fits a box, centred in it.

    Args:
        image: (H, W, 3) uint8 BGR.
        box: x1, y1, x2, y2 pixels; parts outside the picture are cut.
        vertical: characters upright below each other.

    Returns:
        A new picture. Characters no font has come out as the font's own placeholder; on a system without any font
        the text is left out.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    if not text or x2 - x1 < 2 or y2 - y1 < 2:
        return image.copy()
    units = list(text) if vertical else [text]
    size = max(6, int(min((y2 - y1) / len(units), 200.0)) if vertical else int(min(y2 - y1, 200.0)))
    if vertical:
        size = max(6, min(size, int(x2 - x1)))
    font = font_for(text, size)
    if font is None:
        return image.copy()
    if not vertical and font.getlength(text) > x2 - x1:
        size = max(6, int(size * (x2 - x1) / font.getlength(text)))
        font = font_for(text, size) or font
    canvas = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    draw = ImageDraw.Draw(canvas)
    blue, green, red = colour
    centre = (x1 + x2) / 2
    for row, unit in enumerate(units):
        y = y1 + (row + 0.5) * (y2 - y1) / len(units)
        draw.text((centre, y), unit, font=font, fill=(red, green, blue), anchor="mm")
    return cv2.cvtColor(np.asarray(canvas), cv2.COLOR_RGB2BGR)


def text_width(text: str, size: int) -> float:
    """Pixels a text needs at a size; 0 where the system has no fonts."""
    font = font_for(text, size)
    return float(font.getlength(text)) if font else 0.0


def font_for(text: str, size: int) -> ImageFont.FreeTypeFont | None:
    """A font that has every character of the text, else the one that has a Chinese and a digit, else None.

    Sans faces are asked first: they stay legible at small sizes.
    """
    place = _face(text) or _face("印1")
    return _open(*place, max(1, int(size))) if place else None


@lru_cache(maxsize=512)
def _face(text: str) -> tuple[str, int] | None:
    face = face_for("".join(sorted(set(text))), styles=("hei", "song", "kai"))
    return (str(face.path), face.index) if face else None


@lru_cache(maxsize=64)
def _open(path: str, index: int, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, index=index)
