"""The published numbers: all of them, under the names the models have."""

from __future__ import annotations

from sealkit.modules.published import published_models, published_pipelines
from sealkit.zoo import all_models


def test_every_number_is_there() -> None:
    assert sum(row.numbers() for row in published_models()) == 253
    assert sum(len(row.numbers) for row in published_pipelines()) == 390
    assert len(published_pipelines()) == 6 * 9


def test_models_are_those_of_the_zoo() -> None:
    specs = all_models()
    for row in published_models():
        assert specs[row.model].module == row.module
        if row.tutorial == "3.x":
            assert specs[row.model].size_mb == row.size_mb


def test_numbers_as_the_tutorial_prints_them() -> None:
    (uvdoc,) = published_models("UVDoc")
    assert uvdoc.main_metric() == ("CER", 0.179) and uvdoc.cpu_ms["normal"] is None
    (rec,) = published_models("PP-OCRv5_server_rec")
    assert list(rec.metrics.values()) == [86.38, 86.38, 64.7, 93.29, 60.35]
    new, old = published_models("PicoDet-S_layout_3cls")
    assert (new.tutorial, old.tutorial) == ("3.x", "3.0-beta") and old.metrics["mAP(0.5)"] == 87.1
    assert published_models("no such model") == ()
