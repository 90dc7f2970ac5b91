"""What an image is on its way through the pipeline, and what the stages before reading must look like."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sealkit.errors import SealkitError
from sealkit.images import ImageRecord


class LayoutModel(Protocol):
    """A layout detector as `create_model` makes it."""

    model: Any
    """The inference model: engine, device, threads, close()."""

    def predict(
        self,
        input: Sequence[np.ndarray],
        batch_size: int = 1,
        *,
        threshold: Any = None,
        layout_nms: bool | None = None,
        layout_unclip_ratio: Any = None,
        layout_merge_bboxes_mode: Any = None,
    ) -> Iterator[dict[str, Any]]:
        """One result per image (H, W, 3) uint8 BGR; `boxes` are dicts of cls_id, label, score, coordinate."""
        ...


class PagePreprocessor(Protocol):
    """The document preprocessor: turns a page upright and flattens it."""

    has_orientation: bool
    has_unwarping: bool

    @property
    def models(self) -> dict[str, Any]:
        """Inference models by PaddleX's name of the place they stand in."""
        ...

    def process(self, image: np.ndarray, orientation: bool, unwarping: bool) -> dict[str, Any]:
        """(H, W, 3) uint8 BGR → PaddleX's fields: input_path, page_index, input_img, model_settings, angle, rot_img,
        output_img."""
        ...


@dataclass
class Stages:
    """What each stage of one image found, with seconds; becomes `stages` of the result."""

    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def start(self) -> None:
        """The clock of the next entry starts now."""
        self._since = time.perf_counter()

    def add(self, name: str, seconds: float | None = None, **facts: Any) -> None:
        """An entry; without `seconds` it took the time since `start` or the last entry. Facts that are None are left
        out."""
        now = time.perf_counter()
        spent = now - self._since if seconds is None else seconds
        self.entries[name] = {**{k: v for k, v in facts.items() if v is not None}, "seconds": round(spent, 4)}
        self._since = now


@dataclass
class Page:
    """One image or page on its way.

    Attributes:
        record: as it was read.
        given: layout boxes the caller brought along, or None.
        stages: what was found so far.
        preprocessed: fields of the document preprocessor, None where it is off.
        layout: fields of the layout stage, None where neither a model nor the caller gave boxes.
        error: why this image has no result.
    """

    record: ImageRecord
    given: dict[str, Any] | None = None
    stages: Stages = field(default_factory=Stages)
    preprocessed: dict[str, Any] | None = None
    layout: dict[str, Any] | None = None
    error: SealkitError | None = None

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 BGR, the image seals are looked for in."""
        image = self.record.image if self.preprocessed is None else self.preprocessed["output_img"]
        if image is None:
            raise ValueError("a page without an image has come past reading")
        return image

    @property
    def pixels(self) -> int:
        """Of the image as it was read; 0 where it could not be."""
        image = self.record.image
        return 0 if image is None else int(image.shape[0] * image.shape[1])
