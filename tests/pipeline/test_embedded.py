"""The embedded default: shipped detector, recogniser of the rapidocr wheel, nothing downloaded."""

from pathlib import Path

import pytest
from rapidfuzz.distance import Levenshtein

import sealkit
from sealkit.data.labels.detection import read_det_labels

TOY = Path(__file__).parents[2] / "datasets" / "toy"


@pytest.fixture(scope="module")
def pipeline():
    return sealkit.create_pipeline(device="cpu", threads=1)


def test_reads_drawn_seals(pipeline):
    """Not a benchmark (`tools/benchmark.py real-seals` is one): a broken link of the chain reads nothing."""
    samples, _ = read_det_labels(TOY, "val.txt")
    sims = []
    for sample in samples[:6]:
        (result,) = pipeline.predict(str(sample.image_path))
        assert result.ok and result["stages"]["search"]["found_by"] in ("area", None)
        for line in sample.lines:
            if line.text and not line.ignore:
                sims.append(max((Levenshtein.normalized_similarity(line.text, t) for t in result.texts), default=0.0))
    assert sum(sims) / len(sims) > 0.3, sims


def test_the_shipped_detector_has_fields_and_describes_itself(pipeline):
    model = pipeline.detector.model
    assert model.meta.model_name == "PP-OCRv6_small_det" and model.meta.data["Sealkit"]["fields"] is True
    assert pipeline.detector.spec.postprocess.box_type == "poly"
