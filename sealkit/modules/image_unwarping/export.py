"""UVDoc's weights as a graph. It has no recipe, no evaluation set and no metric of its own: the proof is the network's
output on images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sealkit.drawing.documents import document_images
from sealkit.modules.base import GraphInput, WeightsExport
from sealkit.modules.image_unwarping.models import MODULE
from sealkit.modules.image_unwarping.preprocess import preprocess


class UnwarpingExport(WeightsExport):
    """The flattened page (N, 3, H, W). Single pixels may differ by more than the mean: where the grid is steep,
    rounding samples a neighbour."""

    unused = "out_point_positions3D."
    interpolates = True
    mean_difference = 1e-3  # of values 0..1

    def inference(self, net: Any) -> Any:
        """The network without its 3D head."""
        from sealkit.modules.image_unwarping.networks.uvdoc import inference_network

        return inference_network(net)

    def inputs(self) -> Sequence[GraphInput]:
        """A page of any size."""
        return [GraphInput("image", (None, 3, None, None), "image")]

    def feeds(self, images: Sequence[np.ndarray] | None) -> list[np.ndarray]:
        """Inputs [1, 3, h, w]."""
        shown = document_images(((240, 320), (300, 200))) if images is None else images
        return [preprocess(image)[None] for image in shown]

    def spec(self, model: str) -> dict[str, Any]:
        """PaddleX reads no more than the model's name."""
        return {"Global": {"model_name": model}, "Sealkit": {"module": MODULE}}
