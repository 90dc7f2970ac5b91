"""A trained seal detector as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sealkit.modules.base import Arrays, GraphInput, ModuleExport

TEXT = 0.2
"""Probability from which there is text: directions are compared there, elsewhere their length is noise."""


class DetectionExport(ModuleExport):
    """Maps (N, 1, H, W), or with fields (N, 4, H, W)."""

    def reference(self, net: Any, task: Any) -> Any:
        """The network around which nothing is fused."""
        from sealkit.modules.seal_text_detection.networks.db import InferenceDBNet

        layer = InferenceDBNet(net)
        layer.eval()
        return layer

    def inference(self, net: Any, task: Any) -> Any:
        """The fused network."""
        from sealkit.modules.seal_text_detection.networks.db import inference_network

        return inference_network(net)

    def inputs(self, task: Any) -> Sequence[GraphInput]:
        """An image of any size."""
        return [GraphInput("x", (None, 3, None, None), "image")]

    def outputs(self, arrays: Arrays) -> Any:
        """Maps by name."""
        return {"maps": arrays[0]}

    def differences(self, expected: Arrays, got: Arrays) -> dict[str, float]:
        """Of text probability, and with fields of up directions (where there is text) and of the seal's area."""
        one, other = expected[0], got[0]
        found = {"probability": float(np.abs(one[:, 0] - other[:, 0]).max())}
        if one.shape[1] == 4:
            text = one[:, 0] > TEXT
            away = np.abs(one[:, 1:3] - other[:, 1:3]).max(axis=1)[text]
            found["up"] = float(away.max()) if away.size else 0.0
            found["area"] = float(np.abs(one[:, 3] - other[:, 3]).max())
        return found
