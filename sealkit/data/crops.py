"""Cuts strips for recogniser training from a detection set, with the pipeline's own straightening."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.check_texts import is_placeholder
from sealkit.data.directions import Found, find_directions
from sealkit.data.records import DetSample, TextLine
from sealkit.errors import DataError, EngineError, ImageError, Problem
from sealkit.files import write_text
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.straighten import RULES as STRIP_RULES
from sealkit.geometry.straighten import straighten
from sealkit.images import read_image, write_image
from sealkit.text import comparable
from sealkit.workers.journal import Journal, resumed
from sealkit.workers.pool import Workers

FOLDER = "images"
UPRIGHT = 1.6
"""Height/width of a strip above which several characters are stacked: no recogniser reads that."""


@dataclass
class CropReport:
    """What `write_crops` did.

    Attributes:
        written: strips.
        skipped: reason -> number of texts without a strip.
        by: how the direction was found (see `directions.Found`) -> number of strips.
        unsure: strips whose direction a person should look at; they are listed in `review`.
        review: the file that lists them, None where there are none.
        problems: images that cannot be read, lines without extent.
    """

    written: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    by: dict[str, int] = field(default_factory=dict)
    unsure: int = 0
    review: Path | None = None
    problems: list[Problem] = field(default_factory=list)

    def skip(self, reason: str) -> None:
        """Count a text without a strip."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


def strip_of(image: np.ndarray, line: TextLine, height: int = STRIP_RULES.height_px) -> np.ndarray:
    """The straightened strip of a label with a direction.

    Args:
        image: (H, W, 3) uint8 BGR.
        line: its points are a line_poly.
        height: of the strip in pixels.

    Returns:
        (height, w, 3) uint8 BGR, read from left to right.

    Raises:
        DataError: a line without direction or without extent.
    """
    if line.direction is None:
        hint = "add the key direction and put the points in order (datasets/FORMATS.md)"
        raise DataError("the label does not say where its text starts", value=line.text, hint=hint)
    return straighten(image, LinePoly(line.points, direction=line.direction), height)  # type: ignore[arg-type]


def write_crops(
    samples: Sequence[DetSample],
    out: str | Path,
    labels: str = "train.txt",
    *,
    directions: Sequence[Mapping[int, Found]] | None = None,
    height: int = STRIP_RULES.height_px,
    quality: int | None = None,
    progress: Callable[[int], object] | None = None,
    workers: Workers | None = None,
    journal: Journal | None = None,
) -> CropReport:
    """Write strips to `out/images` and their texts to `out/labels`, PaddleX's recognition format:
    `images/a_0.png<TAB>text`; shape, angle and direction to `<labels>.extras.jsonl` beside it (see `rec_labels`).

    Ignored and empty texts have no strip, nor have columns whose characters could not be laid side by side. What was
    skipped is counted by reason. Strips of uncertain direction are written and listed in `<labels>.review.jsonl`:
    path, text, image, how the direction was found and what was read of each; delete what is wrong from the label file.

    Args:
        directions: of `find_directions`, one per sample; None: found here, without a recogniser.
        quality: write JPEG of this quality, 1..100, a fifth of the size; None: PNG.
        workers: who cuts; None: this process.
        journal: what an earlier run cut, under the name of the label file.

    Raises:
        DataError: no text at all could be cut, or the label file exists.
    """
    out = Path(out)
    journal, name = journal or Journal(None, {}), f"strips of {labels}"
    if (out / labels).exists() and f"{name}:0" not in journal:
        raise DataError("the label file exists", where=str(out / labels), hint="give a new folder, or delete it")
    report = CropReport()
    rows: list[str] = []
    extras: list[str] = []
    review: list[str] = []
    prefix = Path(labels).stem
    if directions is None:
        directions = find_directions(samples)
    jobs = [Cut(number, sample, found, out, labels) for number, (sample, found) in enumerate(zip(samples, directions))]
    cut, whole = partial(_cut, height, quality), partial(_are_there, out)
    results = resumed(cut, jobs, workers or Workers(1), journal, name, whole=whole, lost=_lost)
    for job, done in zip(jobs, results):
        for reason in done["skipped"]:
            report.skip(reason)
        report.problems += [Problem(**problem) for problem in done["problems"]]
        for index, path in done["strips"]:
            line, how = job.sample.lines[index], job.found[index]
            rows.append(f"{path}\t{line.text.strip()}\n")
            known = {"path": path, "shape": line.shape, "angle": line.angle, "direction": how.line.direction}
            extras.append(_json({k: v for k, v in known.items() if v is not None}))
            report.by[how.by] = report.by.get(how.by, 0) + 1
            if not how.sure:
                about = {"image": str(job.sample.image_path), "index": index, "by": how.by, "readings": how.readings}
                review.append(_json({"path": path, "text": line.text.strip(), **about}))
        if progress is not None:
            progress(1)
    if not rows:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in report.skipped.items()) or "the set has no texts"
        raise DataError(
            f"no strip could be cut ({reasons})", hint="strips need labels with a transcription that is not ###"
        )
    files = [(f"{prefix}.extras.jsonl", extras), (labels, rows)]  # labels last: then all is there
    if review:
        report.unsure, report.review = len(review), out / f"{prefix}.review.jsonl"
        files.insert(0, (report.review.name, review))
    for name, content in files:
        write_text(out / name, "".join(content))
    report.written = len(rows)
    return report


