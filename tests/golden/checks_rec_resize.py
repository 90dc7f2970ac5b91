"""Function golden rec_resize: strip widths, pixels, normalisation and batch padding, as paddlex does them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sealkit.modules.text_recognition.preprocess import collate, normalise, preprocess, resize


def check(folder: Path) -> None:
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
