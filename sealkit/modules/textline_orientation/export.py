"""Weights of a text line classifier as a graph; the proof is the network's output on images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sealkit.drawing.documents import document_images
from sealkit.modules.base import GraphInput, WeightsExport
from sealkit.modules.doc_text_orientation.preprocess import MEAN, STD
from sealkit.modules.textline_orientation.models import HEIGHT, LABELS, MODULE, WIDTH
from sealkit.modules.textline_orientation.predictor import preprocess


class TextLineExport(WeightsExport):
    """Probabilities (N, 2)."""

    unused = "no tensor has this name"
    mean_difference = 1e-4

    def inference(self, net: Any) -> Any:
        """The fused network."""
        from sealkit.modules.doc_text_orientation.networks.classifier import inference_network

        return inference_network(net)

    def inputs(self) -> Sequence[GraphInput]:
        """Lines of the one size."""
        return [GraphInput("x", (None, 3, HEIGHT, WIDTH), "image")]

    def feeds(self, images: Sequence[np.ndarray] | None) -> list[np.ndarray]:
        """Inputs [1, 3, 80, 160]."""
        shown = document_images(((60, 320), (40, 200))) if images is None else images
        return [preprocess(image)[None] for image in shown]

    def spec(self, model: str) -> dict[str, Any]:
        """As PaddleX's folders have it."""
        normal = {"channel_num": 3, "mean": list(MEAN), "std": list(STD), "scale": 1 / 255, "order": ""}
        ops = [{"ResizeImage": {"size": [WIDTH, HEIGHT]}}, {"NormalizeImage": normal}, {"ToCHWImage": None}]
        return {
            "Global": {"model_name": model},
            "PreProcess": {"transform_ops": ops},
            "PostProcess": {"Topk": {"topk": 1, "label_list": list(LABELS)}},
            "Sealkit": {"module": MODULE},
        }
