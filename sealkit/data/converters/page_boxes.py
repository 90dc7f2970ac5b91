"""Boxes of page regions → a set in PaddleX's COCO format, with images, split as the source is.

Read are COCO files wherever exporters put them (`annotations/`, beside the images, in folders `train`, `valid`,
`test`), or LabelMe files, one per image, with PaddleX's lists `train_anno_list.txt` and `val_anno_list.txt` where
there are such.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.converters.base import IMAGES, Images, Source, filling, free_name
from sealkit.data.converters.inside import Inside
from sealkit.data.converters.reading import read_json, read_text
from sealkit.data.converters.stated_size import fit_sizes
from sealkit.data.labels.coco import TEST, TRAIN, VAL, CocoSet, coco_set, write_coco
from sealkit.data.records import LayoutBox, LayoutSample
from sealkit.errors import DataError, ImageError, Problem
from sealkit.images import ImageInfo, inspect_image
from sealkit.workers.pool import Workers

WHOLE = "annotations/all.json"
"""Label file of what belongs to no part; `sealkit data split` divides it."""
_PARTS = {"train": TRAIN, "val": VAL, "valid": VAL, "validation": VAL, "dev": VAL, "test": TEST}
_LISTS = {"train_anno_list.txt": TRAIN, "val_anno_list.txt": VAL, "test_anno_list.txt": TEST}
_FOLDERS = ("", "annotations", *_PARTS)
_WORDS = re.compile(r"[a-z]+")


@dataclass
class _Part:
    """One source of a label file of the result.

    Attributes:
        target: that label file.
        found: what was read.
        root: where its images are looked for first.
        names: of the categories as the source has them.
    """

    target: str
    found: CocoSet
    root: Path
    names: set[str]


def convert_boxes(
    source: Path,
    out: Path,
    names: Mapping[str, str] | None = None,
    *,
    outside: bool = False,
    workers: Workers | None = None,
) -> tuple[dict[str, int], list[Problem]]:
    """Copy the images to `out/images` and write a label file per part, all with the same categories.

    Args:
        source: folder, or one COCO file; never changed.
        out: new folder.
        names: category of the source → category of the result; several may become one.
        outside: also take images that lie outside of the source; else they are reported.

    Returns:
        Images per label file, and what was not converted, with its place in the source.

    Raises:
        DataError: nothing of either form lies there, nothing could be converted, a name that no category has, or `out`
            holds something.
    """
    if not source.exists():
        raise DataError("no such file or folder", where=str(source), hint="check the path")
    parts = _coco_parts(source, names or {}) or _labelme_parts(source, names or {})
    problems = [problem for part in parts for problem in part.found.problems]
    images = Images(source if source.is_dir() else source.parent)
    inside = Inside(source, outside)
    placed: dict[str, list[LayoutSample]] = {}
    for part in parts:
        placed.setdefault(part.target, []).extend(_with_images(part, images, inside, problems))
    if not any(placed.values()):
        first = f" ({problems[0].message})" if problems else ""
        raise DataError(
            f"nothing could be converted{first}", where=str(source), hint="expected COCO files with boxes, or LabelMe's"
        )
    categories = list(dict.fromkeys(name for part in parts for name in part.found.categories))
    _refuse_unknown(names or {}, parts, source)
    copied: dict[Path, Path] = {}
    used: set[str] = set()
    written = {
        target: [replace(sample, image_path=_placed(sample.image_path, out, copied, used)) for sample in samples]
        for target, samples in placed.items()
    }
    with filling(out, {target: path for path, target in copied.items()}, workers):
        counts = {target: write_coco(out / target, samples, categories, out) for target, samples in written.items()}
    return counts, problems


def _coco_parts(source: Path, names: Mapping[str, str]) -> list[_Part]:
    if source.is_file():
        files = [source]
    else:
        files = [file for folder in _FOLDERS for file in sorted((source / folder).glob("*.json"))]
    parts = []
    problems: list[Problem] = []
    for file in files:
        content = _json(file, file.name, problems)
        if content is None:
            continue
        if not all(isinstance(content.get(key), list) for key in ("images", "annotations", "categories")):
            reason = "no lists images, annotations, categories"
            problems.append(Problem("not-coco", file.name, reason, "it was skipped", "info"))
            continue
        before = {str(entry["name"]) for entry in content["categories"] if isinstance(entry, dict) and "name" in entry}
        content["categories"] = _renamed(content["categories"], content["annotations"], names)
        root = file.parent.parent if file.parent.name == "annotations" else file.parent
        parts.append(_Part(_part_of(file, source), coco_set(content, root, file.name), root, before))
    if parts:
        parts[0].found.problems += problems
    return parts


def _renamed(entries: Sequence[Any], annotations: Sequence[Any], names: Mapping[str, str]) -> list[Any]:
    """Categories under their new names; the annotations of those that become one get one id."""
    kept: dict[str, Any] = {}
    ids: dict[str, Any] = {}
    others = []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or "id" not in entry:
            others.append(entry)  # reported by the reader
            continue
        name = names.get(entry["name"], entry["name"])
        if name in kept and entry["name"] == name:
            others.append(entry)  # a name that is listed twice: reported by the reader
            continue
        kept.setdefault(name, {**entry, "name": name})
        ids[str(entry["id"])] = kept[name]["id"]
    for annotation in annotations:
        if isinstance(annotation, dict) and str(annotation.get("category_id")) in ids:
            annotation["category_id"] = ids[str(annotation["category_id"])]
    return [*kept.values(), *others]


def _part_of(file: Path, source: Path) -> str:
    """The label file that a file of the source becomes, by its name or its folder's."""
    inside = file.relative_to(source).parts if source.is_dir() else (file.name,)
    for word in _WORDS.findall(" ".join(reversed(inside)).lower()):
        if word in _PARTS:
            return _PARTS[word]
    return WHOLE


