"""The classifier's part of a run's report: accuracy, confusion, and the surest mistakes."""

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
SIDE = 320  # pixels of the long side of a shown image


def report_parts(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sections for report.html, see `sealkit.engine.task.Task.report_parts`."""
    metric = OrientationMetric()
    metric.add(records)
    metrics = {key: round(value, 4) for key, value in metric.compute().items()}
    parts: list[dict[str, Any]] = [{"title": "Orientation", "rows": [metrics]}]
    rows = [
        {"page lies at": f"{angle}°", **{f"said {said}°": int(n) for said, n in zip(ANGLES, row)}}
        for angle, row in zip(ANGLES, metric.confusion)
        if row.sum()
    ]
    parts.append({"title": "Which angle is taken for which", "rows": rows})
    wrong = sorted((r for r in records if r["pred"] != r["label"]), key=lambda r: -r["score"])
    images = []
    for record in wrong[:WORST]:
        shown = _shown(record)
        if shown is not None:
            said = f"lies at {ANGLES[record['label']]}°, said {ANGLES[record['pred']]}° ({record['score']:.2f})"
            images.append((f"{record['name']}: {said}", shown))
    if images:
        parts.append({"title": "Surest mistakes, as the network saw them", "images": images})
    return parts


def _shown(record: dict[str, Any]) -> np.ndarray | None:
    """The page as it lay; None where the image is gone."""
    try:
        image = turn(read_image(record["path"]), -ANGLES[record["turned"]])
    except DataError:
        return None
    scale = min(SIDE / max(image.shape[:2]), 1.0)
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image


__all__ = ["report_parts"]
