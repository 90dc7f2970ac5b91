"""Annotations that would be converted to something wrong without a word: sizes, encodings, keys, kinds of files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from sealkit.cli import main
from sealkit.data.check_texts import PlacedText, text_problems
from sealkit.data.converters.base import to_samples
from sealkit.data.converters.convert import convert
from sealkit.data.converters.detect import recognise
from sealkit.data.converters.page_boxes import convert_boxes
from sealkit.data.converters.text_lines import format_of, leading_numbers, numbers
from sealkit.data.crops import write_crops
from sealkit.data.labels.coco import read_coco
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.labels.orientation import read_page_labels
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.data.usable import usable
from sealkit.errors import DataError
from sealkit.images import write_image
from tests.data.sets import arc, box, draw_image, write_labels

CORNERS = [[10, 10], [60, 12], [58, 40], [12, 38]]
FLAT = [v for point in CORNERS for v in point]


def codes(found: Any) -> list[str]:
    return sorted(problem.code for problem in found.problems)


def dump(path: Path, content: Any, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    return path


def labelme(path: Path, size: tuple[int, int] | None, points: Any = None, **extra: Any) -> dict[str, Any]:
    shape = {"label": "天津公司", "points": points or CORNERS, "shape_type": "polygon", **extra}
    content = {"shapes": [shape, {**shape, "label": "章"}], "imagePath": path.name}
    return content if size is None else {**content, "imageWidth": size[0], "imageHeight": size[1]}


# ---------------------------------------------------------------- text files beside images


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("yolo", "0 0.5 0.5 0.4 0.4\n1 0.25 0.5 0.1 0.1\n"),
        ("yolo", "0 .1 .1 .5 .1 .5 .5 .1 .5\n"),
        ("yolo", "0 .1 .1 .5 .1 .5 .5\n"),
        ("yolo", "0 0.5 0.5 0.4 0.4 0.93\n"),
        ("yolo", "10.0 10.0 60.0 12.0 58.0 40.0 12.0 38.0 seal 0\n"),
        ("ctw1500", ",".join(map(str, FLAT)) + ",####天津, 公司\n"),
        (
            "ctw1500",
            ",".join(map(str, [10, 10, 90, 60, *[0, 0, 9, 0, 20, 1, 30, 0] * 2, *[30, 30, 9, 31, 0, 30] * 2])) + "\n",
        ),
        ("icdar2015", ",".join(map(str, FLAT)) + ",天津, 公司\n"),
        ("icdar2015", ",".join(map(str, FLAT)) + ",2023\n"),
        ("icdar2015", '38, 43, 120, 115, "Tiredness"\n'),
        ("icdar2015", '38 43 120 115 "Tired, ness"\n'),
        ("totaltext", "x: [[10 60\n 58 12]], y: [[10 12 40 38]], ornt: [u'm'], transcriptions: [u'it's']\n"),
    ],
)
def test_coordinates_beside_images_are_not_their_text(tmp_path: Path, name: str, lines: str) -> None:
    for stem in ("a", "b"):
        write_image(tmp_path / "in" / f"{stem}.png", draw_image(ord(stem)))
        (tmp_path / "in" / f"{stem}.txt").write_text(lines, encoding="utf-8")
    assert recognise(tmp_path / "in") == name
    found = convert(tmp_path / "in")
    assert len(found.samples) == 2 and all(sample.lines for sample in found.samples)
    assert not any("0." in line.text for sample in found.samples for line in sample.lines)
    assert {p.severity for p in found.problems} <= {"info", "warning"}
    out = tmp_path / "texts"
    with pytest.raises(DataError, match="no image with a text file"):
        from sealkit.data.converters.seal_texts import read_texts, write_texts

        texts, source = read_texts(tmp_path / "in")
        assert {p.code for p in source.problems} == {"not-a-text"} and name in str(source.problems[0].hint)
        write_texts(texts, out)


@pytest.mark.parametrize("name", ["yolo", "voc", "labelme"])
def test_parts_whose_images_share_their_names_are_kept_apart(tmp_path: Path, name: str) -> None:
    for number, part in enumerate(("train", "val")):
        write_image(tmp_path / "images" / part / "1.png", draw_image(number, 100 * (number + 1), 100))
        file = tmp_path / "labels" / part / "1"
        file.parent.mkdir(parents=True)
        if name == "yolo":
            file.with_suffix(".txt").write_text(f"{number} .1 .1 .1 .1\n")
        elif name == "voc":
            box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
            item = f"<object><name>s</name><text>{part}</text>{box}</object>"
            file.with_suffix(".xml").write_text(f"<annotation><filename>1.png</filename>{item}</annotation>")
        else:
            dump(file.with_suffix(".json"), labelme(Path("1.png"), None))
    found = convert(tmp_path)
    parts = {Path(s.where).parent.name: s.image_path.parent.name for s in found.samples}
    assert parts == {"train": "train", "val": "val"}


def test_texts_and_points_of_line_formats(tmp_path: Path) -> None:
    write_image(tmp_path / "img_1.png", draw_image(1, 100, 50))
    corners = ",".join(map(str, FLAT))
    lines = [f"\ufeff{corners},天津, 公司", "1,2,3,nan,text", f"{corners},###", *[f"{corners},x"] * 4]
    (tmp_path / "gt_img_1.txt").write_bytes("\r\n".join(lines).encode())
    found = convert(tmp_path)
    assert [line.text for line in found.samples[0].lines[:2]] == ["天津, 公司", ""]
    assert found.samples[0].lines[1].ignore and found.samples[0].lines[0].points.tolist() == CORNERS
    assert [(p.code, p.where) for p in found.problems] == [("bad-line", "gt_img_1.txt:2")]
    (tmp_path / "gt_img_1.txt").write_text("0 0.5 0.5 0.2 0.4\n", encoding="utf-8")
    assert convert(tmp_path).samples[0].lines[0].points.tolist() == [[40, 15], [60, 15], [60, 35], [40, 35]]
    offsets = [10, 20, 90, 60, *np.tile([0, 0, 5, 0, 5, 5, 0, 5], 4)[:28].tolist()]
    (tmp_path / "gt_img_1.txt").write_text(",".join(map(str, offsets)) + "\n", encoding="utf-8")
    assert convert(tmp_path).samples[0].lines[0].points[:4].tolist() == [[10, 20], [15, 20], [15, 25], [10, 25]]


# ---------------------------------------------------------------- texts under another key


def coco(folder: Path, count: int = 3, size: tuple[int, int] | None = None, **annotation: Any) -> Path:
    write_image(folder / "a.png", draw_image(1))
    image = {"id": 1, "file_name": "a.png"} | ({} if size is None else {"width": size[0], "height": size[1]})
    made: list[dict[str, Any]] = [
        {"id": n, "image_id": 1, "category_id": 1, "segmentation": [FLAT], "bbox": [10, 10, 50, 30]}
        | {key: (value.replace("%", str(n)) if isinstance(value, str) else value) for key, value in annotation.items()}
        for n in range(count)
    ]
    for n, one in enumerate(made):
        if "attributes" in one:
            one["attributes"] = {k: str(v).replace("%", str(n)) for k, v in one["attributes"].items()}
    content = {"images": [image], "annotations": made, "categories": [{"id": 1, "name": "seal"}]}
    return dump(folder / "set.json", content)


def test_texts_under_an_unknown_key_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco(tmp_path / "in", attributes={"label": "第%号公司", "occluded": "no"})
    with pytest.raises(DataError, match=r"all 3 texts would be empty.*attributes\.label \('第0号公司'\)"):
        convert(tmp_path / "in")
    out = str(tmp_path / "out")
    assert main(["data", "convert", str(tmp_path / "in"), out]) == 3 and not Path(out).exists()
    assert "--text attributes.label" in capsys.readouterr().err
    assert main(["data", "convert", str(tmp_path / "in"), out, "--text", "attributes.label"]) == 0
    assert [x.text for x in read_det_labels(out, "labels.txt")[0][0].lines] == [f"第{n}号公司" for n in range(3)]
    assert {line.text for line in convert(tmp_path / "in", text="none").samples[0].lines} == {""}
    with pytest.raises(DataError, match=r"(?s)no annotation has this key.*attributes\.label"):
        convert(tmp_path / "in", text="words")


def test_outlines_without_any_text_are_a_note(tmp_path: Path) -> None:
    coco(tmp_path, attributes={"occluded": "no"})
    assert codes(convert(tmp_path)) == ["no-texts"]


def test_labelme_rectangles_around_seals_are_said(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    dump(
        tmp_path / "a.json", labelme(tmp_path / "a.png", None, [[5, 5], [50, 50]], shape_type="rectangle", label="seal")
    )
    content = json.loads((tmp_path / "a.json").read_text())
    content["shapes"][1]["label"] = "seal"
    dump(tmp_path / "a.json", content)
    found = convert(tmp_path)
    assert codes(found) == ["boxes-only", "no-texts"]
    assert next(p for p in found.problems if p.code == "boxes-only").severity == "warning"


# ---------------------------------------------------------------- the image's size


def turned_jpeg(path: Path, orientation: int) -> None:
    """Stored 160x120 with an EXIF orientation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(draw_image(1)).save(stream, "JPEG", exif=exif)
    path.write_bytes(stream.getvalue())