def _labelme_parts(source: Path, names: Mapping[str, str]) -> list[_Part]:
    root = source if source.is_dir() else source.parent
    groups: dict[str, list[Path]] = {}
    listed = {name: target for name, target in _LISTS.items() if (root / name).is_file()} if source.is_dir() else {}
    for name, target in listed.items():
        lines = (read_text(root / name, name, Source().report) or "").splitlines()
        groups[target] = [root / line.strip() for line in lines if line.strip()]
    if not listed:
        groups[WHOLE] = sorted(source.rglob("*.json")) if source.is_dir() else [source]
    parts = []
    for target, files in groups.items():
        before: set[str] = set()
        content, problems = _labelme_content(files, root, names, before)
        found = coco_set(content, root, "LabelMe") if content["categories"] else CocoSet(())
        found.problems = problems + found.problems
        parts.append(_Part(target, found, root, before))
    return parts


def _labelme_content(
    files: Sequence[Path], root: Path, names: Mapping[str, str], before: set[str]
) -> tuple[dict[str, Any], list[Problem]]:
    """LabelMe files as one COCO content: the box around each shape; ids tell file and shape. Labels as they stand in
    the files are added to `before`."""
    images, annotations = [], []
    labels: dict[str, int] = {}
    problems: list[Problem] = []
    for file in files:
        where = file.relative_to(root).as_posix()
        content = _json(file, where, problems)
        if content is None:
            continue
        if not isinstance(content.get("shapes"), list):
            problems.append(Problem("not-labelme", where, "no list `shapes` in this file", "it was skipped", "info"))
            continue
        named = str(content.get("imagePath") or file.name).replace("\\", "/")
        beside = file.parent / named
        name = beside.as_posix() if os.path.isfile(beside) else named
        size = {"width": content.get("imageWidth"), "height": content.get("imageHeight")}
        images.append({"id": where, "file_name": name, **size})
        for number, shape in enumerate(content["shapes"]):
            box = _box_around(shape)
            place = f"{where} shape {number}"
            if box is None:
                reason = "no label, or no points to draw a box around"
                problems.append(Problem("bad-shape", place, reason, "draw a rectangle and name its class"))
                continue
            before.add(shape["label"])
            label = names.get(shape["label"], shape["label"])
            category = labels.setdefault(label, len(labels) + 1)
            annotations.append({"id": place, "image_id": where, "category_id": category, "bbox": box})
    categories = [{"id": number, "name": label} for label, number in labels.items()]
    return {"images": images, "annotations": annotations, "categories": categories}, problems


