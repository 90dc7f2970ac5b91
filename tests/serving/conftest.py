import base64
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.pool import Job
from tests.serving.browsing import browser, live, page  # noqa: F401 (fixtures)
from tests.serving.calls import Client, InlinePool
from tests.serving.fakes import FakePipeline

MakeClient = Callable[..., Client]
MakePdf = Callable[[int], str]
MakeJob = Callable[..., Job]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


@pytest.fixture
def png() -> str:
    """40 × 30 pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    return encoded(Image.fromarray(pixels))


@pytest.fixture
def pdf() -> MakePdf:
    """Base64 of a PDF with so many pages of 60 × 80 points."""

    def make(pages: int) -> str:
        drawn = [Image.new("RGB", (60, 80), (200, 10 * n, 0)) for n in range(pages)]
        return encoded(drawn[0], "PDF", save_all=True, append_images=drawn[1:], resolution=72)

    return make


@pytest.fixture
def make_client() -> MakeClient:
    def make(pipeline: Any = None, **settings: Any) -> Client:
        checked = ServingSettings.model_validate(settings)
        return Client(InlinePool(pipeline or FakePipeline(), checked), checked)

    return make


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client()


@pytest.fixture
def job(png: str) -> MakeJob:
    """Makes jobs; `order` is for the fake pipeline."""

    def make(order: str | None = None, seconds: float = 20.0) -> Job:
        head = {"kind": "image", "parameters": {"seal_det_limit_type": order} if order else {}, "visualize": None}
        return Job(head, base64.b64decode(png), time.monotonic() + seconds)

    return make
