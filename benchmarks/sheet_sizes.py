"""Seals found on long images and large sheets, by size, with the CPU seconds of the search.

    python tools/benchmark.py sheet-sizes [--only TEXT] [--json FILE]

Everything is made of images of the repository: docs/page.jpg stacked, and seals of datasets/toy alone in the middle of
long images and of sheets at 200 dpi, which are empty paper or a drawing of lines, circles, hatching and tables. A seal
counts as found where a box overlaps it by IoU 0.45 or more; what overlaps none is counted as false.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sealkit.bench.machine import described, machine
from sealkit.bench.options import add_pipeline_options, pipeline_options
from sealkit.files import write_text
from sealkit.geometry.boxes import box_iou
from sealkit.images import read_image

ROOT = Path(__file__).resolve().parents[1]
DPI = 200
SHEETS_MM = {"A4": (210, 297), "A3": (297, 420), "A2": (420, 594), "A1": (594, 841), "A0": (841, 1189)}
SEALS_MM = (40, 20)
LONG_SIDES = (1600, 3200, 8000, 16000)
STACKS = (1, 2, 3, 4, 6)
TOY_SEALS = (6, 8, 18, 28)
"""A thin and a bold circle, an oval and a rubbed circle: images of datasets/toy with one seal and nothing else."""
PAGE_SEALS = (
    (168, 63, 394, 289), (487, 0, 664, 182), (237, 342, 426, 532), (44, 546, 274, 780), (312, 518, 499, 710),
    (435, 670, 517, 715),
)  # fmt: skip
"""x1, y1, x2, y2 of the seals of docs/page.jpg; the last, a small oval, is stamped over the one before."""
FOUND_IOU = 0.45

Boxes = list[tuple[float, ...]]
Images = Iterator[tuple[np.ndarray, Boxes]]


@dataclass(frozen=True)
class Case:
    """A row of the table: what is drawn, and its images with the boxes of their seals, drawn when they are due."""

    group: str
    name: str
    images: Callable[[], Images]


def cases() -> Iterator[Case]:
    """All rows."""
    for count in STACKS:
        name = "once" if count == 1 else f"{count} times, down and across"
        yield Case("page stacked", name, partial(stacked, count))
    for length in LONG_SIDES:
        yield Case("400 px seal", f"800 × {length}, and turned", partial(long_images, length))
    for ground, draw in (("empty sheet", paper), ("drawing", drawing)):
        for name in SHEETS_MM:
            yield Case(ground, f"{name}, seals of 40 and 20 mm", partial(sheets, draw, name))
            yield Case(ground, f"{name}, no seal", partial(bare, draw, name))


def dots(mm: float) -> int:
    """Pixels of a length at the sheets' resolution."""
    return round(mm / 25.4 * DPI)


def pixels(sheet: str) -> tuple[int, int]:
    """Height and width of an upright sheet."""
    width, height = SHEETS_MM[sheet]
    return dots(height), dots(width)


def stacked(count: int) -> Images:
    """docs/page.jpg several times below and beside itself."""
    page = read_image(ROOT / "docs" / "page.jpg")
    steps = ([0, page.shape[0]] * 2, [page.shape[1], 0] * 2)
    for axis, step in enumerate(steps[: 1 if count == 1 else 2]):
        boxes: Boxes = [
            tuple((np.array(box) + n * np.array(step)).tolist()) for n in range(count) for box in PAGE_SEALS
        ]
        yield np.concatenate([page] * count, axis=axis), boxes


def long_images(length: int) -> Images:
    """A seal of 400 pixels in an image of 800 × `length`, and in one of `length` × 800."""
    for h, w in ((length, 800), (800, length)):
        yield from alone(np.full((h, w, 3), 255, np.uint8), 400)


def sheets(draw: Callable[[int, int], np.ndarray], name: str) -> Images:
    """A sheet with a seal in its middle, of each size."""
    for mm in SEALS_MM:
        yield from alone(draw(*pixels(name)), dots(mm))


def bare(draw: Callable[[int, int], np.ndarray], name: str) -> Images:
    """A sheet without seals."""
    yield draw(*pixels(name)), []


