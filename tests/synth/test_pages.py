"""Pages: boxes lie where the ink lies, images depend on seed and index alone, sets are what PaddleX reads."""

import argparse
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from sealkit.cli import data_synth
from sealkit.errors import ConfigError, DataError
from sealkit.images import read_image
from sealkit.synth.common import paper
from sealkit.synth.common.fields import FieldPool
from sealkit.synth.common.sets import SetPlan
from sealkit.synth.pages import document_kinds as page_kinds
from sealkit.synth.pages import scene as pages
from sealkit.synth.pages import stamping as page_seals
from sealkit.synth.pages.camera import View, flat_view, photo_view
from sealkit.synth.pages.coco import annotation_name, write_page_set
from sealkit.synth.pages.scene import _seen, page_cache, render_page
from sealkit.synth.pages.sheet import Sheet
from sealkit.synth.pages.stamping import MaskCache, choose_half, make_ready, stamp
from sealkit.synth.seals.settings import DOCUMENTS, PageSettings

SMALL = PageSettings(size=(220, 300))


def test_a_page_depends_on_seed_and_index_only() -> None:
    alone = render_page(7, 2, SMALL)
    page_cache.cache_clear()  # nothing drawn before may matter
    render_page(7, 1, SMALL)
    again = render_page(7, 2, SMALL)
    assert np.array_equal(alone[0], again[0]) and alone[1:] == again[1:]
    assert not np.array_equal(alone[0], render_page(8, 2, SMALL)[0])


def test_boxes_lie_in_the_image_and_seals_are_counted() -> None:
    kinds: set[str] = set()
    for index in range(24):
        image, objects, info = render_page(3, index, SMALL)
        height, width = image.shape[:2]
        assert image.dtype == np.uint8 and image.shape[2] == 3 and 200 < max(height, width) <= 301
        for one in objects:
            x0, y0, x1, y1 = one.box
            assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
            assert 0 < one.visible <= 1
            assert (one.shape != "") == (one.kind == "seal") == (one.colour != "")
        kinds |= {one.kind for one in objects}
        seals = [one for one in objects if one.kind == "seal"]
        assert len(seals) == info["seals"] <= 6
        assert info["document"] in DOCUMENTS and info["view"] in ("whole", "part", "close")
    assert {"seal", "table", "image", "text"} <= kinds


def test_every_document_can_be_drawn_alone() -> None:
    assert set(page_kinds.KINDS) == set(DOCUMENTS)
    for index, name in enumerate(DOCUMENTS):
        only = dict.fromkeys(DOCUMENTS, 0.0) | {name: 1.0}
        _, _, info = render_page(5, index, SMALL.model_copy(update=only | {"parts": 0.0, "close_ups": 0.0}))
        assert info["document"] == name and info["view"] == "whole"
        assert info["upright"] == (info["text_lines"] >= 4)


@pytest.mark.parametrize("half", [9.0, 40.0, 150.0, 200.0])
@pytest.mark.parametrize("shape", ["circle", "square"])
def test_a_seals_outline_is_where_its_ink_is(half: float, shape: str) -> None:
    """In the pixels of the stamped sheet, at every size, kept masks and fresh ones."""
    book, fields, rng = page_cache(0, None).assets.book, FieldPool(0), np.random.default_rng([int(half), 4])
    sheet = np.full((700, 700, 3), 255, np.float32)
    ready = make_ready(rng, book, shape, half) if half > 150 else MaskCache(0, book).seal(rng, shape)
    seal = stamp(sheet, rng, fields, ready, shape, (351.3, 347.8), half, 30.0, "clean")
    ys, xs = np.nonzero(sheet.min(2) < 200)
    found = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    assert found == pytest.approx(np.concatenate([seal.hull.min(0), seal.hull.max(0)]), abs=max(2.0, 0.03 * half))
    assert seal.width == 2 * half


