"""Goldens `hmean/*`: precision, recall and Hmean over a few images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sealkit.modules.seal_text_detection.metric import DetMetric


def _polygons(golden: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    return np.split(golden[f"hmean/{name}"], np.cumsum(golden[f"hmean/{name}_count"])[:-1])


def check(golden: Mapping[str, np.ndarray]) -> None:
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
