"""CVAT for images 1.1: one XML file, `image` elements with polygon, box and ellipse, texts in `attribute`s."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from sealkit.data.converters.base import Images, Row, Source, read_files
from sealkit.data.converters.formats import LINE_KEYS
from sealkit.data.converters.reading import read_xml
from sealkit.data.converters.stated_size import stated
from sealkit.data.converters.text_keys import CANDIDATES, usual_text
from sealkit.data.converters.text_lines import ellipse_points, numbers, turned_box
from sealkit.data.labels.ignored import is_ignored
from sealkit.data.records import DetSample
from sealkit.errors import Problem
from sealkit.files import write_text
from sealkit.images import inspect_image

_SHAPES = ("polygon", "box", "ellipse", "polyline", "points", "mask", "cuboid", "skeleton")
_EXPORT = "export the task as `CVAT for images 1.1`"


def recognise(path: Path, content: Any) -> bool:
    """An XML file whose root is `annotations` with images that have a name."""
    if not isinstance(content, Element) or content.tag != "annotations":
        return False
    image = content.find("image")
    return content.find("version") is not None or (image is not None and image.get("name") is not None)


def read(path: Path) -> Source:
    """Rows of a file or of a folder's `annotations.xml` and other XML files.

    A text is read from an attribute called text, transcription or the like; other attributes and the label are
    candidates. Polygons, boxes (also turned ones) and ellipses are outlines; the rest is reported. The attribute ignore
    or difficult, set to true, marks ignored texts.
    """
    return read_files(path, ".xml", _EXPORT, _read_file)


def _read_file(file: Path, root: Path, images: Images, source: Source) -> None:
    tree = read_xml(file, file.name, source.report)
    if tree is None:
        return
    if tree.tag != "annotations":
        source.report("not-cvat", file.name, f"the root is {tree.tag!r}, not annotations", "it was skipped", "info")
        return
    if tree.find("track") is not None:
        source.report("tracks", file.name, "it holds tracks of a video", _EXPORT)
    for element in tree.iter("image"):
        _read_image(element, file, root, images, source)


def _read_image(element: Element, file: Path, root: Path, images: Images, source: Source) -> None:
    name = element.get("name") or ""
    where = f"{file.name} image {name}"
    image = images.find(name, root, root / "images", file.parent)
    if image is None:
        source.report("missing-image", where, f"there is no image {name!r}", f"put it below {root}")
        return
    shapes = [child for child in element if child.tag in _SHAPES]
    texts = []
    for number, shape in enumerate(shapes):
        points = _points(shape)
        if points is None:
            reason = f"{shape.tag} {number} is not an outline that can be read"
            source.report("not-an-outline", where, reason, "draw a polygon around the text")
            continue
        texts.append(_entry(shape, points))
    if shapes and not texts:
        source.report("no-usable-text", where, "none of its shapes is an outline", "draw polygons")
        return
    size = stated(element.get("width"), element.get("height"))
    source.rows.append(Row(where, image, texts, size=size))


def _points(shape: Element) -> list[list[float]] | None:
    if shape.tag == "polygon":
        points = [numbers(pair.split(",")) for pair in (shape.get("points") or "").split(";")]
        return [p for p in points if p] if all(p is not None and len(p) == 2 for p in points) else None
    if shape.tag == "box":
        box = numbers([shape.get(key) or "" for key in ("xtl", "ytl", "xbr", "ybr")])
        turn = numbers([shape.get("rotation") or "0"])
        if box is None or turn is None:
            return None
        x1, y1, x2, y2 = box
        return turned_box((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, turn[0])
    if shape.tag == "ellipse":
        found = numbers([shape.get(key) or "" for key in ("cx", "cy", "rx", "ry")])
        turn = numbers([shape.get("rotation") or "0"])
        if found is None or turn is None:
            return None
        return ellipse_points(found[0], found[1], found[2], found[3], turn[0])
    return None


def _entry(shape: Element, points: list[list[float]]) -> dict[str, Any]:
    attributes = {a.get("name") or "": (a.text or "").strip() for a in shape.iterfind("attribute")}
    found = {f"attributes.{key}": value for key, value in attributes.items() if key and value and key not in LINE_KEYS}
    found = {key: value for key, value in found.items() if value.lower() not in ("true", "false")}
    text = "###" if is_ignored(attributes) else usual_text(found)
    label = shape.get("label") or ""
    if label:
        found["label"] = label
    entry: dict[str, Any] = {"transcription": text, "points": points, "class": label, CANDIDATES: found}
    for key in LINE_KEYS:
        if attributes.get(key):
            number = numbers([attributes[key]]) if key in ("angle", "seal") else None
            entry[key] = number[0] if number else attributes[key]
    return entry


def write(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """Write `annotations.xml` with polygons labelled `text`, texts and what is known of them as attributes."""
    tree = Element("annotations")
    SubElement(tree, "version").text = "1.1"
    for number, (sample, name) in enumerate(zip(samples, names)):
        width, height = inspect_image(sample.image_path).size
        image = SubElement(tree, "image", id=str(number), name=name, width=str(width), height=str(height))
        for line in sample.lines:
            points = ";".join(f"{round(float(x), 2):g},{round(float(y), 2):g}" for x, y in line.points)
            shape = SubElement(
                image, "polygon", label="text", source="manual", occluded="0", points=points, z_order="0"
            )
            known = {key: getattr(line, key) for key in LINE_KEYS}
            for key, value in {"text": line.text, "ignore": str(line.ignore).lower(), **known}.items():
                if value is not None:
                    SubElement(shape, "attribute", name=key).text = str(value)
    content = ElementTree.tostring(tree, encoding="unicode")
    declaration = '<?xml version="1.0" encoding="utf-8"?>\n'
    write_text(out / "annotations.xml", declaration + content + "\n")
    return []


__all__ = ["read", "recognise", "write"]
