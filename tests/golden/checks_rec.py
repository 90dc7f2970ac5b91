"""Goldens `rec/*`: strips at the training size 48 × 320, normalised, padded; the share of the width that is image."""

from __future__ import annotations

import numpy as np
from golden_arrays import Golden

from sealkit.modules.text_recognition.preprocess import fixed_size


def check(golden: Golden) -> None:
    count = 0
    while f"rec/image{count}" in golden:
        x, ratio = fixed_size(golden[f"rec/image{count}"], (48, 320))
        assert x.shape == (3, 48, 320)
        # OpenCV versions may differ by one grey level
        np.testing.assert_allclose(x[:, ::5, ::3], golden[f"rec/resized{count}"], atol=0.02)
        np.testing.assert_allclose(ratio, golden[f"rec/valid_ratio{count}"], atol=1e-7)
        count += 1
    assert count, "no rec/image*"
