"""Directions that no label says: by reading both ways, by the order of the points, by the geometry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sealkit.data.crops import write_crops
from sealkit.data.directions import Found, find_directions, rolled_ring
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.records import DetSample, TextLine
from sealkit.geometry.lines import LinePoly
from sealkit.images import write_image
from tests.data.sets import arc

TEXT = "ABCDEFGH"
GRAYS = np.linspace(10, 190, len(TEXT)).astype(int)
ROOT = Path(__file__).parents[2]


def reader_of(count: int) -> Any:
    """A recogniser of `count` half discs whose gray is their character; ? where one does not stand upright."""
    return lambda strips: [
        ("".join(_character(cell) for cell in np.array_split(s, count, axis=1)), 0.9) for s in strips
    ]


def _character(cell: np.ndarray) -> str:
    gray = cell[..., 0].astype(int)
    rows, _ = np.nonzero(gray < 215)
    if len(rows) < 20:
        return "?"
    level = np.percentile(gray[gray < 215], 20)
    return TEXT[int(np.abs(GRAYS - level).argmin())] if rows.mean() > 0.53 * gray.shape[0] else "?"


read_dots = reader_of(len(TEXT))


def _dot(image: np.ndarray, x: float, y: float, up: tuple[float, float], gray: int) -> None:
    """A half disc: its flat side is where the character's top is."""
    angle = float(np.degrees(np.arctan2(-up[1], -up[0])))
    cv2.ellipse(image, (round(x), round(y)), (13, 13), angle, -115, 115, (gray,) * 3, -1)


def _ring_image(start: float, span: float, outward: bool = True) -> np.ndarray:
    image = np.full((300, 300, 3), 255, np.uint8)
    steps = (np.arange(len(TEXT)) + 0.5) / len(TEXT) * span
    for angle, gray in zip(np.radians(start + steps if outward else start + span - steps), GRAYS):
        x, y = np.cos(angle), np.sin(angle)
        _dot(image, 150 + 100 * x, 150 + 100 * y, (x, y) if outward else (-x, -y), int(gray))
    return image


def _row_image(vertical: bool = False) -> np.ndarray:
    image = np.full((300, 300, 3), 255, np.uint8)
    for n, gray in enumerate(GRAYS[:6]):
        x, y = (150, 40 + 40 * n) if vertical else (40 + 40 * n, 150)
        _dot(image, x, y, (0, -1), int(gray))
    return image


def _points(start: float, span: float, count: int = 12) -> np.ndarray:
    return np.array(arc((150, 150), 82, 118, start, span, count)["points"], np.float32)


def _one(tmp_path: Path, image: np.ndarray, points: np.ndarray, text: str = TEXT, read: Any = read_dots) -> Found:
    write_image(tmp_path / "a.png", image)
    (found,) = find_directions([DetSample(tmp_path / "a.png", [TextLine(points, text)])], read)
    return found[0]


@pytest.mark.parametrize("shift", [0, 5, 12, 19])
@pytest.mark.parametrize("outward", [True, False])
@pytest.mark.parametrize("turn", [0, 130])
def test_an_arc_is_found_wherever_its_points_start(tmp_path: Path, shift: int, outward: bool, turn: int) -> None:
    points = np.roll(_points(150 + turn, 240), -shift, axis=0)
    found = _one(tmp_path, _ring_image(150 + turn, 240, outward), points)
    assert found.by == "reading" and found.sure
    assert found.line.direction == ("arc" if outward else "arc-bottom")
    first = np.radians(150 + turn if outward else 30 + turn)
    reach = 118 if outward else 82
    assert np.hypot(*(found.line.points[0] - 150 - reach * np.array([np.cos(first), np.sin(first)]))) < 4


def test_an_outline_whose_sides_have_no_pairs_of_points(tmp_path: Path) -> None:
    points = _points(150, 240, 25)
    uneven = np.concatenate([points[:25], points[25::2]])  # 25 points above, 13 below
    found = _one(tmp_path, _ring_image(150, 240), np.roll(uneven, 7, axis=0))
    assert found.by == "reading" and found.line.direction == "arc" and found.readings[0][2] == TEXT


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize("shift", range(4))
def test_rows_and_columns(tmp_path: Path, vertical: bool, shift: int) -> None:
    box = [[20, 134], [260, 134], [260, 166], [20, 166]]
    points = np.array([[y, x] for x, y in box][::-1] if vertical else box, np.float32)
    found = _one(tmp_path, _row_image(vertical), np.roll(points, shift, axis=0), TEXT[:6], reader_of(6))
    assert found.by == "reading" and found.line.direction == ("vertical" if vertical else "line")
    assert found.line.up[1] < -0.9


