"""Goldens `detresize/*`: size rules, and one image resized and normalised.

Function golden det_resize: input sizes, pixels and normalisation, as paddlex does them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np

from sealkit.modules.seal_text_detection.preprocess import normalise, preprocess, resize
from sealkit.modules.seal_text_detection.settings import DetResizeSettings
from tests.golden.golden_arrays import Golden

RULES: dict[str, tuple[Literal["pipeline", "official"], DetResizeSettings]] = {
    "resize_long_736": ("official", DetResizeSettings(limit_side_len=736, limit_type="resize_long")),
    "limit_min_736": ("pipeline", DetResizeSettings(limit_side_len=736, limit_type="min")),
    "limit_max_960": ("pipeline", DetResizeSettings(limit_side_len=960, limit_type="max")),
}
OTHERS = {"image", "image_long128", "image_long128_slice"}


def check_arrays(golden: Golden) -> None:
    keys = {key.split("/")[1] for key in golden if key.startswith("detresize/")}
    assert keys and keys <= RULES.keys() | OTHERS, f"unknown detresize {keys - RULES.keys() - OTHERS}"
    for name in sorted(keys & RULES.keys()):
        rule, settings = RULES[name]
        for h, w, new_h, new_w in golden[f"detresize/{name}"].tolist():
            _, info = resize(np.zeros((h, w, 3), np.uint8), settings, rule)
            assert info.resized_hw == (new_h, new_w), f"{name} {h}x{w}"
    if "image" in keys:
        settings = DetResizeSettings(limit_side_len=128, limit_type="resize_long")
        x, _ = preprocess(golden["detresize/image"], settings, rule="official")
        # OpenCV versions may differ by one grey level
        np.testing.assert_allclose(x[:, ::5, ::3], golden["detresize/image_long128"], atol=0.02)


def check_folder(folder: Path) -> None:
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
        ratios = (info.resized_hw[0] / info.padded_hw[0], info.resized_hw[1] / info.padded_hw[1])
        np.testing.assert_allclose((*info.source_hw, *ratios), case["shape_info"], atol=tolerance["shape_info_abs"])
        if name:
            difference = image.astype(int) - arrays[f"{name}_out"].astype(int)
            assert np.abs(difference).max() <= tolerance["pixels_abs"], where
    expected = arrays["norm_out"]
    found = normalise(arrays["norm_in"]).transpose(1, 2, 0)
    np.testing.assert_allclose(found, expected, atol=tolerance["norm_abs"])