def alone(sheet: np.ndarray, side: int) -> Images:
    """Each of the toy seals in the middle of a sheet, its long side that of `side` pixels."""
    for number in TOY_SEALS:
        seal = ink(read_image(ROOT / "datasets" / "toy" / "images" / f"{number:06d}.jpg"))
        scale = side / max(seal.shape[:2])
        size = (round(seal.shape[1] * scale), round(seal.shape[0] * scale))
        seal = cv2.resize(seal, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        y, x = (sheet.shape[0] - size[1]) // 2, (sheet.shape[1] - size[0]) // 2
        image = sheet.copy()
        under = image[y : y + size[1], x : x + size[0]]
        np.minimum(under, seal, out=under)
        yield image, [(x, y, x + size[0], y + size[1])]


def ink(image: np.ndarray) -> np.ndarray:
    """A seal (h, w, 3) on white, cut to its ink: the paper, brightest in the blurred image, becomes white."""
    paper_tone = np.maximum(cv2.medianBlur(cv2.dilate(image, np.ones((15, 15))), 41), 1).astype(np.float32)
    clean = np.clip((image / paper_tone - 0.1) / 0.8 * 255, 0, 255).astype(np.uint8)
    mask = cv2.morphologyEx((clean.min(axis=2) < 180).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
    x, y, w, h = cv2.boundingRect(cv2.findNonZero(mask))
    return clean[y : y + h, x : x + w]


def paper(h: int, w: int) -> np.ndarray:
    """A scanned empty sheet (h, w, 3): light grey with noise."""
    noise = np.random.default_rng(h).integers(-6, 7, (512, 512, 3))
    tile = np.clip(246 + noise, 0, 255).astype(np.uint8)
    return np.tile(tile, (-(-h // 512), -(-w // 512), 1))[:h, :w].copy()


def drawing(h: int, w: int) -> np.ndarray:
    """A technical drawing (h, w, 3): in each square of 1,000 pixels a part with circles, a hatched section, lines of
    text or a table."""
    sheet, rng = paper(h, w), np.random.default_rng(w)
    for n, (top, left) in enumerate((t, e) for t in range(0, h - 700, 1000) for e in range(0, w - 700, 1000)):
        (_part, _section, _text, _table)[n % 4](sheet[top : top + 1000, left : left + 1000], rng)
    return sheet


def _part(sheet: np.ndarray, rng: np.random.Generator) -> None:
    middle = (int(rng.integers(300, 500)), int(rng.integers(300, 500)))
    for radius in sorted(rng.integers(40, 260, 4).tolist()):
        cv2.circle(sheet, middle, radius, (60, 60, 60), 2, cv2.LINE_AA)
    for angle in np.linspace(0, 2 * np.pi, 6, endpoint=False):
        hole = (int(middle[0] + 150 * np.cos(angle)), int(middle[1] + 150 * np.sin(angle)))
        cv2.circle(sheet, hole, 18, (60, 60, 60), 2, cv2.LINE_AA)
    cv2.line(sheet, (middle[0] - 290, middle[1]), (middle[0] + 290, middle[1]), (120, 120, 120), 1)
    cv2.putText(sheet, f"R{rng.integers(20, 400)}", (middle[0] + 120, middle[1] - 270), 0, 1.0, (60, 60, 60), 2)


def _section(sheet: np.ndarray, rng: np.random.Generator) -> None:
    cv2.rectangle(sheet, (80, 120), (640, 420), (60, 60, 60), 3)
    for x in range(80, 640, int(rng.integers(14, 30))):
        cv2.line(sheet, (x, 420), (min(640, x + 150), 270), (90, 90, 90), 1, cv2.LINE_AA)


def _text(sheet: np.ndarray, rng: np.random.Generator) -> None:
    for y in range(80, min(sheet.shape[0], 900), 44):
        said = " ".join(f"{int(v):x}" for v in rng.integers(1, 1 << 20, 7))
        cv2.putText(sheet, said, (40, y), 0, 0.8, (40, 40, 40), 2, cv2.LINE_AA)


def _table(sheet: np.ndarray, rng: np.random.Generator) -> None:
    for y in range(60, 661, 60):
        cv2.line(sheet, (60, y), (680, y), (60, 60, 60), 2)
        cv2.putText(sheet, str(rng.integers(1000, 99999)), (80, y + 42), 0, 0.9, (60, 60, 60), 2, cv2.LINE_AA)
    for x in range(60, 700, 155):
        cv2.line(sheet, (x, 60), (x, 660), (60, 60, 60), 2)


def measure(case: Case, search: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    """One row: seals, found, false, CPU seconds and megapixels per image, and what the search did with the last one."""
    row: dict[str, Any] = {"group": case.group, "case": case.name, "seals": 0, "found": 0, "false": 0}
    seconds, area, images = 0.0, 0, 0
    for image, boxes in case.images():
        start = time.process_time()
        result = search(image)
        seconds, area, images = seconds + time.process_time() - start, image.shape[0] * image.shape[1], images + 1
        found = np.array([seal.box for seal in result.seals]).reshape(-1, 4)
        overlap = box_iou(np.array(boxes, dtype=np.float64).reshape(-1, 4), found)
        row["seals"] += len(boxes)
        row["found"] += int((overlap >= FOUND_IOU).any(axis=1).sum())
        row["false"] += int((overlap < FOUND_IOU).all(axis=0).sum())
        row["larger_scales"] = result.larger_scales
    return {**row, "seconds": seconds / images, "megapixels": area / 1e6}


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table."""
    lines = [
        "| | image | megapixels | found | false | CPU s | searched at larger scales |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['group']} | {row['case']} | {row['megapixels']:.1f} | {row['found']} of {row['seals']} | "
            f"{row['false']} | {row['seconds']:.2f} | {row['larger_scales'] or ''} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `benchmark.py sheet-sizes`; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_pipeline_options(parser)
    parser.add_argument("--only", metavar="TEXT", help="rows that contain this")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here")
    args = parser.parse_args(argv)
    from sealkit.pipeline.create import create_pipeline
    from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
    from sealkit.pipeline.stages.find_seals import search

    cv2.setNumThreads(1)
    pipeline = create_pipeline(args.pipeline, **pipeline_options(args))
    assert isinstance(pipeline, SealRecognitionPipeline)  # --workers is none of the options
    settings, detector = pipeline.settings.Search, pipeline.detector
    if settings is None:
        parser.error(f"{args.pipeline} has no Search: its seals are found by a layout model")
    rows = []
    print(described(machine()))
    for case in cases():
        if args.only is None or args.only in f"{case.group} {case.name}":
            rows.append(measure(case, lambda image: search(detector, image, settings)))
            print(markdown(rows[-1:]).splitlines()[-1], flush=True)
    print(f"\n{markdown(rows)}")
    if args.json:
        write_text(args.json, json.dumps(rows, indent=1) + "\n")
    return 0
