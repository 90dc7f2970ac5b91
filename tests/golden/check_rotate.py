"""Function golden rotate: the exact quarter turn, and in the reference room the shifted one of paddlex."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sealkit.modules.doc_text_orientation.postprocess import turn
from sealkit.pipeline.reference.rotate import rotate_image


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    arrays = np.load(folder / "arrays.npz")
    assert manifest["cases"]
    for case in manifest["cases"]:
        image, expected = arrays[case["input"]], arrays[case["output"]]
        where = f"{case['input']} by {case['angle']}"
        found = rotate_image(image, case["angle"])
        assert list(found.shape) == case["shape"], where
        assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1, where
        exact = turn(image, case["angle"])
        assert exact.shape == expected.shape, where
        away = np.abs(exact.astype(int) - expected.astype(int)).max()
        assert away == case["max_abs_diff_to_exact_rotation"], where
