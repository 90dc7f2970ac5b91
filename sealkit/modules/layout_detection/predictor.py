"""The layout detector as pipeline and `create_model` use it: an inference model with its pre- and post-processing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from sealkit.errors import ConfigError, EngineError
from sealkit.images import ImageRecord, iter_images
from sealkit.modules.base import Predictor
from sealkit.modules.layout_detection.postprocess import LayoutOptions, layout_boxes, split_pages
from sealkit.modules.layout_detection.preprocess import INTERPOLATIONS, Normalisation, preprocess
from sealkit.modules.result import ModuleResult
from sealkit.runtime.files import ModelMeta, finite, reads_meta, sides
from sealkit.runtime.model import InferenceModel

OPTIONS = ("threshold", "layout_nms", "layout_unclip_ratio", "layout_merge_bboxes_mode")
INPUTS = {2: ("image", "scale_factor"), 3: ("im_shape", "image", "scale_factor")}
"""Inputs of a graph by their number, in alphabetical order of their names."""
_IGNORED = ("Permute",)


class LayoutResult(ModuleResult):
    """Regions of one page."""

    def draw(self) -> np.ndarray:
        """The page with its boxes, label and score at each."""
        from sealkit.modules.layout_detection.draw import layout_image  # reading must not wait for it

        return layout_image(self["input_img"], self["boxes"])


@dataclass(frozen=True)
class LayoutRules:
    """What inference.yml says about input and classes (model-directory format §5).

    Attributes:
        size: (height, width) of the input.
        interpolation: how pages are resized to it.
        norm: normalisation, in RGB.
        labels: class names by id.
    """

    size: tuple[int, int]
    interpolation: str
    norm: Normalisation
    labels: tuple[str, ...]


def _input_size(model: InferenceModel, img_size: Any) -> tuple[int, int] | None:
    """(height, width) of `img_size`; None where it is not given.

    Raises:
        ConfigError: not a size, or not one the graph takes: a graph is made for one size, or for any.
    """
    if img_size is None:
        return None
    sizes = [img_size, img_size] if isinstance(img_size, int) else img_size
    pair = isinstance(sizes, (list, tuple)) and len(sizes) == 2
    if not pair or not all(type(side) is int and 32 <= side <= 4096 for side in sizes):
        hint = "a side, or [width, height], in pixels from 32 to 4096"
        raise ConfigError("not a size of an input", where="img_size", value=img_size, hint=hint)
    width, height = sizes
    image = next((spec for spec in model.inputs if len(spec.shape) == 4), None)
    shape = image.shape[2:] if image is not None else layout_rules(model.meta).size
    if any(made not in (None, side) for made, side in zip(shape, (height, width))):
        raise ConfigError(
            f"this graph takes inputs of {shape[1]} x {shape[0]} pixels only",
            where="img_size",
            value=img_size,
            hint="leave img_size out; another size takes an export of another size",
        )
    return height, width


def _by_class(rows: np.ndarray) -> np.ndarray:
    """Rows (K, 6) as Paddle's suppression leaves them: by class, the surest first; equal ones stay in their order."""
    return rows[np.lexsort((-rows[:, 1], rows[:, 0]))]


class LayoutDetector(Predictor):
    """Finds the regions of pages.

    Attributes:
        model: the inference model.
        rules: what its file says.
        options: post-processing, as created: what the caller gave wins over the file.
    """

    def __init__(
        self, model: InferenceModel, options: LayoutOptions | None = None, size: tuple[int, int] | None = None
    ) -> None:
        self.model = model
        self.rules = layout_rules(model.meta)
        if size is not None:
            self.rules = replace(self.rules, size=size)
        self.options = options or file_options(model.meta)
        if len(model.inputs) not in INPUTS:
            raise EngineError(
                "not a layout detector: the graph must take (image, scale_factor) or (im_shape, image, scale_factor)",
                where=str(model.path),
                value=[spec.name for spec in model.inputs],
            )

    @classmethod
    def create(cls, model: InferenceModel, **options: Any) -> LayoutDetector:
        """A detector with the options its file asks for, overridden by those of `options` that are not None.

        Args:
            options: those of `predict`, and `img_size`: the side or [width, height] pages are resized to, where the
                graph leaves it open.

        Raises:
            TypeError: a keyword that is no option.
            ConfigError: an img_size the graph does not take.
        """
        size = _input_size(model, options.pop("img_size", None))
        unknown = sorted(set(options) - set(OPTIONS) - {"rules"})
        if unknown:
            known = ", ".join((*OPTIONS, "img_size"))
            raise TypeError(f"unexpected keyword argument(s) {', '.join(unknown)}; known: {known}")
        return cls(model, laid_over(file_options(model.meta), options), size)

    @classmethod
    def wrote(cls, meta: ModelMeta) -> bool:
        """The folder of a detection model of PaddleDetection's kind."""
        return "label_list" in meta.data and "Preprocess" in meta.data

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names by id."""
        return self.rules.labels

    def detections(self, images: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Rows (K, 6) of the graph for each page (H, W, 3) uint8 BGR: class, score, x1, y1, x2, y2 in its pixels."""
        rules = self.rules
        prepared = [preprocess(image, rules.size, rules.norm, rules.interpolation) for image in images]
        names, step = INPUTS[len(self.model.inputs)], self.model.batch_limit or len(prepared)
        found: list[np.ndarray] = []
        for start in range(0, len(prepared), step):
            batch = prepared[start : start + step]
            rows, counts = self.model.run([np.stack([getattr(one, name) for one in batch]) for name in names])[:2]
            found += split_pages(rows, counts)
        # OpenVINO returns rows of one class in any order; Paddle's, which numbers the seals, is by falling score
        return [_by_class(rows) for rows in found] if "NMS" in self.model.meta.data else found

    def predict(
        self,
        input: Any,
        batch_size: int = 1,
        *,
        threshold: Any = None,
        layout_nms: bool | None = None,
        layout_unclip_ratio: Any = None,
        layout_merge_bboxes_mode: Any = None,
    ) -> Iterator[LayoutResult]:
        """Detect on everything `input` may be (see sealkit.images.iter_images), one result per image.

        Args:
            batch_size: pages that go through the network together.
            threshold, layout_nms, layout_unclip_ratio, layout_merge_bboxes_mode: see `LayoutOptions`; None = as
                created.

        Yields:
            input_path, page_index, input_img, boxes (list of dicts: cls_id, label, score, coordinate).
        """
        given = {
            "threshold": threshold,
            "layout_nms": layout_nms,
            "layout_unclip_ratio": layout_unclip_ratio,
            "layout_merge_bboxes_mode": layout_merge_bboxes_mode,
        }
        options = laid_over(self.options, given)
        group: list[ImageRecord] = []
        for record in iter_images(input):
            group.append(record)
            if len(group) >= max(batch_size, 1):
                yield from self._results(group, options)
                group = []
        yield from self._results(group, options)

    def _results(self, group: Sequence[ImageRecord], options: LayoutOptions) -> Iterator[LayoutResult]:
        images = [record.image for record in group if record.image is not None]
        found = iter(self.detections(images) if images else [])
        for record in group:
            result = LayoutResult(record, "boxes")
            if record.image is not None:
                hw = (record.image.shape[0], record.image.shape[1])
                result["boxes"] = layout_boxes(next(found), self.labels, hw, options)
            yield result


