"""A small set of drawn pages on disk, in COCO json: red rings are seals, grids tables, dark blocks images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.data.labels.coco import TRAIN, VAL, write_coco
from sealkit.data.records import LayoutBox, LayoutSample
from sealkit.modules.layout_detection.settings import LayoutDetectionRecipe

CLASSES = ("image", "table", "seal")


def draw_page(rng: np.random.Generator, height: int, width: int, seals: int) -> tuple[np.ndarray, list[LayoutBox]]:
    """A page with one table, one image and so many seals (0: an empty page), and its exact boxes."""
    page = np.full((height, width, 3), 245, np.uint8)
    boxes: list[LayoutBox] = []
    if not seals:
        return page, boxes
    half = width // 2
    x, y = int(rng.integers(4, 20)), int(rng.integers(4, 20))
    table = np.array([x, y, half - 8, y + height // 4], np.float32)
    for k in range(5):
        at = y + k * (height // 4) // 4
        cv2.line(page, (x, at), (half - 8, at), (60, 60, 60), 1)
    boxes.append(LayoutBox(table, "table"))
    image = np.array([half + 8, y, width - 10, y + height // 5], np.float32)
    cv2.rectangle(page, (half + 8, y), (width - 11, y + height // 5 - 1), (90, 60, 30), -1)
    boxes.append(LayoutBox(image, "image"))
    for k in range(seals):
        radius = int(rng.integers(14, 20))
        cx, cy = width // 4 + (k % 2) * half, int(height * 0.65) + int(rng.integers(-8, 8))
        cv2.circle(page, (cx, cy), radius - 1, (40, 40, 210), 2)
        boxes.append(LayoutBox(np.array([cx - radius, cy - radius, cx + radius, cy + radius], np.float32), "seal"))
    return page, boxes


def draw_set(root: Path, pages: int = 6, side: int = 160) -> Path:
    """Pages of two proportions with 0 to 2 seals each; the first is empty. The first four are the validation set."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    samples = []
    for number in range(pages):
        height, width = (side, side) if number % 2 else (side + 32, side)
        page, boxes = draw_page(rng, height, width, number % 3)
        path = root / "images" / f"{number}.png"
        cv2.imwrite(str(path), page)
        samples.append(LayoutSample(path, boxes, "", (width, height)))
    write_coco(root / TRAIN, samples, CLASSES, root)
    write_coco(root / VAL, samples[:4], CLASSES, root)
    return root


@pytest.fixture(scope="session")
def page_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_set(tmp_path_factory.mktemp("pages") / "set")


@pytest.fixture
def make_recipe(page_set: Path) -> Callable[..., LayoutDetectionRecipe]:
    def make(**changes: Any) -> LayoutDetectionRecipe:
        values: dict[str, Any] = {
            "name": "t",
            "module": "layout_detection",
            "model": "PicoDet-S_layout_3cls",
            "data": {
                "train": [{"root": str(page_set), "labels": TRAIN}],
                "val": [{"root": str(page_set), "labels": VAL}],
            },
            "batch": {"sizes": [[96, 96], [128, 128]]},
            "resize": {"target_size": [128, 128]},
            **changes,
        }
        return LayoutDetectionRecipe.model_validate(values)

    return make
