"""Polygons and ink go through the same transforms: looked at in the finished pixels."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from sealkit.data.records import TextLine
from sealkit.data.shapes import SHAPES
from sealkit.synth.seals.design import Design
from sealkit.synth.seals.designs import design_seal
from sealkit.synth.seals.layout import EllipsePath
from sealkit.synth.seals.render import render_cache, render_design, scale_matrix, tilt_matrix, transform, turn_matrix

SIDE = 400


def _inside(points: np.ndarray) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    return mask > 0


def _stamp_line(design: Design, index: int, place: np.ndarray) -> tuple[np.ndarray, list[TextLine]]:
    """Ink of one line alone, and its label, drawn as in an image."""
    alone = replace(design, lines=[design.lines[index]], borders=[], marks=[], rules=[], reversed=False)
    image, lines = render_design(alone, place, (SIDE, SIDE))
    return 255 - image[..., 0], lines


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("seed", range(6))
def test_ink_lies_in_its_polygon_and_fills_it(shape: str, seed: int) -> None:
    rng = np.random.default_rng([seed, 5])
    design = design_seal(shape, rng, render_cache(0, None).book)
    tilt = tilt_matrix(rng, 0.12)
    place = (
        scale_matrix(SIDE / 2, SIDE / 2, 130 / max(1, design.b), 130 / max(1, design.b))
        @ tilt
        @ turn_matrix(float(rng.uniform(0, 360)))
    )
    for index, line in enumerate(design.lines):
        ink, labels = _stamp_line(design, index, place)
        assert len(labels) == 1 and labels[0].text == line.text
        points = labels[0].points
        assert len(points) % 2 == 0 and points.dtype == np.float32
        strong, faint = ink > 128, ink > 40  # thin faces have no strong pixel at their edges
        inside = _inside(points)
        assert strong.sum() > 0
        assert (strong & inside).sum() / strong.sum() > 0.985, (line.direction, line.text)
        # Tight: the ink reaches both ends and both edges of the polygon (a seventh of it taken away cuts ink).
        half = len(points) // 2
        top, foot = points[:half], points[half:][::-1]
        for cut in ((0.14, 1.0), (0.0, 0.86)):
            part = np.concatenate([top + (foot - top) * cut[0], (top + (foot - top) * cut[1])[::-1]])
            assert (faint & ~_inside(part)).sum() > 0, (line.direction, line.text, cut)


def test_polygons_run_from_the_start_along_the_tops_clockwise() -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        design = design_seal("circle", rng, render_cache(0, None).book)
        for line in design.lines:
            points = line.polygon()
            x, y = points.T
            area = 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
            assert area > 0  # clockwise on screen (y down)
            half = len(points) // 2
            first = line.centres()[0]
            start, end = (points[0] + points[-1]) / 2, (points[half - 1] + points[half]) / 2
            assert np.linalg.norm(first - start) < np.linalg.norm(first - end) or len(line.characters) == 1
            radius = np.linalg.norm(points, axis=1)
            if line.direction == "arc":
                assert radius[:half].min() > radius[half:].max() and 12 <= half <= 20
            elif line.direction == "arc-bottom":
                assert radius[:half].max() < radius[half:].min() and 12 <= half <= 20
            else:
                assert line.direction == "line" and half == 2


def test_columns_are_upright_boxes_from_the_right() -> None:
    design = design_seal("square", np.random.default_rng(8), render_cache(0, None).book)
    boxes = [line.polygon() for line in design.lines]
    for box in boxes:
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = box
        assert (y0, x1, y2, x3) == pytest.approx((y1, x2, y3, x0)) and x1 > x0 and y2 > y1
    assert all(left[0, 0] < right[0, 0] for right, left in pairwise(boxes))


@pytest.mark.parametrize("angle", [0.0, 90.0, 200.0, 359.0])
def test_angle_is_clockwise_from_upright(angle: float) -> None:
    design = design_seal("circle", np.random.default_rng(1), render_cache(0, None).book)
    place = scale_matrix(200, 200, 150, 150) @ turn_matrix(angle)
    _, labels = _stamp_line(design, 0, place)
    assert labels[0].angle == pytest.approx(angle, abs=0.11)
    up = transform(place, np.array([[0.0, -1.0]]))[0] - 200
    assert np.degrees(np.arctan2(up[0], -up[1])) % 360 == pytest.approx(angle, abs=0.01)


def test_lines_cut_by_the_edge_are_labelled_as_far_as_seen() -> None:
    rng = np.random.default_rng(4)
    design = next(
        d
        for d in (design_seal("circle", rng, render_cache(0, None).book) for _ in range(50))
        if len(d.lines[0].text) > 8
    )
    whole = design.lines[0].text
    place = scale_matrix(0.0, 200, 180, 180)  # the left half is outside
    _, labels = _stamp_line(design, 0, place)
    assert len(labels) == 1
    assert labels[0].text in whole and 0 < len(labels[0].text) < len(whole)
    assert labels[0].points.min() >= 0 and labels[0].points.max() <= SIDE - 1


def test_ellipse_path_keeps_lengths() -> None:
    path = EllipsePath(0.8, 0.5)
    s = np.linspace(-1, 1, 201)
    points, up = path.at(s)
    assert np.linalg.norm(np.diff(points, axis=0), axis=1) == pytest.approx(np.full(200, 0.01), rel=1e-2)
    assert np.linalg.norm(up, axis=1) == pytest.approx(np.ones(201))
    assert points[100] == pytest.approx((0.0, -0.5), abs=1e-6) and up[100] == pytest.approx((0.0, -1.0), abs=1e-6)
    inward, inner_up = EllipsePath(0.8, 0.5, inward=True).at(s)
    assert inward[100] == pytest.approx((0.0, 0.5), abs=1e-6) and inner_up[100] == pytest.approx((0.0, -1.0), abs=1e-6)
    assert inward[0, 0] < inward[-1, 0]  # read from left to right
