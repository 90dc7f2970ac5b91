"""A trained classifier of orientations as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sealkit.modules.base import Arrays, GraphInput, ModuleExport


class OrientationExport(ModuleExport):
    """Probabilities (N, classes)."""

    def reference(self, net: Any, task: Any) -> Any:
        """The network around which nothing is fused."""
        from sealkit.modules.doc_text_orientation.networks.classifier import InferenceClassifier

        layer = InferenceClassifier(net)
        layer.eval()
        return layer

    def inference(self, net: Any, task: Any) -> Any:
        """The fused network."""
        from sealkit.modules.doc_text_orientation.networks.classifier import inference_network

        return inference_network(net)

    def inputs(self, task: Any) -> Sequence[GraphInput]:
        """Images of the one size."""
        width, height = task.recipe.resize.size
        return [GraphInput("x", (None, 3, height, width), "image")]

    def outputs(self, arrays: Arrays) -> Any:
        """Probabilities by name."""
        return {"probabilities": arrays[0]}

    def differences(self, expected: Arrays, got: Arrays) -> dict[str, float]:
        """Of probabilities."""
        return {"probability": float(np.abs(expected[0] - got[0]).max())}
