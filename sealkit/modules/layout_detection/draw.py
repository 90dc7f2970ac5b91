"""Layout boxes drawn on their page."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from sealkit.drawing.polygons import boxes_to_polygons, outline_polygons, palette
from sealkit.drawing.text import draw_text, text_width


def layout_image(image: np.ndarray, boxes: list[dict[str, Any]]) -> np.ndarray:
    """Layout boxes with label and score, one colour per label in order of appearance."""
    labels = list(dict.fromkeys(box["label"] for box in boxes))
    colours = dict(zip(labels, palette(len(labels))))
    polygons = boxes_to_polygons([box["coordinate"] for box in boxes])
    width = max(2, int(0.002 * max(image.shape[:2])))
    drawn = outline_polygons(image, polygons, [colours[box["label"]] for box in boxes], width)
    size = int(0.018 * image.shape[1]) + 2
    for box in boxes:
        x1, y1 = (float(v) for v in box["coordinate"][:2])
        tag = f"{box['label']} {box['score']:.2f}"
        wide = text_width(tag, size) + 4
        y1 = max(y1, size + 2.0)
        corner, end = (int(x1), int(y1 - size - 2)), (int(x1 + wide), int(y1))
        cv2.rectangle(drawn, corner, end, colours[box["label"]], -1)
        drawn = draw_text(drawn, tag, (*corner, *end), (255, 255, 255))
    return drawn
