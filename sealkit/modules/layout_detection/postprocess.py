"""Detections of the graph → boxes of a page: threshold, suppression, merging, enlarging.

Re-implemented from the behaviour of PaddleX 3.7.2, DetPostProcess (Apache-2.0; no code copied), golden `layout_post`.
Deviations: odd values of options mean what they say; `rules: reference` repeats the original.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sealkit.errors import ConfigError, EngineError
from sealkit.geometry.boxes import box_areas, box_common

Rules = Literal["sealkit", "reference"]
SAME_CLASS_IOU, OTHER_CLASS_IOU = 0.6, 0.98
WIDE_PAGE_SHARE, TALL_PAGE_SHARE = 0.82, 0.93
"""An image box of more than this share of the page is the page itself."""
CONTAINED_SHARE = 0.9
UNLISTED_THRESHOLD = 0.5
MODES = ("large", "small", "union")


@dataclass(frozen=True)
class LayoutOptions:
    """Options of post-processing, PaddleX's names. Keys of dicts are class ids, digits or labels.

    Attributes:
        threshold: a box is kept where its score is larger; one number, or one per class; None: all are kept.
        layout_nms: drop boxes that repeat others.
        layout_unclip_ratio: enlarge about the centre: a factor, (width, height), or one of these per class.
        layout_merge_bboxes_mode: of boxes within each other keep the `large`, the `small`, or all (`union`); or a mode
            per class; None: all.
        unlisted: threshold of classes that a dict of thresholds does not name.
        rules: `reference` repeats what paddlex 3.7.2 does with odd values: a whole number for a threshold switches it
            off, classes a dict does not name get 0.5.
    """

    threshold: Any = 0.5
    layout_nms: bool | None = False
    layout_unclip_ratio: Any = None
    layout_merge_bboxes_mode: Any = None
    unlisted: float = UNLISTED_THRESHOLD
    rules: Rules = "sealkit"


def layout_boxes(
    rows: np.ndarray, labels: Sequence[str], source_hw: tuple[int, int], options: LayoutOptions | None = None
) -> list[dict[str, Any]]:
    """Boxes of one page.

    Args:
        rows: (K, 6) class, score, x1, y1, x2, y2 in source pixels; columns 7 and 8, where present, are a reading order.
        labels: class names by id.
        source_hw: height and width of the page.
        options: thresholds and modes.

    Returns:
        dicts of PaddleX: cls_id (int), label, score (float), coordinate [x1, y1, x2, y2] (floats, within the page).

    Raises:
        ConfigError: an option that cannot be used. EngineError: a class id without label.
    """
    options = options or LayoutOptions()
    rows = np.asarray(rows, np.float32)
    if rows.ndim != 2 or rows.shape[0] == 0:
        return []
    rows = _above_threshold(rows, labels, options)
    if options.layout_nms:
        rows = rows[suppress(rows)]
    rows = _without_page_images(rows, labels, source_hw)
    rows = rows[_merged(rows, labels, options.layout_merge_bboxes_mode)]
    if rows.shape[1] == 8:
        rows = rows[np.lexsort((-rows[:, 7], rows[:, 6]))]
    elif rows.shape[1] == 7:
        rows = rows[np.argsort(rows[:, 6], kind="stable")]
    rows = _enlarged(rows[:, :6], labels, options.layout_unclip_ratio)
    height, width = source_hw
    found = []
    for row in rows:
        number, x1, y1, x2, y2 = int(row[0]), *(float(v) for v in row[2:6])
        x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))
        if x2 <= x1 or y2 <= y1:
            continue
        if not 0 <= number < len(labels):
            raise EngineError(
                "the graph gives a class that label_list does not name",
                value=number,
                hint=f"label_list of inference.yml has {len(labels)} names",
            )
        found.append(
            {"cls_id": number, "label": labels[number], "score": float(row[1]), "coordinate": [x1, y1, x2, y2]}
        )
    return found


def split_pages(rows: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Rows of the graph, those of all pages one after another, page by page.

    Raises:
        EngineError: the counts do not add up: this is no layout graph.
    """
    rows, numbers = np.asarray(rows, np.float32), np.asarray(counts).reshape(-1).astype(int)
    if rows.ndim != 2 or rows.shape[1] < 6:
        rows = rows.reshape(0, 6) if rows.size == 0 else rows
    if rows.ndim != 2 or rows.shape[1] < 6 or numbers.sum() > len(rows):
        raise EngineError(
            "the graph is not a layout detector: it must give rows of class, score, box, and their number per page",
            value=(rows.shape, numbers.tolist()[:8]),
        )
    return [rows[end - n : end] for n, end in zip(numbers.tolist(), np.cumsum(numbers).tolist())]


def _above_threshold(rows: np.ndarray, labels: Sequence[str], options: LayoutOptions) -> np.ndarray:
    threshold, reference = options.threshold, options.rules == "reference"
    if threshold is None or (reference and isinstance(threshold, int)):
        return rows
    real = rows[:, 0] > -1
    if not isinstance(threshold, Mapping):
        return rows[real & (rows[:, 1] > np.float32(_number(threshold, "threshold")))]
    limits = _by_class(threshold, labels, "threshold", lambda value: _number(value, "threshold"))
    unlisted = UNLISTED_THRESHOLD if reference else options.unlisted
    of_row = np.array([limits.get(int(number), unlisted) for number in rows[:, 0]], np.float32)
    kept = rows[real & (rows[:, 1] > of_row)]
    return kept[np.argsort(kept[:, 0], kind="stable")]


