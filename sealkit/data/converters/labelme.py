"""LabelMe (and X-AnyLabeling): one JSON file per image with `imagePath`, `shapes`, perhaps `imageData`."""

from __future__ import annotations

import base64
import binascii
import math
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import Images, Row, Source, unlabelled
from sealkit.data.converters.formats import LINE_KEYS
from sealkit.data.converters.reading import read_json
from sealkit.data.converters.stated_size import stated
from sealkit.data.converters.text_keys import CANDIDATES, are_classes, candidates
from sealkit.data.labels.ignored import IGNORED_TEXTS, is_ignored

# shape_type -> number of points it must have, 0 = any
_OUTLINES = {"polygon": 0, "rectangle": 2, "rotation": 4, "quadrilateral": 4, "circle": 2}
_CIRCLE_POINTS = 32
_IGNORE_LABELS = frozenset({"ignore", "ignored", *IGNORED_TEXTS})


def recognise(path: Path, content: Any) -> bool:
    """A JSON file with the keys `shapes` and `imagePath`."""
    return isinstance(content, dict) and "shapes" in content and "imagePath" in content


def read(path: Path) -> Source:
    """Rows of a folder (recursively) or of one file.

    A text is a shape's `description` where any shape of the set has one, else its `label`. A set that gives all its
    shapes one and the same label ("text", "seal", …) has no transcriptions. Polygons, rectangles, rotated rectangles
    and circles are outlines; lines, points and masks are reported. Rectangles and circles without texts are reported
    once: they stand around seals, not around texts. `group_id` becomes the seal's index; `flags.ignore`, `difficult`
    and the labels ignore, * and ### mark ignored texts.
    """
    source = Source()
    root = path if path.is_dir() else path.parent
    images = Images(root)
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    contents = [(file, content) for file in files if (content := _load(file, root, source)) is not None]
    text_of = _text_rule([shape for _, content in contents for shape in content["shapes"] if isinstance(shape, dict)])
    boxes = 0
    for file, content in contents:
        where = _short(file, root)
        image, embedded = _image(file, content, images, where, source)
        texts = [
            entry
            for number, shape in enumerate(content["shapes"])
            if (entry := _entry(shape, number, text_of, where, source)) is not None
        ]
        if content["shapes"] and not texts:
            source.report("no-usable-text", where, "none of its shapes is an outline", "draw polygons around the texts")
            continue
        size = stated(content.get("imageWidth"), content.get("imageHeight"))
        source.rows.append(Row(where, image, texts, embedded, size))
        boxes += sum(entry["boxed"] and not entry["transcription"] for entry in texts)
    if boxes:
        fix = "a box around curved text is not an outline: draw polygons. Regions of pages: --from page_boxes"
        reason = f"{boxes} shapes are rectangles or circles without a text"
        source.report("boxes-only", _short(root, root), reason, fix, "warning")
    elif text_of == "label":
        _report_classes(source, _short(root, root))
    unlabelled(images, source.rows, str(root), source)
    return source


def _short(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file != root else str(root)


def _load(file: Path, root: Path, source: Source) -> dict[str, Any] | None:
    where = _short(file, root)
    content = read_json(file, where, source.report)
    if content is None:
        return None
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        source.report("not-labelme", where, "no list `shapes` in this JSON file", "it was skipped", "info")
        return None
    return content


def _image(
    file: Path, content: dict[str, Any], images: Images, where: str, source: Source
) -> tuple[Path | None, bytes | None]:
    named = str(content.get("imagePath") or "")
    image = images.named_in(file, named)
    if image is not None:
        return image, None
    data = content.get("imageData")
    if isinstance(data, str) and data:
        try:
            embedded = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            source.report("broken-image", where, "imageData is not base64", "put the image beside the file")
            return None, None
        suffix = ".png" if embedded[:4] == b"\x89PNG" else ".jpg"
        return file.with_suffix(suffix), embedded
    source.report("missing-image", where, f"there is no image {named!r}", f"put it beside {file.name}")
    return None, None


def _text_rule(shapes: list[dict[str, Any]]) -> str:
    """Which key holds the transcription: "description", "label", or "" where the set has none."""
    if any(str(shape.get("description") or "").strip() for shape in shapes):
        return "description"
    labels = {str(shape.get("label")) for shape in shapes} - _IGNORE_LABELS
    if labels <= {"text"}:  # what `data convert --to labelme` writes, and many people
        return ""
    return "label" if len(labels) > 1 or len(shapes) == 1 else ""


def _entry(shape: Any, number: int, text_of: str, where: str, source: Source) -> dict[str, Any] | None:
    if not isinstance(shape, dict):
        source.report("bad-text", where, f"shape {number} is not an object", "save it again in LabelMe")
        return None
    kind = str(shape.get("shape_type") or "polygon")
    points = shape.get("points")
    if kind not in _OUTLINES:
        reason = f"shape {number} ({shape.get('label')!r}) is a {kind}"
        source.report("not-an-outline", where, reason, "draw a polygon around the text")
        return None
    wanted = _OUTLINES[kind]
    if isinstance(points, list) and wanted and len(points) != wanted and not (kind == "rectangle" and len(points) == 4):
        reason = f"shape {number} is a {kind} with {len(points)} points"
        source.report("bad-points", where, reason, f"a {kind} has {wanted} points")
        return None
    points = _outline(kind, points)
    label = str(shape.get("label") or "")
    flags, attributes = _dict(shape.get("flags")), _dict(shape.get("attributes"))
    ignored = label.strip().lower() in _IGNORE_LABELS or is_ignored(shape, flags, attributes)
    text = str(shape.get(text_of) or "") if text_of else ""
    entry: dict[str, Any] = {"transcription": "###" if ignored else text, "points": points}
    entry.update({key: attributes[key] for key in LINE_KEYS if key in attributes})
    if isinstance(shape.get("group_id"), int) and "seal" not in entry:
        entry["seal"] = shape["group_id"]
    known = candidates({"label": label, "description": str(shape.get("description") or ""), "attributes.": attributes})
    boxed = kind in ("rectangle", "circle")
    return {**entry, CANDIDATES: {k: v for k, v in known.items() if v}, "class": label, "boxed": boxed}


def _outline(kind: str, points: Any) -> Any:
    """Corners of a two-point rectangle, points of a circle; all else, and what is no list of numbers, as it is: the
    label reader reports it.
    """
    if kind not in ("rectangle", "circle") or not isinstance(points, list) or len(points) != 2:
        return points
    try:
        (x1, y1), (x2, y2) = points
        if kind == "rectangle":
            return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]
        radius = math.hypot(x2 - x1, y2 - y1)  # centre, and a point of the circle
        angles = [2 * math.pi * step / _CIRCLE_POINTS for step in range(_CIRCLE_POINTS)]
        return [[x1 + radius * math.cos(angle), y1 + radius * math.sin(angle)] for angle in angles]
    except (TypeError, ValueError, OverflowError):
        return points


def _report_classes(source: Source, where: str) -> None:
    """Boxes that share a few labels have classes, not texts; they are converted as what they may be."""
    entries = [entry for row in source.rows for entry in row.texts if isinstance(entry, dict)]
    labels = list(dict.fromkeys(entry["class"] for entry in entries))
    if not entries or not all(entry["boxed"] for entry in entries) or not are_classes(labels, len(entries)):
        return
    listed = ", ".join(map(repr, labels[:5]))
    reason = f"{len(entries)} rectangles share {len(labels)} labels, which were taken for texts: {listed}"
    fix = "if they are classes of regions, a layout set: --from page_boxes, into another folder"
    source.report("boxes-only", where, reason, fix, "warning")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
