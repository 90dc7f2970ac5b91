"""The table of annotation formats: adding one is a file and a row, and what is written about formats follows it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sealkit.cli import data_convert, main
from sealkit.data.converters import formats
from sealkit.data.converters.convert import convert
from sealkit.data.converters.detect import describe_folder, recognise
from sealkit.data.converters.formats import FORMATS, LabelFormat
from sealkit.data.labels.detection import parse_entries, read_det_labels
from sealkit.images import write_image
from tests.data.sets import draw_image

SOURCE = """
from sealkit.data.converters.base import Row, Source

def recognise(path, content):
    return isinstance(content, dict) and content.get("tool") == "mine"

def read(path):
    import json
    source = Source()
    for file in sorted(path.glob("*.json")):
        content = json.loads(file.read_text())
        texts = [{"transcription": t, "points": p} for t, p in content["texts"]]
        source.rows.append(Row(file.name, path / content["image"], texts))
    return source
"""
SQUARE = [[2, 2], [40, 2], [40, 20], [2, 20]]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in a format of its own, whose module and row are all there is of it."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "my_format.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    row = LabelFormat("files of my tool", "outlines", "my_format.read", "my_format.recognise")
    monkeypatch.setitem(formats.FORMATS, "mine", row)  # type: ignore[arg-type]
    folder = tmp_path / "set"
    folder.mkdir()
    write_image(folder / "a.png", draw_image(0))
    content = {"tool": "mine", "image": "a.png", "texts": [["专用章", SQUARE], ["?", SQUARE[:2]]]}
    (folder / "a.json").write_text(json.dumps(content), encoding="utf-8")
    yield folder
    sys.modules.pop("my_format", None)


def test_a_new_format_is_a_file_and_a_row(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recognise(mine) == "mine"
    assert describe_folder(mine) == (
        "the folder holds files of my tool",
        f"sealkit data convert {mine} OUT",
    )
    found = convert(mine)
    assert [[line.text for line in sample.lines] for sample in found.samples] == [["专用章"]]
    assert [(p.code, p.where) for p in found.problems] == [("few-points", "a.json")]
    assert main(["data", "convert", str(mine), str(tmp_path / "out"), "--from", "mine"]) == 0
    assert "converted 1 images with 1 texts" in capsys.readouterr().out
    assert [s.lines[0].text for s in read_det_labels(tmp_path / "out", "labels.txt")[0]] == ["专用章"]


def test_files_of_a_suffix_of_its_own_are_recognised(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of files whose suffix the row names is handed to `recognise`; of others it is not."""
    (mine / "a.json").unlink()
    (mine / "labels.lines").write_text("mine: a.png\n", encoding="utf-8")
    row = LabelFormat("lines of my tool", "outlines", "my_format.read", "my_lines.recognise")
    recognised = SimpleNamespace(recognise=lambda path, content: str(content).startswith("mine:"))
    monkeypatch.setitem(sys.modules, "my_lines", recognised)  # type: ignore[arg-type]
    monkeypatch.setitem(formats.FORMATS, "mine", row)  # type: ignore[arg-type]
    assert recognise(mine) is None
    monkeypatch.setitem(formats.FORMATS, "mine", replace(row, suffix=".lines"))  # type: ignore[arg-type]
    assert recognise(mine) == "mine"


def test_every_row_loads_and_texts_name_every_format() -> None:
    page = (Path(__file__).parents[2] / "datasets" / "FORMATS.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page.partition("### From other tools")[2].partition("\n## ")[0], re.M)
    assert rows == [name for name, row in FORMATS.items() if row.kind in ("outlines", "strips", "texts")]
    for name, row in FORMATS.items():
        assert callable(row.reader()) and name in page and name in data_convert.HELP


def test_entries_mean_what_lines_of_a_label_file_mean(tmp_path: Path) -> None:
    entries = [
        {"transcription": "a", "points": SQUARE[::-1], "shape": "star", "angle": 5},
        {"transcription": "###", "points": SQUARE},
        {"points": [[1, 1]]},
    ]
    (tmp_path / "labels.txt").write_text(f"a.png\t{json.dumps(entries)}\n", encoding="utf-8")
    (sample,), expected = read_det_labels(tmp_path, "labels.txt")
    for given in (entries, json.dumps(entries)):
        lines, problems = parse_entries(given, "labels.txt:1")
        assert lines is not None and problems == expected
        assert [(x.text, x.ignore, x.shape, x.angle) for x in lines] == [
            (x.text, x.ignore, x.shape, x.angle) for x in sample.lines
        ]
        assert all(np.array_equal(a.points, b.points) for a, b in zip(lines, sample.lines, strict=True))
    assert parse_entries([{"points": 3}], "x")[0] is None and parse_entries("{}", "x")[0] is None