def test_points_and_pixels_go_the_same_way() -> None:
    """A dot on the sheet is found in the image where View.points says, flat, tilted and bent."""
    rng = np.random.default_rng(2)
    views = [flat_view(rng, (300, 400), (280, 380), 2.0), photo_view(rng, (300, 400), (320, 400), 0.9, -4.0)]
    views.append(View(views[1].matrix, 320, 400, 7.0, 0.3, 300.0))
    for view in views:
        for spot in ((60, 80), (150, 200), (240, 330)):
            sheet = np.full((400, 300, 3), 255, np.uint8)
            cv2.circle(sheet, spot, 5, (0, 0, 0), -1)
            for ground in (None, np.full((view.height, view.width, 3), 255, np.uint8)):
                dark = 255.0 - view.take(sheet, ground)[..., 0]
                dark[dark < 200] = 0
                ys, xs = np.nonzero(dark)
                assert (xs.mean(), ys.mean()) == pytest.approx(tuple(view.points(np.array([spot]))[0]), abs=0.7)


def test_boxes_are_cut_at_the_pages_edge_and_at_the_images() -> None:
    view = View(np.array([[1.0, 0, -20], [0, 1, 0], [0, 0, 1]]), 100, 100)  # the image starts 20 pixels to the right
    square = np.array([[-30.0, 10], [50, 10], [50, 50], [-30, 50]])
    box, share = _seen(square, (200, 200), view) or ((), 0)
    assert box == pytest.approx((0, 10, 30, 50)) and share == pytest.approx(30 / 80)
    assert _seen(square - (60, 0), (200, 200), view) is None  # beyond the page
    assert _seen(square + np.array([200, 0]), (200, 200), view) is None  # on the page, beyond the image


def test_print_outside_the_window_is_neither_drawn_nor_lost() -> None:
    kept = page_cache(0, None)
    sheet = Sheet(np.random.default_rng(0), kept.type, 400, 600, (100, 200, 150, 150), 12.0)
    assert sheet.write(50, 10, "合同专用章", 12.0)[2] > 50 and (sheet.ink == 255).all()
    sheet.put(np.full((30, 30), 255, np.uint8), 90, 190, (0, 0, 0))
    assert (sheet.ink[:20, :20] == 0).all() and (sheet.ink[20:] == 255).all() and (sheet.ink[:, 20:] == 255).all()


def test_share_of_empty_pages_is_what_was_asked_for() -> None:
    tiny = SMALL.model_copy(update={"size": (120, 140), "seal_width": (0.12, 0.3)})
    none = [render_page(1, index, tiny.model_copy(update={"empty": 1.0})) for index in range(6)]
    assert all(info["seals"] == 0 and all(one.kind != "seal" for one in objects) for _, objects, info in none)
    some = [render_page(1, index, tiny.model_copy(update={"empty": 0.0, "parts": 0.0})) for index in range(10)]
    assert sum(info["seals"] > 0 for _, _, info in some) >= 9  # one may fall beyond the edge


def test_seals_that_a_copier_wiped_out_are_not_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = SMALL.model_copy(update={"size": (200, 220), "empty": 0.0, "parts": 0.0, "close_ups": 0.0})
    monkeypatch.setattr(paper, "LOOKS", ("copy",) * 4)
    assert sum(render_page(2, index, tiny)[2]["seals"] for index in range(4)) >= 4
    monkeypatch.setattr(pages, "take", lambda image, *_: np.full(image.shape, 255, np.uint8))
    assert sum(render_page(2, index, tiny)[2]["seals"] for index in range(4)) == 0


def test_seal_sizes_keep_their_limits() -> None:
    rng = np.random.default_rng(0)
    halves = [choose_half(rng, page_seals.choose_shape(rng, ()), 700.0, (0.05, 0.3)) for _ in range(300)]
    assert min(halves) >= 0.05 * 350 - 1e-6 and max(halves) <= 0.3 * 350 + 1e-6
    assert 0.15 * 350 < np.median(halves) < 0.22 * 350


