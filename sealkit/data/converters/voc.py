"""Pascal VOC: one XML file per image with `object`s; also the rotated boxes of roLabelImg and polygons."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from sealkit.data.converters.base import Images, Row, Source, unlabelled
from sealkit.data.converters.reading import read_xml
from sealkit.data.converters.stated_size import stated
from sealkit.data.converters.text_keys import CANDIDATES, usual_text
from sealkit.data.converters.text_lines import box_points, numbers, turned_box
from sealkit.data.labels.ignored import is_ignored
from sealkit.errors import DataError

_PARTS = frozenset(
    {
        "name", "bndbox", "robndbox", "polygon", "pose", "truncated", "difficult", "occluded", "attributes",
        "type",
    }
)  # fmt: skip


def recognise(path: Path, content: Any) -> bool:
    """An XML file whose root is `annotation`."""
    return isinstance(content, Element) and content.tag.lower() == "annotation"


def read(path: Path) -> Source:
    """Rows of a folder (recursively, as VOCdevkit has it too) or of one file.

    `name` is the class. A text is read from an object's child or attribute `text`, `transcription` or the like; other
    children and the class are candidates. `difficult` marks ignored texts. Boxes without texts are reported once.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*.xml"))
    root = path.parent if path.is_file() else path
    if not files:
        raise DataError("there is no XML file", where=str(path), hint="give the folder with Annotations and JPEGImages")
    source = Source()
    images = Images(root, root.parent / "JPEGImages") if path.is_file() else Images(root)
    boxes = 0
    for file in files:
        where = file.relative_to(root).as_posix()
        tree = read_xml(file, where, source.report)
        if tree is None:
            continue
        if tree.tag.lower() != "annotation":
            source.report("not-voc", where, f"the root is {tree.tag!r}, not annotation", "it was skipped", "info")
            continue
        named = (tree.findtext("filename") or "").strip()
        image = images.named_in(file, named, root)
        if image is None:
            source.report("missing-image", where, f"there is no image {named!r}", f"put it below {root}")
            continue
        objects = tree.findall("object")
        texts = [entry for i, found in enumerate(objects) if (entry := _entry(found, i, where, source)) is not None]
        if objects and not texts:
            source.report("no-usable-text", where, "none of its objects has a box", "export it again")
            continue
        boxes += sum(entry["boxed"] and not entry["transcription"] for entry in texts)
        size = stated(tree.findtext("size/width"), tree.findtext("size/height"))
        source.rows.append(Row(where, image, texts, size=size))
    if boxes:
        fix = "a box around curved text is not an outline: draw polygons. Regions of pages: --to page_boxes"
        source.report("boxes-only", str(path), f"{boxes} objects are boxes", fix, "warning")
    unlabelled(images, source.rows, str(root), source)
    return source


def _entry(element: Element, number: int, where: str, source: Source) -> dict[str, Any] | None:
    points, boxed = _points(element)
    if points is None:
        place = f"{where} object {number}"
        source.report("bad-points", place, "neither bndbox, robndbox nor polygon with numbers", "draw it again")
        return None
    name = (element.findtext("name") or "").strip()
    written = {child.tag: (child.text or "").strip() for child in element if child.tag not in _PARTS}
    found = {key: value for key, value in written.items() if value}
    for attribute in element.iterfind("attributes/attribute"):
        key, value = (attribute.findtext("name") or "").strip(), (attribute.findtext("value") or "").strip()
        if key and value:
            found[f"attributes.{key}"] = value
    marks = {child.tag: child.text for child in element} | {key.rpartition(".")[2]: text for key, text in found.items()}
    text = "###" if is_ignored(marks) else usual_text(found)
    if name:
        found["name"] = name
    return {"transcription": text, "points": points, "class": name, "boxed": boxed, CANDIDATES: found}


def _points(element: Element) -> tuple[list[list[float]] | None, bool]:
    """(outline or None, "it is an upright box")."""
    polygon = element.find("polygon")
    if polygon is not None:
        flat = numbers([(child.text or "").strip() for child in polygon if child.tag[:1].lower() in "xyp"])
        pt = [numbers([p.findtext("x") or "", p.findtext("y") or ""]) for p in polygon.findall("pt")]
        if pt:
            return ([p for p in pt if p is not None], False) if all(pt) else (None, False)
        return ([list(p) for p in zip(flat[::2], flat[1::2])], False) if flat and len(flat) >= 6 else (None, False)
    turned = numbers([element.findtext(f"robndbox/{key}") or "" for key in ("cx", "cy", "w", "h", "angle")])
    if turned is not None:
        return turned_box(turned[0], turned[1], turned[2], turned[3], math.degrees(turned[4])), False
    box = numbers([element.findtext(f"bndbox/{key}") or "" for key in ("xmin", "ymin", "xmax", "ymax")])
    return (None, False) if box is None else (box_points(*box), True)


__all__ = ["read", "recognise"]
