"""The classifier's part of a run's report: accuracy, the surest mistakes, right pages, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.modules.doc_text_orientation.metric import OrientationMetric
from sealkit.modules.doc_text_orientation.orientations import Orientations
from sealkit.modules.doc_text_orientation.postprocess import turn

WORST = 12
GOOD = 6
SIDE = 320  # pixels of the long side of a shown image


def report_parts(records: Sequence[dict[str, Any]], about: Orientations) -> list[dict[str, Any]]:
    """Sections for report.html, see `sealkit.engine.task.Task.report_parts`."""
    metric = OrientationMetric(about)
    metric.add(records)
    metrics = metric.compute()
    parts: list[dict[str, Any]] = [{"title": "Orientation", "text": _verdict(records, metrics["top1"], about)}]
    wrong = sorted((r for r in records if r["pred"] != r["label"]), key=lambda r: -r["score"])
    images = _images(wrong[:WORST], about)
    if images:
        parts.append({"title": "Surest mistakes, as the network saw them", "images": images})
    right = sorted((r for r in records if r["pred"] == r["label"]), key=lambda r: r["score"])
    images = _images(right[:GOOD], about)
    if images:
        parts.append({"title": f"Right {about.things}, the least sure of {len(right)}", "images": images})
    rows = [
        {
            f"{about.thing} lies at": f"{angle}°",
            **{f"predicted {answer}°": int(n) for answer, n in zip(about.angles, row)},
        }
        for angle, row in zip(about.angles, metric.confusion)
        if row.sum()
    ]
    parts.append({"title": "Which angle is taken for which", "rows": rows, "fold": True})
    numbers = {key: int(value) if key == "images" else round(value, 4) for key, value in metrics.items()}
    parts.append({"title": "Orientation in numbers", "rows": [numbers], "fold": True})
    return parts


def _verdict(records: Sequence[dict[str, Any]], share: float, about: Orientations) -> str:
    """`The angle of 31 of 32 pages was found (0.9688).`."""
    right = sum(record["pred"] == record["label"] for record in records)
    return f"The angle of {right} of {len(records)} {about.things} was found ({share:.4f})."


def _images(records: Sequence[dict[str, Any]], about: Orientations) -> list[tuple[str, np.ndarray]]:
    images = []
    for record in records:
        shown = _shown(record, about)
        if shown is not None:
            lies, answer = about.angles[record["label"]], about.angles[record["pred"]]
            caption = f"lies at {lies}°, predicted {answer}° ({record['score']:.2f})"
            images.append((f"{record['name']}: {caption}", shown))
    return images


def _shown(record: dict[str, Any], about: Orientations) -> np.ndarray | None:
    """The image as it lay; None where the image is gone."""
    try:
        image = turn(read_image(record["path"]), -about.angles[record["turned"]])
    except DataError:
        return None
    scale = min(SIDE / max(image.shape[:2]), 1.0)
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image


__all__ = ["report_parts"]
