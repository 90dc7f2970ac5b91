"""Goldens `hmean/*`: precision, recall and Hmean over a few images.

Function goldens `det_metric`: the detection metric on single images and on all of them together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.modules.seal_text_detection.metric import DetMetric


def _polygons(golden: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    return np.split(golden[f"hmean/{name}"], np.cumsum(golden[f"hmean/{name}_count"])[:-1])


def check_arrays(golden: Mapping[str, np.ndarray]) -> None:
    """All images of a golden file together; a file without any fails."""
    records: list[dict[str, Any]] = []
    while f"hmean/gt{len(records)}" in golden:
        number = len(records)
        ignore = golden[f"hmean/gt{number}_ignore"].tolist()
        labels = [{"points": p, "ignore": i} for p, i in zip(_polygons(golden, f"gt{number}"), ignore, strict=True)]
        records.append({"gt": labels, "pred": _polygons(golden, f"pred{number}"), "name": f"image {number}"})
    if not records:
        raise AssertionError("no hmean/gt0 in this golden")
    metric = DetMetric()
    metric.add(records)
    metrics = metric.compute()
    made = [metrics[key] for key in ("precision", "recall", "hmean")]
    np.testing.assert_allclose(made, golden["hmean/out"], rtol=0, atol=1e-9)


_EVERYTHING = "all single cases above, in order"


def _record(image: dict[str, Any], name: str) -> dict[str, Any]:
    labels = [
        {"points": np.array(points, float), "ignore": bool(ignore)}
        for points, ignore in zip(image["gt"], image["ignore"], strict=True)
    ]
    return {"gt": labels, "pred": [np.array(points, float) for points in image["det"]], "name": name}


def check_folder(folder: Path) -> None:
    """Every case of `folder/manifest.json`; an unknown form of case, or none at all, fails."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if not manifest["cases"]:
        raise AssertionError(f"{folder}: no cases")
    so_far: list[dict[str, Any]] = []
    for case in manifest["cases"]:
        if case["images"] == _EVERYTHING:
            records = so_far
        elif isinstance(case["images"], list):
            records = [_record(image, case["name"]) for image in case["images"]]
            so_far = so_far + records
        else:
            raise AssertionError(f"{case['name']}: unknown images {case['images']!r}")
        metric = DetMetric()
        metric.add(records)
        metrics = metric.compute()
        for key, expected in case["result"].items():
            if abs(metrics[key] - expected) > manifest["tolerance"]["abs"]:
                raise AssertionError(f"{case['name']}: {key} is {metrics[key]}, expected {expected}")
