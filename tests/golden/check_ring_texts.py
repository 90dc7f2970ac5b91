"""Function golden ring_texts: quality, not equality: ring texts at all angles, straightened here and read."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from benchmarks.strips import StripReader
from sealkit.geometry.lines import lines_from_region
from sealkit.text import character_error_rate

MEAN_ERROR = 0.02
"""The reference's own mean is 0.53."""


def check_folder(folder: Path) -> None:
    cases = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["cases"]
    assert cases
    reader = StripReader(engine="onnxruntime")
    errors, wrong = [], []
    for case in cases:
        image = cv2.imread(str(folder / case["image"]), cv2.IMREAD_COLOR)
        assert image is not None, case["image"]
        lines = lines_from_region(np.array(case["polygon"]))
        text = "".join(reader.read_line(image, line)[0].text for line in lines)
        errors.append(character_error_rate(text, case["text"]))
        if errors[-1]:
            wrong.append(f"{case['name']}: {case['text']} read as {text}")
    assert float(np.mean(errors)) <= MEAN_ERROR, "\n".join(wrong)
