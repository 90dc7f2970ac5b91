"""Damaged annotation files of every format: no traceback, and what is sound is kept."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealkit.data.converters.base import write_set
from sealkit.data.converters.convert import convert, read_outlines, write_format
from sealkit.data.converters.detect import recognise
from sealkit.data.converters.formats import FORMATS
from sealkit.data.converters.page_boxes import WHOLE, convert_boxes
from sealkit.data.converters.seal_texts import read_texts
from sealkit.data.converters.strips import write_strips
from sealkit.data.converters.to_pages import write_pages
from sealkit.errors import SealkitError
from sealkit.images import write_image
from tests.data.sets import box, draw_image, write_labels

TOKENS = [
    b"null", b"7", b"[]", b"{}", b'""', b"[[]]", b"true", b"-1e999", b"NaN", b"9" * 400, b"9" * 5000,
    b"Infinity", b"<a>" * 3000, b'{"a":' * 3000, b"\xff\xfe", b"\x00", b"<",
    b"&x;", b"</a>",
    b"\t", b"\n", b",", b";", b'"', b"'", b"####", b"\xb4\xfd", b"\\ud800", b"\\u0000", b"1e5", b"-",
    b"../../a.png", b"]]",
    b"##", b" ", b"\xe3\x80\x80", b"[" * 3000, b"x: [[", b"<!DOCTYPE a>", b"a.png", b"0.5",
]  # fmt: skip
OUTLINES = [name for name, row in FORMATS.items() if row.kind == "outlines" and row.write is not None]
VOC = (
    "<annotation><filename>{0}.png</filename><size><width>160</width><height>120</height></size><object><name>a</name>"
    "<text>{0}章</text><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
    "</object><object><name>a</name><robndbox><cx>50</cx><cy>50</cy><w>30</w><h>9</h><angle>1</angle></robndbox></object>"
    "</annotation>"
)
STRIPS = {
    "gt_txt": ("gt.txt", 'a.png\t专用章\nb.png 合同\nc.png, "x"\n'),
    "csv_strips": ("t.csv", "image,text\na.png,专用章\nb.png,合同\nc.png,x\n"),
    "seal_texts": ("a.txt", "天津公司#专用章\n"),
}


def write_source(folder: Path, name: str) -> None:
    """A sound set of three images in one format."""
    for number, stem in enumerate("abc"):
        write_image(folder / f"{stem}.png", draw_image(number))
    if name in STRIPS:
        file, text = STRIPS[name]
        (folder / file).write_text(text, encoding="utf-8")
    elif name == "voc":
        for stem in "abc":
            (folder / f"{stem}.xml").write_text(VOC.format(stem), encoding="utf-8")
    else:
        rows = {
            f"{stem}.png": [box(1, 2, 60, 40, f"{stem}公司", seal=0, angle=3), box(1, 60, 60, 90, "###")]
            for stem in "abc"
        }
        write_labels(folder / "labels.txt", rows)
        if name != "paddlex":
            made = folder.with_name("made")
            write_format(convert(folder), made, name)
            shutil.rmtree(folder)
            made.rename(folder)


def use(folder: Path, name: str, out: Path) -> int:
    """Everything a conversion does; number of samples. Errors that are told are no faults."""
    count = 0
    try:
        if FORMATS[name].kind == "texts":
            return len(read_texts(folder)[0])
        if FORMATS[name].kind == "strips":
            strips = FORMATS[name].reader()(folder)
            return write_strips(strips, out / "strips") if strips.found else 0
        found = convert(folder, name, "none")
        count = len(found.samples)
        write_set(found, out / "set")
        write_format(found, out / "back", "labelme")
        write_pages(read_outlines(folder, name, "none"), out / "pages", {})
        convert(folder, name)
        return count
    except SealkitError:
        return count


def damage(raw: bytes, cuts: list[tuple[float, int, bytes]]) -> bytes:
    for place, length, token in cuts:
        start = int(place * len(raw))
        raw = raw[:start] + token + raw[start + length :]
    return raw


NAMES = [*OUTLINES, "voc", "paddlex", *STRIPS]
CUTS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 30), st.one_of(st.sampled_from(TOKENS), st.binary(max_size=4))),
    min_size=1,
    max_size=4,
)
PER_IMAGE = {"labelme", "voc", "icdar2015", "ctw1500", "totaltext", "yolo", "seal_texts"}
"""Formats with a file for each image: damage to one leaves the others whole."""


def one_case(name: str, which: int, cuts: list[tuple[float, int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        write_source(folder, name)
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".xml", ".txt", ".csv", ".yaml"))
        labels = [p for p in files if p.stem not in ("classes", "data", "fileState")]
        sound = len({p.stem for p in labels})
        chosen = labels[which % len(labels)]
        chosen.write_bytes(damage(chosen.read_bytes(), cuts))
        recognise(folder)
        count = use(folder, name, Path(place) / "out")
        if name in PER_IMAGE:
            assert count >= sound - 1, "files that were not touched are kept"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(which=st.integers(0, 2), cuts=CUTS)
def test_damaged_files(name: str, which: int, cuts: list[tuple[float, int, bytes]]) -> None:
    one_case(name, which, cuts)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(NAMES), which=st.integers(0, 2), cuts=CUTS)
def test_two_thousand_damaged_files(name: str, which: int, cuts: list[tuple[float, int, bytes]]) -> None:
    one_case(name, which, cuts)


@pytest.mark.parametrize("name", NAMES)
def test_sound_files_give_all_their_samples(tmp_path: Path, name: str) -> None:
    write_source(tmp_path / "in", name)
    assert recognise(tmp_path / "in") == name
    assert use(tmp_path / "in", name, tmp_path / "out") == (1 if name == "seal_texts" else 3)


LISTS = [name for name in ("ppocrlabel", "paddlex", "gt_txt") if name in NAMES]


@pytest.mark.parametrize("damaged", range(3))
@pytest.mark.parametrize("name", LISTS)
def test_a_damaged_line_hides_no_other(tmp_path: Path, name: str, damaged: int) -> None:
    """Nor the format of the list, whichever line it is."""
    write_source(tmp_path, name)
    (file,) = [path for path in tmp_path.rglob("*.txt") if path.stem != "fileState"]
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    lines[damaged] = b"\x00\x00" + lines[damaged][9:]
    file.write_bytes(b"".join(lines))
    assert recognise(tmp_path) == name
    assert use(tmp_path, name, tmp_path / "out") == 2


@pytest.mark.parametrize("damaged", range(3))
@pytest.mark.parametrize("name", ["labelstudio", "via"])
def test_a_damaged_image_hides_no_other(tmp_path: Path, name: str, damaged: int) -> None:
    """Nor the format of the file, whichever image it is."""
    write_source(tmp_path, name)
    (file,) = tmp_path.rglob("*.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    content[damaged if name == "labelstudio" else list(content)[damaged]] = {"data": 7}
    file.write_text(json.dumps(content), encoding="utf-8")
    assert recognise(tmp_path) == name
    assert use(tmp_path, name, tmp_path / "out") == 2


@pytest.mark.parametrize("name", ["coco", "labelme", "voc", "cvat", "ppocrlabel", "paddlex", "gt_txt"])
def test_names_that_no_file_can_have_are_missing_images(tmp_path: Path, name: str) -> None:
    """A name of thousands of characters, also where boxes of pages are read."""
    write_source(tmp_path / "in", name)
    for file in (path for path in (tmp_path / "in").rglob("*") if path.suffix in (".json", ".xml", ".txt")):
        file.write_bytes(file.read_bytes().replace(b"a.png", b"a" * 5000 + b".png"))
    assert recognise(tmp_path / "in") == name
    assert use(tmp_path / "in", name, tmp_path / "out") >= 2
    if name in ("coco", "labelme"):
        assert convert_boxes(tmp_path / "in", tmp_path / "pages")[0] == {WHOLE: 2}
