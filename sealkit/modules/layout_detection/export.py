"""A trained layout detector as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sealkit.modules.base import Arrays, GraphInput, ModuleExport
from sealkit.modules.layout_detection.compare import detection_differences


class LayoutExport(ModuleExport):
    """Detections (K, 6) and their number per page."""

    same_shapes = False

    def reference(self, net: Any, task: Any) -> Any:
        """The network with its decoding, nothing fused."""
        layer = task.detector(net)
        layer.eval()
        return layer

    def inference(self, net: Any, task: Any) -> Any:
        """The fused network with its decoding."""
        return task.inference_network(net)

    def inputs(self, task: Any) -> Sequence[GraphInput]:
        """PaddleX feeds (im_shape, image, scale_factor) to models of the RT-DETR kind, (image, scale_factor) to
        others."""
        inputs = [
            GraphInput("image", (None, 3, *task.input_size), "image"),
            GraphInput("scale_factor", (None, 2), "scale_factor"),
        ]
        return [GraphInput("im_shape", (None, 2), "im_shape"), *inputs] if task.family == "rtdetr" else inputs

    def outputs(self, arrays: Arrays) -> Any:
        """Detections and numbers by name."""
        return {"boxes": arrays[0], "boxes_num": arrays[1]}

    def differences(self, expected: Arrays, got: Arrays) -> dict[str, float]:
        """Of scores and boxes of the detections that belong together."""
        return detection_differences(expected[0], expected[1], got[0], got[1])