def test_points_of_a_smaller_image_are_scaled_and_said(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1, 321, 240))
    dump(tmp_path / "a.json", labelme(tmp_path / "a.png", (160, 120)))
    found = convert(tmp_path)
    assert codes(found) == ["resized"] and "160x120" in found.problems[0].message
    assert np.allclose(found.samples[0].lines[0].points, np.array(CORNERS) * [321 / 160, 2])
    dump(tmp_path / "a.json", labelme(tmp_path / "a.png", (321, 240)))
    assert codes(convert(tmp_path)) == []
    dump(tmp_path / "a.json", labelme(tmp_path / "a.png", (160, 160)))
    assert codes(convert(tmp_path)) == ["wrong-size"] and not convert(tmp_path).samples
    for odd in ((0, 0), ("x", None)):
        dump(tmp_path / "a.json", labelme(tmp_path / "a.png", odd))  # type: ignore[arg-type]
        assert codes(convert(tmp_path)) == []


@pytest.mark.parametrize("orientation", [2, 3, 4, 5, 6, 7, 8])
def test_points_on_the_image_as_stored_are_turned(tmp_path: Path, orientation: int) -> None:
    """The outline covers the same pixels, wherever EXIF puts them: checked by painting it."""
    from PIL import ImageOps

    turned_jpeg(tmp_path / "a.jpg", orientation)
    dump(tmp_path / "a.json", labelme(tmp_path / "a.jpg", (80, 60)))
    found = convert(tmp_path)
    if orientation < 5:  # the sides are the same: the size does not tell
        assert codes(found) == ["resized"]
        return
    assert codes(found) == ["exif-turned"]
    mark = np.zeros((120, 160), np.uint8)
    for x, y in CORNERS:
        mark[2 * y, 2 * x] = 255
    image = Image.fromarray(mark)
    image.getexif()[0x0112] = orientation
    upright = np.argwhere(np.asarray(ImageOps.exif_transpose(image)))[:, ::-1]
    assert {tuple(p) for p in found.samples[0].lines[0].points.tolist()} == {tuple(p) for p in upright.tolist()}


