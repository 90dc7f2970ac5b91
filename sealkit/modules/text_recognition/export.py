"""A trained recogniser as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sealkit.modules.base import Arrays, GraphInput, ModuleExport


class RecognitionExport(ModuleExport):
    """Probabilities (N, steps, classes)."""

    def reference(self, net: Any, task: Any) -> Any:
        """The network around which nothing is fused."""
        from sealkit.modules.text_recognition.networks.multi_head import InferenceRecNet

        layer = InferenceRecNet(net, task.kind.output)
        layer.eval()
        return layer

    def inference(self, net: Any, task: Any) -> Any:
        """The fused network without its auxiliary head."""
        from sealkit.modules.text_recognition.networks.multi_head import inference_network

        return inference_network(net, task.kind.output)

    def inputs(self, task: Any) -> Sequence[GraphInput]:
        """A strip of any width."""
        return [GraphInput("x", (None, 3, task.recipe.resize.image_shape[1], None), "image")]

    def outputs(self, arrays: Arrays) -> Any:
        """Probabilities by name."""
        return {"probabilities": arrays[0]}

    def differences(self, expected: Arrays, got: Arrays) -> dict[str, float]:
        """Of probabilities."""
        return {"probability": float(np.abs(expected[0] - got[0]).max())}
