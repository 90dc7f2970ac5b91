"""Small sets on disk: upright pages that a child could tell from turned ones, and a labelled set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.modules.doc_text_orientation.settings import DocTextOrientationRecipe


def page(number: int, height: int = 140, width: int = 110) -> np.ndarray:
    """White paper with a red head, ragged black lines and blue bottom edge at the left."""
    rng = np.random.default_rng(number)
    image = np.full((height, width, 3), 245, np.uint8)
    cv2.rectangle(image, (20, 8), (width - 20, 24), (40, 40, 200), -1)
    for top in range(36, height - 30, 10):
        cv2.rectangle(image, (12, top), (width - 14 - int(rng.integers(30)), top + 4), (20, 20, 20), -1)
    cv2.rectangle(image, (12, height - 20), (40, height - 10), (180, 60, 20), -1)
    return image


@pytest.fixture(scope="session")
def upright_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pages")
    for number in range(6):
        cv2.imwrite(str(root / f"{number}.png"), page(number, 140 + 10 * number))
    return root


@pytest.fixture(scope="session")
def labelled_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images turned clockwise by their label, in PaddleX's format."""
    root = tmp_path_factory.mktemp("labelled")
    (root / "images").mkdir()
    lines = []
    for number in range(8):
        lying = np.rot90(page(number), -(number % 4))
        cv2.imwrite(str(root / "images" / f"{number} x.png"), lying)
        lines.append(f"images/{number} x.png {number % 4}\n")
    (root / "train.txt").write_text("".join(lines))
    (root / "val.txt").write_text("".join(lines[:4]))
    (root / "label.txt").write_text("0 0\n1 90\n2 180\n3 270\n")
    return root


@pytest.fixture
def make_recipe(upright_pages: Path) -> Callable[..., DocTextOrientationRecipe]:
    def make(**changes: Any) -> DocTextOrientationRecipe:
        values: dict[str, Any] = {
            "name": "t",
            "module": "doc_text_orientation",
            "model": "PP-LCNet_x1_0_doc_ori",
            "data": {
                "train": [{"root": str(upright_pages), "upright": True}],
                "val": [{"root": str(upright_pages), "upright": True}],
            },
            "augment": [{"op": "random_resized_crop", "size": [64, 64], "scale": [0.6, 1.0]}],
            "resize": {"resize_short": 72, "crop": 64},
            **changes,
        }
        return DocTextOrientationRecipe.model_validate(values)

    return make