def test_a_closed_ring_starts_where_its_text_does(tmp_path: Path) -> None:
    """A ring without a gap: the label's first character is found by reading round it."""
    angle, span = 40.0, 360.0
    ring = _points(angle + 135, 359.9, 25)  # drawn from another place, three eighths further on
    found = _one(tmp_path, _ring_image(angle, span), ring)
    assert found.readings[0][2] == TEXT and found.line.closed
    first = np.radians(angle)
    assert np.hypot(*(found.line.points[0] - 150 - 118 * np.array([np.cos(first), np.sin(first)]))) < 25


def test_a_rolled_ring_keeps_its_band() -> None:
    line = LinePoly(_points(0, 352, 23), "arc", closed=True)
    rolled = rolled_ring(line, 0.25)
    assert np.allclose(np.hypot(*(rolled.top - 150).T), 118, atol=1.5)
    angle = np.degrees(np.arctan2(*(rolled.points[0] - 150)[::-1]))
    assert 80 < angle < 100 and rolled.turn == pytest.approx(line.turn, abs=12)


def test_the_order_of_the_points_counts_as_far_as_it_proved_right(tmp_path: Path) -> None:
    """An illegible text is read from where its points start, unless the set's readable texts start elsewhere."""
    write_image(tmp_path / "a.png", _row_image())
    row = np.array([[20, 134], [260, 134], [260, 166], [20, 166]], np.float32)
    blank = np.array([[20, 200], [260, 200], [260, 230], [20, 230]], np.float32)
    for shift, by, up in ((2, {"geometry", "seal"}, -1.0), (0, {"order"}, 1.0)):
        readable = [DetSample(tmp_path / "a.png", [TextLine(np.roll(row, shift, axis=0), TEXT[:6])]) for _ in range(4)]
        readable[0].lines.append(TextLine(np.roll(blank, 2, axis=0), "XYZ"))
        found = find_directions(readable, reader_of(6))[0][1]
        assert found.by in by and not (found.sure and "order" in by)
        assert found.line.up[1] == pytest.approx(up, abs=0.01)


def test_without_a_recogniser_the_points_and_the_geometry_decide(tmp_path: Path) -> None:
    found = _one(tmp_path, _ring_image(150, 240), _points(150, 240), read=None)
    assert found.by == "order" and found.sure and not found.readings
    turned = _one(tmp_path, _ring_image(150, 240), np.roll(_points(150, 240), 12, axis=0), read=None)
    assert turned.line.direction == "arc-bottom" and not turned.sure  # titles rarely run so


def test_doubtful_strips_are_listed(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", _ring_image(150, 240))
    lines = [TextLine(_points(150, 240), TEXT), TextLine(np.roll(_points(150, 240), 12, axis=0), "XYZ")]
    samples = [DetSample(tmp_path / "a.png", lines)]
    report = write_crops(samples, tmp_path / "out", directions=find_directions(samples, read_dots))
    assert report.written == 2 and report.unsure == 1 and report.review == tmp_path / "out/train.review.jsonl"
    (row,) = [json.loads(line) for line in report.review.read_text(encoding="utf-8").splitlines()]
    assert row["text"] == "XYZ" and row["index"] == 1 and len(row["readings"]) == 2
    assert (tmp_path / "out" / row["path"]).is_file()


def _toy_agreement(images: int) -> tuple[int, int]:
    from sealkit.pipeline.create import create_model

    recogniser = create_model("PP-OCRv6_small_rec", threads=1)
    samples, _ = read_det_labels(ROOT / "datasets/toy", "train.txt")
    bare, truth = [], []
    rng = np.random.default_rng(1)
    for sample in samples[:images]:
        lines = [line for line in sample.lines if not line.ignore and line.direction is not None]
        truth.append(lines)
        shifts = rng.integers(0, 40, len(lines))
        turned = [TextLine(np.roll(n.points, int(k), axis=0), n.text) for n, k in zip(lines, shifts)]
        bare.append(DetSample(sample.image_path, turned))
    found = find_directions(bare, lambda strips: [(r.text, r.score) for r in recogniser.read(strips, 8)])
    pairs = [(one[i].line, line) for one, lines in zip(found, truth) for i, line in enumerate(lines)]
    right = [
        got.direction == line.direction and float(np.dot(got.up, LinePoly(line.points, line.direction).up)) > 0.7
        for got, line in pairs
        if line.direction is not None
    ]
    return sum(right), len(right)


def test_directions_of_toy_seals_without_their_labels() -> None:
    right, count = _toy_agreement(4)
    assert count >= 4 and right == count


@pytest.mark.slow
def test_directions_of_all_toy_seals() -> None:
    right, count = _toy_agreement(100)
    assert count > 50 and right >= 0.94 * count  # three of them hardly anybody can read
