"""Goldens `resize/*` of the detectors: a page resized (cubic) and normalised, its shape and scale factors."""

from __future__ import annotations

import numpy as np
from golden_arrays import Golden

from sealkit.modules.layout_detection.preprocess import NORMALISATIONS, preprocess

SLICED = "chw[:, ::5, ::3]"


def check(golden: Golden) -> None:
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
