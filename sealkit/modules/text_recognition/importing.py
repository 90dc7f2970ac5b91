"""Weights of recognisers from other projects' ONNX files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from sealkit.charset import Charset
from sealkit.drawing.documents import document_images
from sealkit.modules.base import WeightsImport
from sealkit.modules.text_recognition.preprocess import preprocess
from sealkit.runtime.onnx_fields import onnx_metadata


class RecognitionImport(WeightsImport):
    """RapidOCR's recognisers, without the auxiliary head: it is not in the file, and fresh it would be nine tenths of
    the checkpoint."""

    options: Mapping[str, Any] = MappingProxyType({"auxiliary_head": False})
    example = (1, 3, 48, 320)

    def outputs(self, net: Any, x: Any) -> list[Any]:
        """Probabilities (1, steps, classes)."""
        from sealkit.modules.text_recognition.networks.multi_head import InferenceRecNet

        return [InferenceRecNet(net)(x)]

    def inputs(self, images: Iterable[np.ndarray] | None) -> Iterator[np.ndarray]:
        """[1, 3, 48, w] of strips, or of lines cut from a drawn page."""
        if images is None:
            page = document_images()[0]
            images = (page[top : top + 48] for top in range(16, 432, 52))
        for strip in images:
            yield preprocess(strip)[None]

    def extras(self, path: Path) -> Mapping[str, Any]:
        """The charset in the file's metadata: the checkpoint's classes mean nothing without it."""
        return {"charset": Charset.from_onnx_metadata(onnx_metadata(path), id="ppocrv6", where=str(path)).to_dict()}
