"""Function golden det_resize: input sizes, pixels and normalisation, as paddlex does them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sealkit.modules.seal_text_detection.preprocess import normalise, resize
from sealkit.modules.seal_text_detection.settings import DetResizeSettings


def check(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    tolerance = manifest["tolerance"]
    arrays = np.load(folder / "arrays.npz")
    assert manifest["cases"]
    for case in manifest["cases"]:
        settings = DetResizeSettings(**case["params"])
        name = case.get("arrays")
        blank = np.zeros((case["src_h"], case["src_w"], 3), np.uint8)
        image, info = resize(arrays[f"{name}_in"] if name else blank, settings)
        where = f"{case['src_h']}x{case['src_w']} {case['params']}"
        assert image.shape[:2] == info.resized_hw == (case["out_h"], case["out_w"]), where
        np.testing.assert_allclose(info.shape_info, case["shape_info"], atol=tolerance["shape_info_abs"])
        if name:
            difference = image.astype(int) - arrays[f"{name}_out"].astype(int)
            assert np.abs(difference).max() <= tolerance["pixels_abs"], where
    expected = arrays["norm_out"]
    found = normalise(arrays["norm_in"]).transpose(1, 2, 0)
    np.testing.assert_allclose(found, expected, atol=tolerance["norm_abs"])
