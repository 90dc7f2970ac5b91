"""The recogniser's part of a run's report: how much it reads, strips it reads wrong and right, what is taken for what,
and accuracy by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.modules.text_recognition.metric import RecMetric, comparable, confusions, worst
from sealkit.modules.text_recognition.settings import RecMetricSettings

WORST = 40
GOOD = 12
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
    pairs = [(comparable(r["pred"], chosen), comparable(r["gt"], chosen)) for r in records]
    wrong = sum(pred != truth for pred, truth in pairs)
    parts: list[dict[str, Any]] = [
        {"title": f"Text recognition, {metric.name}", "text": _verdict(overall, wrong)},
    ]
    images = _images(worst(records, WORST, chosen))
    if images:
        parts.append({"title": f"Worst strips, {len(images)} of {wrong} wrong ones", "images": images})
    right = [(record, truth) for record, (pred, truth) in zip(records, pairs) if pred == truth]
    longest = sorted(right, key=lambda pair: -len(pair[1]))[:GOOD]
    good = _images([record for record, _ in longest])
    if good:
        parts.append({"title": f"Longest strips of {len(right)} right ones", "images": good})
    found = confusions([(pred, truth) for pred, truth in pairs if pred != truth]).most_common(CONFUSIONS)
    parts.append({"title": "Text recognition in numbers", "rows": [overall], "fold": True})
    if found:
        rows = [{"is": _shown(true), "was read as": _shown(read), "times": count} for (true, read), count in found]
        parts.append({"title": "What is taken for what", "rows": rows, "fold": True})
    for key, title in _GROUPS:
        rows = _group_rows(metric, key)
        if rows:
            parts.append({"title": title, "rows": rows, "fold": True})
    return parts


def _verdict(overall: Mapping[str, Any], wrong: int) -> str:
    """`92 of 128 lines were read without an error (0.7188); 1-NED, which counts characters, is 0.9311.`."""
    lines = overall["lines"]
    return (
        f"{lines - wrong} of {lines} lines were read without an error ({overall['accuracy']:.4f}); 1-NED, which counts "
        f"characters, is {overall['1-NED']:.4f}."
    )


def _images(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, np.ndarray]]:
    shown = ((record, _strip(record)) for record in records)
    return [(_caption(record), strip) for record, strip in shown if strip is not None]


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


def _shown(character: str) -> str:
    """A character that can be seen in a table."""
    if not character:
        return _NOTHING
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"


def _caption(record: Mapping[str, Any]) -> str:
    truth = "" if record["pred"] == record["gt"] else f", is {record['gt']!r}"
    return f"read {record['pred']!r} ({record['score']:.2f}){truth}: {record['name']}"


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
