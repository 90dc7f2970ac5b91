"""Goldens `recmetric/*`: accuracy and 1-NED over one list of pairs, spaces dropped and kept."""

from __future__ import annotations

import json

import numpy as np
from golden_arrays import Golden

from sealkit.modules.text_recognition.metric import RecMetric
from sealkit.modules.text_recognition.settings import RecMetricSettings


def check(golden: Golden) -> None:
    pairs = json.loads(str(golden["recmetric/pairs"]))
    assert pairs
    for ignore_space in (True, False):
        metric = RecMetric(RecMetricSettings(ignore_space=ignore_space))
        metric.add([{"pred": pred, "gt": truth} for pred, truth in pairs])
        metrics = metric.compute()
        found = [metrics["acc"], metrics["norm_edit_dis"]]
        np.testing.assert_allclose(found, golden[f"recmetric/ignore_space_{ignore_space}"], atol=1e-9)