def _box_around(shape: Any) -> list[float] | None:
    """[x, y, width, height] of a shape of any kind, None where it has no label or no points."""
    points = shape.get("points") if isinstance(shape, dict) else None
    if not isinstance(points, list) or len(points) < 2 or not isinstance(shape.get("label"), str) or not shape["label"]:
        return None
    try:
        xs, ys = zip(*((float(x), float(y)) for x, y in points))
    except (TypeError, ValueError, OverflowError):
        return None
    if shape.get("shape_type") == "circle":  # centre, and a point of the circle
        radius = ((xs[1] - xs[0]) ** 2 + (ys[1] - ys[0]) ** 2) ** 0.5
        return [xs[0] - radius, ys[0] - radius, 2 * radius, 2 * radius]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def _with_images(part: _Part, images: Images, inside: Inside, problems: list[Problem]) -> list[LayoutSample]:
    """Samples whose image is there, with its size; boxes of the image at another size are carried over."""
    found = []
    for sample in part.found.samples:
        path = sample.image_path
        if not os.path.isfile(path):
            named = path.relative_to(part.root / IMAGES) if path.is_relative_to(part.root / IMAGES) else path
            other = images.find(named.as_posix(), part.root)
            if other is None:
                reason = f"there is no image {named.as_posix()!r}"
                problems.append(Problem("missing-image", sample.where, reason, f"put it below {part.root}"))
                continue
            path = other
        refused = inside.problem(path, sample.where)
        if refused is not None:
            problems.append(refused)
            continue
        try:
            info = inspect_image(path)
        except ImageError as error:
            problems.append(Problem("broken-image", sample.where, error.what, "export the image again"))
            continue
        boxes = _fitted(sample, info, path.name, problems)
        if boxes is not None:
            found.append(replace(sample, image_path=path, size=info.size, boxes=boxes))
    return found


def _fitted(sample: LayoutSample, info: ImageInfo, name: str, problems: list[Problem]) -> list[LayoutBox] | None:
    """The boxes in pixels of the image that is there; None (reported) where they are those of another image."""
    if sample.size is None:
        return sample.boxes
    fit = fit_sizes(sample.size, info, name)
    if fit.code == "wrong-size":
        fix = "was the image cropped after labelling? Put the labelled image there; it was not converted"
        problems.append(Problem(fit.code, sample.where, fit.message, fix))
        return None
    if not fit.code:
        return sample.boxes
    fix = "nothing to do, if this is the same image at another size; `sealkit data show` draws the result"
    problems.append(Problem(fit.code, sample.where, fit.message, fix, "warning"))
    moved = []
    for box in sample.boxes:
        corners = np.asarray(fit.moved({"points": box.box.reshape(2, 2).tolist()})["points"], np.float32)
        moved.append(replace(box, box=np.concatenate([corners.min(axis=0), corners.max(axis=0)])))
    return moved


def _placed(path: Path, out: Path, copied: dict[Path, Path], used: set[str]) -> Path:
    if path not in copied:
        target = out / IMAGES / free_name(path.name, used)
        used.add(target.name.lower())
        copied[path] = target
    return copied[path]


def _refuse_unknown(names: Mapping[str, str], parts: Sequence[_Part], source: Path) -> None:
    known = {name for part in parts for name in part.names}
    lost = [name for name in names if name not in known]
    if lost:
        hint = f"categories of the source: {', '.join(sorted(known))}"
        raise DataError("no category has this name", where=f"--rename, {source}", value=lost, hint=hint)


def _json(file: Path, where: str, problems: list[Problem]) -> dict[str, Any] | None:
    """Content of a file, {} where it is not an object; None (reported) where it cannot be read."""
    source = Source(problems=problems)
    before = len(problems)
    content = read_json(file, where, source.report)
    if content is None and any(problem.severity == "error" for problem in problems[before:]):
        return None
    return content if isinstance(content, dict) else {}


__all__ = ["convert_boxes"]