@pytest.mark.parametrize("name", ["coco", "voc", "cvat", "labelstudio"])
def test_every_format_with_a_size_is_held_against_the_image(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "a.png", draw_image(1, 200, 100))
    xy = ";".join(f"{x},{y}" for x, y in CORNERS)
    shapes = "".join(
        f"<object><name>s</name><text>t{n}</text><polygon>{''.join(f'<x>{x}</x><y>{y}</y>' for x, y in CORNERS)}"
        "</polygon></object>"
        for n in range(2)
    )
    percent = [[x, y * 2] for x, y in CORNERS]  # of 100 x 50
    region = {"id": "r", "original_width": 100, "original_height": 50, "type": "polygonlabels", "from_name": "l"}
    drawn = {**region, "value": {"points": percent, "polygonlabels": ["t"]}}
    written = {**region, "value": {"text": ["甲"]}, "type": "textarea"}
    task = {"data": {"ocr": "/data/upload/1/0a1b2c3d-a.png"}, "annotations": [{"result": [drawn, written]}]}
    size = "<filename>a.png</filename><size><width>100</width><height>50</height></size>"
    image = f'<image name="a.png" width="100" height="50"><polygon label="t" points="{xy}"/></image>'
    files = {
        "voc": ("a.xml", f"<annotation>{size}{shapes}</annotation>"),
        "cvat": ("x.xml", f"<annotations>{image}</annotations>"),
        "labelstudio": ("t.json", json.dumps([task])),
    }
    if name == "coco":
        coco(tmp_path, size=(100, 50))
        write_image(tmp_path / "a.png", draw_image(1, 200, 100))
    else:
        (tmp_path / files[name][0]).write_text(files[name][1], encoding="utf-8")
    assert recognise(tmp_path) == name
    found = convert(tmp_path)
    assert "resized" in codes(found)
    assert np.allclose(found.samples[0].lines[0].points, np.array(CORNERS) * 2)


