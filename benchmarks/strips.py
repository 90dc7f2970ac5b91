"""Read single strips: the recogniser alone, to measure what straightening gives it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sealkit.geometry.lines import LinePoly, orientations
from sealkit.geometry.straighten import straighten
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.runtime.model import load_model
from sealkit.weights.wheels import wheel_file

CERTAIN = 0.95
CERTAIN_CHARACTERS = 4
"""Text upside down or reversed is never read with such a score at such a length."""


class StripReader(TextRecogniser):
    """A recogniser on one engine.

    Args:
        model: inference folder or ONNX file; None = the PP-OCRv6 small recogniser of the rapidocr wheel.
        engine: see `load_model`.
        threads: CPU threads.
    """

    def __init__(self, model: str | Path | None = None, engine: str | None = None, threads: int | None = None) -> None:
        path = Path(model) if model is not None else wheel_file("rapidocr", "PP-OCRv6_small_rec")
        super().__init__(load_model(path, engine=engine, threads=threads))

    def read_line(self, image: np.ndarray, line: LinePoly, up: np.ndarray | None = None) -> tuple[RecResult, LinePoly]:
        """The best of the ways a line may run, and that way; see `readings`. A reading beyond doubt ends the search."""
        tried: list[tuple[RecResult, LinePoly]] = []
        for way in orientations(line, up):
            tried.append((self.read([straighten(image, way)])[0], way))
            if tried[-1][0].score > CERTAIN and len(tried[-1][0].text) >= CERTAIN_CHARACTERS:
                break
        return max(tried, key=lambda one: confidence(one[0]))


def confidence(result: RecResult) -> float:
    """How much a reading deserves to win against others of the same place: mean score, one-character readings
    halved."""
    return result.score * (1 - 0.5 ** len(result.text)) if result.text else 0.0
