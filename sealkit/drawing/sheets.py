"""Contact sheets: many images on one, with their text lines drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sealkit.drawing.text import draw_text, text_width
from sealkit.errors import DataError
from sealkit.files import write_bytes

_CAPTION = 18  # pixels of height
Polygon = tuple[np.ndarray, bool]
"""Points (N, 2) in pixels of the image, and whether the line is ignored."""


def draw_polygons(image: np.ndarray, polygons: Sequence[Polygon], scale: float = 1.0) -> np.ndarray:
    """A resized copy of an image (H, W, 3) uint8 BGR with polygons: green, ignored ones blue, dots at starts."""
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    out = cv2.resize(image, size, interpolation=mode) if scale != 1 else image.copy()
    for points, ignored in polygons:
        fixed = np.round(np.asarray(points, np.float64) * scale * 16).astype(np.int32)
        cv2.polylines(out, [fixed], True, (230, 120, 0) if ignored else (0, 160, 0), 1, cv2.LINE_AA, 4)
        x, y = (int(v) for v in fixed[0] / 16)
        cv2.circle(out, (x, y), 3, (255, 0, 255), -1, cv2.LINE_AA)
    return out


def contact_sheet(
    images: Sequence[np.ndarray],
    polygons: Sequence[Sequence[Polygon]] | None = None,
    captions: Sequence[str] | None = None,
    *,
    columns: int = 6,
    tile: int = 320,
) -> np.ndarray:
    """Images (H, W, 3) uint8 BGR side by side in square tiles, in order, row by row.

    Args:
        polygons: per image what `draw_polygons` shall draw; None: nothing.
        captions: a line below each image, shortened where it is too long; None: none.
        columns: tiles per row.
        tile: side of a tile in pixels; images keep their proportions.

    Returns:
        (rows * tile, columns * tile, 3) uint8 BGR, rows higher by the captions; DataError for no images.
    """
    if not images:
        raise DataError("there is no image to put on a contact sheet")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    below = _CAPTION if captions is not None else 0
    sheet = np.full((rows * (tile + below), columns * tile, 3), 128, np.uint8)
    for index, image in enumerate(images):
        scale = (tile - 4) / max(image.shape[:2])
        shown = draw_polygons(image, polygons[index] if polygons else (), scale)
        y, x = (index // columns) * (tile + below), (index % columns) * tile
        sheet[y : y + shown.shape[0], x : x + shown.shape[1]] = shown
        if captions is not None:
            strip = np.full((_CAPTION, tile, 3), 255, np.uint8)
            text = _shortened(captions[index], tile - 4)
            wide = min(tile - 2.0, 2 + text_width(text, _CAPTION - 4))
            sheet[y + tile : y + tile + _CAPTION, x : x + tile] = draw_text(strip, text, (2, 1, wide, _CAPTION - 1))
    return sheet


def _shortened(text: str, width: int) -> str:
    """The beginning of a text, as much as fits `width` pixels."""
    if text_width(text, _CAPTION - 4) <= width:
        return text
    kept = len(text)
    while kept > 1 and text_width(text[:kept] + "…", _CAPTION - 4) > width:
        kept -= max(1, kept // 10)
    return text[:kept] + "…"


def save_sheet(path: str | Path, sheet: np.ndarray) -> None:
    """Write a sheet as PNG or JPEG by its name; DataError where that fails."""
    path = Path(path)
    suffix = path.suffix.lower() or ".png"
    try:
        done, data = cv2.imencode(suffix, sheet)
    except cv2.error:
        done, data = False, np.empty(0, np.uint8)
    if not done:
        raise DataError(
            "a contact sheet can be PNG or JPEG only", where=str(path), value=suffix, hint="name a .png or .jpg file"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, data.tobytes())
    except OSError as error:
        raise DataError(
            f"the contact sheet cannot be written: {error.strerror}", where=str(path), hint="name another path"
        ) from error
