"""The published numbers: all of them, under the names the models have."""

from __future__ import annotations

import json

from sealkit.modules.published import FILE, PublishedMetric, published_models, published_pipelines
from sealkit.zoo import all_models, get


def test_every_number_is_there() -> None:
    assert sum(row.numbers() for row in published_models()) == 253
    assert sum(len(row.numbers) for row in published_pipelines()) == 390
    assert len(published_pipelines()) == 6 * 9


def test_models_are_those_of_the_zoo() -> None:
    specs = all_models()
    for row in published_models():
        assert specs[row.model].module == row.module
    others = json.loads(FILE.read_text(encoding="utf-8"))["others"]
    assert len(others) == 15 and set(others) <= set(specs)
    assert not set(others) & {row.model for row in published_models()}, "a number has two homes"


def test_main_metric_and_size_are_those_of_the_newest_page() -> None:
    det, table = get("PP-OCRv4_mobile_seal_det"), get("PicoDet_layout_1x_table")  # the latter is in the older one alone
    assert det.published == PublishedMetric(
        "Hmean", 96.36, "500 images of circular seals", "PaddleX 3.x seal text recognition tutorial (English)", "%"
    )
    assert det.size_mb == 4.7
    assert table.published is not None and (table.published.value, table.size_mb) == (95.7, 7.4)
    korean, blocks, english = get("korean_PP-OCRv5_mobile_rec"), get("PP-DocBlockLayout"), get("en_PP-OCRv5_mobile_rec")
    assert korean.published == PublishedMetric(
        "accuracy", 88.0, "5,007 strips of PaddleOCR's own", "PaddleOCR 3.x, PP-OCRv5 multilingual recognition", "%"
    )
    assert korean.size_mb == 14.0 and english.size_mb is None
    assert blocks.published is not None and (blocks.published.name, blocks.published.value) == ("mAP(0.5)", 95.9)
    assert get("PP-OCRv6_small_rec").published is None and get("PP-OCRv6_small_rec").size_mb is None


def test_numbers_as_the_tutorial_prints_them() -> None:
    (uvdoc,) = published_models("UVDoc")
    assert uvdoc.main_metric() == ("CER", 0.179) and uvdoc.cpu_ms["normal"] is None
    (rec,) = published_models("PP-OCRv5_server_rec")
    assert list(rec.metrics.values()) == [86.38, 86.38, 64.7, 93.29, 60.35]
    new, old = published_models("PicoDet-S_layout_3cls")
    assert (new.tutorial, old.tutorial) == ("3.x", "3.0-beta") and old.metrics["mAP(0.5)"] == 87.1
    assert published_models("no such model") == ()