def test_boxes_of_pages_are_scaled_too(tmp_path: Path) -> None:
    coco(tmp_path / "in", size=(80, 60))
    counts, problems = convert_boxes(tmp_path / "in", tmp_path / "out")
    assert [p.code for p in problems] == ["resized"] and sum(counts.values()) == 1
    assert read_coco(tmp_path / "out", next(iter(counts))).samples[0].boxes[0].box.tolist() == [20, 20, 120, 80]


# ---------------------------------------------------------------- encodings and broken files


CVAT = (
    '<?xml version="1.0" encoding="gb2312"?><annotations><image name="a.png"><box label="t" xtl="1" ytl="2" xbr="30" '
    'ybr="40"><attribute name="text">天津公司</attribute></box></image></annotations>'
)


def test_gbk_is_read_everywhere(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    sources = {
        "labelme": ("a.json", json.dumps(labelme(tmp_path / "a.png", None), ensure_ascii=False)),
        "ppocrlabel": ("Label.txt", "a.png\t" + json.dumps([box(1, 2, 30, 40)], ensure_ascii=False)),
        "rest": ("g.json", json.dumps({"gt_a": [box(1, 2, 30, 40)]}, ensure_ascii=False)),
        "icdar2015": ("gt_a.txt", ",".join(map(str, FLAT)) + ",天津公司"),
        "csv": ("a.csv", "image,text,xmin,ymin,xmax,ymax\na.png,天津公司,1,2,30,40"),
        "via": ("v.json", json.dumps({"a.png1": {"filename": "a.png", "regions": [
            {"shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 9, "height": 9},
             "region_attributes": {"text": "天津公司"}}]}}, ensure_ascii=False)),
        "cvat": ("c.xml", CVAT),
    }  # fmt: skip
    for name, (file, content) in sources.items():
        (tmp_path / file).write_bytes(content.encode("gb18030"))
        assert recognise(tmp_path) == name
        found = convert(tmp_path)
        assert found.samples[0].lines[0].text == "天津公司", name
        assert name == "cvat" or "encoding" in codes(found), name
        (tmp_path / file).unlink()


def test_xml_that_expands_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    (tmp_path / "a.xml").write_text(
        '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><annotation>&b;</annotation>'
    )
    found = convert(tmp_path, "voc")
    assert codes(found) == ["bad-xml", "unlabelled-images"] and "document type" in found.problems[0].message


# ---------------------------------------------------------------- texts that are none


def test_difficult_means_ignored_everywhere(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    write_labels(tmp_path / "train.txt", {"a.png": [arc(text="公司" * 4), arc(text="难字" * 4, difficult=True)]})
    (sample,), problems = read_det_labels(tmp_path, "train.txt")
    assert problems == [] and [(x.text, x.ignore) for x in sample.lines] == [("公司" * 4, False), ("", True)]
    report = write_crops([sample], tmp_path / "strips")
    assert report.written == 1 and report.skipped == {"ignored text": 1}
    write_image(tmp_path / "b" / "a.png", draw_image(1))
    (tmp_path / "b" / "a.xml").write_text(
        "<annotation><filename>a.png</filename><object><name>s</name><text>t</text><difficult>1</difficult><bndbox>"
        "<xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>"
    )
    assert [line.ignore for line in convert(tmp_path / "b").samples[0].lines] == [True]


def test_a_set_of_ignored_texts_teaches_nothing(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    write_labels(tmp_path / "train.txt", {"a.png": [box(1, 2, 60, 40, "###"), box(1, 60, 60, 90, "x", difficult=True)]})
    read = read_det_labels(tmp_path, "train.txt")
    assert [(p.code, p.severity) for p in read[1]] == [("nothing-to-learn", "error")]
    with pytest.raises(DataError, match="all 2 texts are ignored"):
        usable(read, str(tmp_path), "train.txt", "seal_text_detection", 1.0)
    assert main(["data", "check", str(tmp_path), "--module", "seal_text_detection"]) == 3
    write_labels(tmp_path / "train.txt", {"a.png": []})
    assert read_det_labels(tmp_path, "train.txt")[1] == [], "images without text are sound"


@pytest.mark.parametrize("text", ["待识别", "TEMPORARY", "text0", "label_12", " 未识别 ", "???"])
def test_placeholders_are_found_and_never_learnt(tmp_path: Path, text: str) -> None:
    assert [p.code for p in text_problems([PlacedText("l:1", 0, text)]) if p.code == "placeholder"]
    write_image(tmp_path / "a.png", draw_image(1))
    (tmp_path / "train.txt").write_text(f"a.png\t{text}\na.png\t天津公司\n", encoding="utf-8")
    samples, problems = read_rec_labels(tmp_path, "train.txt")
    assert [s.text for s in samples] == ["天津公司"] and [p.code for p in problems] == ["placeholder"]
    write_labels(tmp_path / "det.txt", {"a.png": [arc(text=text), arc(text="公司" * 5)]})
    report = write_crops(read_det_labels(tmp_path, "det.txt")[0], tmp_path / "strips")
    assert report.written == 1 and report.skipped == {"placeholder of a labelling tool": 1}


def test_names_and_texts_that_no_file_can_hold(tmp_path: Path) -> None:
    write_image(tmp_path / "in" / "a.png", draw_image(1))
    rows = [f"{'9' * 400}/a.png\t{json.dumps([box(1, 2, 60, 40, '专用章')])}", "\0.png\t[]"]
    rows.append("a.png\t" + json.dumps([box(1, 2, 60, 40, "印\ud800", key_cls="\ud800")]))
    (tmp_path / "in" / "Label.txt").write_text("\n".join(rows), encoding="utf-8")
    found = convert(tmp_path / "in")
    assert [line.text for sample in found.samples for line in sample.lines] == ["专用章", "印?"]
    assert codes(found) == ["missing-image", "text-type"]
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "out")]) == 0


