"""Goldens `detresize/*`: size rules, and one image resized and normalised."""

from __future__ import annotations

import numpy as np
from golden_arrays import Golden

from sealkit.modules.seal_text_detection.preprocess import preprocess, resize
from sealkit.modules.seal_text_detection.settings import DetResizeSettings

RULES = {
    "resize_long_736": ("official", DetResizeSettings(limit_side_len=736, limit_type="resize_long")),
    "limit_min_736": ("pipeline", DetResizeSettings(limit_side_len=736, limit_type="min")),
    "limit_max_960": ("pipeline", DetResizeSettings(limit_side_len=960, limit_type="max")),
}
OTHERS = {"image", "image_long128", "image_long128_slice"}


def check(golden: Golden) -> None:
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
