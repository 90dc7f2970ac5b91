"""Goldens `recmetric/*`: accuracy and 1-NED over one list of pairs, spaces dropped and kept.

Function golden rec_metric: accuracy and 1-NED, as paddlex computes them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sealkit.modules.text_recognition.metric import RecMetric
from sealkit.modules.text_recognition.settings import RecMetricSettings
from tests.golden.golden_arrays import Golden


def check_arrays(golden: Golden) -> None:
    pairs = json.loads(str(golden["recmetric/pairs"]))
    assert pairs
    for ignore_space in (True, False):
        metric = RecMetric(RecMetricSettings(ignore_space=ignore_space))
        metric.add([{"pred": pred, "gt": truth} for pred, truth in pairs])
        metrics = metric.compute()
        found = [metrics["acc"], metrics["norm_edit_dis"]]
        np.testing.assert_allclose(found, golden[f"recmetric/ignore_space_{ignore_space}"], atol=1e-9)


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["cases"]
    for case in manifest["cases"]:
        params = case["params"]
        settings = RecMetricSettings(ignore_space=params["ignore_space"], ascii_only=params["is_filter"])
        metric = RecMetric(settings)
        metric.add([{"pred": pred, "gt": truth} for pred, truth in case["pairs"]])
        metrics = metric.compute()
        for key, value in case["total"].items():
            where = f"{case['name']} {params} {key}"
            assert metrics[key] == pytest.approx(value, abs=manifest["tolerance"]["abs"]), where
