"""Strips of a detection set: straight, in reading order, with their texts; what has no strip is counted."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit.data.crops import strip_of, write_crops
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.data.records import DetSample, TextLine
from sealkit.errors import DataError
from sealkit.images import read_image, write_image
from tests.data.sets import arc, box, draw_image, small_set, write_labels


def test_strips_and_labels(tmp_path: Path) -> None:
    root = small_set(tmp_path / "set")
    samples, _ = read_det_labels(root, "train.txt")
    done: list[int] = []
    report = write_crops(samples, tmp_path / "out", progress=done.append)
    rows = [line.split("\t") for line in (tmp_path / "out/train.txt").read_text(encoding="utf-8").splitlines()]
    assert report.written == len(rows) == 8 and sum(done) == 4
    assert [text for _, text in rows[:2]] == ["甲号有限公司总部", "专用章"]
    for name, _ in rows:
        strip = read_image(tmp_path / "out" / name)
        assert strip.shape[0] == 48 and strip.shape[1] > 48
    ring, line = (read_image(tmp_path / "out" / name) for name, _ in rows[:2])
    assert ring.shape[1] > 2 * line.shape[1]


def test_a_ring_comes_out_straight_and_in_order(tmp_path: Path) -> None:
    """Dots along a ring, dark at the text's start and lighter towards its end: the strip shows them from left to
    right.
    """
    image = np.full((300, 300, 3), 255, np.uint8)
    angles = np.radians(np.linspace(160, 380, 9))
    grays = np.linspace(0, 200, 9).astype(int)
    for angle, gray in zip(angles, grays):
        at = (round(150 + 100 * np.cos(angle)), round(150 + 100 * np.sin(angle)))
        cv2.circle(image, at, 12, (int(gray),) * 3, -1)
    entry = arc((150, 150), 80, 120, 150, 240, 16)
    strip = strip_of(image, TextLine(np.array(entry["points"], np.float32), "x" * 9, direction="arc"))
    middle = strip[20:28, :, 0].mean(axis=0)
    dots = [
        run
        for run in np.split(np.arange(len(middle)), np.flatnonzero(np.diff(middle < 225)) + 1)
        if middle[run[0]] < 225
    ]
    assert len(dots) == 9
    values = [middle[run].min() for run in dots]
    assert values == sorted(values) and values[0] < 20


def test_what_has_no_strip_is_counted(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    (tmp_path / "b.png").write_bytes(b"")
    entries = [
        box(10, 10, 90, 30, "甲", direction="line"),
        box(10, 40, 90, 60, "乙"),
        box(10, 70, 90, 90, "###", direction="line"),
        box(10, 95, 90, 110, " ", direction="line"),
        box(100, 10, 150, 30, "丙\t丁", direction="line"),
    ]
    write_labels(tmp_path / "train.txt", {"a.png": entries, "b.png": [box(10, 10, 90, 30, direction="line")]})
    samples, _ = read_det_labels(tmp_path, "train.txt")
    report = write_crops(samples, tmp_path / "out")
    assert report.written == 2 and report.by == {"label": 1, "order": 1} and report.unsure == 0
    assert report.skipped == {
        "ignored text": 1,
        "empty text": 1,
        "tab or line end in the text": 1,
        "image cannot be read": 1,
    }
    assert [p.code for p in report.problems] == ["broken-image"] and report.problems[0].where == "train.txt:2"


def test_messages(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    entries = [box(10, 10, 90, 30, ""), box(10, 40, 90, 60, "###")]
    (tmp_path / "train.txt").write_text(f"a.png\t{json.dumps(entries)}\n", encoding="utf-8")
    samples, _ = read_det_labels(tmp_path, "train.txt")
    with pytest.raises(DataError, match=r"no strip could be cut \(empty text: 1, ignored text: 1\)"):
        write_crops(samples, tmp_path / "out")
    with pytest.raises(DataError, match="the label file exists"):
        write_crops(samples, tmp_path)
    with pytest.raises(DataError, match="does not say where its text starts"):
        strip_of(draw_image(1), samples[0].lines[0])


def test_jpeg_and_what_else_is_known(tmp_path: Path) -> None:
    root = small_set(tmp_path / "set")
    samples, _ = read_det_labels(root, "train.txt")
    write_crops(samples, tmp_path / "out", quality=90)
    strips, problems = read_rec_labels(tmp_path / "out", "train.txt")
    assert not problems and len(strips) == 8
    assert {strip.image_path.suffix for strip in strips} == {".jpg"}
    lines = [line for sample in samples for line in sample.lines]
    assert [(s.shape, s.angle, s.direction) for s in strips] == [(n.shape, n.angle, n.direction) for n in lines]


def test_a_column_whose_characters_cannot_be_parted_has_no_strip(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.full((200, 100, 3), 240, np.uint8))
    column = np.array([[30, 10], [60, 10], [60, 190], [30, 190]], np.float32)
    wide = np.array([[5, 10], [95, 10], [95, 40], [5, 40]], np.float32)
    lines = [TextLine(column, "上下左", direction="line"), TextLine(wide, "左右", direction="line")]
    report = write_crops([DetSample(tmp_path / "a.png", lines)], tmp_path / "out")
    assert report.written == 1 and report.skipped == {"column whose characters could not be parted": 1}
