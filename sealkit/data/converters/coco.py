"""COCO: one JSON file with `images`, `annotations` (polygon segmentations or boxes) and `categories`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import Images, Row, Source, unlabelled
from sealkit.data.converters.formats import LINE_KEYS
from sealkit.data.converters.reading import read_json
from sealkit.data.converters.stated_size import stated
from sealkit.data.converters.text_keys import CANDIDATES, candidates, usual_text
from sealkit.data.labels.ignored import is_ignored, says_yes
from sealkit.errors import DataError


def recognise(path: Path, content: Any) -> bool:
    """A JSON file with the keys `images` and `annotations`."""
    return isinstance(content, dict) and "images" in content and "annotations" in content


def read(path: Path) -> Source:
    """Rows of a COCO file, or of every COCO file of a folder (also of its folder `annotations`).

    A text is read from the annotation's key text, transcription, utf8_string, caption, rec or the like, or from the
    same key of `attributes`; other keys are candidates (see `text_keys`). Of an annotation in several parts the largest
    is taken (reported); a box without segmentation becomes its four corners (reported once); run-length masks cannot be
    converted. `iscrowd`, `ignore` and `difficult` mark ignored texts.
    """
    files = [path] if path.is_file() else sorted(path.glob("*.json")) + sorted(path.glob("annotations/*.json"))
    root = path.parent if path.is_file() else path
    if path.is_file() and root.name == "annotations":
        root = root.parent
    if not files:
        raise DataError("there is no COCO file", where=str(path), hint="give the JSON file or the folder it lies in")
    source = Source()
    images = Images(root)
    for file in files:
        _read_file(file, root, images, source)
    unlabelled(images, source.rows, str(root), source)
    return source


def _read_file(file: Path, root: Path, images: Images, source: Source) -> None:
    content = read_json(file, file.name, source.report)
    if content is None:
        return
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        source.report("not-coco", file.name, "no lists `images` and `annotations`", "it was skipped", "info")
        return
    by_image: dict[Any, list[dict[str, Any]]] = {}
    for number, annotation in enumerate(content["annotations"]):
        if not isinstance(annotation, dict) or "image_id" not in annotation:
            where = f"{file.name} annotation {number}"
            source.report("bad-text", where, "no image_id", "export it again")
            continue
        by_image.setdefault(_key(annotation["image_id"]), []).append(annotation)
    boxes = 0
    categories = _categories(content.get("categories"))
    for image in content["images"]:
        if not isinstance(image, dict) or "id" not in image:
            source.report("bad-image", file.name, f"an image without id: {str(image)[:60]}", "export it again")
            continue
        name = str(image.get("file_name") or "")
        where = f"{file.name} image {image['id']} ({name})"
        found = images.find(name, root, root / "images", file.parent)
        annotations = by_image.pop(_key(image["id"]), [])
        if found is None:
            source.report("missing-image", where, f"there is no image {name!r}", f"put it below {root}")
            continue
        texts = []
        for annotation in annotations:
            points, is_box = _points(annotation, where, source)
            boxes += is_box
            if points is not None:
                texts.append(_entry(annotation, points, categories))
        if annotations and not texts:
            source.report("no-usable-text", where, "none of its annotations is an outline", "draw polygons")
            continue
        size = stated(image.get("width"), image.get("height"))
        source.rows.append(Row(where, found, texts, size=size))
    if by_image:
        reason = f"{sum(map(len, by_image.values()))} annotations belong to images that are not listed"
        source.report(
            "orphan-annotations", file.name, f"{reason}, such as id {next(iter(by_image))}", "export it again"
        )
    if boxes:
        fix = "a box around curved text is not an outline: draw polygons. Regions of pages: --from page_boxes"
        source.report("boxes-only", file.name, f"{boxes} annotations are boxes without segmentation", fix, "warning")


def _key(value: Any) -> Any:
    """Image ids as a dictionary key: some exporters write 12 here and "12" there."""
    return str(value)


def _points(annotation: dict[str, Any], where: str, source: Source) -> tuple[list[list[float]] | None, bool]:
    """(outline or None, "it is a box")."""
    place = f"{where} annotation {annotation.get('id', '?')}"
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, dict):
        source.report("mask", place, "a run-length mask is not an outline", "export polygons")
        return None, False
    if isinstance(segmentation, list) and segmentation:
        parts = segmentation if isinstance(segmentation[0], list) else [segmentation]
        outlines = [list(map(list, zip(part[::2], part[1::2]))) for part in parts if isinstance(part, list)]
        outlines = [outline for outline in outlines if len(outline) >= 3]
        if not outlines:
            source.report("bad-points", place, "the segmentation has fewer than 3 points", "draw it again")
            return None, False
        if len(outlines) > 1:
            reason = f"the segmentation has {len(outlines)} parts, the largest was taken"
            source.report("several-parts", place, reason, "one outline per text", "warning")
            outlines.sort(key=_box_area, reverse=True)
        return outlines[0], False
    box = annotation.get("bbox")
    if isinstance(box, list) and len(box) == 4 and all(isinstance(v, (int, float)) for v in box):
        x, y, width, height = box
        return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]], True
    source.report("bad-points", place, "neither segmentation nor bbox", "draw it again")
    return None, False


def _box_area(outline: list[list[Any]]) -> float:
    try:
        xs, ys = zip(*outline)
        return float((max(xs) - min(xs)) * (max(ys) - min(ys)))
    except (TypeError, ValueError, OverflowError):
        return 0.0  # not numbers: the label reader reports them


def _categories(value: Any) -> dict[str, str]:
    """Category id as text -> its name."""
    listed = value if isinstance(value, list) else []
    return {str(c["id"]): c["name"] for c in listed if isinstance(c, dict) and "id" in c and _is_text(c.get("name"))}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _entry(annotation: dict[str, Any], points: list[list[float]], categories: Mapping[str, str]) -> dict[str, Any]:
    attributes = annotation.get("attributes")
    places = [annotation, attributes if isinstance(attributes, dict) else {}]
    found = candidates({"": annotation, "attributes.": attributes})
    name = categories.get(str(annotation.get("category_id")))
    if name is not None:
        found["category"] = name
    ignored = says_yes(annotation.get("iscrowd")) or is_ignored(*places)
    entry: dict[str, Any] = {"transcription": "###" if ignored else usual_text(found), "points": points}
    entry.update({key: p[key] for p in places for key in LINE_KEYS if key in p})
    return {**entry, CANDIDATES: found, "class": name}
