"""Boxes with classes and without texts, in every format that has them: regions of pages, a layout set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealkit.cli import main
from sealkit.data.converters.convert import convert
from sealkit.data.labels.coco import read_coco
from sealkit.data.labels.detection import read_det_labels
from sealkit.errors import DataError
from sealkit.images import write_image
from tests.data.sets import draw_image
from tests.data.test_foreign_oddities import dump

Region = tuple[str, tuple[int, int, int, int], str]
SIDES = (160, 120)
REGIONS = [("seal", (5, 5, 45, 45)), ("table", (60, 10, 140, 60)), ("seal", (10, 70, 50, 110))]
TEXT = {"voc": "<text>{}</text>", "cvat": '<attribute name="text">{}</attribute>'}


def labelme(folder: Path, found: list[Region]) -> None:
    """The label is the text, if there is one."""
    shapes = [
        {"label": text or label, "points": [box[:2], box[2:]], "shape_type": "rectangle"} for label, box, text in found
    ]
    sides = {"imageWidth": SIDES[0], "imageHeight": SIDES[1]}
    dump(folder / "a.json", {"shapes": shapes, "imagePath": "a.png", **sides})


def coco(folder: Path, found: list[Region]) -> None:
    """With the box once more as a polygon, as many exporters write it."""
    annotations = [
        {
            "id": n,
            "image_id": 1,
            "category_id": int(label == "table"),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "segmentation": [[x1, y1, x2, y1, x2, y2, x1, y2]],
            "attributes": {"occluded": False, **({"text": text} if text else {})},
        }
        for n, (label, (x1, y1, x2, y2), text) in enumerate(found)
    ]
    image = {"id": 1, "file_name": "a.png", "width": SIDES[0], "height": SIDES[1]}
    categories = [{"id": 0, "name": "seal"}, {"id": 1, "name": "table"}]
    dump(folder / "set.json", {"images": [image], "annotations": annotations, "categories": categories})


def yolo(folder: Path, found: list[Region]) -> None:
    rows = [
        f"{int(label == 'table')} {(x1 + x2) / 320} {(y1 + y2) / 240} {(x2 - x1) / 160} {(y2 - y1) / 120}\n"
        for label, (x1, y1, x2, y2), _ in found
    ]
    (folder / "a.txt").write_text("".join(rows), encoding="utf-8")
    (folder / "classes.txt").write_text("seal\ntable\n", encoding="utf-8")


def voc(folder: Path, found: list[Region]) -> None:
    objects = "".join(
        f"<object><name>{label}</name>{TEXT['voc'].format(text) if text else ''}<pose>Unspecified</pose><bndbox>"
        f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for label, (x1, y1, x2, y2), text in found
    )
    (folder / "a.xml").write_text(f"<annotation><filename>a.png</filename>{objects}</annotation>", encoding="utf-8")


def cvat(folder: Path, found: list[Region]) -> None:
    shapes = "".join(
        f'<box label="{label}" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}">{TEXT["cvat"].format(text) if text else ""}'
        "</box>"
        for label, (x1, y1, x2, y2), text in found
    )
    content = f'<annotations><image name="a.png" width="160" height="120">{shapes}</image></annotations>'
    (folder / "x.xml").write_text(content, encoding="utf-8")


def labelstudio(folder: Path, found: list[Region]) -> None:
    results: list[dict[str, Any]] = []
    for n, (label, (x1, y1, x2, y2), text) in enumerate(found):
        place = {"x": x1 / 1.6, "y": y1 / 1.2, "width": (x2 - x1) / 1.6, "height": (y2 - y1) / 1.2, "rotation": 0}
        common = {"id": f"r{n}", "original_width": SIDES[0], "original_height": SIDES[1]}
        boxed = {"type": "rectanglelabels", "from_name": "label", "value": {**place, "rectanglelabels": [label]}}
        results.append({**common, **boxed})
        if text:
            written = {"type": "textarea", "from_name": "transcription", "value": {**place, "text": [text]}}
            results.append({**common, **written})
    task = {"data": {"image": "/data/upload/1/0a1b2c3d-a.png"}, "annotations": [{"result": results}]}
    dump(folder / "t.json", [task])


def via(folder: Path, found: list[Region]) -> None:
    boxes = [
        {
            "shape_attributes": {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1},
            "region_attributes": {"type": label, **({"text": text} if text else {})},
        }
        for label, (x1, y1, x2, y2), text in found
    ]
    dump(folder / "v.json", {"a.png1": {"filename": "a.png", "size": 1, "regions": boxes}})


EXPORTS = {one.__name__: one for one in (labelme, coco, yolo, voc, cvat, labelstudio, via)}


def export(folder: Path, name: str, texts: bool = False) -> Path:
    write_image(folder / "a.png", draw_image(1, *SIDES))
    # twice each: two classes of three boxes may as well be texts
    EXPORTS[name](folder, [(label, box, f"第{n}号" if texts else "") for n, (label, box) in enumerate(REGIONS * 2)])
    return folder


@pytest.mark.parametrize("name", EXPORTS)
def test_they_become_a_layout_set(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the commands the messages name; they are outlines of texts where the format is named."""
    source, out = export(tmp_path / "in", name), tmp_path / "out"
    assert main(["data", "check", str(source)]) == 3
    assert f"sealkit data convert {source} OUT\n" in capsys.readouterr().err
    assert main(["data", "convert", str(source), str(out), "--rename", "table=form"]) == 0
    assert f"a layout set; if they are texts, --from {name}" in capsys.readouterr().out
    (page,) = read_coco(out, "annotations/all.json").samples
    wanted = {("form" if label == "table" else label, box) for label, box in REGIONS}
    assert {(one.label, tuple(one.box.round().tolist())) for one in page.boxes} == wanted
    assert main(["data", "convert", str(source), str(tmp_path / "named"), "--from", name]) == 0
    assert read_det_labels(tmp_path / "named", "labels.txt")[0][0].lines


