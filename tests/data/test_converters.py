"""Foreign annotations: what each tool writes comes out as a sound detection set, and what cannot is said with its
place.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sealkit.data.converters.base import Conversion, write_set
from sealkit.data.converters.convert import convert, find_format
from sealkit.data.converters.detect import recognise
from sealkit.data.converters.seal_texts import read_texts, write_texts
from sealkit.data.labels.detection import read_det_labels
from sealkit.errors import DataError
from sealkit.images import read_image, write_image
from sealkit.modules.seal_text_detection.check import check_dataset
from tests.data.sets import draw_image

POLYGON = [[10, 10], [60, 12], [58, 40], [12, 38]]


def dump(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def kinds(conversion: Conversion) -> list[str]:
    return sorted(problem.code for problem in conversion.problems)


def texts(conversion: Conversion) -> list[list[str]]:
    return [["###" if line.ignore else line.text for line in sample.lines] for sample in conversion.samples]


def shape(label: str, points: Any = None, kind: str = "polygon", **extra: Any) -> dict[str, Any]:
    return {"label": label, "points": points or POLYGON, "shape_type": kind, **extra}


# ---------------------------------------------------------------- LabelMe


def labelme(folder: Path, name: str, shapes: list[Any], **extra: Any) -> Path:
    content = {"version": "5.4.1", "shapes": shapes, "imagePath": f"{name}.png", "imageData": None, **extra}
    return dump(folder / f"{name}.json", content)


def test_labelme_polygons_rectangles_groups_and_flags(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    labelme(
        tmp_path,
        "a",
        [
            shape("天津公司", group_id=1),
            shape("专用章", [[70, 20], [120, 50]], "rectangle", group_id=1),
            shape("看不清", flags={"ignore": True}),
            shape("ignore"),
            shape("难", difficult=True),
            shape("带方向", attributes={"direction": "line", "shape": "oval", "angle": 12}),
        ],
    )
    done = convert(tmp_path)
    assert done.problems == []
    assert texts(done) == [["天津公司", "专用章", "###", "###", "###", "带方向"]]
    lines = done.samples[0].lines
    assert lines[0].points.tolist() == POLYGON and lines[0].seal == 1
    assert lines[1].points.tolist() == [[70, 20], [120, 20], [120, 50], [70, 50]]
    assert (lines[5].direction, lines[5].shape, lines[5].angle) == ("line", "oval", 12)


def test_labelme_finds_images_behind_windows_paths_and_inside_the_file(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.png", draw_image(1))
    encoded = base64.b64encode(write_image(tmp_path / "gone.png", draw_image(2)).read_bytes()).decode()
    (tmp_path / "gone.png").unlink()
    labelme(tmp_path / "json", "a", [shape("甲"), shape("乙")], imagePath="..\\images\\a.png")
    labelme(tmp_path / "json", "b", [shape("丙")], imagePath="C:\\data\\b.png", imageData=encoded)
    labelme(tmp_path / "json", "c", [shape("丁")])
    done = convert(tmp_path)
    assert kinds(done) == ["missing-image"] and done.problems[0].where == "json/c.json"
    assert write_set(done, tmp_path / "out") == 2
    assert np.array_equal(read_image(tmp_path / "out/images/a.png"), draw_image(1))
    assert np.array_equal(read_image(tmp_path / "out/images/b.png"), draw_image(2))


def test_labelme_reports_what_is_no_outline(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    write_image(tmp_path / "b.png", draw_image(2))
    write_image(tmp_path / "alone.png", draw_image(3))
    labelme(
        tmp_path,
        "a",
        [
            shape("圆", [[50, 50], [60, 50]], "circle"),
            shape("线", [[50, 50], [60, 50]], "linestrip"),
            shape("长", [[1, 1], [2, 2], [3, 3]], "rectangle"),
            shape("坏", [[1, 1], [2, None], [3, 3]]),
            shape("好"),
            "text",
        ],
    )
    labelme(tmp_path, "b", [shape("圆", [[50, 50], [60, 50]], "circle")])
    dump(tmp_path / "other.json", {"a": 1})
    (tmp_path / "broken.json").write_text('{"shapes": [', encoding="utf-8")
    done = convert(tmp_path, "labelme")
    assert texts(done) == [["圆", "好"], ["圆"]]
    ring = done.samples[0].lines[0].points
    assert np.allclose(np.hypot(*(ring - [50, 50]).T), 10, atol=1e-4), "a circle is its points"
    assert kinds(done) == sorted(
        ["not-an-outline"] + ["bad-points"] * 2 + ["bad-text", "not-labelme", "bad-json", "unlabelled-images"]
    )
    assert all(p.where in ("a.json", "other.json", "broken.json", str(tmp_path)) for p in done.problems)


def test_labelme_label_that_is_a_class_is_no_text(tmp_path: Path) -> None:
    for name in "ab":
        write_image(tmp_path / f"{name}.png", draw_image(ord(name)))
    labelme(tmp_path, "a", [shape("text"), shape("text")])
    labelme(tmp_path, "b", [shape("text")])
    assert texts(convert(tmp_path)) == [["", ""], [""]]
    labelme(tmp_path, "b", [shape("text", description="天津公司")])
    assert texts(convert(tmp_path)) == [["", ""], ["天津公司"]]


# ---------------------------------------------------------------- PPOCRLabel


def test_ppocrlabel(tmp_path: Path) -> None:
    root = tmp_path / "seals"
    for name in ("a", "b", "c", "unlabelled"):
        write_image(root / f"{name}.png", draw_image(ord(name[0])))
    entry = {"transcription": "天津公司", "points": POLYGON, "difficult": False}
    hard = {"transcription": "难", "points": POLYGON, "difficult": True}
    rows = [
        f"seals/a.png\t{json.dumps([entry, hard], ensure_ascii=False)}",
        f"D:\\work\\seals\\b.png\t{json.dumps([entry], ensure_ascii=False)}",
        f"seals/gone.png\t{json.dumps([entry])}",
        "seals/c.png\t[{'transcription'",
        "seals/c.png no tab",
        "",
    ]
    (root / "Label.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (root / "fileState.txt").write_text("D:\\work\\seals\\a.png\t1\n", encoding="utf-8")
    assert find_format(root) == "ppocrlabel"
    done = convert(root)
    assert texts(done) == [["天津公司", "###"], ["天津公司"]]
    assert kinds(done) == ["bad-json", "bad-separator", "missing-image", "not-confirmed", "unlabelled-images"]
    places = {p.code: p.where for p in done.problems}
    assert places["missing-image"] == "Label.txt:3" and places["bad-json"] == "Label.txt:4"
    assert places["bad-separator"] == "Label.txt:5"
    with pytest.raises(DataError, match=r"no Label\.txt"):
        convert(tmp_path, "ppocrlabel")


# ---------------------------------------------------------------- COCO


def test_coco(tmp_path: Path) -> None:
    for name in "abcd":
        write_image(tmp_path / "images" / f"{name}.png", draw_image(ord(name)))
    flat = [v for point in POLYGON for v in point]
    content = {
        "images": [
            *({"id": i, "file_name": f"{name}.png"} for i, name in enumerate("abcd")),
            {"id": 9, "file_name": "gone.png"},
            {"file_name": "no_id.png"},
        ],
        "annotations": [
            {"id": 1, "image_id": 0, "segmentation": [flat], "text": "天津公司"},
            {
                "id": 2,
                "image_id": "0",
                "segmentation": [flat],
                "attributes": {"transcription": "专用章", "shape": "oval"},
            },
            {"id": 3, "image_id": 0, "segmentation": [flat], "iscrowd": 1},
            {"id": 4, "image_id": 1, "segmentation": [[1, 1, 3, 1, 3, 3], flat]},
            {"id": 5, "image_id": 1, "bbox": [5, 6, 20, 10]},
            {"id": 6, "image_id": 2, "segmentation": {"counts": "abc", "size": [9, 9]}},
            {"id": 7, "image_id": 77, "segmentation": [flat]},
            {"id": 8, "image_id": 1, "segmentation": [[1, 2]]},
            {"id": 9, "segmentation": [flat]},
        ],
        "categories": [{"id": 1, "name": "text"}],
    }
    dump(tmp_path / "annotations" / "train.json", content)
    assert find_format(tmp_path) == "coco"
    done = convert(tmp_path)
    assert texts(done) == [["天津公司", "专用章", "###"], ["", ""], []]
    assert done.samples[0].lines[1].shape == "oval"
    assert done.samples[1].lines[0].points.tolist() == POLYGON, "the largest part"
    assert done.samples[1].lines[1].points.tolist() == [[5, 6], [25, 6], [25, 16], [5, 16]]
    assert done.samples[2].image_path.name == "d.png", "an image without annotations has no text"
    wanted = "several-parts mask no-usable-text missing-image bad-image bad-points bad-text orphan-annotations"
    assert kinds(done) == sorted([*wanted.split(), "boxes-only", "unlabelled-images"])
    assert convert(tmp_path / "annotations" / "train.json").samples[0].image_path.name == "a.png"


def test_coco_file_that_is_none(tmp_path: Path) -> None:
    dump(tmp_path / "x.json", {"images": 3})
    assert kinds(convert(tmp_path, "coco")) == ["not-coco"]
    with pytest.raises(DataError, match="nothing could be converted"):
        write_set(convert(tmp_path, "coco"), tmp_path / "out")


# ---------------------------------------------------------------- ICDAR ReST


@pytest.mark.parametrize("together", [True, False])
def test_rest(tmp_path: Path, together: bool) -> None:
    write_image(tmp_path / "train" / "1.png", draw_image(1))
    write_image(tmp_path / "train" / "img_0012.png", draw_image(2))
    entries: dict[str, Any] = {
        "gt_1": [{"points": POLYGON, "transcription": "天津公司"}, {"points": POLYGON, "transcription": "###"}],
        "gt_12": [{"points": POLYGON, "transcription": "难", "illegibility": True}],
        "gt_3": [{"points": POLYGON, "transcription": "图"}],
    }
    if together:
        dump(tmp_path / "train_gt.json", entries)
    else:
        for key, value in entries.items():
            dump(tmp_path / "gt" / f"{key}.json", {key: value} if key != "gt_1" else value)
    assert find_format(tmp_path) == "rest"
    done = convert(tmp_path)
    assert sorted(texts(done)) == [["###"], ["天津公司", "###"]]
    assert {s.image_path.name for s in done.samples} == {"1.png", "img_0012.png"}
    assert all(line.direction is None for s in done.samples for line in s.lines)
    assert kinds(done) == ["missing-image"] and "gt_3" in done.problems[0].where + done.problems[0].message


def test_rest_oddities(tmp_path: Path) -> None:
    dump(tmp_path / "a.json", {"gt_1": {"points": POLYGON, "transcription": "x"}, "gt_2": "text"})
    dump(tmp_path / "b.json", 7)
    (tmp_path / "c.json").write_text("{", encoding="utf-8")
    assert kinds(convert(tmp_path, "rest")) == ["bad-json", "missing-image", "not-rest", "not-rest"]


# ---------------------------------------------------------------- texts without outlines


def test_seal_texts(tmp_path: Path) -> None:
    write_image(tmp_path / "in" / "a.png", draw_image(1))
    write_image(tmp_path / "in" / "sub" / "a.png", draw_image(2))
    write_image(tmp_path / "in" / "none.png", draw_image(3))
    write_image(tmp_path / "in" / "empty.png", draw_image(4))
    (tmp_path / "in/a.txt").write_text("天津公司#发票专用章\n", encoding="utf-8")
    (tmp_path / "in/sub/a.txt").write_bytes("财务专用章".encode("gb18030"))
    (tmp_path / "in/empty.txt").write_text(" \n")
    assert recognise(tmp_path / "in") == "seal_texts"
    found, source = read_texts(tmp_path / "in")
    assert sorted(found.values()) == [["天津公司", "发票专用章"], ["财务专用章"]]
    assert sorted(p.code for p in source.problems) == ["empty-text", "encoding", "no-text"]
    assert write_texts(found, tmp_path / "out") == 2
    table = json.loads((tmp_path / "out/texts.json").read_text(encoding="utf-8"))
    assert all((tmp_path / "out" / name).is_file() for name in table) and len(table) == 2
    with pytest.raises(DataError, match="texts but no outlines"):
        convert(tmp_path / "in")


# ---------------------------------------------------------------- all of them


def test_a_converted_set_passes_the_check(tmp_path: Path) -> None:
    for seed in range(4):
        write_image(tmp_path / "in" / f"folder{seed}" / "seal.png", draw_image(seed))
        labelme(
            tmp_path / "in" / f"folder{seed}",
            "seal",
            [shape(f"第{seed}号有限公司"), shape("章", [[70, 20], [120, 50]], "rectangle")],
        )
    done = convert(tmp_path / "in")
    assert write_set(done, tmp_path / "out", "train.txt") == 4
    names = sorted(path.name for path in (tmp_path / "out/images").iterdir())
    assert names == ["seal.png", "seal_2.png", "seal_3.png", "seal_4.png"]
    report = check_dataset(tmp_path / "out")
    assert [p.code for p in report.problems] == ["no-validation-set"]
    samples, _ = read_det_labels(tmp_path / "out", "train.txt")
    for sample in samples:
        seed = int(sample.lines[0].text[1])
        assert np.array_equal(read_image(sample.image_path), draw_image(seed)), "each image kept its own labels"


def test_messages(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        convert(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no known annotation format"):
        convert(tmp_path)
    with pytest.raises(DataError, match="unknown annotation format"):
        convert(tmp_path, "svg")
    for name, what in (("coco", "no COCO file"), ("rest", "no JSON file")):
        with pytest.raises(DataError, match=what):
            convert(tmp_path, name)
    write_image(tmp_path / "in" / "a.png", draw_image(1))
    labelme(tmp_path / "in", "a", [shape("甲")])
    with pytest.raises(DataError, match="not empty"):
        write_set(convert(tmp_path / "in"), tmp_path / "in")


@pytest.mark.parametrize("name", ["labelme", "coco", "rest", "ppocrlabel"])
def test_damaged_annotation_files_never_crash(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "a.png", draw_image(1))
    flat = [v for point in POLYGON for v in point]
    sources = {
        "labelme": json.dumps({"shapes": [shape("甲"), shape("乙")], "imagePath": "a.png"}),
        "coco": json.dumps(
            {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "segmentation": [flat]}]}
        ),
        "rest": json.dumps({"gt_a": [{"points": POLYGON, "transcription": "x"}]}),
        "ppocrlabel": "a.png\t" + json.dumps([{"transcription": "x", "points": POLYGON, "difficult": True}]),
    }
    file = tmp_path / ("Label.txt" if name == "ppocrlabel" else "a.json")
    rng = np.random.default_rng(0)
    replacements = ["null", "7", "[]", "{}", '"x"', "[[]]", "true", "-1e999", ""]
    for _ in range(30):
        text = sources[name]
        start = int(rng.integers(0, len(text)))
        stop = start + int(rng.integers(0, 12))
        file.write_text(text[:start] + str(rng.choice(replacements)) + text[stop:], encoding="utf-8")
        done = convert(tmp_path, name)
        assert done.samples or done.problems
    # Sound JSON with a wrong value in any place.
    if name != "ppocrlabel":
        for broken in _with_each_value_replaced(json.loads(sources[name])):
            dump(file, broken)
            convert(tmp_path, name)


def _with_each_value_replaced(value: Any) -> list[Any]:
    """All variants of a JSON value in which one place holds something unexpected."""
    variants: list[Any] = [None, 7, "x", [], {}, [None], {"a": None}]
    if isinstance(value, dict):
        for key, inner in value.items():
            variants += [{**value, key: variant} for variant in _with_each_value_replaced(inner)]
    if isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            variants += [[*value[:index], variant, *value[index + 1 :]] for variant in _with_each_value_replaced(inner)]
    return variants


def test_a_cut_lmdb_set_is_named(tmp_path: Path) -> None:
    """LMDB reads past the end of the file, and the system ends the process."""
    lmdb = pytest.importorskip("lmdb")
    import cv2

    from sealkit.data.converters.lmdb_strips import read

    image = cv2.imencode(".png", np.full((32, 64, 3), 255, np.uint8))[1].tobytes() + bytes(5000)
    with lmdb.open(str(tmp_path), map_size=1 << 22) as base, base.begin(write=True) as view:
        for number in range(1, 9):
            view.put(b"image-%09d" % number, image)
            view.put(b"label-%09d" % number, "印章".encode())
        view.put(b"num-samples", b"8")
    data = (tmp_path / "data.mdb").read_bytes()
    assert len(read(tmp_path).found) == 8
    for size in (len(data) - 1, len(data) // 2, 3 * 4096):
        (tmp_path / "data.mdb").write_bytes(data[:size])
        with pytest.raises(DataError, match=rf"the database is cut: it says \d+ bytes and has {size}"):
            read(tmp_path)
