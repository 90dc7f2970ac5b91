"""Dataset check of layout detection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from sealkit.charset import Charset
from sealkit.data.check_report import CheckedSet, CheckReport, binned, grouped
from sealkit.data.check_sets import nothing_to_learn
from sealkit.data.duplicates import find_leaks, find_pairs
from sealkit.data.images import ImageFacts, image_problems
from sealkit.data.labels.coco import TEST, TRAIN, VAL, CocoSet, counted_boxes, read_coco
from sealkit.data.records import LayoutSample
from sealkit.errors import DataError, Problem
from sealkit.geometry.boxes import box_iou
from sealkit.images import read_image
from sealkit.modules.dataset_check import DatasetCheck, Gallery, pixel_hashes
from sealkit.modules.layout_detection.models import MODULE


@dataclass(frozen=True)
class CheckRules:
    """From where a box is odd, and how much of a set is shown."""

    min_side_px: float = 4.0
    """A thinner box is below a cell of the finest map of most inputs."""
    twin_iou: float = 0.9
    """Intersection over union from which two boxes of a class are one, labelled twice."""
    sample_images: int = 12
    """Pages of the report's overview."""
    images_per_kind: int = 6
    """Pages shown of each kind of problem."""
    drawn_side_px: int = 480
    """Long side of a shown page."""


RULES = CheckRules()
_ABOUT_SEALS = frozenset({"small-image", "large-image"})  # said of seals alone: pages are of other sizes


class LayoutCheck(DatasetCheck):
    """A set of pages in COCO json, PaddleX's format.

    Attributes:
        read: what each part's file holds, by the part's name.
    """

    module = MODULE
    dataset_type = "COCODetDataset"
    label_files: ClassVar[dict[str, str]] = {"train": TRAIN, "val": VAL, "test": TEST}
    keep = "keep part of the pages for it: sealkit data split"

    def __init__(self, root: Path, charset: Charset | None) -> None:
        super().__init__(root, charset)
        self.read: dict[str, CocoSet] = {}

    def read_set(self, name: str, label_file: str) -> CheckedSet:
        """Pages with their boxes."""
        self.read[name] = read_coco(self.root, label_file)
        self.problems.extend(self.read[name].problems)
        return CheckedSet(name, label_file, self.read[name].samples)

    def where_images_are(self, example: Path) -> str:
        """Where COCO's file_name is looked for."""
        return "file_name is looked for in the folder `images` of the set, then in the set's own folder"

    def check_samples(self, checked: CheckedSet) -> None:
        """Images, sizes and boxes."""
        _check_samples(checked, self.problems)

    def describe(self, checked: CheckedSet) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Boxes by class and size."""
        return _describe(checked, self.read[checked.name])

    def check_sets(self) -> None:
        """Categories that differ between files, those without boxes, and parts without any."""
        nothing_to_learn(self.report, lambda checked: sum(counted_boxes(checked.samples).values()), "box")
        _check_categories(self.report, self.read)

    def check_copies(self, checked: CheckedSet) -> None:
        """Equal pixels: pages resemble each other by nature."""
        for pair in find_pairs(*pixel_hashes(checked)):
            first, second = checked.samples[pair.first], checked.samples[pair.second]
            if first.image_path != second.image_path:
                reason = f"{second.image_path.name} has the same pixels as {first.image_path.name}"
                self.problems.append(Problem("duplicate-image", second.where, reason, "delete one of them", "warning"))

    def check_leaks(self, known: CheckedSet, held_out: CheckedSet) -> None:
        """Equal pixels."""
        for pair in find_leaks(*pixel_hashes(known), *pixel_hashes(held_out)):
            sample, other = held_out.samples[pair.second], known.samples[pair.first]
            reason = f"{sample.image_path.name} is also a page of {known.label_file} ({other.image_path.name})"
            fix = "keep it in one part only: sealkit data split keeps copies together"
            self.problems.append(Problem("leak", sample.where, reason, fix, "error"))

    def check_folder(self) -> None:
        """Images that no file lists."""
        self.report_unlabelled("are not listed", "list them; a page without boxes needs no annotation")

    def galleries(self) -> Iterator[Gallery]:
        """Cases of each kind, then samples."""
        return _galleries(self.report)


check_dataset = LayoutCheck.check


def _check_samples(checked: CheckedSet, problems: list[Problem]) -> None:
    listed: dict[Path, LayoutSample] = {}
    for sample, facts in zip(checked.samples, checked.facts):
        problems += [found for found in image_problems(facts, sample.where) if found.code not in _ABOUT_SEALS]
        if sample.image_path in listed:
            reason = f"{sample.image_path.name} is {listed[sample.image_path].where} already"
            fix = "list an image once, with all its boxes"
            problems.append(Problem("listed-twice", sample.where, reason, fix, "error"))
        listed.setdefault(sample.image_path, sample)
        _check_size(sample, facts, problems)
        _check_boxes(sample, problems)


def _check_size(sample: LayoutSample, facts: ImageFacts, problems: list[Problem]) -> None:
    if facts.size is None or sample.size is None or facts.size == sample.size:
        return
    stated, real = "{}x{}".format(*sample.size), "{}x{}".format(*facts.size)
    reason = f"the label file says {stated}, {sample.image_path.name} is {real}"
    if facts.info is not None and (facts.info.width, facts.info.height) == sample.size:
        reason += " upright: the boxes are those of the image before its EXIF rotation"
    fix = "are these the boxes of this image? Annotate it again, or restore the annotated image"
    problems.append(Problem("wrong-size", sample.where, reason, fix, "error"))


def _check_boxes(sample: LayoutSample, problems: list[Problem]) -> None:
    corners = np.array([box.box for box in sample.boxes], np.float64).reshape(-1, 4)
    shared = box_iou(corners, corners)
    for number, box in enumerate(sample.boxes):
        wide, tall = (float(side) for side in box.box[2:] - box.box[:2])
        if min(wide, tall) < RULES.min_side_px:
            reason = f"{box.label} of {wide:.1f}x{tall:.1f} pixels in {sample.image_path.name}"
            problems.append(Problem("tiny-box", box.where, reason, "an accidental box? Delete it", "warning"))
        for place, earlier in enumerate(sample.boxes[:number]):
            if shared[number, place] < RULES.twin_iou or box.crowd or earlier.crowd:
                continue
            reason = f"{box.label} lies on {earlier.label} ({earlier.where}) in {sample.image_path.name}"
            if box.label == earlier.label:
                problems.append(Problem("double-box", box.where, reason, "delete one of them", "error"))
            else:
                problems.append(Problem("two-classes", box.where, reason, "decide for one of them", "warning"))


def _check_categories(report: CheckReport, read: dict[str, CocoSet]) -> None:
    taught = read["train"].categories
    for checked in report.sets:
        found = read[checked.name].categories
        if set(found) != set(taught):
            reason = f"categories {', '.join(found)}; {report.sets[0].label_file} has {', '.join(taught)}"
            fix = "list the same categories in all files, by name"
            where = f"{report.root / checked.label_file}"
            report.problems.append(Problem("other-categories", where, reason, fix, "error"))
        counts = counted_boxes(checked.samples)
        empty = [name for name in found if name not in counts]
        if empty:
            reason = f"no box of {', '.join(empty)}"
            fix = "label some, or remove the category: without boxes it cannot be learnt or measured"
            where = f"{report.root / checked.label_file}"
            report.problems.append(Problem("empty-category", where, reason, fix, "warning"))


def _describe(checked: CheckedSet, found: CocoSet) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Counts and histograms of one set."""
    boxes = [box for sample in checked.samples for box in sample.boxes]
    live = [box for box in boxes if not box.crowd]
    sizes = [facts.size for facts in checked.facts if facts.size is not None]
    counts = {
        "images": len(checked.samples),
        "boxes": len(live),
        "crowds": len(boxes) - len(live),
        "images without boxes": sum(not sample.boxes for sample in checked.samples),
        "categories": len(found.categories),
    }
    sides = [float(np.sqrt(np.prod(box.box[2:] - box.box[:2]))) for box in live]
    histograms = {
        "class": counted_boxes(checked.samples),
        "boxes per page": binned([len(sample.boxes) for sample in checked.samples], (1, 2, 3, 5, 9, 17, 33)),
        "box size (root of its area)": binned(sides, (16, 32, 64, 96, 160, 320, 640), " px"),
        "shorter side of a page": binned([min(size) for size in sizes], (320, 480, 736, 1280, 2560), " px"),
    }
    return counts, histograms


