"""Models that behave like loaded ones and hold no network: the orientation of a page by where its dark edge is, and an
unwarping that mirrors."""

from __future__ import annotations

from typing import Any

import numpy as np

from sealkit.runtime.files import ModelMeta
from sealkit.runtime.model import TensorSpec
from tests.fake_models import FakeInference
from tests.inference_ymls import ORIENTATION, UNWARPING


class FakeModel(FakeInference):
    """Answers `run` with a function of the input array."""

    def __init__(self, answer: Any, rank: int, data: dict[str, Any]) -> None:
        super().__init__(ModelMeta("fake/inference.yml", data))
        self.answer = answer
        self.outputs = [TensorSpec("out", np.dtype(np.float32), (None,) * rank)]
        self.batches: list[tuple[int, ...]] = []

    def run(self, array: Any) -> list[np.ndarray]:
        self.batches.append(array.shape)
        return [self.answer(array)]


def _dark_edge(x: np.ndarray) -> np.ndarray:
    """(N, 4) probabilities: the darkest edge of the page is its head; top, right, bottom, left."""
    edges = np.stack([x[:, :, :8].mean((1, 2, 3)), x[..., -8:].mean((1, 2, 3)),
                      x[:, :, -8:].mean((1, 2, 3)), x[..., :8].mean((1, 2, 3))], axis=1)  # fmt: skip
    raised = np.exp(-20 * edges)
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def orientation_model(**changes: Any) -> FakeModel:
    return FakeModel(_dark_edge, 2, {**ORIENTATION, **changes})


def unwarping_model() -> FakeModel:
    return FakeModel(lambda x: x[..., ::-1] * np.float32(1.02), 4, UNWARPING)


def page(height: int = 90, width: int = 70) -> np.ndarray:
    """A page with a dark head and a red left margin."""
    image = np.full((height, width, 3), 230, np.uint8)
    image[:, :3] = (30, 30, 200)
    image[:14] = 20
    return image
