"""report.html of what a pipeline got wrong on a labelled set: stages at fault first, then every miss as an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rapidfuzz.distance import Levenshtein

from sealkit.bench.misses import EXTRA, STAGES, Miss, find_misses, text_groups, winner
from sealkit.bench.real_seals import Found, PipelineReader
from sealkit.drawing.polygons import line_width, mark_starts, outline_polygons
from sealkit.engine.val_set import few_images
from sealkit.errors import ConfigError, DataError
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.straighten import straighten
from sealkit.images import read_image
from sealkit.reports.page import write_page

SHOWN = 300
"""Misses that are drawn; the tables count all."""
_LABEL, _FOUND = (60, 160, 0), (0, 110, 255)  # BGR: green, orange
_LEAST_SIDE = 320  # pixels a crop is enlarged to
_MARGIN = 0.15  # around a crop, of its longer side


def write_errors(
    path: Path,
    folder: Path,
    items: Sequence[Mapping[str, Any]],
    found: Mapping[str, Found],
    reader: PipelineReader,
    title: str = "Errors of the pipeline",
) -> Path:
    """Find the misses of a measurement and write them as one HTML file.

    Args:
        path: of the file.
        folder, items, found, reader: as `find_misses`.
        title: of the page.

    Returns:
        `path`.

    Raises:
        ConfigError: a pipeline with `reading: reference`, which does not tell where it read.
    """
    if reader.pipeline.settings.reading == "reference":
        hint = "measure with `reading: sealkit`, or without --errors"
        raise ConfigError("`reading: reference` keeps no strips to look at", where="--errors", value=path, hint=hint)
    misses = find_misses(folder, items, found, reader)
    few = few_images(len(items))
    legend = "Green: the labelled outline, its arrow where the text starts. Orange: the outline that was found."
    shown = enumerate(misses[:SHOWN], 1)
    cases = [_case(rank, miss, read_image(folder / miss.file), reader.strip_height) for rank, miss in shown]
    more = f" The {SHOWN} that cost most are shown, of {len(misses)}." if len(misses) > SHOWN else ""
    sections: list[dict[str, Any]] = [
        {"title": "Result", "text": verdict(items, misses), "rows": stage_rows(misses)},
        *({"title": f"By {key}", "rows": rows} for key, rows in group_rows(items, misses).items()),
    ]
    if cases:
        sections.append({"title": "Misses, the most characters lost first", "text": legend + more, "cases": cases})
    subtitle = f"{len(items)} images of {folder}"
    return write_page(path, title, sections, subtitle=subtitle, warnings=[few] if few else [])


def verdict(items: Sequence[Mapping[str, Any]], misses: Sequence[Miss]) -> str:
    """`92 of 128 texts were read exactly (0.719). Most often at fault: recogniser (20 of 38 misses).`."""
    texts = len(_scored(items))
    wrong = sum(miss.stage != EXTRA for miss in misses)
    share = f" ({(texts - wrong) / texts:.3f})" if texts else ""
    summary = f"{texts - wrong} of {texts} texts were read exactly{share}."
    if not misses:
        return f"{summary} Nothing else was read."
    ((stage, count),) = Counter(miss.stage for miss in misses).most_common(1)
    return f"{summary} Most often at fault: {stage} ({count} of {len(misses)} misses)."


def stage_rows(misses: Sequence[Miss]) -> list[dict[str, Any]]:
    """Misses and characters lost by stage, in the order of the pipeline; stages without a miss are left out."""
    rows = []
    for stage, seen in STAGES.items():
        lost = [miss.lost for miss in misses if miss.stage == stage]
        if lost:
            rows.append({"stage at fault": stage, "misses": len(lost), "characters": sum(lost), "seen": seen})
    return rows


def group_rows(items: Sequence[Mapping[str, Any]], misses: Sequence[Miss]) -> dict[str, list[dict[str, Any]]]:
    """Texts, those read exactly, and misses by stage: by shape, kind and direction, where the labels say more than one
    thing of it."""
    tables: dict[str, list[dict[str, Any]]] = {}
    texts = _scored(items)
    there = [stage for stage in STAGES if stage != EXTRA and any(miss.stage == stage for miss in misses)]
    for key in ("shape", "kind", "direction"):
        totals = Counter(groups.get(key, "not labelled") for groups in texts)
        if len(totals) < 2:
            continue
        rows = []
        for value, count in sorted(totals.items()):
            mine = [m for m in misses if m.stage != EXTRA and m.groups.get(key, "not labelled") == value]
            stages = Counter(miss.stage for miss in mine)
            rows.append({
                key: value, "texts": count, "read exactly": count - len(mine), "share": (count - len(mine)) / count,
                **{stage: stages[stage] for stage in there},
            })  # fmt: skip
        tables[key] = rows
    return tables


def _scored(items: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Groups of every text that is scored."""
    return [text_groups(item, text) for item in items for text in item["texts"] if not text.get("ignore")]


