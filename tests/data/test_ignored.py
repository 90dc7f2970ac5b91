"""One meaning of `difficult`, however and wherever a tool writes it, and sets that have nothing to learn from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sealkit.cli import main
from sealkit.data.converters.convert import convert
from sealkit.data.labels.ignored import says_yes
from sealkit.images import write_image
from sealkit.modules.doc_text_orientation.settings import DocTextOrientationRecipe
from sealkit.modules.doc_text_orientation.task import DocTextOrientationTask
from sealkit.modules.recipe import load_recipe
from tests.data.sets import box, draw_image, write_labels
from tests.data.test_foreign_oddities import dump

POINTS = [[10, 10], [60, 12], [58, 40], [12, 38]]
FLAT = [v for point in POINTS for v in point]
YES = (True, 1, "1", "true", "True", "TRUE", " yes ")
NO = (False, 0, None, "0", "false", "", "Unspecified", 2, [True], {"a": 1}, 1.5)
Writer = Callable[[Path, list[tuple[str, Any]]], object]


def labelme(folder: Path, texts: list[tuple[str, Any]], place: str) -> None:
    shapes = [{"label": t, "points": POINTS, "shape_type": "polygon", "flags": {}, "attributes": {}} for t, _ in texts]
    for shape, (_, value) in zip(shapes, texts):
        (shape if not place else shape[place])["difficult"] = value  # type: ignore[call-overload,index]
    dump(folder / "a.json", {"shapes": shapes, "imagePath": "a.png"})


def coco(folder: Path, texts: list[tuple[str, Any]], place: str) -> None:
    made: list[dict[str, Any]] = [
        {"id": n, "image_id": 1, "category_id": 1, "segmentation": [FLAT], "bbox": [10, 10, 50, 30], "text": text}
        for n, (text, _) in enumerate(texts)
    ]
    for one, (_, value) in zip(made, texts):
        one.update({"attributes": {"difficult": value}} if place else {"ignore": value})
    image = {"id": 1, "file_name": "a.png"}
    dump(folder / "c.json", {"images": [image], "annotations": made, "categories": [{"id": 1, "name": "seal"}]})


def via(folder: Path, texts: list[tuple[str, Any]]) -> None:
    xs, ys = zip(*POINTS)
    shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    regions = [{"shape_attributes": shape, "region_attributes": {"text": t, "difficult": v}} for t, v in texts]
    dump(folder / "v.json", {"a.png1": {"filename": "a.png", "size": 1, "regions": regions}})


def rest(folder: Path, texts: list[tuple[str, Any]]) -> None:
    dump(folder / "r.json", {"gt_a": [{"points": POINTS, "transcription": t, "illegibility": v} for t, v in texts]})


def paddlex(folder: Path, texts: list[tuple[str, Any]]) -> None:
    write_labels(folder / "train.txt", {"a.png": [box(1, 2, 60, 40, t, difficult=v) for t, v in texts]})


def voc(folder: Path, texts: list[tuple[str, Any]]) -> None:
    sides = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
    rows = [f"<object><name>s</name><text>{t}</text><difficult>{v}</difficult>{sides}</object>" for t, v in texts]
    (folder / "a.xml").write_text(f"<annotation><filename>a.png</filename>{''.join(rows)}</annotation>", "utf-8")


def cvat(folder: Path, texts: list[tuple[str, Any]]) -> None:
    points = ";".join(f"{x},{y}" for x, y in POINTS)
    rows = [
        f'<polygon label="s" points="{points}"><attribute name="text">{t}</attribute>'
        f'<attribute name="difficult">{v}</attribute></polygon>'
        for t, v in texts
    ]
    (folder / "x.xml").write_text(f'<annotations><image name="a.png">{"".join(rows)}</image></annotations>', "utf-8")


def csv(folder: Path, texts: list[tuple[str, Any]]) -> None:
    rows = [f"a.png,{t},{v},1,2,30,40\n" for t, v in texts]
    (folder / "t.csv").write_text(f"image,text,difficult,xmin,ymin,xmax,ymax\n{''.join(rows)}", "utf-8")


WRITERS: dict[str, Writer] = {
    "labelme": lambda folder, texts: labelme(folder, texts, ""),
    "labelme flags": lambda folder, texts: labelme(folder, texts, "flags"),
    "labelme attributes": lambda folder, texts: labelme(folder, texts, "attributes"),
    "coco": lambda folder, texts: coco(folder, texts, ""),
    "coco attributes": lambda folder, texts: coco(folder, texts, "attributes"),
    "via": via,
    "rest": rest,
    "paddlex": paddlex,
    "voc": voc,
    "cvat": cvat,
    "csv": csv,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_flag_means_the_same_in_every_format(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    in_text = name in ("voc", "cvat", "csv")  # where all values are words
    values = [v for v in (*YES, *NO) if not in_text or not isinstance(v, (list, dict, str)) or v]
    values = [v for v in values if not in_text or not isinstance(v, (list, dict))]
    WRITERS[name](tmp_path, [(f"第{n}公司", value) for n, value in enumerate(values)])
    (sample,) = convert(tmp_path).samples
    assert [line.ignore for line in sample.lines] == [value in YES and value is not None for value in values]
    assert [line.text == "" for line in sample.lines] == [line.ignore for line in sample.lines]


def test_what_says_yes() -> None:
    assert all(map(says_yes, YES)) and not any(map(says_yes, NO))


LATE = {"text": "2023", "caption": ["天津公司"], " Text ": "天津公司", "文字": "天津公司"}


@pytest.mark.parametrize("key", LATE)
def test_texts_as_lists_numbers_and_under_chinese_keys(tmp_path: Path, key: str) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    coco(tmp_path, [("", False)], "attributes")
    content = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    del content["annotations"][0]["text"]
    content["annotations"][0][key] = int(LATE[key]) if key == "text" else LATE[key]  # type: ignore[call-overload]
    dump(tmp_path / "c.json", content)
    wanted = LATE[key][0] if isinstance(LATE[key], list) else LATE[key]
    assert [line.text for line in convert(tmp_path).samples[0].lines] == [wanted]


def barren(folder: Path, module: str) -> None:
    """A set whose labels are sound, and whose images have nothing to learn from."""
    for number, part in enumerate(("train", "val")):
        write_image(folder / "images" / f"{part}.png", draw_image(number))
        if module == "layout_detection":
            image = {"id": 1, "file_name": f"{part}.png", "width": 160, "height": 120}
            content = {"images": [image], "annotations": [], "categories": [{"id": 0, "name": "seal"}]}
            dump(folder / "annotations" / f"instance_{part}.json", content)
        elif module == "doc_text_orientation":
            (folder / f"{part}.txt").write_text(f"images/{part}.png 0\n", encoding="utf-8")
        elif module == "seal_text_detection":
            write_labels(folder / f"{part}.txt", {f"images/{part}.png": []})
        else:
            (folder / f"{part}.txt").write_text(f"images/{part}.png\t###\n", encoding="utf-8")


def test_pages_of_one_angle_are_trained_on_only_where_they_are_turned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check warns; training refuses, unless the hint's settings turn them."""
    barren(tmp_path / "set", "doc_text_orientation")
    assert main(["data", "check", str(tmp_path / "set")]) == 0
    assert "missing-class" in capsys.readouterr().out
    words = ["train", "--data", str(tmp_path / "set"), "--output", str(tmp_path / "run")]
    short = ["-o", "max_steps=1", "num_workers=0"]
    assert main([*words, *short]) == 3
    said = capsys.readouterr().err
    assert "all training pages lie at 0 degrees: nothing to learn" in said
    hinted = said.partition("add -o ")[2].partition(";")[0].split()
    assert len(hinted) == 2
    settings = load_recipe("doc_ori_finetune", [*hinted, f"data.train.0.root={tmp_path / 'set'}"]).settings
    assert isinstance(settings, DocTextOrientationRecipe)
    assert DocTextOrientationTask(settings).train_samples() is not None


@pytest.mark.parametrize("module", ["seal_text_detection", "text_recognition", "layout_detection"])
def test_a_set_without_anything_to_learn_from_is_refused(
    tmp_path: Path, module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the check, and by training before its first step."""
    barren(tmp_path / "set", module)
    assert main(["data", "check", str(tmp_path / "set"), "--module", module]) == 3
    report = capsys.readouterr()
    told = "placeholder" if module == "text_recognition" else "nothing-to-learn"
    assert f"error: {told} (2)" in report.out + report.err
    words = ["train", "--data", str(tmp_path / "set"), "--module", module, "--output", str(tmp_path / "run")]
    assert main([*words, "-o", "max_steps=1", "num_workers=0"]) == 3
    said = capsys.readouterr().err
    assert ("no usable line" if module == "text_recognition" else "nothing to learn") in said
    assert not (tmp_path / "run" / "checkpoints" / "latest").exists()
