"""Every format that can be written is recognised by its content and read back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sealkit.cli import main
from sealkit.data.converters.base import to_samples
from sealkit.data.converters.convert import convert, read_outlines, write_format
from sealkit.data.converters.detect import recognise
from sealkit.data.converters.formats import FORMATS, LINE_KEYS, targets
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.images import read_image, write_image
from tests.data.sets import arc, box, draw_image, write_labels

OUTLINES = [name for name, row in FORMATS.items() if row.kind == "outlines" and row.write is not None]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    for seed in range(3):
        write_image(folder / "images" / f"s_{seed}.png", draw_image(seed))
    rows = {
        "images/s_0.png": [
            arc(text='天津"君"和, 缘\'s 公司', shape="circle", angle=30.5, seal=0),
            box(60.25, 80, 100, 95.5, "发票专用章", seal=0, direction="line"),
        ],
        "images/s_1.png": [box(10, 10, 60, 30, "123"), box(10, 50, 60, 90, "###")],
        "images/s_2.png": [box(10, 20, 60, 40, "合同")],
    }
    write_labels(folder / "labels.txt", rows)
    return folder


@pytest.mark.parametrize("name", OUTLINES)
def test_written_recognised_and_read_back(own: Path, tmp_path: Path, name: str) -> None:
    before = convert(own)
    assert recognise(own) == "paddlex" and before.problems == []
    notes = write_format(before, tmp_path / "there", name)
    assert recognise(tmp_path / "there") == name
    after = convert(tmp_path / "there")
    keeps = FORMATS[name].keeps
    if name not in ("yolo", "icdar2015"):
        assert [note.code for note in notes] == ([] if set(LINE_KEYS) <= set(keeps) else ["keys-lost"])
    assert {p.severity for p in after.problems} <= {"info"}
    found = {sample.image_path.name: sample for sample in after.samples}
    assert set(found) == {"s_0.png", "s_1.png", "s_2.png"}
    for sample in before.samples:
        same = found[sample.image_path.name]
        assert np.array_equal(read_image(same.image_path), read_image(sample.image_path))
        lines = [line for line in sample.lines if not (name == "yolo" and line.ignore)]
        assert len(same.lines) == len(lines)
        for line, other in zip(lines, same.lines):
            if name != "yolo":
                assert (other.text, other.ignore) == (line.text, line.ignore)
            if name != "icdar2015" or len(line.points) == 4:
                assert np.allclose(other.points, line.points, atol=0.02)
            for key in LINE_KEYS:
                assert getattr(other, key) == (getattr(line, key) if key in keeps else None)


def test_what_a_format_cannot_hold_is_said(own: Path, tmp_path: Path) -> None:
    assert [p.code for p in write_format(convert(own), tmp_path / "a", "icdar2015")] == ["outline-lost", "keys-lost"]
    assert [p.code for p in write_format(convert(own), tmp_path / "b", "yolo")] == ["texts-lost", "keys-lost"]
    assert [p.code for p in convert(tmp_path / "b").problems] == ["no-texts"]
    (lost,) = write_format(convert(own), tmp_path / "c", "rest")
    assert lost.message.endswith("known of texts: shape 1, angle 1, direction 2, seal 2")
    assert str(lost.hint).endswith("labelme, ppocrlabel, coco, labelstudio, via, cvat, csv")
    write_labels(own / "labels.txt", {"images/s_0.png": [box(1, 2, 30, 40, "甲", key_cls="name")]})
    (lost,) = write_format(convert(own), tmp_path / "d", "labelme")
    assert lost.message.endswith(": key_cls 1") and lost.hint == "formats that keep it all: ppocrlabel"


def test_ppocrlabel_keeps_key_cls_and_states(own: Path, tmp_path: Path) -> None:
    write_labels(own / "labels.txt", {"images/s_0.png": [box(1, 2, 30, 40, "甲", key_cls="name")]})
    write_format(convert(own), tmp_path / "there", "ppocrlabel")
    assert "not-confirmed" not in {p.code for p in convert(tmp_path / "there").problems}
    assert convert(tmp_path / "there").samples[0].lines[0].key_cls == "name"
    assert main(["data", "convert", str(tmp_path / "there"), str(tmp_path / "again")]) == 0
    assert read_det_labels(tmp_path / "again", "labels.txt")[0][0].lines[0].key_cls == "name"


def test_ppocrlabel_folder_with_strips_gives_both_sets(own: Path, tmp_path: Path) -> None:
    write_format(convert(own), tmp_path / "there", "ppocrlabel")
    write_image(tmp_path / "there" / "crop_img" / "s_0_crop_0.png", draw_image(5, 90, 30))
    (tmp_path / "there" / "rec_gt.txt").write_text("crop_img/s_0_crop_0.png\t专用章\n", encoding="utf-8")
    found = convert(tmp_path / "there")
    assert recognise(tmp_path / "there") == "ppocrlabel" and len(found.samples) == 3
    assert [p.code for p in found.problems] == ["strips-too"] and "rec_gt.txt OUT" in str(found.problems[0].hint)
    assert main(["data", "convert", str(tmp_path / "there" / "rec_gt.txt"), str(tmp_path / "strips")]) == 0
    assert [s.text for s in read_rec_labels(tmp_path / "strips", "labels.txt")[0]] == ["专用章"]


ODD_TEXTS = (
    "a\tb", "a\nb", "  x  y ", "a\x0bb", "a\x01b", "a\u2028b", "a\ufffeb", "🏮印", "ＡＢ（１）", "<b>&amp;", "a\"b'c",
    "100%", "a\\b", "[x]{y}", "甲#乙##丙", "a,b;c",
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in OUTLINES if name != "yolo"])
def test_odd_texts_are_kept_or_told(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "own" / "a.png", draw_image(1, 200, 900))
    rows = [box(10, 50 * n + 5, 150, 50 * n + 45, text) for n, text in enumerate(ODD_TEXTS)]
    write_labels(tmp_path / "own" / "labels.txt", {"a.png": rows})
    notes = write_format(convert(tmp_path / "own"), tmp_path / "there", name)
    back = convert(tmp_path / "there", name)
    assert len(back.samples) == 1, back.problems
    texts = [line.text for line in back.samples[0].lines]
    if FORMATS[name].one_line:
        assert texts == ["a b", "a b", "x y", "a b", "a b", "a b", "a b", *ODD_TEXTS[7:]]
        (told,) = [note for note in notes if note.code == "texts-changed"]
        assert told.message.startswith("7 texts")
    else:
        assert texts == list(ODD_TEXTS) and "texts-changed" not in [note.code for note in notes]


@pytest.mark.parametrize("name", ["gt_txt", "lmdb"])
def test_strips_there_and_back(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name == "lmdb":
        pytest.importorskip("lmdb")
    texts = ["专用章", "A b, c", '"q"', "2023"]
    for number, _ in enumerate(texts):
        write_image(tmp_path / "in" / f"w{number}.png", draw_image(number, 90, 30))
    rows = [f"w{number}.png\t{text}\n" for number, text in enumerate(texts)]
    (tmp_path / "in" / "gt.txt").write_text("".join(rows) + "w9.png\tx\n", encoding="utf-8")
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "there"), "--to", name]) == 0
    assert "missing-image" in capsys.readouterr().out
    assert recognise(tmp_path / "there") == name
    assert main(["data", "convert", str(tmp_path / "there"), str(tmp_path / "back"), "--strict"]) == 0
    samples, problems = read_rec_labels(tmp_path / "back", "labels.txt")
    assert problems == [] and [sample.text for sample in samples] == texts
    assert all(np.array_equal(read_image(s.image_path), draw_image(n, 90, 30)) for n, s in enumerate(samples))


def test_names_that_are_texts_are_read_where_asked(tmp_path: Path) -> None:
    for name in ("专用章_12", "合同", "3_hello_77", "待识别_1"):
        write_image(tmp_path / "in" / f"{name}.png", draw_image(len(name)))
    assert recognise(tmp_path / "in") is None
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "out"), "--from", "file_names"]) == 0
    assert sorted(s.text for s in read_rec_labels(tmp_path / "out", "labels.txt")[0]) == ["hello", "专用章", "合同"]


def test_boxes_of_any_format_become_a_layout_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "in" / "a.png", draw_image(0, 100, 100))
    (tmp_path / "in" / "classes.txt").write_text("stamp\ntable\n", encoding="utf-8")
    (tmp_path / "in" / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n1 .1 .1 .2 .2\n", encoding="utf-8")
    from sealkit.data.labels.coco import read_coco

    for number, flags in enumerate((["--to", "page_boxes"], ["--from", "page_boxes"])):
        out = tmp_path / f"out{number}"
        assert main(["data", "convert", str(tmp_path / "in"), str(out), *flags, "--rename", "stamp=seal"]) == 0
        (page,) = read_coco(out, "annotations/all.json").samples
        assert [(b.label, b.box.round(3).tolist()) for b in page.boxes] == [
            ("seal", [40, 30, 60, 70]),
            ("table", [0, 0, 20, 20]),
        ]
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "x"), "--to", "lmdb"]) != 0
    assert "cannot be converted to this format" in capsys.readouterr().err
    assert set(targets()) >= set(OUTLINES) | {"gt_txt", "lmdb", "page_boxes", "paddlex"}


def test_sources_are_read_and_never_changed(own: Path) -> None:
    before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}
    assert len(to_samples(read_outlines(own)).samples) == 3
    assert {path: path.read_bytes() for path in own.rglob("*") if path.is_file()} == before
