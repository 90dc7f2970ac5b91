"""COCO boxes, the label format of layout detection: one JSON file per part, images beside it.

    my_pages/images/000000.jpg …  my_pages/annotations/instance_train.json  my_pages/annotations/instance_val.json

Everything that cannot be used is reported with file and annotation id, and left out.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.labels.files import find_label_file, label_text, nameable
from sealkit.data.records import LayoutBox, LayoutSample
from sealkit.errors import DataError, Problem, Severity, first_line
from sealkit.files import write_text
from sealkit.geometry.boxes import share_in

TRAIN, VAL, TEST = (f"annotations/instance_{part}.json" for part in ("train", "val", "test"))
"""PaddleX's names of the label files."""


@dataclass(frozen=True)
class BoxRules:
    """Which boxes are refused or cut."""

    outside_share: float = 0.25
    """A box with this share of its area outside the image is refused; one with less is cut at the edge."""
    edge_px: float = 1.0
    """How far a box may stick out unreported: rounding."""
    max_side_px: int = 1_000_000
    """No image is as large."""


RULES = BoxRules()


@dataclass
class CocoSet:
    """One label file.

    Attributes:
        categories: names in the order of the file.
        samples: images in the order of the file, with the boxes that can be used.
        problems: everything else.
    """

    categories: tuple[str, ...]
    samples: list[LayoutSample] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_coco(root: str | Path, labels: str | Path) -> CocoSet:
    """Read a COCO json of boxes.

    An image is looked for in `root/images`, then in `root`. Boxes are x, y, width, height in pixels; those that reach
    over the edge are cut. `iscrowd` boxes are kept and marked.

    Raises:
        DataError: no such file, not JSON, or not COCO.
    """
    path = find_label_file(root, labels, ".json")
    return coco_set(_load(path), Path(root), path.name)


def coco_set(content: dict[str, Any], root: Path, name: str) -> CocoSet:
    """The set of a COCO file's content.

    Args:
        content: with the lists `images`, `annotations`, `categories`.
        root: as of `read_coco`.
        name: what the file is called in problems.

    Raises:
        DataError: no category.
    """
    reader = _Reader(root, name)
    names = reader.categories(content["categories"])
    found = CocoSet(tuple(names.values()), problems=reader.problems)
    images = reader.images(content["images"])
    for entry in reader.annotations(content["annotations"]):
        sample = images.get(_key(entry.get("image_id")))
        where = reader.place(entry)
        if sample is None:
            reader.report(
                "orphan-annotation", where, f"image {entry.get('image_id')!r} is not listed", "list it, or delete this"
            )
            continue
        label = names.get(_key(entry.get("category_id")))
        if label is None:
            known = ", ".join(f"{number} {known_name}" for number, known_name in list(names.items())[:8])
            reason = f"category {entry.get('category_id')!r} is unknown, in {sample.image_path.name}"
            reader.report(
                "unknown-category", where, reason, f"the file has {known}; correct the id or add the category"
            )
            continue
        box = reader.box(entry, sample, where)
        if box is not None:
            sample.boxes.append(LayoutBox(box, label, entry.get("iscrowd") in (1, True), where))
    found.samples = list(images.values())
    return found


