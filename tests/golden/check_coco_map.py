"""Function goldens `coco_map`: all twelve COCO metrics, and average precision per class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.modules.layout_detection.metric import LayoutMetric

STATS = (
    "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR1", "AR10", "AR100", "AR_small", "AR_medium",
    "AR_large",
)  # fmt: skip


def _records(case: dict[str, Any], ids: dict[int, int]) -> list[dict[str, Any]]:
    """Records as the task's `decode` makes them."""
    records: dict[int, dict[str, Any]] = {
        image["id"]: {"gt": [], "pred": []} for image in case["ground_truth"]["images"]
    }
    for entry in case["ground_truth"]["annotations"]:
        x, y, wide, tall = entry["bbox"]
        box = {"box": [x, y, x + wide, y + tall], "label": ids[entry["category_id"]], "crowd": bool(entry["iscrowd"])}
        records[entry["image_id"]]["gt"].append(box)
    for entry in case["detections"]:
        x, y, wide, tall = entry["bbox"]
        row = [ids[entry["category_id"]], entry["score"], x, y, x + wide, y + tall]
        records[entry["image_id"]]["pred"].append(row)
    return list(records.values())


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["cases"]
    for case in manifest["cases"]:
        categories = case["ground_truth"]["categories"]
        metric = LayoutMetric([entry["name"] for entry in categories])
        metric.add(_records(case, {entry["id"]: number for number, entry in enumerate(categories)}))
        found, metrics = metric.accumulate().stats, metric.compute()
        expected = [case["stats"][name] for name in STATS]
        atol = manifest["tolerance"]["abs"]
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol, err_msg=case["name"])
        pairs = {"map": case["stats"]["AP"], "map50": case["stats"]["AP50"], "map75": case["stats"]["AP75"]}
        for name, values in case["per_class"].items():
            pairs |= {f"ap/{name}": values["AP"], f"ap50/{name}": values["AP50"]}
        for name, value in pairs.items():
            assert abs(metrics[name] - value) <= atol, f"{case['name']}: {name} is {metrics[name]}, expected {value}"