def suppress(rows: np.ndarray) -> list[int]:
    """Numbers of the rows that stay, best score first; of equal scores in the order of NumPy's default sort, reversed,
    as the reference has it (which row that is depends on the processor).

    A row goes where a better one overlaps it: IoU (of pixels: a side is x2 - x1 + 1) from 0.6 on in the same class,
    from 0.98 on in others.
    """
    order = np.argsort(rows[:, 1])[::-1]
    boxes = rows[:, 2:6].astype(np.float64)
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        common = np.prod(np.maximum(high - low + 1, 0), axis=1)
        iou = common / (areas[best] + areas[rest] - common)
        limit = np.where(rows[rest, 0] == rows[best, 0], SAME_CLASS_IOU, OTHER_CLASS_IOU)
        order = rest[iou < limit]
    return kept


def _without_page_images(rows: np.ndarray, labels: Sequence[str], source_hw: tuple[int, int]) -> np.ndarray:
    """Image boxes that are the page itself are dropped, unless nothing would be left."""
    if len(rows) < 2 or "image" not in labels:
        return rows
    height, width = source_hw
    share = WIDE_PAGE_SHARE if width > height else TALL_PAGE_SHARE
    limits = np.array([width, height, width, height])
    inside = np.clip(rows[:, 2:6], 0, limits).astype(np.float64)
    areas = np.prod(inside[:, 2:] - inside[:, :2], axis=1)
    kept = (rows[:, 0] != labels.index("image")) | (areas <= share * width * height)
    return rows[kept] if kept.any() else rows


def _merged(rows: np.ndarray, labels: Sequence[str], mode: Any) -> np.ndarray:
    """(K,) bool: rows that stay."""
    kept = np.ones(len(rows), bool)
    if not mode or len(rows) == 0:
        return kept
    inside = _contained(rows, labels)
    if not isinstance(mode, Mapping):
        return kept if _mode(mode) == "union" else _stay(inside, _mode(mode))
    for number, chosen in _by_class(mode, labels, "layout_merge_bboxes_mode", _mode).items():
        of_class = rows[:, 0] == number
        if chosen == "large":
            kept &= _stay(inside & of_class[None, :], chosen)
        elif chosen == "small":
            kept &= _stay(inside & of_class[:, None], chosen)
    return kept


def _stay(inside: np.ndarray, mode: str) -> np.ndarray:
    contained, containing = np.any(inside, axis=1), np.any(inside, axis=0)
    return np.asarray(~contained if mode == "large" else ~containing | contained)


def _contained(rows: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """(K, K) bool: row i lies in row j. A formula is never counted as lying in anything but a formula."""
    boxes = rows[:, 2:6].astype(np.float64)
    common = box_common(boxes, boxes)
    areas = box_areas(boxes)[:, None]
    inside = np.divide(common, areas, out=np.zeros_like(common), where=areas > 0) >= CONTAINED_SHARE
    np.fill_diagonal(inside, False)
    if "formula" in labels:
        formula = rows[:, 0] == labels.index("formula")
        inside &= ~(formula[:, None] & ~formula[None, :])
    return inside


def _enlarged(rows: np.ndarray, labels: Sequence[str], ratio: Any) -> np.ndarray:
    if not _given(ratio):
        return rows
    factors = np.ones((len(rows), 2), np.float32)
    if isinstance(ratio, Mapping):
        for number, pair in _by_class(ratio, labels, "layout_unclip_ratio", _pair).items():
            factors[rows[:, 0] == number] = pair
    else:
        factors[:] = _pair(ratio)
    made = rows.copy()
    centre, half = (rows[:, 2:4] + rows[:, 4:6]) / 2, (rows[:, 4:6] - rows[:, 2:4]) * factors / 2
    changed = (factors != 1).any(axis=1)[:, None]
    made[:, 2:6] = np.where(changed, np.concatenate([centre - half, centre + half], axis=1), rows[:, 2:6])
    return made


def _given(ratio: Any) -> bool:
    """0 and None mean that nothing is enlarged."""
    return ratio is not None and not (isinstance(ratio, (int, float)) and ratio == 0)


def _by_class(
    values: Mapping[Any, Any], labels: Sequence[str], option: str, read: Callable[[Any], Any]
) -> dict[int, Any]:
    """Class id → value; keys are ids, digits or labels.

    Raises:
        ConfigError: a key that is none of these.
    """
    found = {}
    for key, value in values.items():
        text = str(key)
        if not text.isdigit() and text not in labels:
            raise ConfigError(
                "no such class", where=option, value=key, hint=f"ids 0 to {len(labels) - 1} or {', '.join(labels[:8])}"
            )
        found[int(text) if text.isdigit() else labels.index(text)] = read(value)
    return found


def _number(value: Any, option: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ConfigError("must be a number, or a number per class", where=option, value=value, hint="such as 0.5")
    return float(value)


def _pair(value: Any) -> tuple[float, float]:
    """Factors of width and height."""
    values = list(value) if isinstance(value, (list, tuple)) else [value, value]
    numbers = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) and v > 0 for v in values)
    if len(values) != 2 or not numbers:
        hint = "a factor above 0, (width, height), or one of these per class"
        raise ConfigError("cannot be used", where="layout_unclip_ratio", value=value, hint=hint)
    return float(values[0]), float(values[1])


def _mode(value: Any) -> str:
    text = str(value).strip("'\"")  # PaddleX's command line wants a quoted word
    if text not in MODES:
        hint = f"one of {', '.join(MODES)}, or one per class"
        raise ConfigError("unknown mode", where="layout_merge_bboxes_mode", value=value, hint=hint)
    return text


__all__ = ["LayoutOptions", "layout_boxes", "split_pages", "suppress"]
