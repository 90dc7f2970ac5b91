"""The orientation classifier as the pipeline and `create_model` use it: an inference model with its pre- and
post-processing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from sealkit.errors import ConfigError, EngineError
from sealkit.images import iter_images
from sealkit.modules.base import Predictor, refuse_options
from sealkit.modules.doc_text_orientation.postprocess import QUARTERS, TopClasses, top_classes
from sealkit.modules.doc_text_orientation.preprocess import MEAN, STD, preprocess
from sealkit.modules.doc_text_orientation.settings import OriResizeSettings
from sealkit.modules.result import ModuleResult
from sealkit.runtime.files import ModelMeta, finite, reads_meta, sides
from sealkit.runtime.model import InferenceModel

FIELDS = ("class_ids", "scores", "label_names")


class OrientationResult(ModuleResult):
    """Classes of one image."""

    def draw(self) -> np.ndarray:
        """The image with its surest class and score in the corner."""
        image = np.array(self["input_img"], copy=True)
        text = f"{self['label_names'][0]} {self['scores'][0]:.2f}"
        size = max(min(image.shape[:2]) / 400, 0.4)
        (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
        cv2.rectangle(image, (0, 0), (width + 8, height + base + 8), (255, 255, 255), -1)
        cv2.putText(image, text, (4, height + 4), cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 200), 1, cv2.LINE_AA)
        return image


@dataclass(frozen=True)
class OriInput:
    """What inference.yml says about input and classes (model-directory format §4)."""

    resize: OriResizeSettings
    labels: tuple[str, ...]
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    scale: float = 1 / 255


class OrientationClassifier(Predictor):
    """Classifies the orientation of pages.

    Attributes:
        model: the inference model.
        input: sizes, normalisation and class names of its inference.yml.
        labels: the class names.
    """

    topk = 1
    """Classes a result has where `predict` does not say."""

    def __init__(self, model: InferenceModel) -> None:
        self.model = model
        self.input = ori_input(model.meta)
        self.labels = self.input.labels
        self._check_output("an orientation classifier")

    def _check_output(self, kind: str) -> None:
        """EngineError where the graph is not of this kind: one score per class."""
        shape = self.model.outputs[0].shape
        if shape and (len(shape) != 2 or shape[1] not in (None, len(self.labels))):
            raise EngineError(
                f"the graph is not {kind}: its output must be (N, {len(self.labels)})",
                where=str(self.model.path),
                value=shape,
                hint="check which model_dir belongs to which module",
            )

    @classmethod
    def create(cls, model: InferenceModel, **options: Any) -> OrientationClassifier:
        """A classifier with the sizes and class names its file has.

        Args:
            options: `topk`, the number of classes a result has where `predict` does not say.
        """
        topk = options.pop("topk", None)
        refuse_options(options)
        made = cls(model)
        made.topk = _classes(topk)
        return made

    @classmethod
    def wrote(cls, meta: ModelMeta) -> bool:
        """The folder of a classifier of pages; that of text lines has one size for all."""
        return "Topk" in meta.post_process and "size" not in meta.transform_ops.get("ResizeImage", {})

    def classify(self, images: Sequence[np.ndarray], topk: int = 1) -> list[TopClasses]:
        """The surest classes of images (H, W, 3) uint8 BGR, run as one batch."""
        if not images:
            return []
        given = self.input
        arrays = [preprocess(i, given.resize, mean=given.mean, std=given.std, scale=given.scale) for i in images]
        probabilities = self.model.run(np.stack(arrays))[0]
        return [top_classes(row, topk, given.labels) for row in probabilities]

    def angle(self, image: np.ndarray) -> int:
        """Degrees clockwise that a page lies turned: 0, 90, 180 or 270; the counter-clockwise turn that rights it.

        Raises:
            EngineError: the model's classes are not quarter turns.
        """
        name = self.classify([image])[0].label_names[0]
        if not name.isdecimal() or int(name) not in QUARTERS:
            raise EngineError(
                "the classifier's labels are not angles",
                where=self.model.meta.where,
                value=list(self.input.labels),
                hint="PostProcess.Topk.label_list must be ['0', '90', '180', '270']",
            )
        return int(name)

    def predict(self, input: Any, batch_size: int = 1, topk: int | None = None) -> Iterator[OrientationResult]:
        """Classify everything `input` may be (see sealkit.images.iter_images), one result per image, in order.

        Args:
            batch_size: images per run of the network.
            topk: how many classes a result has; None: as created, else 1.

        Yields:
            input_path, page_index, input_img, class_ids (k,) int32, scores (k,) float32 of 5 decimals, label_names.
        """
        topk = self.topk if topk is None else _classes(topk)
        group: list[OrientationResult] = []
        for record in iter_images(input):
            group.append(OrientationResult(record, *FIELDS))
            if len(group) >= batch_size:
                yield from self._fill(group, topk)
                group = []
        yield from self._fill(group, topk)

    def _fill(self, group: list[OrientationResult], topk: int) -> Iterator[OrientationResult]:
        found = iter(self.classify([r["input_img"] for r in group if r.ok], topk))
        for result in group:
            if result.ok:
                best = next(found)
                result.update(class_ids=best.class_ids, scores=best.scores, label_names=best.label_names)
            yield result


def _classes(topk: Any) -> int:
    """How many classes a result has.

    Raises:
        ConfigError: not a number from 1.
    """
    if topk is None:
        return 1
    if isinstance(topk, bool) or not isinstance(topk, int) or topk < 1:
        raise ConfigError("must be a whole number of at least 1", where="topk", value=topk, hint="topk=1")
    return topk


@reads_meta
def ori_input(meta: ModelMeta) -> OriInput:
    """Rules of a classifier's inference.yml; the official ones where a bare ONNX file says nothing.

    Raises:
        EngineError: an inference.yml without the classifier's operations belongs to another module.
    """
    names = tuple(str(angle) for angle in QUARTERS)
    if not meta.data:
        return OriInput(OriResizeSettings(), names)
    ops = meta.transform_ops
    if "CropImage" not in ops or "resize_short" not in ops.get("ResizeImage", {}):
        raise EngineError(
            "PreProcess.transform_ops has no ResizeImage with resize_short and no CropImage: this is not an orientation"
            " classifier's folder",
            where=meta.where,
            value=list(ops),
            hint="check which model_dir belongs to which module",
        )
    size = ops["CropImage"].get("size", 224)
    (side,) = sides(size if isinstance(size, (list, tuple)) else [size], 1)
    norm, topk = ops.get("NormalizeImage", {}), meta.post_process.get("Topk") or {}
    labels = topk.get("label_list")
    return OriInput(
        OriResizeSettings(resize_short=sides([ops["ResizeImage"]["resize_short"]], 1)[0], crop=side),
        tuple(str(label) for label in labels) if labels else names,
        finite(norm.get("mean") or MEAN),
        finite(norm.get("std") or STD),
        finite([norm.get("scale") or 1 / 255], 1)[0],
    )


__all__ = ["OrientationClassifier", "ori_input"]
