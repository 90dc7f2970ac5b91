"""VGG Image Annotator 2: one JSON file, per image `regions` with `shape_attributes` and `region_attributes`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import Images, Row, Source, read_files
from sealkit.data.converters.formats import LINE_KEYS
from sealkit.data.converters.reading import read_json
from sealkit.data.converters.text_keys import CANDIDATES, candidates, usual_text
from sealkit.data.converters.text_lines import box_points, ellipse_points
from sealkit.data.labels.ignored import is_ignored
from sealkit.data.records import DetSample
from sealkit.errors import Problem
from sealkit.files import write_text

_PROJECT = "_via_img_metadata"


def recognise(path: Path, content: Any) -> bool:
    """A JSON object of images with `filename` and `regions`, alone or inside a project."""
    table = _table(content)
    return any(_is_image(value) for value in list(table.values())[:5])


def _table(content: Any) -> dict[str, Any]:
    if isinstance(content, dict) and isinstance(content.get(_PROJECT), dict):
        content = content[_PROJECT]
    return content if isinstance(content, dict) else {}


def _is_image(value: Any) -> bool:
    return isinstance(value, dict) and "filename" in value and isinstance(value.get("regions"), (list, dict))


def read(path: Path) -> Source:
    """Rows of a file, or of every such file of a folder.

    A text is read from a region attribute called text, transcription or the like; other attributes are candidates.
    Polygons, rectangles, circles and ellipses are outlines; the rest is reported.
    """
    return read_files(path, ".json", "give the project or the exported annotations", _read_file)


def _read_file(file: Path, root: Path, images: Images, source: Source) -> None:
    content = read_json(file, file.name, source.report)
    if content is None:
        return
    table = _table(content)
    if not any(map(_is_image, table.values())):
        source.report("not-via", file.name, "no images with filename and regions", "it was skipped", "info")
        return
    for key, value in table.items():
        _read_image(key, value, file, root, images, source)


def _read_image(key: str, value: Any, file: Path, root: Path, images: Images, source: Source) -> None:
    where = f"{file.name} {key}"
    if not _is_image(value):
        source.report("bad-image", where, "no filename, or no regions", "export it again")
        return
    name = str(value["filename"])
    image = images.find(name, root, file.parent)
    if image is None:
        source.report("missing-image", where, f"there is no image {name!r}", f"put it below {root}")
        return
    regions = value["regions"]
    regions = list(regions.values()) if isinstance(regions, dict) else regions
    texts = []
    for number, region in enumerate(regions):
        shape = region.get("shape_attributes") if isinstance(region, dict) else None
        points = _points(shape) if isinstance(shape, dict) else None
        if points is None:
            kind = shape.get("name") if isinstance(shape, dict) else None
            reason = f"region {number} ({kind!r}) is not an outline that can be read"
            source.report("not-an-outline", where, reason, "draw a polygon around the text")
            continue
        texts.append(_entry(region, points))
    if regions and not texts:
        source.report("no-usable-text", where, "none of its regions is an outline", "draw polygons")
        return
    source.rows.append(Row(where, image, texts))


def _points(shape: dict[str, Any]) -> list[list[float]] | None:
    try:
        if shape.get("name") in ("polygon", "polyline"):
            xs, ys = shape["all_points_x"], shape["all_points_y"]
            return [[x, y] for x, y in zip(xs, ys, strict=True)] if shape["name"] == "polygon" else None
        if shape.get("name") == "rect":
            x, y, width, height = (float(shape[key]) for key in ("x", "y", "width", "height"))
            return box_points(x, y, x + width, y + height)
        if shape.get("name") == "circle":
            return ellipse_points(float(shape["cx"]), float(shape["cy"]), float(shape["r"]), float(shape["r"]))
        if shape.get("name") == "ellipse":
            cx, cy, rx, ry = (float(shape[key]) for key in ("cx", "cy", "rx", "ry"))
            return ellipse_points(cx, cy, rx, ry, float(shape.get("theta") or 0) * 57.29577951308232)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return None


def _entry(region: dict[str, Any], points: list[list[float]]) -> dict[str, Any]:
    attributes = region.get("region_attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    found = candidates({"": attributes})
    entry: dict[str, Any] = {
        "transcription": "###" if is_ignored(attributes) else usual_text(found),
        "points": points,
        CANDIDATES: found,
        "class": next((str(attributes[k]) for k in ("class", "label", "type", "name") if k in attributes), ""),
    }
    entry.update({key: attributes[key] for key in LINE_KEYS if key in attributes})
    return entry


def write(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """Write `via_region_data.json`, the form that the tool imports."""
    table = {}
    for sample, name in zip(samples, names):
        size = (out / name).stat().st_size
        regions = []
        for line in sample.lines:
            xs, ys = ([round(float(v), 2) for v in line.points[:, axis]] for axis in (0, 1))
            known = {key: getattr(line, key) for key in LINE_KEYS if getattr(line, key) is not None}
            attributes = {"text": line.text, **({"ignore": "true"} if line.ignore else {}), **known}
            shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
            regions.append({"shape_attributes": shape, "region_attributes": attributes})
        table[f"{name}{size}"] = {"filename": name, "size": size, "regions": regions, "file_attributes": {}}
    content = json.dumps(table, ensure_ascii=False, indent=1)
    write_text(out / "via_region_data.json", content + "\n")
    return []


__all__ = ["read", "recognise", "write"]