def laid_over(options: LayoutOptions, given: Mapping[str, Any]) -> LayoutOptions:
    """Options with those that are given; classes that a dict of thresholds leaves out keep the number there was."""
    changes = {key: value for key, value in given.items() if value is not None}
    if isinstance(changes.get("threshold"), Mapping) and isinstance(options.threshold, (int, float)):
        changes["unlisted"] = float(options.threshold)
    return replace(options, **changes)


@reads_meta
def file_options(meta: ModelMeta) -> LayoutOptions:
    """Options of an inference.yml: draw_threshold (0.5 where it has none), layout_nms and so on."""
    known = {field.name for field in fields(LayoutOptions)}
    given = {key: meta.data[key] for key in OPTIONS[1:] if key in known and meta.data.get(key) is not None}
    threshold = meta.data.get("draw_threshold", 0.5)
    finite([threshold], 1)
    return LayoutOptions(threshold=threshold, **given)


@reads_meta
def layout_rules(meta: ModelMeta) -> LayoutRules:
    """Input rules of a layout model's inference.yml.

    Raises:
        EngineError: no label_list, no target size, or or an unknown operation.
    """
    labels = meta.data.get("label_list")
    if not isinstance(labels, list) or not labels:
        raise EngineError("no label_list: the classes have no names", where=meta.where, hint="is it a layout model?")
    size, interp, norm = None, 2, Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    section = meta.data.get("Preprocess")
    for op in section if isinstance(section, list) else []:
        kind = op.get("type") if isinstance(op, Mapping) else None
        if kind == "Resize":
            size, interp = _target_size(op, meta.where), int(op.get("interp", 2))
        elif kind == "NormalizeImage":
            norm = _normalisation(op)
        elif kind not in _IGNORED:
            hint = "PicoDet and RT-DETR have Resize, NormalizeImage and Permute: export one of these"
            raise EngineError("Preprocess has an unknown operation", where=meta.where, value=op, hint=hint)
    names = list(INTERPOLATIONS)
    if size is None or not 0 <= interp < len(names):
        raise EngineError(
            "Preprocess has no Resize with target_size and interp 0 to 4",
            where=meta.where,
            value=section,
            hint="is it a layout model? Then export it again",
        )
    return LayoutRules(size, names[interp], norm, tuple(str(label) for label in labels))


def _target_size(op: Mapping[str, Any], where: str) -> tuple[int, int]:
    size = op.get("target_size")
    size = [size, size] if isinstance(size, int) else size
    if not isinstance(size, list) or len(size) != 2 or op.get("keep_ratio"):
        hint = "export the model with target_size: [height, width] and keep_ratio: false"
        raise EngineError("Resize must give every page one size", where=where, value=dict(op), hint=hint)
    height, width = sides(size, 2)
    return height, width


def _normalisation(op: Mapping[str, Any]) -> Normalisation:
    """With norm_type none, mean and std are applied all the same, as in PaddleX."""
    mean, std = op.get("mean") or [0.0] * 3, op.get("std") or [1.0] * 3
    scale = 1 / 255 if op.get("is_scale", True) else 1.0
    return Normalisation(finite(mean), finite(std), scale)


__all__ = ["LayoutDetector", "LayoutRules", "file_options", "laid_over", "layout_rules"]
