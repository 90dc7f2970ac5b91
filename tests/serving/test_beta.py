"""Requests of PaddleX 3.0-beta's clients, where `beta: true` lets them in."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.app import Service
from sealkit.serving.metrics import Metrics
from tests.serving.calls import Client, InlinePool
from tests.serving.conftest import encoded
from tests.serving.fakes import FakePipeline, FakeResult

POLYS = [[[1.4, 2.6], [30.0, 2.0], [30.0, 9.0]], [[0, 0], [5, 0], [5, 5], [0, 5]]]


class Result(FakeResult):
    @property
    def img(self) -> dict[str, Image.Image]:
        height, width = self["size"]
        drawn = {"layout_det_res": Image.new("RGB", (width, height), (255, 0, 0))}
        drawn |= {f"seal_res_region{n}": Image.new("RGB", (20 * n, 10 * n), (0, 200, 0)) for n in (1, 2)}
        return drawn if self["drawn"] else {}


class Reader(FakePipeline):
    """Two seals, of two texts and of none."""

    def __init__(self, drawn: bool = True, **more: Any) -> None:
        super().__init__()
        self.drawn, self.more = drawn, more

    def predict(self, input: Iterable[np.ndarray], **parameters: Any) -> Iterator[Result]:
        (image,) = input
        self.parameters = parameters
        seal = {"rec_texts": ["某公司", "章"], "rec_scores": [0.875, 0.5], "rec_polys": POLYS}
        empty: dict[str, Any] = {"rec_texts": [], "rec_scores": [], "rec_polys": []}
        yield Result(seal_res_list=[seal, empty], size=list(image.shape[:2]), drawn=self.drawn, **self.more)


def client_of(pipeline: Any, beta: bool = True) -> Client:
    settings = ServingSettings()
    made = Client(InlinePool(pipeline, settings), settings)
    made.service = Service(InlinePool(pipeline, settings), settings, Metrics(), beta=beta)
    return made


def opened(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text, validate=True))))


def test_a_request_of_the_beta_is_answered_in_its_form(png: str) -> None:
    pipeline = Reader()
    response = client_of(pipeline).infer(image=png, inferenceParams={"maxLongSide": 640})
    body = response.json()
    assert response.status_code == 200 and (body["errorCode"], body["errorMsg"]) == (0, "Success")
    result = body["result"]
    assert list(result) == ["sealImpressions", "texts", "layoutImage", "ocrImage"]
    first = {"poly": [[1, 3], [30, 2], [30, 9]], "text": "某公司", "score": 0.875}
    assert result["texts"][0] == first and [one["text"] for one in result["texts"]] == ["某公司", "章"]
    assert result["sealImpressions"] == [{"texts": result["texts"]}, {"texts": []}]
    assert opened(result["layoutImage"]).shape == (30, 40, 3)
    stacked = opened(result["ocrImage"])
    assert stacked.shape == (10 + 8 + 20, 40, 3) and stacked[5, 35].min() > 240 and stacked[30, 35, 1] > 150
    assert pipeline.parameters == {"seal_det_limit_side_len": 640, "seal_det_limit_type": "max"}


def test_where_nothing_was_drawn_the_page_stands(png: str) -> None:
    result = client_of(Reader(drawn=False)).infer(image=png).json()["result"]
    page = opened(result["layoutImage"])
    assert page.shape == (30, 40, 3) and np.array_equal(page, opened(result["ocrImage"]))


def test_a_large_image_is_cut_out_of_the_json_like_a_file() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (700, 700, 3), np.uint8)
    text = encoded(Image.fromarray(noise))
    assert len(text) > 1_500_000
    assert opened(client_of(Reader()).infer(image=text).json()["result"]["layoutImage"]).shape == (700, 700, 3)
    refused = client_of(Reader(), beta=False).infer(image=text)
    assert refused.status_code == 413


def test_todays_requests_stay_todays(png: str) -> None:
    client = client_of(FakePipeline())
    assert list(client.infer(file=png, fileType=1).json()["result"]) == ["sealRecResults", "dataInfo"]
    both = client.infer(file=png, image="no image").json()
    assert both["errorCode"] == 0 and "sealRecResults" in both["result"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"image": "!"}, "file"),
        ({"image": 3}, "file"),
        ({"inferenceParams": {"maxLongSide": "wide"}}, "sealDetLimitSideLen"),
        ({"inferenceParams": [1]}, "inferenceParams"),
    ],
)
def test_what_is_wrong_is_told(fields: dict[str, Any], words: str, png: str) -> None:
    response = client_of(Reader()).infer(**{"image": png, **fields})
    assert response.status_code == 422 and words in response.json()["errorMsg"]


def test_without_the_switch_a_file_is_asked_for(png: str) -> None:
    response = client_of(Reader(), beta=False).infer(image=png)
    assert response.status_code == 422 and "file" in response.json()["errorMsg"]


def test_a_failure_is_no_empty_answer(png: str) -> None:
    response = client_of(Reader(error="as told")).infer(image=png)
    assert response.status_code == 500 and response.json()["errorMsg"] == "Internal server error"
