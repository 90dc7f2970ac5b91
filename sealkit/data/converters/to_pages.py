"""Any format with outlines or boxes that have classes → a layout set in COCO json: the box around each of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.converters.base import IMAGES, Conversion, Source, fitted_entries, placed_images
from sealkit.data.converters.page_boxes import WHOLE
from sealkit.data.labels.coco import write_coco
from sealkit.data.records import DetSample, LayoutBox, LayoutSample
from sealkit.errors import ConfigError, ImageError, Problem
from sealkit.images import inspect_image
from sealkit.workers.pool import Workers

_UNNAMED = "text"


def write_pages(
    source: Source, out: Path, names: Mapping[str, str], workers: Workers | None = None
) -> tuple[dict[str, int], list[Problem]]:
    """Copy the images to `out/images` and write `out/annotations/all.json`.

    Args:
        source: what a reader of outlines found; an entry's class is its category.
        out: new folder.
        names: category of the source → category of the result.

    Returns:
        Images per label file, and what was not converted.

    Raises:
        ConfigError: a name that no category has. DataError: nothing could be converted, or `out` holds something.
    """
    problems = list(source.problems)
    boxes: dict[int, list[LayoutBox]] = {}
    conversion = Conversion()
    seen: dict[str, None] = {}
    for row in source.rows:
        entries = fitted_entries(row, problems)
        if row.image is None or not isinstance(entries, list):
            continue
        boxes[len(conversion.samples)] = _boxes(entries, row.where, names, seen, problems)
        conversion.samples.append(DetSample(row.image, [], row.where))
        if row.embedded is not None:
            conversion.embedded[row.image] = row.embedded
    lost = [name for name in names if name not in seen]
    if lost:
        raise ConfigError(
            "no category has this name", where="--rename", value=lost, hint=f"categories there: {', '.join(seen)}"
        )
    conversion.problems = problems
    pages = []
    with placed_images(conversion, out, out / IMAGES, workers) as samples:
        for number, placed in enumerate(samples):
            try:
                size = inspect_image(placed.image_path).size
            except ImageError as error:
                problems.append(Problem("broken-image", placed.where, error.what, error.hint or "replace the image"))
                continue
            pages.append(LayoutSample(placed.image_path, boxes[number], placed.where, size))
        categories = list(dict.fromkeys(box.label for page in pages for box in page.boxes))
        return {WHOLE: write_coco(out / WHOLE, pages, categories, out)}, problems


def _boxes(
    entries: list[Any], where: str, names: Mapping[str, str], seen: dict[str, None], problems: list[Problem]
) -> list[LayoutBox]:
    found = []
    for number, entry in enumerate(entries):
        try:
            points = np.asarray(entry["points"], np.float64).reshape(-1, 2)
            sound = len(points) >= 2 and bool(np.isfinite(points).all()) and bool((np.abs(points) < 1e7).all())
        except (KeyError, TypeError, ValueError, OverflowError):
            sound = False
        if not sound:
            reason = f"annotation {number} has no points that can be read"
            problems.append(Problem("bad-points", where, reason, "draw it again"))
            continue
        name = entry.get("class")
        name = name.encode("utf-8", "replace").decode() if isinstance(name, str) and name else _UNNAMED
        seen.setdefault(name)
        box = np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
        found.append(LayoutBox(box, names.get(name, name), False, where))
    return found


__all__ = ["write_pages"]
