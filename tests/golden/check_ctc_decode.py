"""Goldens `ctc/*`: probabilities to texts, and the order of Arabic texts.

Function golden ctc_decode: texts and scores of greedy decoding.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sealkit.charset import Charset
from sealkit.modules.text_recognition.postprocess import ctc_decode, reverse_runs
from tests.golden.golden_arrays import Golden


def check_arrays(golden: Golden) -> None:
    charset = Charset.from_inference(json.loads(str(golden["label/charset"])), where="golden")
    expected = json.loads(str(golden["ctc/out"]))
    found = ctc_decode(golden["ctc/probs"], charset)
    assert [result.text for result in found] == [text for text, _ in expected]
    assert [result.score for result in found] == pytest.approx([score for _, score in expected], abs=1e-6)
    for text, reading_order in json.loads(str(golden["ctc/arabic"])):
        assert reverse_runs(text) == reading_order


def check_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    arrays = np.load(folder / "arrays.npz")
    charset = Charset.from_list(manifest["characters"])
    assert manifest["cases"]
    for case in manifest["cases"]:
        found = ctc_decode(arrays[case["name"]], charset)
        texts = case["text"] if isinstance(case["text"], list) else [case["text"]]
        assert [result.text for result in found] == texts, case["name"]
        scores = [result.score for result in found]
        np.testing.assert_allclose(scores, np.atleast_1d(case["score"]), atol=manifest["tolerance"]["score_abs"])
