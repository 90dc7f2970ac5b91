"""Detection sets as LabelMe, COCO and ReST files: for labelling on, and for other trainers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.converters.formats import LINE_KEYS
from sealkit.data.records import DetSample, TextLine
from sealkit.errors import Problem
from sealkit.files import write_text
from sealkit.images import inspect_image


def _points(line: TextLine) -> list[list[float]]:
    return [[round(float(x), 2), round(float(y), 2)] for x, y in line.points]


def _known(line: TextLine, *left_out: str) -> dict[str, Any]:
    """What is known of a text besides its outline, to be kept where a format has room for it."""
    return {key: getattr(line, key) for key in LINE_KEYS if key not in left_out and getattr(line, key) is not None}


def write_labelme(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """One JSON file per image, polygons labelled `text` with the text as description; X-AnyLabeling reads them too.

    What is known of a text stands in `attributes`, the seal's number in `group_id`.
    """
    for sample, name in zip(samples, names):
        width, height = inspect_image(sample.image_path).size
        shapes = []
        for line in sample.lines:
            shape = {
                "label": "ignore" if line.ignore else "text",
                "points": _points(line),
                "group_id": line.seal,
                "description": line.text,
                "shape_type": "polygon",
                "flags": {"ignore": True} if line.ignore else {},
                "attributes": _known(line, "seal"),
            }
            shapes.append(shape)
        content: dict[str, Any] = {
            "version": "5.4.1",
            "flags": {},
            "shapes": shapes,
            "imagePath": name,
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        write_text(out / f"{Path(name).stem}.json", json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    return []


def write_coco(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """One file `annotations.json`: polygons of the category `text`, texts and what is known of them as attributes."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (sample, name) in enumerate(zip(samples, names), 1):
        width, height = inspect_image(sample.image_path).size
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for line in sample.lines:
            points = np.asarray(_points(line))
            low, high = points.min(axis=0), points.max(axis=0)
            x, y = points[:, 0], points[:, 1]
            area = abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2
            annotation = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": 1,
                "segmentation": [points.reshape(-1).tolist()],
                "bbox": [*low.tolist(), *(high - low).tolist()],
                "area": round(area, 2),
                "iscrowd": 0,
                "ignore": int(line.ignore),
                "attributes": {"text": line.text, **_known(line)},
            }
            annotations.append(annotation)
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "text"}]}
    write_text(out / "annotations.json", json.dumps(content, ensure_ascii=False) + "\n")
    return []


def write_rest(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """One file `train_gt.json`, entries gt_<image's name>."""
    table = {}
    for sample, name in zip(samples, names):
        texts = [
            {"transcription": "###" if line.ignore else line.text, "points": _points(line), "illegibility": line.ignore}
            for line in sample.lines
        ]
        table[f"gt_{Path(name).stem}"] = texts
    write_text(out / "train_gt.json", json.dumps(table, ensure_ascii=False) + "\n")
    return []


__all__ = ["write_coco", "write_labelme", "write_rest"]
