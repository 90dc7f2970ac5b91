"""The classifier's part of a run's report: accuracy, the surest mistakes, right pages, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from sealkit.data.labels.orientation import ANGLES
from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.modules.doc_text_orientation.metric import OrientationMetric
from sealkit.modules.doc_text_orientation.postprocess import turn

WORST = 12
GOOD = 6
SIDE = 320  # pixels of the long side of a shown image


def report_parts(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sections for report.html, see `sealkit.engine.task.Task.report_parts`."""
    metric = OrientationMetric()
    metric.add(records)
    metrics = metric.compute()
    parts: list[dict[str, Any]] = [{"title": "Orientation", "text": _verdict(records, metrics["top1"])}]
    wrong = sorted((r for r in records if r["pred"] != r["label"]), key=lambda r: -r["score"])
    images = _images(wrong[:WORST])
    if images:
        parts.append({"title": "Surest mistakes, as the network saw them", "images": images})
    right = sorted((r for r in records if r["pred"] == r["label"]), key=lambda r: r["score"])
    images = _images(right[:GOOD])
    if images:
        parts.append({"title": f"Right pages, the least sure of {len(right)}", "images": images})
    rows = [
        {"page lies at": f"{angle}°", **{f"said {said}°": int(n) for said, n in zip(ANGLES, row)}}
        for angle, row in zip(ANGLES, metric.confusion)
        if row.sum()
    ]
    parts.append({"title": "Which angle is taken for which", "rows": rows, "fold": True})
    numbers = {key: int(value) if key == "images" else round(value, 4) for key, value in metrics.items()}
    parts.append({"title": "Orientation in numbers", "rows": [numbers], "fold": True})
    return parts


def _verdict(records: Sequence[dict[str, Any]], share: float) -> str:
    """`The angle of 31 of 32 pages was found (0.9688).`."""
    right = sum(record["pred"] == record["label"] for record in records)
    return f"The angle of {right} of {len(records)} pages was found ({share:.4f})."


def _images(records: Sequence[dict[str, Any]]) -> list[tuple[str, np.ndarray]]:
    images = []
    for record in records:
        shown = _shown(record)
        if shown is not None:
            said = f"lies at {ANGLES[record['label']]}°, said {ANGLES[record['pred']]}° ({record['score']:.2f})"
            images.append((f"{record['name']}: {said}", shown))
    return images


def _shown(record: dict[str, Any]) -> np.ndarray | None:
    """The page as it lay; None where the image is gone."""
    try:
        image = turn(read_image(record["path"]), -ANGLES[record["turned"]])
    except DataError:
        return None
    scale = min(SIDE / max(image.shape[:2]), 1.0)
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image


__all__ = ["report_parts"]