def test_real_texts_are_no_placeholders() -> None:
    for text in ("合同专用章", "APPROVED", "TEXTILE 12", "No. 1", "123", "LABEL CO"):
        assert text_problems([PlacedText("l:1", 0, text)]) == []


def test_one_text_on_most_outlines_is_a_finding() -> None:
    def found(same: int, others: int) -> list[str]:
        texts = [PlacedText(f"l:{n}", 0, "合同专用章") for n in range(same)]
        texts += [PlacedText(f"l:{n}", 1, f"第{n}号有限公司") for n in range(others)]
        return [p.code for p in text_problems(texts)]

    assert found(6, 5) == ["one-text"] and found(6, 6) == [] and found(4, 0) == []


def test_class_file_whose_ids_begin_with_1(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    (tmp_path / "label.txt").write_text("1 0\n2 90\n3 180\n4 270\n", encoding="utf-8")
    (tmp_path / "train.txt").write_text("a.png 4\na.png 0\n", encoding="utf-8")
    samples, problems = read_page_labels(tmp_path, "train.txt")
    assert [s.label for s in samples] == [3]
    assert [p.code for p in problems] == ["class-order", "bad-label"] and "1, 2, 3, 4" in str(problems[1].hint)


def test_formats_that_hold_rings_and_turned_boxes(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1, 100, 100))
    (tmp_path / "c.xml").write_text(
        '<annotations><image name="a.png"><box label="t" xtl="40" ytl="20" xbr="60" ybr="80" rotation="90"/>'
        '<ellipse label="t" cx="50" cy="50" rx="20" ry="10"/></image></annotations>'
    )
    turned, ring = to_samples_of(tmp_path)
    assert np.allclose(sorted(turned.tolist()), sorted([[80, 40], [80, 60], [20, 60], [20, 40]]), atol=1e-3)
    assert np.allclose(((ring - 50) / [20, 10]) ** 2 @ [1, 1], 1, atol=1e-4)
    (tmp_path / "c.xml").write_text(
        "<annotation><filename>a.png</filename><object><name>s</name><robndbox><cx>50</cx><cy>50</cy><w>40</w><h>20</h>"
        "<angle>1.5707963</angle></robndbox></object></annotation>"
    )
    (turned,) = to_samples_of(tmp_path)
    assert np.allclose(sorted(turned.tolist()), sorted([[60, 30], [60, 70], [40, 70], [40, 30]]), atol=1e-3)


def to_samples_of(folder: Path) -> list[np.ndarray]:
    from sealkit.data.converters.convert import read_outlines

    return [line.points for line in to_samples(read_outlines(folder)).samples[0].lines]


