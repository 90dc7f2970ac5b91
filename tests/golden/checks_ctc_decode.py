"""Function golden ctc_decode: texts and scores of greedy decoding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sealkit.charset import Charset
from sealkit.modules.text_recognition.postprocess import ctc_decode


def check(folder: Path) -> None:
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
