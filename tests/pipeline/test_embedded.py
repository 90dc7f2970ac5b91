"""The embedded default: shipped detector and recogniser, nothing downloaded, no other package's models."""

from pathlib import Path
from typing import NoReturn

import pytest
from rapidfuzz.distance import Levenshtein

from sealkit.data.labels.detection import read_det_labels
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from tests.pipeline.conftest import in_process

TOY = Path(__file__).parents[2] / "datasets" / "toy"


@pytest.fixture(scope="module")
def pipeline() -> SealRecognitionPipeline:
    return in_process(threads=1)


def test_reads_drawn_seals(pipeline: SealRecognitionPipeline) -> None:
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


def test_the_shipped_detector_has_fields_and_describes_itself(pipeline: SealRecognitionPipeline) -> None:
    model = pipeline.detector.model
    assert model.meta.model_name == "PP-OCRv6_small_det" and model.meta.data["Sealkit"]["fields"] is True
    assert pipeline.detector.spec.postprocess.box_type == "poly"


def test_the_shipped_recogniser_is_used_and_no_wheel_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(tag: str, name: str) -> NoReturn:
        raise AssertionError(f"{tag} was asked for {name}")

    monkeypatch.setattr("sealkit.pipeline.locate.find_in_wheel", refuse)
    found = in_process(threads=1)
    recogniser = found.recogniser
    assert recogniser.model.path.parent.name == "assets" and recogniser.model.path.suffix == ".onnx"
    assert recogniser.charset.num_classes == 18710 and recogniser.model.meta.model_name == "PP-OCRv6_small_rec"


def test_training_can_start_from_the_shipped_recogniser() -> None:
    from sealkit import zoo
    from sealkit.modules.text_recognition.characters import charset_of_weights
    from sealkit.weights.sources import resolve

    assert zoo.weights_tags(zoo.get("PP-OCRv6_small_rec")) == ["sealkit", "rapidocr"]
    ours, wheel = resolve("sealkit", "PP-OCRv6_small_rec"), resolve("rapidocr", "PP-OCRv6_small_rec")
    assert ours.graph == "PP-OCRv6_small_rec"
    assert charset_of_weights(ours).hash == charset_of_weights(wheel).hash
