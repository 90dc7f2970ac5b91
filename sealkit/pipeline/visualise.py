"""Draws the images of a result: outlines and texts (docs/reference/pipeline.md, section 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

from sealkit.drawing.polygons import (
    fill_polygons,
    mark_starts,
    outline_polygons,
    palette,
)
from sealkit.drawing.text import draw_text, draw_text_along, text_width
from sealkit.modules.layout_detection.draw import layout_image


@dataclass(frozen=True)
class ImageStyle:
    """Appearance of the result images."""

    caption_height_px: int = 25
    fill_opacity: float = 0.18
    """Of text areas: the characters under them stay legible."""


STYLE = ImageStyle()


def result_images(result: dict[str, Any]) -> dict[str, Image.Image]:
    """Images by name, in PaddleX's order; nothing of the result is changed."""
    images: dict[str, Image.Image] = {}
    layout = result["layout_det_res"]
    if layout and layout.get("input_img") is not None and result["model_settings"]["use_layout_detection"]:
        images["layout_det_res"] = _pil(layout_image(layout["input_img"], layout["boxes"]))
    preprocessed = result["doc_preprocessor_res"]
    if result["model_settings"].get("use_doc_preprocessor") and "rot_img" in preprocessed:
        images["preprocessed_img"] = _pil(preprocessed_image(preprocessed))
    for seal in result["seal_res_list"]:
        images[f"seal_res_region{seal['seal_region_id']}"] = _pil(seal_image(seal))
    return images


def seal_image(seal: dict[str, Any]) -> np.ndarray:
    """One seal's image, 2w × h: left the crop with its texts' polygons and starts, right what was read, in place.

    Args:
        seal: element of seal_res_list with `doc_preprocessor_res.output_img` (the crop, BGR).

    Returns:
        (h, 2w, 3) uint8 BGR.
    """
    crop = seal["doc_preprocessor_res"]["output_img"]
    corner = np.asarray(seal.get("crop_box", (0, 0))[:2], dtype=np.float32)  # PaddleX's fields alone: relative to it
    offset = corner if seal.get("coordinates") == "page" else np.zeros(2, np.float32)
    polygons = [np.asarray(p, dtype=np.float32) - offset for p in seal["rec_polys"]]
    lines = [np.asarray(line["line_poly"], dtype=np.float32) - corner for line in seal.get("lines", ())]
    colours = palette(len(polygons))
    left = outline_polygons(fill_polygons(crop, polygons, colours, STYLE.fill_opacity), polygons, colours)
    left = mark_starts(left, lines, colours)
    right = fill_polygons(np.full_like(crop, 255), polygons, colours, STYLE.fill_opacity / 2)
    right = outline_polygons(right, polygons, colours, width=1)
    directions = [line["direction"] for line in seal.get("lines", ())]
    for n, (polygon, text) in enumerate(zip(polygons, seal["rec_texts"])):
        if n < len(lines):  # the line as it was read: characters stand where those of the seal stand
            right = draw_text_along(right, text, lines[n], vertical=directions[n] == "vertical")
        else:
            (x1, y1, x2, y2), vertical = text_box(polygon, text)
            box = (max(0.0, x1), y1, min(float(crop.shape[1]), x2), y2)
            right = draw_text(right, text, box, vertical=vertical)
    return np.concatenate([left, right], axis=1)


def text_box(polygon: np.ndarray, text: str) -> tuple[tuple[float, float, float, float], bool]:
    """Where a polygon's text is written: (x1, y1, x2, y2) and whether its characters stand below each other.

    A band lying across gets the text along its upper part (a ring's text above the ring's middle); a tall narrow one
    gets it from top to bottom.
    """
    (x1, y1), (x2, y2) = polygon.min(axis=0), polygon.max(axis=0)
    w, h = float(x2 - x1), float(y2 - y1)
    if h > 2 * w and h > 30:
        return (float(x1), float(y1), float(x2), float(y2)), True
    area = abs(float(cv2.contourArea(polygon.astype(np.float32))))
    length = float(cv2.arcLength(polygon.astype(np.float32), True))
    band = min(h, 2 * area / max(length, 1.0))  # height of the characters, whatever way the band bends
    size = max(8.0, min(band, 1.2 * w / max(len(text), 1)))
    wide = text_width(text, int(size))
    middle = (float(x1) + float(x2)) / 2
    half = max(w, min(wide, 1.5 * w)) / 2
    top = float(y1) + max(0.0, (band - size) / 2)
    return (middle - half, top, middle + half, top + size), False


def preprocessed_image(fields: dict[str, Any]) -> np.ndarray:
    """Original, rotated and unwarped image side by side with captions below."""
    settings = fields["model_settings"]
    rotated = f"Rotated Image ({settings['use_doc_orientation_classify']}, {fields['angle']})"
    captions = ["Original Image", rotated, f"Unwarping Image ({settings['use_doc_unwarping']})"]
    images = [fields["input_img"], fields["rot_img"], fields["output_img"]]
    height = max(p.shape[0] for p in images) + STYLE.caption_height_px
    columns = []
    for image, caption in zip(images, captions):
        h, w = image.shape[:2]
        column = np.full((height, w, 3), 255, np.uint8)
        column[:h] = image
        columns.append(draw_text(column, caption, (0, height - STYLE.caption_height_px + 3, w, height - 3)))
    return np.concatenate(columns, axis=1)


def _pil(image: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image[:, :, ::-1]))
