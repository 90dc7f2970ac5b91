"""Goldens `rec/*`: strips at the training size 48 × 320, normalised, padded; the share of the width that is image.

Function golden rec_resize: strip widths, pixels, normalisation and batch padding, as paddlex does them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sealkit.modules.text_recognition.preprocess import collate, fixed_size, normalise, preprocess, resize
from tests.golden.golden_arrays import Golden


def check_arrays(golden: Golden) -> None:
    count = 0
    while f"rec/image{count}" in golden:
        x, ratio = fixed_size(golden[f"rec/image{count}"], (48, 320))
        assert x.shape == (3, 48, 320)
        # OpenCV versions may differ by one grey level
        np.testing.assert_allclose(x[:, ::5, ::3], golden[f"rec/resized{count}"], atol=0.02)
        np.testing.assert_allclose(ratio, golden[f"rec/valid_ratio{count}"], atol=1e-7)
        count += 1
    assert count, "no rec/image*"


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    arrays = np.load(folder / "arrays.npz")
    assert manifest["cases"]
    for case in manifest["cases"]:
        strip, expected = arrays[f"{case['arrays']}_in"], arrays[f"{case['arrays']}_u8"]
        assert strip.shape[:2] == (case["src_h"], case["src_w"])
        resized, width = resize(strip)
        assert resized.shape == expected.shape and resized.shape[1] == case["resized_w"], case
        difference = np.abs(resized.astype(int) - expected.astype(int))
        assert difference.max() <= manifest["tolerance"]["pixels_abs"], case
        x = normalise(expected, width)
        assert list(x.shape) == case["out_shape"], case
        written = x[:, :, : case["resized_w"]].transpose(1, 2, 0)
        np.testing.assert_allclose(written, (expected / 255.0 - 0.5) / 0.5, atol=1e-6)
        assert not x[:, :, case["resized_w"] :].any()
    batch = [preprocess(np.zeros((h, w, 3), np.uint8)) for h, w in manifest["batch"]["sizes_hw"]]
    assert list(collate(batch).shape) == manifest["batch"]["batch_shape"]
