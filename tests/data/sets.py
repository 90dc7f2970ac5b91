"""Small detection sets for tests: images with random but reproducible structure, and their label lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sealkit.images import write_image

Entry = dict[str, Any]


def draw_image(seed: int, width: int = 160, height: int = 120) -> np.ndarray:
    """(H, W, 3) uint8 BGR with shapes at random places: images of different seeds look different."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 250, np.uint8)
    for _ in range(14):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        colour = tuple(int(v) for v in rng.integers(0, 200, 3))
        if rng.random() < 0.5:
            cv2.circle(image, (x, y), int(rng.integers(5, 25)), colour, -1)
        else:
            cv2.rectangle(image, (x, y), (x + int(rng.integers(8, 50)), y + int(rng.integers(5, 30))), colour, -1)
    return image


def box(x1: float, y1: float, x2: float, y2: float, text: str = "天津公司", **extra: Any) -> Entry:
    return {"transcription": text, "points": [[x1, y1], [x2, y1], [x2, y2], [x1, y2]], **extra}


def arc(
    centre: tuple[float, float] = (80, 60),
    inner: float = 30,
    outer: float = 50,
    start: float = 150,
    span: float = 240,
    count: int = 12,
    text: str = "天津君和缘商贸有限公司",
    **extra: Any,
) -> Entry:
    """line_poly of a ring text, characters outwards, clockwise from `start` degrees (screen angle, 0 = right)."""
    angles = np.radians(start + np.linspace(0, span, count))
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.concatenate([ring * outer, ring[::-1] * inner]) + centre
    return {"transcription": text, "points": points.round(1).tolist(), "direction": "arc", **extra}


def write_labels(path: Path, rows: dict[str, list[Entry]] | list[tuple[str, Any]]) -> Path:
    """A label file; values that are strings are written as they are."""
    items = rows.items() if isinstance(rows, dict) else rows
    lines = [
        f"{name}\t{entries if isinstance(entries, str) else json.dumps(entries, ensure_ascii=False)}\n"
        for name, entries in items
    ]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    return path


def small_set(root: Path, train: int = 4, val: int = 2) -> Path:
    """A sound set without any problem: images, train.txt, val.txt."""
    seed = 0
    for name, count in (("train", train), ("val", val)):
        rows: dict[str, list[Entry]] = {}
        for _ in range(count):
            file = f"images/{name}_{seed}.png"
            write_image(root / file, draw_image(seed))
            text = "甲乙丙丁戊己庚辛壬癸"[seed % 10] + "号有限公司"
            rows[file] = [
                arc(text=text + "总部", shape="circle", angle=0, seal=0),
                box(60, 80, 100, 95, "专用章", direction="line", shape="circle", angle=0, seal=0),
            ]
            seed += 1
        write_labels(root / f"{name}.txt", rows)
    return root
