"""Read single strips: the recogniser alone, to measure what straightening gives it."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sealkit.charset import Charset
from sealkit.errors import EngineError
from sealkit.geometry.lines import LinePoly, readings
from sealkit.geometry.straighten import straighten
from sealkit.modules.text_recognition.postprocess import RecResult, ctc_decode
from sealkit.modules.text_recognition.preprocess import batches_by_width, collate, preprocess
from sealkit.runtime.model import load_model

CERTAIN = 0.95
CERTAIN_LETTERS = 4
"""Text upside down or reversed is never read with such a score at such a length."""
RAPIDOCR_RECOGNISER = "PP-OCRv6_rec_small.onnx"


def rapidocr_model(name: str = RAPIDOCR_RECOGNISER) -> Path:
    """Path of a model in the installed rapidocr wheel.

    Raises:
        EngineError: the wheel or the file is not there.
    """
    spec = importlib.util.find_spec("rapidocr")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        if (path := Path(folder) / "models" / name).is_file():
            return path
    raise EngineError(
        f"no {name} on this machine",
        where="rapidocr",
        value=folders or "not installed",
        hint="pip install 'sealkit[embedded]'",
    )


class StripReader:
    """A recogniser on one engine.

    Args:
        model: inference folder or ONNX file; None = the PP-OCRv6 small recogniser of the rapidocr wheel.
        engine: see `load_model`.
        threads: CPU threads.
    """

    def __init__(self, model: str | Path | None = None, engine: str | None = None, threads: int | None = None) -> None:
        path = Path(model) if model is not None else rapidocr_model()
        self.model = load_model(path, engine=engine, threads=threads)
        self.charset = Charset.from_inference(self.model.meta.character_dict, where=str(path))

    def read(self, strips: Sequence[np.ndarray], batch_size: int = 8) -> list[RecResult]:
        """Texts of strips (h, w, 3) uint8 BGR, in their order."""
        results: list[RecResult] = [RecResult("", 0.0)] * len(strips)
        for batch in batches_by_width(strips, batch_size):
            (probabilities,) = self.model.run(collate([preprocess(strips[i]) for i in batch]))
            for i, result in zip(batch, ctc_decode(probabilities, self.charset)):
                results[i] = result
        return results

    def read_line(self, image: np.ndarray, line: LinePoly, up: np.ndarray | None = None) -> tuple[RecResult, LinePoly]:
        """The best of the ways a line may run, and that way; see `readings`. A reading beyond doubt ends the search."""
        tried: list[tuple[RecResult, LinePoly]] = []
        for way in readings(line, up):
            tried.append((self.read([straighten(image, way)])[0], way))
            if tried[-1][0].score > CERTAIN and len(tried[-1][0].text) >= CERTAIN_LETTERS:
                break
        return max(tried, key=lambda one: confidence(one[0]))


def confidence(result: RecResult) -> float:
    """How much a reading deserves to win against others of the same place: mean score, one-letter readings halved."""
    return result.score * (1 - 0.5 ** len(result.text)) if result.text else 0.0
