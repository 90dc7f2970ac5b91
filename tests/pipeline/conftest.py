"""A pipeline whose detector is exact by construction: what is dark is text, what is tinted is seal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from sealkit.config.load import load_settings
from sealkit.errors import EngineError
from sealkit.geometry.parts import convex_parts
from sealkit.modules.seal_text_detection.preprocess import MEAN, STD
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.build import pipeline_detector
from sealkit.pipeline.create import create_pipeline
from sealkit.pipeline.flows import flow_of
from sealkit.pipeline.seal_recognition import SealRecognitionPipeline
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.runtime.files import ModelMeta
from tests.fake_models import FakeInference

MakePipeline = Callable[..., SealRecognitionPipeline]

SAID = {
    "Sealkit": {
        "postprocess": {"unclip_ratio": 0.1, "box_type": "poly"},
        "crop": {"side": 288, "margin": 0.15, "background_contrast": 0.35},
    }
}
"""What the detector's folder says of itself."""
TINT = (200, 200, 255)
"""BGR of a seal's ground in drawn images."""


class InkModel(FakeInference):
    """In place of an inference model: probability 1 on dark pixels, up is up, seal area on tinted discs; in a crop of
    one seal the area of the disc nearest the middle alone, as the shipped detector was taught."""

    crop_side = 320

    def __init__(self, channels: int = 4) -> None:
        super().__init__(ModelMeta("ink", SAID), "ink")
        self.channels = channels
        self.sizes: list[tuple[int, int]] = []

    def run(self, x: Any) -> list[np.ndarray]:
        self.sizes.append((x.shape[2], x.shape[3]))
        pixels = (x[0] * np.array(STD, np.float32)[:, None, None] + np.array(MEAN, np.float32)[:, None, None]) * 255
        text = (pixels.max(axis=0) < 100).astype(np.float32)
        tinted = ((pixels.min(axis=0) < 230) & (pixels.max(axis=0) > 230)).astype(np.uint8)
        discs, _ = cv2.findContours(tinted, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        area = cv2.drawContours(np.zeros_like(text), discs, -1, 1, -1)
        if max(area.shape) == self.crop_side:
            area = middle_disc(area)
        maps = [text, np.zeros_like(text), -np.ones_like(text), area]
        return [np.stack(maps[: self.channels])[None]]


def middle_disc(area: np.ndarray) -> np.ndarray:
    """Of an area of discs that may overlap the one nearest the middle."""
    if not area.any():
        return area
    y, x, h, w = *(int(v.min()) for v in np.nonzero(area)), *(int(np.ptp(v)) + 1 for v in np.nonzero(area))
    boxes = np.array(convex_parts(area[y : y + h, x : x + w])) + np.array([x, y, x, y])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    middle = np.array(area.shape[::-1]) / 2
    x1, y1, x2, y2 = np.round(boxes[np.hypot(*(centres - middle).T).argmin()]).astype(int)
    own = np.zeros_like(area)
    cv2.ellipse(own, (((x1 + x2) / 2, (y1 + y2) / 2), (float(x2 - x1), float(y2 - y1)), 0.0), 1, -1)
    return own * area


class LengthRecogniser(TextRecogniser):
    """In place of the recogniser: as many characters as the strip is squares wide; narrow ones score low."""

    height = 48

    def __init__(self) -> None:
        self.model = InkModel()
        self.strips: list[np.ndarray] = []

    def read(self, strips: Sequence[np.ndarray], batch_size: int = 8) -> list[RecResult]:
        self.strips += list(strips)
        counts = [max(1, round(s.shape[1] / s.shape[0])) for s in strips]
        return [RecResult("章" * n, 0.4 if n == 1 else 0.9) for n in counts]


class FakeLayout:
    """In place of a layout detector: the same boxes for every page; refuses pages that are red all over."""

    model = InkModel()

    def __init__(self, boxes: Sequence[Mapping[str, Any]]) -> None:
        self.boxes = boxes
        self.calls: list[tuple[int, int, dict[str, Any]]] = []

    def predict(self, images: Sequence[np.ndarray], batch_size: int = 1, **options: Any) -> Iterator[dict[str, Any]]:
        self.calls.append((len(images), batch_size, options))
        if any((image == (0, 0, 255)).all() for image in images):
            raise EngineError("a page the network does not take")
        for _ in images:
            yield {"boxes": [dict(box) for box in self.boxes]}


class QuarterTurn:
    """In place of the document preprocessor: every page stands on its side."""

    models: ClassVar[dict[str, Any]] = {}
    has_orientation, has_unwarping = True, False

    def process(self, image: np.ndarray, orientation: bool, unwarping: bool) -> dict[str, Any]:
        turned = np.ascontiguousarray(np.rot90(image)) if orientation else image
        return {
            "input_path": None,
            "page_index": None,
            "input_img": image,
            "model_settings": {"use_doc_orientation_classify": orientation, "use_doc_unwarping": unwarping},
            "angle": 90 if orientation else -1,
            "rot_img": turned,
            "output_img": turned,
        }


@pytest.fixture
def fake_layout() -> type[FakeLayout]:
    return FakeLayout


@pytest.fixture
def quarter_turn() -> QuarterTurn:
    return QuarterTurn()


@pytest.fixture
def make_pipeline() -> MakePipeline:
    def make(
        channels: int = 4, layout: Any = None, preprocessor: Any = None, config: str = "embedded", **changes: Any
    ) -> SealRecognitionPipeline:
        settings = load_settings("configs", config, SealRecognitionSettings, changes).settings
        detector = pipeline_detector(InkModel(channels), settings, flow_of(settings))
        return SealRecognitionPipeline(settings, detector, LengthRecogniser(), layout, preprocessor)

    return make


def in_process(**options: Any) -> SealRecognitionPipeline:
    """`create_pipeline` without worker processes: its networks are at hand."""
    pipeline = create_pipeline(**{"device": "cpu", **options})
    assert isinstance(pipeline, SealRecognitionPipeline)
    return pipeline


def ink(pipeline: SealRecognitionPipeline) -> InkModel:
    """The model of the exact detector, which notes what it is fed."""
    assert isinstance(pipeline.detector.model, InkModel)
    return pipeline.detector.model


def lengths(pipeline: SealRecognitionPipeline) -> LengthRecogniser:
    """The recogniser of `make_pipeline`, which keeps its strips."""
    assert isinstance(pipeline.recogniser, LengthRecogniser)
    return pipeline.recogniser


def draw_seal(page: np.ndarray, centre: tuple[int, int], radius: int) -> np.ndarray:
    """A tinted disc with a straight bar (6 characters wide) and an arc above it."""
    x, y = centre
    cv2.circle(page, centre, radius, TINT, -1)
    r = int(radius * 0.75)
    cv2.ellipse(page, centre, (r, r), 0, 200, 340, (0, 0, 0), max(4, radius // 6))
    half = int(radius * 0.45)
    cv2.rectangle(page, (x - half, y + radius // 5), (x + half, y + radius // 5 + radius // 6), (0, 0, 0), -1)
    return page


@pytest.fixture
def page() -> np.ndarray:
    """800 × 600 with two seals and a line of text outside them."""
    image = np.full((600, 800, 3), 255, np.uint8)
    cv2.rectangle(image, (60, 40), (400, 70), (0, 0, 0), -1)
    draw_seal(image, (200, 350), 120)
    draw_seal(image, (600, 300), 90)
    return image


@pytest.fixture
def overlapping() -> np.ndarray:
    """800 × 600 with two seals, one stamped over the other's edge."""
    return draw_seal(draw_seal(np.full((600, 800, 3), 255, np.uint8), (300, 300), 130), (520, 340), 110)


@pytest.fixture
def seal_image() -> np.ndarray:
    return draw_seal(np.full((320, 320, 3), 255, np.uint8), (160, 160), 140)