def _json(row: Mapping[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Cut:
    """The strips of one image that are to be cut."""

    number: int
    sample: DetSample
    found: Mapping[int, Found]
    out: Path
    labels: str

    def __str__(self) -> str:
        """The image's path, for messages."""
        return str(self.sample)


def _cut(height: int, quality: int | None, job: Cut) -> dict[str, Any]:
    """Write the strips of an image: [index of the text, path] of each, reasons of texts without one, problems."""
    suffix = ".png" if quality is None else ".jpg"
    report = CropReport()
    strips = []
    for index, strip in _strips(job.sample, job.found, height, report):
        path = f"{FOLDER}/{Path(job.labels).stem}_{job.number:06d}_{index}{suffix}"
        write_image(job.out / path, strip, quality=quality or 95)
        strips.append([index, path])
    skipped = [reason for reason, count in report.skipped.items() for _ in range(count)]
    return {"strips": strips, "skipped": skipped, "problems": [vars(problem) for problem in report.problems]}


def _are_there(out: Path, number: int, done: Mapping[str, Any]) -> bool:
    return all((out / path).is_file() for _, path in done["strips"])


def _lost(job: Cut, error: EngineError) -> dict[str, Any]:
    problem = Problem("broken-image", job.sample.where, f"{job}: {error.what}", error.hint)
    wanted = [line for line in job.sample.lines if _fault(line) is None]
    return {"strips": [], "skipped": ["image cannot be read"] * len(wanted), "problems": [vars(problem)]}


def _fault(line: TextLine) -> str | None:
    """Why a text has no strip, by its label alone."""
    reasons = (
        (line.ignore, "ignored text"),
        (not line.text.strip(), "empty text"),
        (is_placeholder(line.text), "placeholder of a labelling tool"),
        (any(mark in line.text for mark in "\t\r\n"), "tab or line end in the text"),
    )
    return next((reason for applies, reason in reasons if applies), None)


def _strips(
    sample: DetSample, found: Mapping[int, Found], height: int, report: CropReport
) -> list[tuple[int, np.ndarray]]:
    """(index of the text, strip) of one image; what fails is reported."""
    faults = [_fault(line) for line in sample.lines]
    for fault in faults:
        if fault is not None:
            report.skip(fault)
    wanted = [index for index, fault in enumerate(faults) if fault is None]
    if not wanted:
        return []
    try:
        image = read_image(sample.image_path)
    except ImageError as error:
        fix = error.hint or "replace the file"
        report.problems.append(Problem("broken-image", sample.where, f"{sample.image_path}: {error.what}", fix))
        for _ in wanted:
            report.skip("image cannot be read")
        return []
    strips = []
    for index in wanted:
        text = sample.lines[index].text.strip()
        if index not in found:
            report.skip("no line at its place")
            continue
        try:
            strip = straighten(image, found[index].line, height, characters=len(comparable(text)) or None)
        except DataError as error:
            reason = f"text {index} ({text!r}): {error.what}"
            report.problems.append(Problem("no-strip", sample.where, reason, error.hint or "draw it again"))
            report.skip("no line at its place")
            continue
        if len(text) > 1 and strip.shape[0] > UPRIGHT * strip.shape[1]:
            report.skip("column whose characters could not be parted")
            continue
        strips.append((index, strip))
    return strips


__all__ = ["CropReport", "strip_of", "write_crops"]
