"""The recogniser's part of a run's report: metrics by group, what is taken for what, the worst strips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.modules.text_recognition.metric import RecMetric, comparable, confusions, worst
from sealkit.modules.text_recognition.settings import RecMetricSettings

WORST = 100
CONFUSIONS = 60
_SIDE = 640  # pixels of the longest drawn strip
_NOTHING = "(nothing)"
_GROUPS = (
    ("length", "Accuracy by length of the text"),
    ("script", "Accuracy by script"),
    ("shape", "Accuracy by shape of the seal"),
    ("direction", "Accuracy by direction of the line"),
    ("angle", "Accuracy by angle of the seal"),
)


def report_parts(records: Sequence[dict[str, Any]], settings: RecMetricSettings | None = None) -> list[dict[str, Any]]:
    """Sections for report.html, see `sealkit.engine.task.Task.report_parts`."""
    chosen = settings or RecMetricSettings()
    metric = RecMetric(chosen)
    metric.add(records)
    metrics = metric.compute()
    overall = {
        "lines": len(records),
        "accuracy": round(metrics["acc"], 4),
        "1-NED": round(metrics["norm_edit_dis"], 4),
        "mean score": round(float(np.mean([record["score"] for record in records])), 4) if records else 0.0,
    }
    parts: list[dict[str, Any]] = [{"title": f"Text recognition, {metric.name}", "rows": [overall]}]
    for key, title in _GROUPS:
        rows = _group_rows(metric, key)
        if rows:
            parts.append({"title": title, "rows": rows})
    pairs = [(comparable(r["pred"], chosen), comparable(r["gt"], chosen)) for r in records]
    found = confusions([(pred, truth) for pred, truth in pairs if pred != truth]).most_common(CONFUSIONS)
    if found:
        rows = [{"is": _shown(true), "was read as": _shown(read), "times": count} for (true, read), count in found]
        parts.append({"title": "What is taken for what", "rows": rows})
    shown = ((record, _strip(record)) for record in worst(records, WORST, chosen))
    images = [(_caption(record), strip) for record, strip in shown if strip is not None]
    if images:
        parts.append({"title": f"Worst strips, {len(images)} of {_wrong(pairs)} wrong ones", "images": images})
    return parts


def _group_rows(metric: RecMetric, key: str) -> list[dict[str, Any]]:
    from sealkit.data.groups import group_order

    names = sorted((name for name in metric.groups if name.startswith(f"{key}=")), key=group_order)
    return [
        {
            key: name.removeprefix(f"{key}="),
            "lines": metric.groups[name].lines,
            "accuracy": round(metric.groups[name].acc, 4),
            "1-NED": round(metric.groups[name].norm_edit_dis, 4),
        }
        for name in names
    ]


def _wrong(pairs: Sequence[tuple[str, str]]) -> int:
    return sum(pred != truth for pred, truth in pairs)


def _shown(character: str) -> str:
    """A character that can be seen in a table."""
    if not character:
        return _NOTHING
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"


def _caption(record: Mapping[str, Any]) -> str:
    return f"read {record['pred']!r} ({record['score']:.2f}), is {record['gt']!r}: {record['name']}"


def _strip(record: Mapping[str, Any]) -> np.ndarray | None:
    """The strip, at most `_SIDE` pixels long; None where it is gone."""
    try:
        image = read_image(record["path"])
    except DataError:
        return None
    scale = min(_SIDE / max(image.shape[:2]), 1.0)
    if scale == 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


__all__ = ["report_parts"]
