"""Goldens `resize/*` of the detectors: a page resized (cubic) and normalised, its shape and scale factors.

Function goldens `preprocess`, kind layout_resize_cubic: the page squeezed into the network's input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sealkit.modules.layout_detection.preprocess import NORMALISATIONS, preprocess, squeeze
from tests.golden.golden_arrays import Golden

SLICED = "chw[:, ::5, ::3]"


def check_arrays(golden: Golden) -> None:
    names = {key.split("/")[1].split("_")[0] for key in golden if key.startswith("resize/")} - {"image", "slice"}
    assert names and names <= NORMALISATIONS.keys(), f"unknown resize {names - NORMALISATIONS.keys()}"
    assert str(golden["resize/slice"]) == SLICED
    page = golden["resize/image_rgb"][:, :, ::-1]
    for name in sorted(names):
        height, width = golden[f"resize/{name}_size"].tolist()
        made = preprocess(page, (height, width), NORMALISATIONS[name])
        # OpenCV versions may differ by one grey level
        np.testing.assert_allclose(made.image[:, ::5, ::3], golden[f"resize/{name}"], rtol=0, atol=0.02, err_msg=name)
        np.testing.assert_allclose(made.scale_factor, golden[f"resize/{name}_scale_factor"], rtol=1e-6, err_msg=name)
        np.testing.assert_array_equal(made.im_shape, golden[f"resize/{name}_im_shape"], err_msg=name)


def check_case(case: Mapping[str, Any], arrays: Mapping[str, np.ndarray], tolerance: Mapping[str, float]) -> None:
    """Pixels, sizes and scale factors of one image, which is stored in the network's order (RGB)."""
    size = (case["target_h"], case["target_w"])
    image = arrays[f"{case['arrays']}_in"]
    assert image.shape[:2] == (case["src_h"], case["src_w"])
    difference = squeeze(image, size).astype(int) - arrays[f"{case['arrays']}_u8"].astype(int)
    assert np.abs(difference).max() <= tolerance["pixels_abs"], case
    made = preprocess(image[:, :, ::-1], size)
    assert made.im_shape.tolist() == case["im_shape_h_w"], case
    np.testing.assert_allclose(made.scale_factor, case["scale_factor_h_w"], rtol=0, atol=tolerance["float_abs"])