def _case(rank: int, miss: Miss, image: np.ndarray, height: int) -> dict[str, Any]:
    about = " · ".join([miss.file, *miss.groups.values(), *miss.notes])
    texts = [
        ("labelled", [(miss.truth, "")] if miss.truth else []),
        ("read", text_diff(miss.truth, miss.text) if miss.text else []),
    ]
    strips: list[tuple[str, np.ndarray]] = []
    if miss.line is not None and not miss.moved:
        line = miss.line
        strip = _strip(image, line.line, height, winner(line))
        caption = f"found outline: {line.text or 'nothing'} ({line.score:.2f})"
        strips += [(caption, strip)] if strip is not None else []
    if miss.label_line is not None and miss.label_reading is not None:
        strip, reading = _strip(image, miss.label_line, height), miss.label_reading
        caption = f"labelled outline: {reading.text or 'nothing'} ({reading.score:.2f})"
        strips += [(caption, strip)] if strip is not None else []
    crop = _crop(miss, image)
    characters = f"{miss.lost} character{'s' * (miss.lost != 1)}"
    return {
        "title": f"{rank}. {miss.stage}: {characters}", "about": about, "texts": texts,
        "images": [("", crop)], "strips": strips,
    }  # fmt: skip


def _strip(image: np.ndarray, line: LinePoly, height: int, squeeze: float = 1.0) -> np.ndarray | None:
    try:
        return straighten(image, line, height, squeeze=squeeze)
    except DataError:  # a line without extent has no strip
        return None


def _crop(miss: Miss, image: np.ndarray) -> np.ndarray:
    """The seal with both outlines, enlarged where it is small; the whole image where no place is known."""
    found = miss.line.line.points if miss.line is not None and not miss.moved else None
    places = [one for one in (miss.outline, found) if one is not None]
    if miss.seal_box is not None and not miss.moved:
        places.append(np.asarray(miss.seal_box, np.float32).reshape(2, 2))
    h, w = image.shape[:2]
    low, high = np.zeros(2), np.array([w, h], np.float64)
    if places:
        every = np.concatenate(places)
        margin = _MARGIN * float((every.max(axis=0) - every.min(axis=0)).max())
        low = np.clip(np.floor(every.min(axis=0) - margin), 0, np.array([w, h]) - 1)
        high = np.clip(np.ceil(every.max(axis=0) + margin), low + 1, np.array([w, h]))
    x1, y1, x2, y2 = (int(v) for v in (*low, *high))
    scale = max(1.0, _LEAST_SIDE / max(x2 - x1, y2 - y1))
    crop = cv2.resize(image[y1:y2, x1:x2], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    for outline, colour in ((miss.outline, _LABEL), (found, _FOUND)):
        if outline is not None:
            crop = outline_polygons(crop, [(outline - low) * scale], [colour], line_width(crop) + 1)
    if miss.label_line is not None and miss.label_line.direction != "vertical":
        crop = mark_starts(crop, [(miss.label_line.points - low) * scale], [_LABEL])
    return crop


def text_diff(truth: str, text: str) -> list[tuple[str, str]]:
    """What was read in pieces: (characters, "" where they are right, "wrong" where they should not be there, "missing"
    for those of the label that were not read)."""
    pieces: list[tuple[str, str]] = []
    for step in Levenshtein.opcodes(truth, text):
        if step.tag in ("delete", "replace"):
            pieces.append((truth[step.src_start : step.src_end], "missing"))
        if step.tag != "delete":
            pieces.append((text[step.dest_start : step.dest_end], "" if step.tag == "equal" else "wrong"))
    return pieces


__all__ = ["group_rows", "stage_rows", "text_diff", "verdict", "write_errors"]
