"""Goldens `ctc/*`: probabilities to texts, and the order of Arabic texts."""

from __future__ import annotations

import json

import pytest
from golden_arrays import Golden

from sealkit.charset import Charset
from sealkit.modules.text_recognition.postprocess import ctc_decode, reverse_runs


def check(golden: Golden) -> None:
    charset = Charset.from_inference(json.loads(str(golden["label/charset"])), where="golden")
    expected = json.loads(str(golden["ctc/out"]))
    found = ctc_decode(golden["ctc/probs"], charset)
    assert [result.text for result in found] == [text for text, _ in expected]
    assert [result.score for result in found] == pytest.approx([score for _, score in expected], abs=1e-6)
    for text, reading_order in json.loads(str(golden["ctc/arabic"])):
        assert reverse_runs(text) == reading_order
