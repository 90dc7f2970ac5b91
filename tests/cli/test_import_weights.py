"""`sealkit import-weights` on the recogniser of the installed rapidocr package."""

from __future__ import annotations

import json

import pytest

from sealkit.charset import Charset

pytest.importorskip("paddle", reason="training networks need the extra `train`")
pytest.importorskip("rapidocr", reason="the package whose file is imported")


def test_recogniser_with_its_charset(sealkit, tmp_path):
    code, out, _ = sealkit("import-weights", "rapidocr", "--model", "PP-OCRv6_small_rec", "--output", tmp_path / "w")
    assert code == 0
    assert "fresh      0 parameters" in out
    extras = json.loads((tmp_path / "w" / "state.json").read_text(encoding="utf-8"))["extras"]
    assert extras["proof"]["max_abs_difference"] <= 1e-4 and extras["proof"]["pictures"] == 8
    assert (extras["form"], extras["guide"]) == ("fused", False)
    charset = Charset.from_dict(extras["charset"])
    assert charset.num_classes == 18710 and charset.index["章"] > 0


def test_models_that_the_package_lacks_are_refused(sealkit, tmp_path):
    code, _, err = sealkit("import-weights", "rapidocr", "--model", "PP-OCRv6_tiny_rec", "--output", tmp_path / "w")
    assert code != 0
    assert "rapidocr carries no weights of this model" in err and "PP-OCRv6_small_rec" in err
    assert not (tmp_path / "w").exists()
