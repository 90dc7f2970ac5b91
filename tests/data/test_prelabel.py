"""Readings as labels of labelling tools: written, and read back by the converters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sealkit.cli import main
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.prelabel import WRITERS, Reading, Readings
from sealkit.errors import DataError
from sealkit.geometry.lines import LinePoly
from sealkit.images import write_image
from tests.data.sets import arc, draw_image


def _readings(folder: Path) -> Readings:
    write_image(folder / "a.png", draw_image(1))
    ring = LinePoly(np.array(arc(count=40)["points"], np.float32), "arc")
    row = LinePoly(np.array([[60, 80], [100, 80], [100, 95], [60, 95]], np.float32), "line")
    return {folder / "a.png": ((120, 160), [Reading(ring, "天津公司", 0.9, 0), Reading(row, "专用章", 0.5, 0)])}


@pytest.mark.parametrize("tool", ["labelme", "ppocrlabel"])
def test_a_round_trip(tool: str, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    readings = _readings(folder)
    assert len(WRITERS[tool](readings, folder)) == 1
    assert main(["data", "convert", str(folder), str(tmp_path / "out")]) == 0
    (sample,), problems = read_det_labels(tmp_path / "out", "labels.txt")
    assert [line.text for line in sample.lines] == ["天津公司", "专用章"] and not problems
    for line, (one, _) in zip(sample.lines, zip(readings[folder / "a.png"][1], range(2))):
        assert len(line.points) <= 24 and np.allclose(line.points[0], one.line.points[0], atol=0.1)
        again = LinePoly(line.points, one.line.direction)
        assert again.length == pytest.approx(one.line.length, rel=0.02)
    assert WRITERS[tool](readings, folder) == [], "labels that are there are kept"


def test_label_studio_tasks(tmp_path: Path) -> None:
    (file,) = WRITERS["labelstudio"](_readings(tmp_path), tmp_path)
    (task,) = json.loads(file.read_text(encoding="utf-8"))
    results = task["predictions"][0]["result"]
    assert [one["type"] for one in results[:3]] == ["polygon", "labels", "textarea"]
    assert len({one["id"] for one in results}) == 2 and results[2]["value"]["text"] == ["天津公司"]
    assert results[3]["value"]["points"][0] == [37.5, pytest.approx(66.6667)]
    with pytest.raises(DataError, match="the file exists"):
        WRITERS["labelstudio"](_readings(tmp_path), tmp_path)
