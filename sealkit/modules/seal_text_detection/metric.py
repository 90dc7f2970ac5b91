"""Precision, recall and Hmean of text outlines at IoU 0.5, over all and by what labels carry (shape, angle).

Rules of the reference: polygons that cross themselves are left out on both sides; matches are made greedily, in the
order of the labels and then of the predictions, where IoU > 0.5; a prediction more than half of which lies on an
ignored label is not counted; totals are summed over the set before dividing. Two things the reference has no notion of
count as what they are: the hole of a predicted ring, and a labelled line_poly that touches itself because its ring is
closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from shapely import STRtree
from shapely.geometry import Polygon

from sealkit.data.groups import group_names, group_order

IOU = 0.5
IGNORED_SHARE = 0.5
CLOSING_SHARE = 0.05  # of the area a closed ring's overlapping ends may make up


@dataclass
class Matching:
    """Outcome of one image.

    Attributes:
        pairs: (label, prediction, IoU), indices into the given lists.
        counted_gt, counted_pred: indices that count (valid, not ignored).
        invalid_gt, invalid_pred: indices of polygons that cross themselves or have no area.
    """

    pairs: list[tuple[int, int, float]]
    counted_gt: list[int]
    counted_pred: list[int]
    invalid_gt: list[int]
    invalid_pred: list[int]

    @property
    def hmean(self) -> float:
        """Of this image alone; an image with nothing to find and nothing found is perfect."""
        total = len(self.counted_gt) + len(self.counted_pred)
        return 2 * len(self.pairs) / total if total else 1.0


def match(
    gt: Sequence[np.ndarray],
    ignore: Sequence[bool],
    pred: Sequence[np.ndarray],
    holes: Sequence[Sequence[np.ndarray]] | None = None,
    ordered: Sequence[bool] | None = None,
) -> Matching:
    """Match the labels and predictions of one image.

    Args:
        gt: outlines (N, 2).
        ignore: labels that neither count nor make a prediction on them wrong.
        pred: outlines (N, 2).
        holes: per prediction the holes (M, 2) of a closed ring.
        ordered: labels that are line_polys.
    """
    gt_shapes = [_polygon(points, closed_line=bool(ordered and ordered[i])) for i, points in enumerate(gt)]
    pred_shapes = [_polygon(points, holes[i] if holes else ()) for i, points in enumerate(pred)]
    valid_gt = [i for i, shape in enumerate(gt_shapes) if shape is not None]
    valid_pred = [i for i, shape in enumerate(pred_shapes) if shape is not None]
    ignored = [i for i in valid_gt if ignore[i]]
    counted_gt = [i for i in valid_gt if not ignore[i]]
    overlaps = _overlaps(gt_shapes, valid_gt, pred_shapes, valid_pred)
    counted_pred = [
        p for p in valid_pred if all(overlaps.get((g, p), 0.0) <= IGNORED_SHARE * pred_shapes[p].area for g in ignored)
    ]
    pairs: list[tuple[int, int, float]] = []
    free = dict.fromkeys(counted_pred)
    for g in counted_gt:
        for p in free:
            common = overlaps.get((g, p), 0.0)
            if common <= 0:
                continue
            # The union itself, not areas minus overlap: at exactly half the two may differ in the last bit.
            iou = common / gt_shapes[g].union(pred_shapes[p]).area
            if iou > IOU:
                pairs.append((g, p, iou))
                del free[p]
                break
    return Matching(
        pairs,
        counted_gt,
        counted_pred,
        [i for i, shape in enumerate(gt_shapes) if shape is None],
        [i for i, shape in enumerate(pred_shapes) if shape is None],
    )


def match_record(record: dict[str, Any]) -> Matching:
    """`match` of a record as the task's `decode` makes it."""
    labels = record["gt"]
    return match(
        [label["points"] for label in labels],
        [label["ignore"] for label in labels],
        record["pred"],
        record.get("holes"),
        [label.get("direction") is not None for label in labels],
    )