def test_set_is_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    for workers in (1, 2):
        write_page_set(SetPlan(tmp_path / str(workers), 5, 5, workers, val_share=0.4), SMALL)
    names = [annotation_name("train"), annotation_name("val"), "upright_train.txt", "upright_val.txt"]
    for name in names + [f"images/{i:06d}.jpg" for i in range(5)]:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def _command(*flags: str) -> int:
    parser = argparse.ArgumentParser()
    data_synth.add_arguments(parser)
    return data_synth.run(parser.parse_args(list(flags)))


def test_command_writes_coco_and_upright_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, sheet = tmp_path / "set", tmp_path / "sheet.png"
    flags = ["--kind", "page", "-n", "8", "--workers", "1", "--val-share", "0.25", "--size", "200", "240", "--sheet"]
    assert _command(str(out), *flags, str(sheet)) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["images"] == 8 and summary["train"] == 6 and summary["val"] == 2
    seen, annotations = set(), 0
    for part in ("train", "val"):
        content = json.loads((out / "annotations" / f"instance_{part}.json").read_text(encoding="utf-8"))
        assert [(one["id"], one["name"]) for one in content["categories"]] == [(0, "image"), (1, "table"), (2, "seal")]
        sizes = {one["id"]: (one["width"], one["height"]) for one in content["images"]}
        for one in content["images"]:
            assert read_image(out / "images" / one["file_name"]).shape[1::-1] == (one["width"], one["height"])
            seen.add(f"images/{one['file_name']}")
        assert [one["id"] for one in content["annotations"]] == list(range(1, len(content["annotations"]) + 1))
        for one in content["annotations"]:
            x, y, w, h = one["bbox"]
            width, height = sizes[one["image_id"]]
            assert x >= 0 and y >= 0 and w > 0 and h > 0 and x + w <= width + 0.02 and y + h <= height + 0.02
            assert one["area"] == pytest.approx(w * h, abs=0.01) and one["iscrowd"] == 0
        annotations += len(content["annotations"])
        upright = (out / f"upright_{part}.txt").read_text(encoding="utf-8").split()
        assert set(upright) <= {f"images/{one['file_name']}" for one in content["images"]}
    assert len(seen) == 8 and annotations == sum(summary["boxes"].values()) > 0
    assert read_image(sheet).shape[0] >= 320
    with pytest.raises(DataError, match="not empty"):
        _command(str(out), "--kind", "page", "-n", "1")


def test_more_classes_are_labelled_when_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [
        "--kind",
        "page",
        "-n",
        "2",
        "--workers",
        "1",
        "--size",
        "200",
        "240",
        "--classes",
        "text,seal",
        "--documents",
        "contract",
        "--val-share",
        "0",
    ]
    assert _command(str(tmp_path / "set"), *flags) == 0
    content = json.loads((tmp_path / "set" / annotation_name("train")).read_text(encoding="utf-8"))
    assert [one["name"] for one in content["categories"]] == ["text", "seal"]
    assert {one["category_id"] for one in content["annotations"]} >= {0}
    assert set(json.loads(capsys.readouterr().out)["boxes"]) <= {"text", "seal"}
    assert not (tmp_path / "set" / annotation_name("val")).exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--kind", "page", "--documents", "novel=1"], "unknown name"),
        (["--kind", "page", "--shapes", "circle=1"], "no effect here.*--kind page"),
        (["--empty", "0.5"], "no effect here.*--kind seal"),
        (["--kind", "page", "--empty", "1.5"], "--empty"),
        (["--kind", "page", "--size", "10", "5"], "from at least 64 pixels"),
    ],
)
def test_wrong_flags_have_one_clear_message(flags: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _command(str(tmp_path / "set"), "-n", "1", *flags)
    assert re.search(message, str(caught.value), re.S), str(caught.value)
    assert not (tmp_path / "set").exists()


def test_unknown_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="classes must be different names"):
        write_page_set(SetPlan(tmp_path / "set", 1), classes=("seal", "stamp"))
