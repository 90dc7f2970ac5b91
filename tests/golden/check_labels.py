"""Goldens `label/*`: labels of the CTC head and of both auxiliary heads."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sealkit.charset import Charset
from sealkit.modules.text_recognition.labels import LineLabels
from tests.golden.golden_arrays import Golden


def check_arrays(golden: Golden) -> None:
    charset = Charset.from_inference(json.loads(str(golden["label/charset"])), where="golden")
    cases = json.loads(str(golden["label/cases"]))
    assert cases
    for case in cases:
        for head, auxiliary_head in (("ctc", None), ("nrtr", "nrtr"), ("sar", "sar")):
            labels = LineLabels(charset, auxiliary_head, max_length=25)
            made = labels.encode(case["text"])
            if case[head] is None:
                assert isinstance(made, str), f"{case['text']} {head}: to be refused"
                continue
            if isinstance(made, str):
                pytest.fail(f"{case['text']} {head}: {made}")
            assert np.asarray(made[f"label_{head}"]).tolist() == case[head], f"{case['text']} {head}"
            assert made["length"] == case[f"{head}_length"]
