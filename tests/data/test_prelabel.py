"""Readings as labels of labelling tools: written, and read back by the converters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sealkit.cli import main
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.prelabel import WRITERS, Reading, Readings, unlabelled
from sealkit.errors import DataError
from sealkit.geometry.lines import LinePoly
from sealkit.images import write_image
from tests.data.sets import arc, draw_image
from tests.synth.test_sets import contents


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


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["scans/b.png", "b.png", "scans\\b.png"])
def test_a_label_file_as_windows_writes_it_is_gone_on_with(encoding: str, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    readings = {**_readings(folder), write_image(folder / "b.png", draw_image(2)): ((120, 160), [])}
    row = f'{name}\t[{{"transcription": "上海\u2028公司", "points": [[1, 2], [60, 2], [60, 40], [1, 40]]}}]'
    (folder / "Label.txt").write_bytes(f"{row}\r\n\r\n".encode(encoding))
    assert [path.name for path in unlabelled("ppocrlabel", list(readings), folder)] == ["a.png"]
    (file,) = WRITERS["ppocrlabel"](readings, folder)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert file.read_text(encoding="utf-8").split("\n")[0] == row and lines[-1].startswith("scans/a.png\t")
    if name[:1] == "s":
        samples, problems = read_det_labels(tmp_path, "scans/Label.txt")
        assert len(samples) == 2 and not [p for p in problems if p.severity == "error"]


def test_label_studio_tasks(tmp_path: Path) -> None:
    (file,) = WRITERS["labelstudio"](_readings(tmp_path), tmp_path)
    (task,) = json.loads(file.read_text(encoding="utf-8"))
    results = task["predictions"][0]["result"]
    assert [one["type"] for one in results[:3]] == ["polygon", "labels", "textarea"]
    assert len({one["id"] for one in results}) == 2 and results[2]["value"]["text"] == ["天津公司"]
    assert results[3]["value"]["points"][0] == [37.5, pytest.approx(66.6667)]
    with pytest.raises(DataError, match="the file exists"):
        WRITERS["labelstudio"](_readings(tmp_path), tmp_path)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Images of a folder and its subfolders are read; the weak reading is left out, what cannot be read is told."""
    (tmp_path / "more").mkdir()
    readings = _readings(tmp_path)
    write_image(tmp_path / "more/b.jpg", draw_image(2))
    (tmp_path / "c.png").write_bytes(b"")
    (tmp_path / "d.heic").write_bytes(b"")
    ((_, found),) = readings.values()

    class Result(dict):  # type: ignore[type-arg]
        parts = (
            SimpleNamespace(read=[SimpleNamespace(line=one.line, text=one.text, score=one.score) for one in found]),
        )
        ok = property(lambda self: not self["input_path"].endswith(("c.png", "d.heic")))

    class Pipeline:
        def predict(self, paths: list[str]) -> list[Result]:
            return [Result(input_path=path, error=f"{path}: cannot be read") for path in paths]

    monkeypatch.setattr("sealkit.api.create_pipeline", lambda *args, **options: Pipeline())
    assert main(["data", "prelabel", str(tmp_path), "--to", "labelme", "--min-score", "0.8"]) == 3
    said = capsys.readouterr()
    assert "2 images, 2 texts; 2 file(s) written" in said.out and "2 image(s) could not be read" in said.out
    assert all(f"{tmp_path / name}: cannot be read" in said.err for name in ("c.png", "d.heic"))
    content = json.loads((tmp_path / "more/b.json").read_text(encoding="utf-8"))
    assert [shape["label"] for shape in content["shapes"]] == ["天津公司"] and content["imageHeight"] == 120
    (tmp_path / "empty").mkdir()
    assert main(["data", "prelabel", str(tmp_path / "empty"), "--to", "labelme"]) == 3


@pytest.mark.parametrize("tool", list(WRITERS))
def test_a_killed_command_goes_on_where_it_was(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is not read again, nor are images that have labels; the files are those of one go."""
    found = next(iter(_readings(tmp_path / "x").values()))[1]
    seal = SimpleNamespace(read=[SimpleNamespace(line=one.line, text=one.text, score=one.score) for one in found])

    class Result(dict):  # type: ignore[type-arg]
        parts, ok = (seal,), True

    read: list[str] = []

    class Pipeline:
        stop = 2

        def predict(self, paths: list[str]) -> Iterator[Result]:
            for path in paths:
                if len(read) == self.stop:
                    raise KeyboardInterrupt
                read.append(Path(path).name)
                yield Result(input_path=path)

    monkeypatch.setattr("sealkit.api.create_pipeline", lambda *args, **options: Pipeline())
    for place in ("whole", "scans"):
        for number in range(4):
            write_image(tmp_path / place / "set" / f"{number}.png", draw_image(number))
    command = ["data", "prelabel", str(tmp_path / "scans" / "set"), "--to", tool]
    assert main(command) == 130
    Pipeline.stop = 99
    assert main(command) == 0
    assert read == ["0.png", "1.png", "2.png", "3.png"]
    assert main([*command[:2], str(tmp_path / "whole" / "set"), *command[3:]]) == 0
    assert contents(tmp_path / "scans") == contents(tmp_path / "whole")
    read.clear()
    assert main(command) == (3 if tool == "labelstudio" else 0) and not read
