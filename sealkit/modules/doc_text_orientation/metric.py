"""Top-1 accuracy, over all and by class, and which classes are mistaken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sealkit.modules.doc_text_orientation.orientations import PAGES, Orientations


class OrientationMetric:
    """Gathers records {"label": class id, "pred": class id}.

    `compute` gives "top1", "top1/angle=90" and so on for the classes that occur, and "images".

    Args:
        about: the classes.
    """

    def __init__(self, about: Orientations = PAGES) -> None:
        self._angles = about.angles
        self.confusion = np.zeros((len(about.angles), len(about.angles)), np.int64)
        """Rows: labels, columns: predictions."""

    def add(self, records: Sequence[dict[str, Any]]) -> None:
        """Count records of any number of batches; class ids from 0."""
        for record in records:
            self.confusion[record["label"], record["pred"]] += 1

    def compute(self) -> dict[str, float]:
        """Shares in 0..1, and the number of images; "top1" is 0 where nothing was added."""
        total, right = int(self.confusion.sum()), self.confusion.diagonal()
        metrics = {"top1": float(right.sum()) / total if total else 0.0}
        for angle, row, good in zip(self._angles, self.confusion, right):
            if row.sum():
                metrics[f"top1/angle={angle}"] = float(good) / float(row.sum())
        metrics["images"] = float(total)
        return metrics


__all__ = ["OrientationMetric"]