def _galleries(report: CheckReport) -> Iterator[Gallery]:
    """Images of the page: cases of each kind, then samples spread over each set."""
    table = {sample.where: sample for checked in report.sets for sample in checked.samples}
    table |= {box.where: sample for sample in list(table.values()) for box in sample.boxes}
    for severity, kind, problems in grouped(report.problems):
        places = list(dict.fromkeys(problem.where for problem in problems if problem.where in table))
        reasons = {problem.where: problem.message for problem in reversed(problems)}
        drawn = [(place, _drawn(table[place], place)) for place in places[: RULES.images_per_kind]]
        images = [(f"{place}: {reasons[place]}", image) for place, image in drawn if image is not None]
        if severity != "info" and images:
            yield f"{severity}: {kind}, drawn", "What it is about is drawn in red.", images
    for checked in report.sets:
        step = max(1, len(checked.samples) // RULES.sample_images)
        chosen = checked.samples[::step][: RULES.sample_images]
        images = [(sample.where, image) for sample in chosen if (image := _drawn(sample)) is not None]
        yield f"Samples of {checked.name}", "Crowds are grey.", images


def _drawn(sample: LayoutSample, marked: str = "") -> np.ndarray | None:
    """The page with its boxes and their classes; the box of `marked` in red."""
    import cv2

    from sealkit.drawing.polygons import palette

    try:
        image = read_image(sample.image_path)
    except DataError:
        return None
    names = sorted({box.label for box in sample.boxes})
    colours = dict(zip(names, palette(len(names))))
    scale = min(1.0, RULES.drawn_side_px / max(image.shape[:2]))
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image.copy()
    for box in sample.boxes:
        x1, y1, x2, y2 = (round(float(v) * scale) for v in box.box)
        colour = (0, 0, 255) if box.where == marked else (150, 150, 150) if box.crowd else colours[box.label]
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, 2)
        cv2.putText(image, box.label, (x1 + 2, max(y1 - 3, 10)), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
    return image


__all__ = ["LayoutCheck", "check_dataset"]
