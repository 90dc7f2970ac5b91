"""A crop of one seal as the detector is to see it: its window, its scale, and how its background is dimmed."""

from __future__ import annotations

import numpy as np

from sealkit.images.background import dim_background
from sealkit.modules.seal_text_detection.predictor import DetectionMaps, TextDetector
from sealkit.modules.seal_text_detection.settings import DetResizeSettings
from sealkit.pipeline.page import Box, FoundSeal, Window


def crop_window(box: Box, margin: float, hw: tuple[int, int]) -> Window:
    """Whole-pixel window around a seal: the box and a border of `margin` × its long side, within the image."""
    x1, y1, x2, y2 = box
    border = margin * max(x2 - x1, y2 - y1)
    left, top = max(0, int(np.floor(x1 - border))), max(0, int(np.floor(y1 - border)))
    right, bottom = min(hw[1], int(np.ceil(x2 + border))), min(hw[0], int(np.ceil(y2 + border)))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def cut_out(image: np.ndarray, window: Window) -> np.ndarray:
    """The pixels (h, w, 3) of a window."""
    left, top, right, bottom = window
    return image[top:bottom, left:right]


def dimmed_crop(image: np.ndarray, seal: FoundSeal, window: Window, background_contrast: float) -> np.ndarray:
    """The pixels (h, w, 3) of a window with less contrast outside the seal's box; 1 leaves them as they are."""
    crop = cut_out(image, window)
    if background_contrast >= 1:
        return crop
    x, y = window[:2]
    return dim_background(crop, (np.array(seal.box) - (x, y, x, y)).tolist(), background_contrast)


def scaled_to(crop: np.ndarray, seal: FoundSeal, side: int, max_upscale: float) -> DetResizeSettings:
    """How a crop is resized so that its seal's long side becomes `side`; enlarged by at most `max_upscale`."""
    scale = min(side / max(seal.long_side, 1.0), max_upscale)
    return resize_to(max(32, round(max(crop.shape[:2]) * scale)))


def resize_to(side: int) -> DetResizeSettings:
    """How an image is resized whose long side becomes `side`."""
    return DetResizeSettings(limit_side_len=side, limit_type="resize_long")


def detect_at(detector: TextDetector, image: np.ndarray, side: int) -> DetectionMaps:
    """The detector's maps of an image (H, W, 3) uint8 BGR scaled to this long side."""
    return detector.maps(image, resize_to(side))
