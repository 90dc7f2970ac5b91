"""The text line classifier as `create_model` uses it: an inference model with its pre- and post-processing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sealkit.errors import EngineError
from sealkit.modules.doc_text_orientation.postprocess import TopClasses, top_classes
from sealkit.modules.doc_text_orientation.predictor import OrientationClassifier
from sealkit.modules.doc_text_orientation.preprocess import MEAN, STD
from sealkit.modules.textline_orientation.models import HEIGHT, LABELS, WIDTH
from sealkit.modules.textline_orientation.preprocess import preprocess
from sealkit.runtime.files import ModelMeta, finite, reads_meta, sides
from sealkit.runtime.model import InferenceModel


class TextLineClassifier(OrientationClassifier):
    """Tells whether text lines stand upside down.

    Attributes:
        model: the inference model.
        labels: class names of its inference.yml.
    """

    def __init__(self, model: InferenceModel) -> None:
        self.model = model
        self.size, self.labels, self._normal = line_input(model.meta)
        self._check_output("a text line classifier")

    @classmethod
    def wrote(cls, meta: ModelMeta) -> bool:
        """The folder of a classifier of text lines."""
        return "Topk" in meta.post_process and "size" in meta.transform_ops.get("ResizeImage", {})

    def classify(self, images: Sequence[np.ndarray], topk: int = 1) -> list[TopClasses]:
        """The surest classes of text lines (H, W, 3) uint8 BGR, run as one batch."""
        if not images:
            return []
        arrays = [preprocess(image, self.size, *self._normal) for image in images]
        return [top_classes(row, topk, self.labels) for row in self.model.run(np.stack(arrays))[0]]

    def angle(self, image: np.ndarray) -> int:
        """Degrees that a line lies turned, 0 or 180."""
        return 180 * int(self.classify([image])[0].class_ids[0])


@reads_meta
def line_input(
    meta: ModelMeta,
) -> tuple[tuple[int, int], tuple[str, ...], tuple[tuple[float, ...], tuple[float, ...], float]]:
    """Width and height, class names, and (mean, std, scale) of a classifier's inference.yml; the official ones where a
    bare ONNX file says nothing.

    Raises:
        EngineError: an inference.yml of another module.
    """
    if not meta.data:
        return (WIDTH, HEIGHT), LABELS, (MEAN, STD, 1 / 255)
    ops = meta.transform_ops
    if "size" not in ops.get("ResizeImage", {}):
        raise EngineError(
            "PreProcess.transform_ops has no ResizeImage with a size: this is not a text line classifier's folder",
            where=meta.where,
            value=list(ops),
            hint="check which model_dir belongs to which module",
        )
    width, height = sides(ops["ResizeImage"]["size"], 2)
    norm, topk = ops.get("NormalizeImage", {}), meta.post_process.get("Topk") or {}
    labels = tuple(str(label) for label in topk.get("label_list") or LABELS)
    normal = (finite(norm.get("mean") or MEAN), finite(norm.get("std") or STD), float(norm.get("scale") or 1 / 255))
    return (width, height), labels, normal


__all__ = ["TextLineClassifier", "line_input"]
