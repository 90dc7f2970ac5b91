"""Goldens `targets/*`: threshold and shrink maps with their masks, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sealkit.modules.seal_text_detection.settings import DetTargetSettings
from sealkit.modules.seal_text_detection.targets import db_targets
from tests.golden.filling import assert_same_filling, fills_as
from tests.golden.golden_arrays import ZOO_OPENCV

_RATIOS = {"seal": 0.8, "v6": 0.4, "seal_epoch50": 0.8 + 0.2 * 50 / 500}
_MAPS = ("threshold_map", "threshold_mask", "shrink_map", "shrink_mask")


def check_arrays(golden: Mapping[str, np.ndarray]) -> None:
    """Every `targets/<case>` of a golden file; an unknown case, or a file without any, fails."""
    inputs = {"polys", "ignore", "size_hw"}
    cases = sorted({key.split("/")[1] for key in golden if key.startswith("targets/")} - inputs)
    if not cases or set(cases) - set(_RATIOS):
        raise AssertionError(f"targets/*: no case or an unknown one in {cases}")
    height, width = (int(side) for side in golden["targets/size_hw"])
    polys, ignore = list(golden["targets/polys"]), golden["targets/ignore"].tolist()
    for case in cases:
        made = db_targets(polys, ignore, (height, width), DetTargetSettings(), shrink_ratio=_RATIOS[case])
        for name in _MAPS:
            expected = golden[f"targets/{case}/{name}"].astype(np.float32)
            if name != "threshold_map" and not fills_as(ZOO_OPENCV):
                assert_same_filling(getattr(made, name), expected, f"{case}/{name}")
                continue
            # 1e-4 of the largest value is the threshold map's tolerance; the other maps hold whole numbers.
            np.testing.assert_allclose(getattr(made, name), expected, rtol=0, atol=1e-4, err_msg=f"{case}/{name}")
        np.testing.assert_array_equal(made.ignore, golden[f"targets/{case}/ignore_after"], err_msg=case)
