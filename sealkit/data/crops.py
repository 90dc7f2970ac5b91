"""Cuts strips for recogniser training from a detection set, with the pipeline's own straightening."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sealkit.data.check_texts import is_placeholder
from sealkit.data.directions import Found, find_directions
from sealkit.data.records import DetSample, TextLine
from sealkit.errors import DataError, ImageError, Problem
from sealkit.files import write_text
from sealkit.geometry.lines import LinePoly
from sealkit.geometry.straighten import RULES as STRIP_RULES
from sealkit.geometry.straighten import straighten
from sealkit.images import read_image, write_image
from sealkit.text import comparable

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
) -> CropReport:
    """Write strips to `out/images` and their texts to `out/labels`, PaddleX's recognition format:
    `images/a_0.png<TAB>text`; shape, angle and direction to `<labels>.extras.jsonl` beside it (see `rec_labels`).

    Ignored and empty texts have no strip, nor have columns whose characters could not be laid side by side. What was
    skipped is counted by reason. Strips of uncertain direction are written and listed in `<labels>.review.jsonl`:
    path, text, image, how the direction was found and what was read of each; delete what is wrong from the label file.

    Args:
        directions: of `find_directions`, one per sample; None: found here, without a recogniser.
        quality: write JPEG of this quality, 1..100, a fifth of the size; None: PNG.

    Raises:
        DataError: no text at all could be cut, or the label file exists.
    """
    out = Path(out)
    if (out / labels).exists():
        raise DataError("the label file exists", where=str(out / labels), hint="give a new folder, or delete it")
    report = CropReport()
    rows: list[str] = []
    extras: list[str] = []
    review: list[str] = []
    prefix, suffix = Path(labels).stem, ".png" if quality is None else ".jpg"
    if directions is None:
        directions = find_directions(samples)
    for number, (sample, found) in enumerate(zip(samples, directions)):
        for index, strip in _strips(sample, found, height, report):
            line, how = sample.lines[index], found[index]
            path = f"{FOLDER}/{prefix}_{number:06d}_{index}{suffix}"
            write_image(out / path, strip, quality=quality or 95)
            rows.append(f"{path}\t{line.text.strip()}\n")
            known = {"path": path, "shape": line.shape, "angle": line.angle, "direction": how.line.direction}
            extras.append(_json({k: v for k, v in known.items() if v is not None}))
            report.by[how.by] = report.by.get(how.by, 0) + 1
            if not how.sure:
                about = {"image": str(sample.image_path), "index": index, "by": how.by, "readings": how.readings}
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


def _usable(line: TextLine, report: CropReport) -> bool:
    reasons = (
        (line.ignore, "ignored text"),
        (not line.text.strip(), "empty text"),
        (is_placeholder(line.text), "placeholder of a labelling tool"),
        (any(mark in line.text for mark in "\t\r\n"), "tab or line end in the text"),
    )
    for applies, reason in reasons:
        if applies:
            report.skip(reason)
            return False
    return True


def _strips(
    sample: DetSample, found: Mapping[int, Found], height: int, report: CropReport
) -> list[tuple[int, np.ndarray]]:
    """(index of the text, strip) of one image; what fails is reported."""
    wanted = [index for index, line in enumerate(sample.lines) if _usable(line, report)]
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