def write_coco(path: str | Path, samples: Sequence[LayoutSample], categories: Sequence[str], root: str | Path) -> int:
    """Write samples as COCO json, ids from 1; returns the number of images.

    Args:
        samples: with sizes.
        categories: all classes, in the order of their ids.
        root: image paths are written relative to its folder `images` where they lie there, else to it.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    numbers = {name: number for number, name in enumerate(categories, 1)}
    root = Path(root).resolve()
    for image_id, sample in enumerate(samples, 1):
        resolved = sample.image_path.resolve()
        base = root / "images" if resolved.is_relative_to(root / "images") else root
        name = resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else resolved.as_posix()
        width, height = sample.size or (0, 0)
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for box in sample.boxes:
            x1, y1, x2, y2 = (round(float(v), 3) for v in box.box)
            entry = {"id": len(annotations) + 1, "image_id": image_id, "category_id": numbers[box.label]}
            wide, tall = round(x2 - x1, 3), round(y2 - y1, 3)
            annotations.append(
                {**entry, "bbox": [x1, y1, wide, tall], "area": round(wide * tall, 3), "iscrowd": int(box.crowd)}
            )
    listed = [{"id": number, "name": name} for name, number in numbers.items()]
    content = {"images": images, "annotations": annotations, "categories": listed}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(content, ensure_ascii=False))
    return len(images)


def counted_boxes(samples: Iterable[LayoutSample]) -> dict[str, int]:
    """Class → boxes that count (crowds do not), the most frequent first."""
    counts: dict[str, int] = {}
    for sample in samples:
        for box in sample.boxes:
            if not box.crowd:
                counts[box.label] = counts.get(box.label, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(label_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"the JSON is broken: {first_line(error)}", where=str(path), hint="export it again") from None
    except OSError as error:
        raise DataError(
            f"the label file cannot be read: {error.strerror or first_line(error)}", where=str(path)
        ) from error
    lists = ("images", "annotations", "categories")
    missing = [key for key in lists if not isinstance(content, dict) or not isinstance(content.get(key), list)]
    if missing:
        raise DataError(
            f"not a COCO file: no list {', '.join(missing)}",
            where=str(path),
            hint="layout detection needs one JSON with images, annotations and categories",
        )
    return dict(content)


def _key(value: Any) -> str:
    """Ids as keys: some exporters write 12 here and "12" there."""
    return str(value)


@dataclass
class _Reader:
    """Reads the lists of one file and collects its problems."""

    root: Path
    name: str
    problems: list[Problem] = field(default_factory=list)

    def report(self, kind: str, where: str, reason: str, fix: str, severity: Severity = "error") -> None:
        self.problems.append(Problem(kind, where, reason, fix, severity))

    def place(self, entry: dict[str, Any]) -> str:
        return f"{self.name} annotation {entry.get('id', '?')}"

    def categories(self, entries: Sequence[Any]) -> dict[str, str]:
        """id → name, in the file's order."""
        names: dict[str, str] = {}
        for number, entry in enumerate(entries):
            sound = isinstance(entry, dict) and "id" in entry and isinstance(entry.get("name"), str) and entry["name"]
            where = f"{self.name} category {entry.get('id', number) if isinstance(entry, dict) else number}"
            if not sound:
                self.report("bad-category", where, f"no id or name: {str(entry)[:60]}", "write id and name")
            elif _key(entry["id"]) in names or entry["name"] in names.values():
                fix = "ids and names must differ from all others"
                self.report("duplicate-category", where, f"{entry['name']!r} is listed already", fix)
            else:
                names[_key(entry["id"])] = entry["name"]
        if not names:
            raise DataError("the file has no category", where=self.name, hint="list the classes under `categories`")
        return names

    def images(self, entries: Sequence[Any]) -> dict[str, LayoutSample]:
        """id → sample without boxes, in the file's order."""
        samples: dict[str, LayoutSample] = {}
        for number, entry in enumerate(entries):
            name = entry.get("file_name") if isinstance(entry, dict) else None
            if not isinstance(entry, dict) or "id" not in entry or not isinstance(name, str) or not name:
                where = f"{self.name} image number {number}"
                self.report("bad-image", where, f"no id or file_name: {str(entry)[:60]}", "export it again")
                continue
            name = nameable(name)
            where = f"{self.name} image {entry['id']} ({name})"
            if _key(entry["id"]) in samples:
                reason = f"the id belongs to {samples[_key(entry['id'])].image_path.name} already"
                self.report("duplicate-image-id", where, reason, "give each image its own id")
                continue
            size = (entry.get("width"), entry.get("height"))
            known = all(
                isinstance(side, int) and not isinstance(side, bool) and 0 < side < RULES.max_side_px for side in size
            )
            if not known:
                fix = "write width and height of the image"
                self.report("no-image-size", where, f"width and height are {size}", fix, "warning")
            samples[_key(entry["id"])] = LayoutSample(
                self._image(name), [], where, (int(entry["width"]), int(entry["height"])) if known else None
            )
        return samples

    def _image(self, name: str) -> Path:
        relative = name.replace("\\", "/")
        inside = self.root / "images" / relative
        return inside if os.path.isfile(inside) or not os.path.isfile(self.root / relative) else self.root / relative

    def annotations(self, entries: Sequence[Any]) -> list[dict[str, Any]]:
        """Entries that are objects, each id once."""
        found: dict[str, dict[str, Any]] = {}
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict):
                where = f"{self.name} annotation number {number}"
                self.report("bad-annotation", where, f"{str(entry)[:60]} is not an object", "export it again")
            elif "id" in entry and _key(entry["id"]) in found:
                fix = "give each annotation its own id"
                self.report("duplicate-id", self.place(entry), "the id is used already", fix)
            else:
                found[_key(entry["id"]) if "id" in entry else f"number {number}"] = entry
        return list(found.values())

    def box(self, entry: dict[str, Any], sample: LayoutSample, where: str) -> np.ndarray | None:
        """x1, y1, x2, y2 float32 within the image, or None (reported)."""
        values, name = entry.get("bbox"), sample.image_path.name
        numbers = isinstance(values, list) and len(values) == 4 and all(_is_number(v) for v in values)
        if not numbers or not isinstance(values, list):
            self.report("bad-box", where, f"bbox {str(values)[:60]} in {name}", "write [x, y, width, height]")
            return None
        # A whole number may be too large to become a float
        x, y, wide, tall = (float(v) if abs(v) < 1e300 else math.inf for v in values)
        if not all(math.isfinite(v) for v in (x, y, wide, tall)):
            self.report("not-finite", where, f"bbox {values} in {name}", "draw the box again")
            return None
        if wide <= 0 or tall <= 0:
            self.report("zero-area", where, f"bbox {values} in {name} has no area", "delete it, or draw it again")
            return None
        made = np.array([x, y, x + wide, y + tall], np.float64)
        if sample.size is not None:
            cut = self._cut(made, sample.size, f"bbox {values} in {name}", where)
            if cut is None:
                return None
            made = cut
        return made.astype(np.float32)

    def _cut(self, box: np.ndarray, size: tuple[int, int], what: str, where: str) -> np.ndarray | None:
        limits = np.array([*size, *size], np.float64)
        inside = np.clip(box, 0, limits)
        share = share_in(box.tolist(), (0.0, 0.0, *limits[:2].tolist()))  # plain numbers: an area may be infinite
        if share <= 1 - RULES.outside_share:
            reason = f"{what} lies {1 - share:.0%} outside of {size[0]}x{size[1]}"
            self.report("outside", where, reason, "is it x, y, width, height in pixels, and of this image?")
            return None
        if (np.abs(inside - box) > RULES.edge_px).any():
            reason = f"{what} reaches over the edge of {size[0]}x{size[1]}"
            self.report("over-the-edge", where, reason, "it is cut at the edge", "warning")
        return inside


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


__all__ = [
    "TEST",
    "TRAIN",
    "VAL",
    "CocoSet",
    "coco_set",
    "counted_boxes",
    "read_coco",
    "write_coco",
]
