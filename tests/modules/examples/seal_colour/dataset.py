"""Samples of the example module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sealkit.engine.task import SampleSource
from sealkit.images import read_image

from .models import COLOURS
from .settings import ColourSet

SIDE = 32


def load_set(entry: ColourSet) -> list[tuple[Path, int]]:
    """Images and classes."""
    lines = (Path(entry.root) / entry.labels).read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return [(Path(entry.root) / path, COLOURS.index(colour)) for path, colour in rows]


def preprocess(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 BGR -> (3, 32, 32) float32."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1), np.float32) / 255


class Source(SampleSource):
    """All images of the sets."""

    def __init__(self, sets: Sequence[list[tuple[Path, int]]]) -> None:
        self._samples = [sample for samples in sets for sample in samples]

    def __len__(self) -> int:
        return len(self._samples)

    def get(self, index: int, epoch: int, rng: np.random.Generator) -> dict[str, Any]:
        path, label = self._samples[index]
        return {"image": preprocess(read_image(path)), "label": np.int64(label), "name": path.name}


def collate(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A batch."""
    batch: dict[str, Any] = {key: [sample[key] for sample in samples] for key in samples[0]}
    return {**batch, "image": np.stack(batch["image"]), "label": np.stack(batch["label"])}
