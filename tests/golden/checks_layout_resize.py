"""Function goldens `preprocess`, kind layout_resize_cubic: the page squeezed into the network's input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sealkit.modules.layout_detection.preprocess import preprocess, squeeze


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
