"""A small detection set on disk: a ring text and a straight one per image, one image without text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.data.labels.detection import write_det_labels
from sealkit.data.records import DetSample, TextLine
from sealkit.modules.seal_text_detection.settings import SealTextDetectionRecipe


def ring_poly(
    cx: float, cy: float, inner: float, outer: float, start: float, end: float, count: int = 24
) -> np.ndarray:
    t = np.deg2rad(np.linspace(start, end, count))
    ray = np.stack([np.cos(t), np.sin(t)], axis=1)
    return np.concatenate([(cx, cy) + ray * outer, ((cx, cy) + ray * inner)[::-1]]).astype(np.float32)


@pytest.fixture(scope="session")
def seal_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("seals")
    (root / "images").mkdir()
    samples = []
    for number in range(6):
        path = root / "images" / f"{number}.png"
        image = np.full((200 + 20 * number, 240, 3), 240, np.uint8)
        lines = []
        if number != 5:
            ring = ring_poly(110, 100, 50, 80, -230 + 10 * number, 50)
            straight = np.array([[75, 85], [145, 85], [145, 115], [75, 115]], np.float32)
            lines = [
                TextLine(ring, "环形", False, "circle", 10.0 * number, "arc", 0),
                TextLine(straight, "专用章", False, "circle", 10.0 * number, "line", 0),
            ]
            for line in lines:
                cv2.fillPoly(image, [np.round(line.points).astype(np.int32)], (60, 60, 200))
        cv2.imwrite(str(path), image)
        samples.append(DetSample(path, lines))
    write_det_labels(root / "train.txt", samples)
    write_det_labels(root / "val.txt", samples[:4])
    return root


@pytest.fixture
def make_recipe(seal_set: Path) -> Callable[..., SealTextDetectionRecipe]:
    def make(**changes: Any) -> SealTextDetectionRecipe:
        values: dict[str, Any] = {
            "name": "t",
            "module": "seal_text_detection",
            "model": "PP-OCRv6_tiny_det",
            "network": {"form": "fused", "fields": True},
            "data": {
                "train": [{"root": str(seal_set), "labels": "train.txt"}],
                "val": [{"root": str(seal_set), "labels": "val.txt"}],
            },
            "augment": [{"op": "rotate"}, {"op": "photometric"}, {"op": "fit", "size": [96, 128]}],
            "resize": {"limit_side_len": 256, "limit_type": "resize_long"},
            **changes,
        }
        return SealTextDetectionRecipe.model_validate(values)

    return make