def _polygon(points: np.ndarray, holes: Sequence[np.ndarray] = (), closed_line: bool = False) -> Any:
    """A valid shapely polygon, or None. Holes that would make it invalid are dropped rather than the whole.

    `closed_line`: a line_poly may touch itself where its ring closes; it is made valid if that keeps its area.
    """
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or len(array) < 3 or not np.isfinite(array).all():
        return None
    if len(holes):
        ring = Polygon(array, [np.asarray(hole, np.float64) for hole in holes if len(hole) >= 3])
        if ring.is_valid and ring.area > 0:
            return ring
    polygon = Polygon(array)
    if closed_line and not polygon.is_valid:
        repaired = polygon.buffer(0)
        if repaired.area > 0 and abs(repaired.area - polygon.area) <= CLOSING_SHARE * polygon.area:
            return repaired
    return polygon if polygon.is_valid and polygon.area > 0 else None


def _overlaps(
    gt: Sequence[Any], valid_gt: Sequence[int], pred: Sequence[Any], valid_pred: Sequence[int]
) -> dict[tuple[int, int], float]:
    """Intersection areas of the pairs whose boxes meet."""
    if not valid_gt or not valid_pred:
        return {}
    tree = STRtree([pred[i] for i in valid_pred])
    left, right = tree.query([gt[i] for i in valid_gt])
    return {
        (valid_gt[g], valid_pred[p]): gt[valid_gt[g]].intersection(pred[valid_pred[p]]).area
        for g, p in zip(left.tolist(), right.tolist())
    }


@dataclass
class _Count:
    matched: int = 0
    gt: int = 0
    pred: int = 0

    def rates(self) -> dict[str, float]:
        recall = self.matched / self.gt if self.gt else 0.0
        precision = self.matched / self.pred if self.pred else 0.0
        both = precision + recall
        return {"precision": precision, "recall": recall, "hmean": 2 * precision * recall / both if both else 0.0}


@dataclass
class DetMetric:
    """Gathers records {"gt": list of label dicts, "pred": outlines, "holes": …} and computes the metrics.

    `compute` gives "precision", "recall", "hmean"; "recall/shape=oval", "recall/angle=45..90" and so on where labels
    carry the keys (a wrong prediction belongs to no shape, so there is no precision by shape); "gt", "pred",
    "invalid_gt", "invalid_pred": how many counted or were left out.
    """

    total: _Count = field(default_factory=_Count)
    groups: dict[str, _Count] = field(default_factory=dict)
    invalid_gt: list[str] = field(default_factory=list)
    invalid_pred: int = 0

    def add(self, records: Sequence[dict[str, Any]]) -> None:
        """Match and count records of any number of batches; outlines in source pixels."""
        for record in records:
            labels = record["gt"]
            matching = match_record(record)
            self.total.matched += len(matching.pairs)
            self.total.gt += len(matching.counted_gt)
            self.total.pred += len(matching.counted_pred)
            self.invalid_pred += len(matching.invalid_pred)
            self.invalid_gt += [f"{record.get('name', record.get('index'))} text {i}" for i in matching.invalid_gt]
            found = {g for g, _, _ in matching.pairs}
            for g in matching.counted_gt:
                for name in group_names(labels[g]):
                    group = self.groups.setdefault(name, _Count())
                    group.gt += 1
                    group.matched += g in found

    def compute(self) -> dict[str, float]:
        """Rates in 0..1, and counts, by the names the class lists; 0 where nothing counted."""
        metrics = self.total.rates()
        for name in sorted(self.groups, key=group_order):
            metrics[f"recall/{name}"] = self.groups[name].rates()["recall"]
        metrics.update(gt=float(self.total.gt), pred=float(self.total.pred))
        metrics.update(invalid_gt=float(len(self.invalid_gt)), invalid_pred=float(self.invalid_pred))
        return metrics


__all__ = ["DetMetric", "Matching", "group_names", "match", "match_record"]
