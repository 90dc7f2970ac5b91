"""Function golden sort_polys: paddlex's order of polygons; equal heights may come in any order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sealkit.modules.seal_text_detection.postprocess import sort_regions


def check_folder(folder: Path) -> None:
    cases = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["cases"]
    assert cases
    for case in cases:
        order = sort_regions([np.array(polygon) for polygon in case["polys"]])
        assert sorted(order) == sorted(case["order"])
        assert [case["y_min"][i] for i in order] == [case["y_min"][i] for i in case["order"]]
