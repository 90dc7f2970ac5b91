"""Overview image of a page: its seals numbered, and their texts beside it. PaddleX has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from sealkit.drawing.polygons import Colour, boxes_to_polygons, line_width, outline_polygons, palette
from sealkit.drawing.text import draw_text, text_width


@dataclass(frozen=True)
class OverviewStyle:
    """Appearance of the overview image."""

    min_long_side_px: int = 900
    """Smaller pages are enlarged to this long side."""
    max_long_side_px: int = 1600
    """Larger pages are reduced to it."""
    panel_width_ratio: float = 0.62
    """Width of the list as a share of the page's long side in the image."""
    ring_margin_ratio: float = 0.04
    """Boxes go round the texts: the ring stands outside them, by about this share of the long side."""
    max_single_seal_share: float = 0.5
    """A single seal that fills more than this share of its image needs no overview."""
    min_sure_score: float = 0.75
    """Texts below this score are listed in grey."""
    ink: Colour = (40, 40, 40)
    grey: Colour = (130, 130, 130)
    palette_brightness: float = 0.78
    """Share of the palette's brightness: white numbers must be legible on each colour."""


STYLE = OverviewStyle()


def overview_image(result: dict[str, Any]) -> Image.Image | None:
    """The page with its seals' boxes, texts and numbers, and a list of the texts beside it.

    Args:
        result: a SealRecognitionResult with sealkit's own keys.

    Returns:
        None where it would say no more than the image of the seal: no seal, or one that is the whole image; and
        for results in PaddleX's form, which do not know where on the page their seals are.
    """
    page, seals = result["doc_preprocessor_res"].get("output_img"), result["seal_res_list"]
    if page is None or not seals or not all("seal_box" in seal for seal in seals):
        return None
    x1, y1, x2, y2 = seals[0]["seal_box"]
    if len(seals) == 1 and (x2 - x1) * (y2 - y1) > STYLE.max_single_seal_share * page.shape[0] * page.shape[1]:
        return None
    colours = [
        (round(STYLE.palette_brightness * b), round(STYLE.palette_brightness * g), round(STYLE.palette_brightness * r))
        for b, g, r in palette(len(seals))
    ]
    drawn = _marked(page, seals, colours)
    panel = _listed(drawn.shape[0], round(STYLE.panel_width_ratio * max(drawn.shape[:2])), seals, colours)
    return Image.fromarray(np.ascontiguousarray(np.concatenate([drawn, panel], axis=1)[:, :, ::-1]))


def _marked(page: np.ndarray, seals: Sequence[dict[str, Any]], colours: Sequence[Colour]) -> np.ndarray:
    """The page at the size it is shown in, with boxes, text lines and numbers."""
    longest = max(page.shape[:2])
    scale = min(max(longest, STYLE.min_long_side_px), STYLE.max_long_side_px) / longest
    drawn = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    boxes = [np.asarray(ring_box(seal["seal_box"], page.shape[:2])) * scale for seal in seals]
    width = line_width(drawn)
    for seal, colour in zip(seals, colours):
        lines = [np.asarray(line["line_poly"]) * scale for line in seal["lines"]]
        drawn = outline_polygons(drawn, lines, [colour] * len(lines), max(1, width // 3))
    drawn = outline_polygons(drawn, boxes_to_polygons(boxes), colours, width)
    radius = 5 * width
    for number, (box, colour) in enumerate(zip(boxes, colours), 1):
        x, y = (float(np.clip(box[axis], radius, drawn.shape[1 - axis] - radius)) for axis in (0, 1))
        drawn = _numbered(drawn, number, (x, y), radius, colour)
    return drawn


def ring_box(box: Sequence[float], hw: tuple[int, int]) -> tuple[float, float, float, float]:
    """A seal's box with its ring, within the page (height, width)."""
    x1, y1, x2, y2 = box
    margin = STYLE.ring_margin_ratio * max(x2 - x1, y2 - y1)
    return max(0.0, x1 - margin), max(0.0, y1 - margin), min(float(hw[1]), x2 + margin), min(float(hw[0]), y2 + margin)


def _listed(height: int, width: int, seals: Sequence[dict[str, Any]], colours: Sequence[Colour]) -> np.ndarray:
    """(height, width, 3) white panel: per seal its number and its texts with role and score."""
    panel = np.full((height, width, 3), 255, np.uint8)
    rows = sum(max(len(seal["lines"]), 1) + 0.6 for seal in seals)
    pitch = min(height / 22, (height - 20) / max(rows, 1))  # of a row
    size, y = round(pitch * 0.66), (height - rows * pitch) / 2
    left = 2.4 * pitch
    for number, (seal, colour) in enumerate(zip(seals, colours), 1):
        panel = _numbered(panel, number, (1.2 * pitch, y + pitch / 2), round(0.42 * pitch), colour)
        if not seal["lines"]:
            panel = _write(panel, "no text read", (left, y), size, STYLE.grey)
        for line in seal["lines"] or ():
            about = f"{line['role']} {line['score']:.2f}" if line["role"] else f"{line['score']:.2f}"
            beside = text_width(about, round(size * 0.7)) + size
            room = width - left - beside
            panel = _write(
                panel,
                line["text"],
                (left, y),
                size,
                STYLE.ink if line["score"] >= STYLE.min_sure_score else STYLE.grey,
                room,
            )
            used = min(text_width(line["text"], size), room)
            panel = _write(panel, about, (left + used + 0.6 * size, y + 0.22 * size), round(size * 0.7), STYLE.grey)
            y += pitch
        y += pitch * (0.6 if seal["lines"] else 1.6)
    return panel


def _write(
    image: np.ndarray, text: str, at: tuple[float, float], size: int, colour: Colour, room: float | None = None
) -> np.ndarray:
    """Text from a point to the right, made narrower where it needs more room."""
    wide = text_width(text, size)
    wide = min(wide, room) if room is not None else wide
    return draw_text(image, text, (at[0], at[1], at[0] + wide + 1, at[1] + size), colour)


def _numbered(image: np.ndarray, number: int, at: tuple[float, float], radius: int, colour: Colour) -> np.ndarray:
    drawn = image.copy()
    x, y = at
    cv2.circle(drawn, (round(x), round(y)), radius, colour, -1, cv2.LINE_AA)
    reach = 0.72 * radius
    return draw_text(drawn, str(number), (x - radius, y - reach, x + radius, y + reach), (255, 255, 255))
