"""What the real pipeline refuses, seen through the service."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from sealkit.modules.layout_detection.postprocess import LayoutOptions, layout_boxes
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.serving.errors import NOT_CONFIGURED
from tests.pipeline.conftest import in_process
from tests.serving.conftest import MakeClient


class PlainLayout:
    """A layout model that takes each page for a seal, with the real post-processing."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, images: Sequence[np.ndarray], batch_size: int, **options: Any) -> list[dict[str, Any]]:
        labels = ["text", "seal"]
        rows = np.array([[1, 0.9, 2, 2, 30, 20]], np.float32)
        return [{"boxes": layout_boxes(rows, labels, image.shape[:2], LayoutOptions(**options))} for image in images]


@pytest.fixture(scope="module")
def pipeline() -> SealRecognitionPipeline:
    return in_process(threads=1)


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("layoutMergeBboxesMode", "huge", 422),
        ("layoutThreshold", {"dragon": 0.5}, 422),
        ("layoutThreshold", {"1": 0.5}, 200),
        ("layoutThreshold", {"seal": 0.5}, 200),
        ("layoutUnclipRatio", [-1, 2], 422),
    ],
)
def test_layout_options(
    make_client: MakeClient,
    pipeline: SealRecognitionPipeline,
    png: str,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    value: str | dict[str, float] | list[int],
    status: int,
) -> None:
    monkeypatch.setattr(pipeline, "layout", PlainLayout(pipeline.detector.model))
    answer = make_client(pipeline).infer(file=png, fileType=1, useLayoutDetection=True, **{field: value})
    assert answer.status_code == status, answer.text
    assert status == 200 or answer.json()["errorMsg"].startswith(field)


@pytest.mark.parametrize("reading", ["sealkit", "reference"])
@pytest.mark.parametrize("field", ["useDocUnwarping", "useDocOrientationClassify", "useLayoutDetection"])
def test_a_stage_that_is_not_there_is_paddlexs_message_as_422(
    make_client: MakeClient,
    pipeline: SealRecognitionPipeline,
    png: str,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    reading: str,
) -> None:
    monkeypatch.setattr(pipeline, "settings", pipeline.settings.model_copy(update={"reading": reading}))
    answer = make_client(pipeline).infer(file=png, fileType=1, **{field: True})
    assert answer.status_code == 422 and answer.json()["errorMsg"].startswith(NOT_CONFIGURED)