@pytest.mark.parametrize("url", ["/data/local-files/?d=%", "http://host/data/local-files/?d=%"])
@pytest.mark.parametrize("name", ["it's a&b.png", "x#y%20z.png", "1+1=2.png", "合同 (1).png"])
def test_names_in_urls_of_label_studio(tmp_path: Path, url: str, name: str) -> None:
    """Escaped as Label Studio writes them, or as they stand."""
    write_image(tmp_path / "in" / name, draw_image(1))
    drawn = {"type": "polygonlabels", "id": "r", "original_width": 160, "original_height": 120, "from_name": "l"}
    drawn["value"] = {"points": CORNERS, "polygonlabels": ["t"]}
    for written in (quote(name), name):
        task = {"data": {"ocr": url.replace("%", written)}, "annotations": [{"result": [drawn]}]}
        dump(tmp_path / "in" / "t.json", [task])
        assert [sample.image_path.name for sample in convert(tmp_path / "in").samples] == [name]
    out = tmp_path / "back"
    assert main(["data", "convert", str(tmp_path / "in"), str(out), "--to", "labelstudio", "--text", "none"]) == 0
    assert quote(name) in (out / "labelstudio.json").read_text(encoding="utf-8")
    assert len(convert(out, text="none").samples) == 1


def test_any_blank_around_a_number() -> None:
    """Of Unicode's too: what passes for a number in a text file is one."""
    for char in filter(str.isspace, map(chr, range(0x3001))):
        assert leading_numbers([f"{char}2{char}"]) == numbers([f"{char}2{char}"]) == [2.0]
    for char in map(chr, range(0x3001)):
        assert not leading_numbers([f"2{char}"]) or leading_numbers([f"2{char}"])[0] >= 2
    assert format_of("1\x1e,2,3,4,5,6,7,8,text") == "icdar2015"


def test_zeros_after_the_end_are_no_part_of_it(tmp_path: Path) -> None:
    """What a crash leaves of space that was reserved."""
    write_image(tmp_path / "a.png", draw_image(1))
    dump(tmp_path / "a.json", labelme(tmp_path / "a.png", None))
    (tmp_path / "a.json").write_bytes((tmp_path / "a.json").read_bytes() + b"\0" * 100)
    assert len(convert(tmp_path).samples) == 1


def test_line_ends_of_old_macs(tmp_path: Path) -> None:
    for stem in "ab":
        write_image(tmp_path / f"{stem}.png", draw_image(ord(stem)))
    rows = [f"{stem}.png\t{json.dumps([box(1, 2, 30, 40, stem * 3)])}" for stem in "ab"]
    (tmp_path / "Label.txt").write_bytes("\r".join(rows).encode())
    assert [line.text for sample in convert(tmp_path).samples for line in sample.lines] == ["aaa", "bbb"]


@pytest.mark.parametrize(("file", "content"), [("set.json", b'{"images": [}'), ("a.xml", b"<annotation><size>")])
def test_a_broken_file_is_named_where_no_format_is_found(tmp_path: Path, file: str, content: bytes) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    (tmp_path / file).write_bytes(content)
    for source in (tmp_path, tmp_path / file):
        with pytest.raises(DataError, match=rf"{file}(?s:.*)is broken(?s:.*)export it again"):
            convert(source)


def test_labelme_boxes_that_share_labels_are_taken_for_classes(tmp_path: Path) -> None:
    for stem, labels in {"a": ("seal", "table", "seal"), "b": ("seal", "seal", "table")}.items():
        write_image(tmp_path / f"{stem}.png", draw_image(ord(stem)))
        content = labelme(tmp_path / f"{stem}.png", None, [[5, 5], [50, 50]], shape_type="rectangle")
        content["shapes"] = [{**content["shapes"][0], "label": label} for label in labels]
        dump(tmp_path / f"{stem}.json", content)
    (told,) = [problem for problem in convert(tmp_path).problems if problem.code == "boxes-only"]
    assert told.severity == "warning" and "6 rectangles share 2 labels" in told.message
    assert "--from page_boxes" in str(told.hint)
    content["shapes"][0]["label"] = "合同专用章"
    content["shapes"][1]["label"] = "天津公司"
    dump(tmp_path / "b.json", content)
    assert "boxes-only" not in codes(convert(tmp_path))
