"""Dataset check of classifiers of orientations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import cv2

from sealkit.data.check_report import CheckedSet, CheckReport, binned, counted
from sealkit.data.duplicates import find_leaks, find_pairs
from sealkit.data.images import image_problems
from sealkit.data.labels.orientation import PageSample, read_page_labels
from sealkit.errors import DataError, Problem
from sealkit.images import read_image
from sealkit.modules.dataset_check import DatasetCheck, Gallery, line_of, pixel_hashes
from sealkit.modules.doc_text_orientation.orientations import PAGES, Orientations
from sealkit.modules.doc_text_orientation.postprocess import turn

_SAMPLE_IMAGES = 12
_SIDE = 280
_UNEVEN = 3.0
_ABOUT_SEALS = frozenset({"large-image"})  # pages are large, and scaled down for this model anyway


class OrientationCheck(DatasetCheck):
    """A classification set in PaddleX's format: lines `path label`, see `sealkit.data.labels.orientation`."""

    about: ClassVar[Orientations] = PAGES
    module = PAGES.module
    dataset_type = "ClsDataset"

    def num_classes(self) -> int:
        """The angles."""
        return len(self.about.angles)

    keep = "keep part of the images for it: sealkit data split"
    compares_looks = True

    def read_set(self, name: str, label_file: str) -> CheckedSet:
        """Images with their angles."""
        return _read_set(self.root, self.problems, name, label_file, self.about)

    def check_samples(self, checked: CheckedSet) -> None:
        """Images, those listed twice, and how many lie at each angle."""
        _check_samples(checked, self.problems, self.about)
        _check_balance(checked, self.problems, self.about)

    def describe(self, checked: CheckedSet) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Images by angle and size."""
        return _describe(checked, self.about)

    def check_copies(self, checked: CheckedSet) -> None:
        """Equal pixels."""
        _check_copies(checked, self.problems, self.about)

    def check_leaks(self, known: CheckedSet, held_out: CheckedSet) -> None:
        """Equal pixels, and images that look alike, turned ones too."""
        _check_leaks(known, held_out, self.problems, self.about)

    def galleries(self) -> Iterator[Gallery]:
        """Images righted by their labels."""
        return _galleries(self.report, self.about)


check_dataset = OrientationCheck.check


def _read_set(root: Path, problems: list[Problem], name: str, label_file: str, about: Orientations) -> CheckedSet:
    samples, found = read_page_labels(root, label_file, about.angles)
    strangers = [problem for problem in found if problem.code == "not-classification"]
    if strangers and not samples:
        raise DataError(
            f"these are labels of text detection: {len(strangers)} lines hold a list where a class id is expected",
            where=strangers[0].where,
            hint="check them with --module seal_text_detection; if the images stand upright they need no labels here: "
            "say upright: true in the recipe",
        )
    problems += found
    return CheckedSet(name, label_file, samples)


def _check_samples(checked: CheckedSet, problems: list[Problem], about: Orientations) -> None:
    listed: dict[Path, PageSample] = {}
    for sample, facts in zip(checked.samples, checked.facts):
        problems += [p for p in image_problems(facts, sample.where) if p.code not in _ABOUT_SEALS]
        first = listed.setdefault(sample.image_path, sample)
        if first is not sample:
            problems.append(_twin("listed-twice", sample, first, f"is listed on {line_of(first.where)} already", about))


def _twin(kind: str, sample: PageSample, first: PageSample, reason: str, about: Orientations) -> Problem:
    name = sample.image_path.name
    if sample.label != first.label:
        reason = f"{name} {reason}, as {about.angles[first.label]} and not as {about.angles[sample.label]} degrees"
        return Problem("label-conflict", sample.where, reason, "decide which is right and delete the other line")
    return Problem(kind, sample.where, f"{name} {reason}", "delete one line", "warning")


def _check_balance(checked: CheckedSet, problems: list[Problem], about: Orientations) -> None:
    counts = Counter(sample.label for sample in checked.samples)
    if not counts:
        return
    where, fix = checked.label_file, f"turn some {about.things}, or train with the augmentation {about.turned_by}"
    missing = [str(angle) for label, angle in enumerate(about.angles) if not counts[label]]
    if missing:
        reason = f"no image lies at {', '.join(missing)} degrees"
        problems.append(Problem("missing-class", where, reason, fix, "warning"))
    elif max(counts.values()) > _UNEVEN * min(counts.values()):
        listed = ", ".join(f"{angle}: {counts[label]}" for label, angle in enumerate(about.angles))
        problems.append(Problem("uneven-classes", where, f"images by degrees: {listed}", fix, "info"))


def _check_copies(checked: CheckedSet, problems: list[Problem], about: Orientations) -> None:
    """Equal pixels only: pages of one form look alike and are none the worse for it."""
    for pair in find_pairs(*pixel_hashes(checked)):
        first, second = checked.samples[pair.first], checked.samples[pair.second]
        if first.image_path != second.image_path:
            reason = f"has the same pixels as {first.image_path.name} ({line_of(first.where)})"
            problems.append(_twin("duplicate-image", second, first, reason, about))


def _check_leaks(known: CheckedSet, held_out: CheckedSet, problems: list[Problem], about: Orientations) -> None:
    marks = [([f.signature for f in s.facts], [f.pixel_hash for f in s.facts]) for s in (known, held_out)]
    fix = f"keep a {about.thing}, turned or not, in one set only"
    for pair in find_leaks(*marks[0], *marks[1]):
        first, second = known.samples[pair.first], held_out.samples[pair.second]
        if pair.same_pixels:
            reason = f"{second.image_path.name} is also in {known.label_file} ({first.where})"
            problems.append(Problem("leak", second.where, reason, fix))
        else:
            turned = " turned or mirrored" if pair.turned else ""
            reason = f"{second.image_path.name} looks like {first.image_path.name}{turned} ({first.where})"
            reason += f", likeness {pair.likeness:.2f}"
            problems.append(Problem("look-alike-leak", second.where, reason, fix, "warning"))


def _describe(checked: CheckedSet, about: Orientations) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    counts = Counter(sample.label for sample in checked.samples)
    sizes = [facts.size for facts in checked.facts if facts.size is not None]
    histograms = {
        "angle": {f"{angle}°": counts[label] for label, angle in enumerate(about.angles) if counts[label]},
        "shorter side of an image": binned([min(s) for s in sizes], (64, 128, 224, 480, 736, 1280, 2560), " px"),
        "file format": counted(facts.info.format for facts in checked.facts if facts.info is not None),
    }
    return {"images": len(checked.samples)}, histograms


def _galleries(report: CheckReport, about: Orientations) -> Iterator[Gallery]:
    """Some images of each set, turned as their labels say: all of them should stand upright."""
    for checked in report.sets:
        step = max(1, len(checked.samples) // _SAMPLE_IMAGES)
        images = []
        for sample in checked.samples[::step][:_SAMPLE_IMAGES]:
            try:
                image = read_image(sample.image_path)
            except DataError:
                continue
            scale = min(1.0, _SIDE / max(image.shape[:2]))
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            caption = f"{sample.where} {sample.image_path.name}: {about.angles[sample.label]}°"
            images.append((caption, turn(small, about.angles[sample.label])))
        yield (
            f"Samples of {checked.name}, righted by their labels",
            f"A {about.thing} that is not upright is mislabelled.",
            images,
        )
