"""Function golden crop_polys: paddlex's strips of polygons. Class `poor`: the reference's own strip is broken."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from sealkit.pipeline.reference.strips import crop_strip, head_and_tail, merge_vertices, side_lines

OPENCV_MAX = 12
"""Grey levels; OpenCV 5 alone moves pixels by up to 6."""


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    strips = np.load(folder / "crops.npz")
    cases = [case for case in manifest["cases"] if case["cls"] != "poor"]
    assert sum(case["cls"] == "core" for case in cases) >= 20 and len(cases) >= 30
    for case in cases:
        image = cv2.imread(str(folder / case["image"]), cv2.IMREAD_COLOR)
        assert image is not None, case["image"]
        polygon = np.array(case["polygon"])
        if case["steps"]["branch"] == "rectifier":
            _check_steps(polygon, case["steps"], manifest["tolerance"]["steps_abs"])
        _check_strip(crop_strip(image, polygon), strips[case["name"]], case, manifest["tolerance"])


def _check_steps(polygon: np.ndarray, steps: dict, room: float) -> None:
    points = merge_vertices(polygon.astype(np.int32))
    assert points.tolist() == steps["merged_points"]
    head, tail = head_and_tail(points)
    following = np.roll(points, -1, axis=0)
    assert [points[head].tolist(), following[head].tolist()] == steps["head_edge"]
    assert [points[tail].tolist(), following[tail].tolist()] == steps["tail_edge"]
    top, bottom = side_lines(points)
    np.testing.assert_allclose(top, steps["top_line"], atol=room)
    np.testing.assert_allclose(bottom, steps["bottom_line"], atol=room)


def _check_strip(strip: np.ndarray, expected: np.ndarray, case: dict, tolerance: dict) -> None:
    assert strip.shape == expected.shape == tuple(case["shape"]), case["name"]
    difference = np.abs(strip.astype(int) - expected.astype(int))
    mean = tolerance[f"{case['cls']}_pixel_mean_abs"]
    assert difference.mean() <= mean and difference.max() <= OPENCV_MAX, (case["name"], difference.mean())