@pytest.mark.parametrize("name", [name for name in EXPORTS if name != "yolo"])
def test_with_texts_they_are_outlines(tmp_path: Path, name: str) -> None:
    assert main(["data", "convert", str(export(tmp_path / "in", name, texts=True)), str(tmp_path / "out")]) == 0
    (sample,) = read_det_labels(tmp_path / "out", "labels.txt")[0]
    assert [line.text for line in sample.lines] == [f"第{n}号" for n in range(6)]


def test_texts_under_another_key_are_asked_about(tmp_path: Path) -> None:
    content = json.loads((export(tmp_path / "in", "coco") / "set.json").read_text(encoding="utf-8"))
    for n, annotation in enumerate(content["annotations"]):
        annotation["attributes"] = {"label": f"第{n}号"}
    dump(tmp_path / "in" / "set.json", content)
    with pytest.raises(DataError, match=r"--text attributes\.label; .*--to page_boxes if they are regions"):
        convert(tmp_path / "in")
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "out")]) == 3
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "out"), "--to", "page_boxes"]) == 0


def test_boxes_called_text_stand_around_texts(tmp_path: Path) -> None:
    write_image(tmp_path / "in" / "a.png", draw_image(1, *SIDES))
    labelme(tmp_path / "in", [("text", box, "") for _, box in REGIONS])
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    assert len(read_det_labels(tmp_path / "out", "labels.txt")[0][0].lines) == 3


def test_polygons_are_outlines_whatever_they_are_called(tmp_path: Path) -> None:
    content = json.loads((export(tmp_path / "in", "coco") / "set.json").read_text(encoding="utf-8"))
    content["annotations"][0]["segmentation"] = [[5, 5, 45, 8, 42, 45, 6, 40]]
    dump(tmp_path / "in" / "set.json", content)
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    assert len(read_det_labels(tmp_path / "out", "labels.txt")[0][0].lines) == 6
