"""Function goldens `layout_post`: boxes of a page from rows of the graph, for many settings."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.modules.layout_detection.postprocess import LayoutOptions, layout_boxes


def _settled(boxes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbours with one score by class: suppression sorts by score, and which of equals comes first is the
    processor's choice."""
    runs = [list(run) for _, run in groupby(boxes, key=lambda box: box["score"])]
    return [box for run in runs for box in sorted(run, key=lambda box: (box["cls_id"], box["coordinate"]))]


def check_folder(folder: Path) -> None:
    """Every case; where the reference crashes (no box and a dict of thresholds) ours must find nothing."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    tolerance = manifest["tolerance"]
    assert manifest["cases"]
    for case in manifest["cases"]:
        where = f"{case['set']} {case['params']}"
        options = LayoutOptions(**case["params"], rules="reference")
        columns = len(case["boxes"][0]) if case["boxes"] else 6
        rows = np.array(case["boxes"], np.float32).reshape(-1, columns)
        found = layout_boxes(rows, case["labels"], (case["image_h"], case["image_w"]), options)
        expected = [] if "reference_error" in case else case["result"]
        if case["params"]["layout_nms"]:
            found, expected = _settled(found), _settled(expected)
        assert [(b["cls_id"], b["label"]) for b in found] == [(b["cls_id"], b["label"]) for b in expected], where
        for one, other in zip(found, expected):
            assert abs(one["score"] - other["score"]) <= tolerance["score_abs"], where
            np.testing.assert_allclose(
                one["coordinate"], other["coordinate"], rtol=0, atol=tolerance["coordinate_abs"], err_msg=where
            )
