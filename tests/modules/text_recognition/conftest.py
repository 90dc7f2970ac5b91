"""A small recognition set on disk: printed ASCII strips of several lengths, with what is known of their seals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.modules.text_recognition.settings import TextRecognitionRecipe

TEXTS = (
    "SEAL",
    "AB 12",
    "91330106",
    "CO LTD",
    "NO 7",
    "HANGZHOU TRADE",
    "X1",
    "SHANGHAI 2024",
    "OK",
    "B2B",
    "ZEBRA",
    "77",
)


def draw(text: str, height: int = 40) -> np.ndarray:
    """A strip (height, w, 3) uint8 with the text in dark red."""
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1, 2)
    strip = np.full((height, width + 16, 3), 240, np.uint8)
    cv2.putText(strip, text, (8, height - 10), cv2.FONT_HERSHEY_SIMPLEX, 1, (40, 40, 180), 2, cv2.LINE_AA)
    return strip


def write_set(root: Path, name: str, texts: tuple[str, ...]) -> None:
    rows, extras = [], []
    (root / "images").mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        path = f"images/{Path(name).stem}_{number}.png"
        cv2.imwrite(str(root / path), draw(text))
        rows.append(f"{path}\t{text}\n")
        extras.append(json.dumps({"path": path, "shape": "circle", "angle": 10.0 * number, "direction": "arc"}) + "\n")
    (root / name).write_text("".join(rows), encoding="utf-8")
    (root / f"{Path(name).stem}.extras.jsonl").write_text("".join(extras), encoding="utf-8")


@pytest.fixture(scope="session")
def strip_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("strips")
    write_set(root, "train.txt", TEXTS)
    write_set(root, "val.txt", TEXTS[3:9])
    return root


@pytest.fixture
def make_recipe(strip_set: Path) -> Callable[..., TextRecognitionRecipe]:
    def make(**changes: Any) -> TextRecognitionRecipe:
        values: dict[str, Any] = {
            "name": "t",
            "module": "text_recognition",
            "model": "PP-OCRv6_tiny_rec",
            "dictionary": "labels",
            "data": {
                "train": [{"root": str(strip_set), "labels": "train.txt"}],
                "val": [{"root": str(strip_set), "labels": "val.txt"}],
            },
            "augment": [{"op": "elastic"}, {"op": "noise"}],
            "input": {"scales": [[160, 48]]},
            "network": {"form": "fused", "auxiliary_head": "none", "steps": "width"},
            "train": {"max_steps": 2, "batch_size": 4, "num_workers": 0, "threads": 1},
            **changes,
        }
        return TextRecognitionRecipe.model_validate(values)

    return make
