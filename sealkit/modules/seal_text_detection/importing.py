"""Weights of seal detectors from other projects' ONNX files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from sealkit.drawing.documents import document_images
from sealkit.modules.base import WeightsImport
from sealkit.modules.seal_text_detection.preprocess import preprocess
from sealkit.modules.seal_text_detection.settings import DetResizeSettings


class DetectionImport(WeightsImport):
    """RapidOCR's detectors: probability maps."""

    options: Mapping[str, Any] = MappingProxyType({"fields": False})
    example = (1, 3, 64, 64)

    def outputs(self, net: Any, x: Any) -> list[Any]:
        """Maps (1, 1, h, w)."""
        return [net(x)["maps"]]

    def inputs(self, images: Iterable[np.ndarray] | None) -> Iterator[np.ndarray]:
        """[1, 3, h, w] of whole images."""
        for image in document_images() if images is None else images:
            yield preprocess(image, DetResizeSettings(limit_type="max"))[0][None]
