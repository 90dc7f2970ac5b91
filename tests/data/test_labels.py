"""Detection label files: every fault is reported with its line, everything sound is kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealkit.data.labels.detection import read_det_labels, write_det_labels
from sealkit.data.records import DetSample, TextLine
from sealkit.errors import DataError, Problem, summarise

SQUARE = [[0, 0], [20, 0], [20, 10], [0, 10]]
GOOD = json.dumps([{"transcription": "专用章", "points": SQUARE}], ensure_ascii=False)


def read(tmp_path: Path, content: str | bytes) -> tuple[list[DetSample], list[Problem]]:
    file = tmp_path / "labels.txt"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_det_labels(tmp_path, "labels.txt")


def kinds(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(p.code, p.where) for p in problems]


def test_sound_file(tmp_path: Path) -> None:
    samples, problems = read(tmp_path, f"a/1.jpg\t{GOOD}\nb.png\t[]\n")
    assert problems == []
    assert [s.image_path for s in samples] == [tmp_path / "a/1.jpg", tmp_path / "b.png"]
    assert samples[0].where == "labels.txt:1"
    line = samples[0].lines[0]
    assert (line.text, line.ignore, line.direction, line.seal) == ("专用章", False, None, None)
    assert line.points.dtype == np.float32 and line.points.tolist() == SQUARE
    assert samples[1].lines == []


def test_every_bad_line_is_reported_and_the_good_ones_kept(tmp_path: Path) -> None:
    rows = [
        f"ok1.jpg\t{GOOD}",
        f"spaces.jpg  {GOOD}",
        f"nbsp.jpg\u00a0{GOOD}",
        "",
        'broken.jpg\t[{"transcription": "a", "points": [[0,0]',
        "reading.jpg\t天津市",
        f"two.jpg\t{GOOD}\tx",
        'nan.jpg\t[{"transcription": "a", "points": [[0,0],[NaN,0],[5,5]]}]',
        'few.jpg\t[{"transcription": "a", "points": [[0,0],[5,5]]}]',
        'key.jpg\t[{"text": "a", "points": [[0,0],[9,0],[9,9]]}]',
        'points.jpg\t[{"transcription": "a"}]',
        'object.jpg\t{"transcription": "a"}',
        f"\t{GOOD}",
        'line.jpg\t[{"transcription": "a", "points": [[0,0],[5,5],[10,10],[20,20]]}]',
        f"ok2.jpg\t{GOOD}",
    ]
    samples, problems = read(tmp_path, "\n".join(rows) + "\n")
    assert [s.image_path.name for s in samples] == ["ok1.jpg", "key.jpg", "ok2.jpg"]
    assert samples[1].lines[0].ignore  # no transcription: geometry is good, the text unknown
    assert [p.code for p in problems if p.code != "no-usable-text"] == [
        "bad-separator",
        "bad-separator",
        "empty-line",
        "bad-json",
        "not-detection",
        "bad-separator",
        "not-finite",
        "few-points",
        "missing-key",
        "missing-key",
        "bad-json",
        "no-path",
        "no-area",
    ]
    assert "no-break space" in problems[1].message and problems[1].where == "labels.txt:3"
    assert all(p.hint and p.message for p in problems)
    assert "labels.txt:2" in str(problems[0]) and "fix:" in str(problems[0])
    assert [p.code for p in problems].count("bad-separator") == 3
    assert summarise(problems, 2).endswith("more")


def test_one_bad_text_leaves_the_others(tmp_path: Path) -> None:
    entries = [
        {"transcription": "a", "points": SQUARE},
        {"transcription": "b", "points": [["x", 1], [2, 3], [4, 5]]},
        7,
        {"transcription": "###", "points": SQUARE},
        {"transcription": 12, "points": SQUARE},
    ]
    samples, problems = read(tmp_path, f"a.jpg\t{json.dumps(entries)}\n")
    assert [(line.text, line.ignore) for line in samples[0].lines] == [("a", False), ("", True), ("12", False)]
    assert [p.code for p in problems] == ["bad-points", "bad-text", "text-type"]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\xef\xbb\xbfa.jpg\t" + GOOD.encode() + b"\n", "bom"),
        (b"a.jpg\t" + GOOD.encode() + b"\r\n", "crlf"),
        (b"a.jpg\t" + GOOD.encode("gb18030") + b"\n", "encoding"),
        (("a.jpg\t" + GOOD + "\n").encode("utf-16"), "encoding"),
        (b"C:\\x\\a.jpg\t" + GOOD.encode() + b"\n", "backslash"),
        ("a\u00a0b.jpg\t".encode() + GOOD.encode() + b"\n", "odd-blank"),
        (b"/abs/a.jpg\t" + GOOD.encode() + b"\n", "absolute-path"),
    ],
)
def test_oddities_are_read_and_warned_about(tmp_path: Path, raw: bytes, kind: str) -> None:
    samples, problems = read(tmp_path, raw)
    assert samples[0].lines[0].text == "专用章"
    assert kind in [p.code for p in problems] and all(p.severity == "warning" for p in problems)


def test_extra_keys(tmp_path: Path) -> None:
    entry = {"transcription": "a", "points": SQUARE, "shape": "oval", "angle": -30, "direction": "line", "seal": 2}
    samples, problems = read(tmp_path, f"a.jpg\t{json.dumps([entry])}\n")
    line = samples[0].lines[0]
    assert (line.shape, line.angle, line.direction, line.seal) == ("oval", -30.0, "line", 2) and not problems
    bad = {**entry, "shape": "star", "angle": "x", "direction": "up", "seal": -1}
    samples, problems = read(tmp_path, f"a.jpg\t{json.dumps([bad])}\n")
    line = samples[0].lines[0]
    assert (line.shape, line.angle, line.direction, line.seal) == (None, None, None, None)
    assert [p.code for p in problems] == ["bad-extra"] * 4


def test_point_order_is_made_clockwise_and_a_mirrored_line_poly_loses_its_direction(tmp_path: Path) -> None:
    mirrored = {"transcription": "a", "points": SQUARE[::-1], "direction": "line"}
    odd = {"transcription": "b", "points": [[0, 0], [9, 0], [9, 9]], "direction": "line"}
    plain = {"transcription": "c", "points": SQUARE[::-1]}
    samples, problems = read(tmp_path, f"a.jpg\t{json.dumps([mirrored, odd, plain])}\n")
    assert [line.direction for line in samples[0].lines] == [None, None, None]
    assert [p.code for p in problems] == ["mirrored-line-poly", "odd-line-poly", "counter-clockwise"]
    for line in samples[0].lines:
        x, y = line.points.T
        assert np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0


def test_missing_label_file_names_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("")
    with pytest.raises(DataError, match=r"train\.txt"):
        read_det_labels(tmp_path, "tran.txt")


def test_missing_images_are_reported_when_asked(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(f"a.jpg\t{GOOD}\n", encoding="utf-8")
    samples, problems = read_det_labels(tmp_path, "labels.txt", check_files=True)
    assert samples == [] and kinds(problems) == [("missing-image", "labels.txt:1")]


def test_an_empty_file_is_a_problem(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, "")[1]) == [("empty-file", "labels.txt")]


def test_write_then_read_gives_the_same(tmp_path: Path) -> None:
    lines = [
        TextLine(
            np.array([[0.5, 1.25], [30, 1], [30, 12], [0, 12]], np.float32),
            '章"\t\u2028',
            False,
            "circle",
            12.5,
            "arc",
            0,
        ),
        TextLine(np.array(SQUARE, np.float32), ignore=True),
    ]
    count = write_det_labels(tmp_path / "l.txt", [DetSample(tmp_path / "i/ä 1.jpg", lines), DetSample(Path("n.png"))])
    samples, problems = read_det_labels(tmp_path, "l.txt")
    assert count == 2 and problems == [] and list(tmp_path.glob(".*")) == []
    assert samples[0].image_path == tmp_path / "i/ä 1.jpg" and samples[1].lines == []
    for a, b in zip(lines, samples[0].lines, strict=True):
        assert np.array_equal(a.points, b.points)
        assert (a.text, a.ignore, a.shape, a.angle, a.direction, a.seal) == (
            b.text,
            b.ignore,
            b.shape,
            b.angle,
            b.direction,
            b.seal,
        )
    with pytest.raises(DataError, match="outside"):
        write_det_labels(tmp_path / "sub" / "l.txt", [DetSample(tmp_path / "a.jpg")])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_survived(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "labels.txt").write_bytes(raw)
    samples, problems = read_det_labels(folder, "labels.txt")
    assert samples or problems


def test_a_label_file_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sealkit.data.labels import files

    (tmp_path / "train.txt").write_text("a.jpg\t[]\n" * 10)
    monkeypatch.setattr(files, "MAX_LABELS", 50)
    with pytest.raises(DataError, match="cannot be read: the file is larger than 50 bytes"):
        read_det_labels(tmp_path, "train.txt")
