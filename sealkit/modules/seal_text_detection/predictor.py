"""The text detector as the pipeline and `create_model` use it: an inference model with its pre- and post-processing."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from sealkit.errors import EngineError
from sealkit.geometry.regions import TextRegion
from sealkit.images import iter_images
from sealkit.modules.base import Predictor
from sealkit.modules.result import ModuleResult
from sealkit.modules.seal_text_detection.postprocess import decode, int_polygons, sort_regions
from sealkit.modules.seal_text_detection.preprocess import MEAN, STD, ResizeInfo, normalise, preprocess
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings, DetResizeSettings
from sealkit.runtime.files import ModelMeta, finite, reads_meta, sides
from sealkit.runtime.model import InferenceModel

AREA = 3
"""Channel of the seal-area probability in maps of four channels."""
DEFAULT_SIDE = 736


class DetectionResult(ModuleResult):
    """Text outlines of one image."""

    def draw(self) -> np.ndarray:
        """The image with its outlines, a colour each."""
        from sealkit.drawing.polygons import fill_polygons, outline_polygons, palette  # reading must not wait for it

        colours = palette(len(self["dt_polys"]))
        filled = fill_polygons(self["input_img"], self["dt_polys"], colours, opacity=0.25)
        return outline_polygons(filled, self["dt_polys"], colours)


@dataclass(frozen=True)
class DetInput:
    """What inference.yml says about the input (model-directory format §2)."""

    rgb: bool = False
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    scale: float = 1 / 255


@dataclass(frozen=True)
class DetectionMaps:
    """Network output for one image.

    Attributes:
        maps: (C, h, w) float32: text probability, and with C = 4 up direction x, y and seal-area probability.
        info: how the image became the input.
    """

    maps: np.ndarray
    info: ResizeInfo

    @property
    def area(self) -> np.ndarray | None:
        """(h, w) seal-area probability; None where the detector has no such channel."""
        return self.maps[AREA] if len(self.maps) > AREA else None

    @property
    def scale(self) -> np.ndarray:
        """Source pixels per map pixel, (x, y)."""
        (h, w), (ph, pw) = self.maps.shape[1:], self.info.padded_hw
        return np.array([pw / w, ph / h])


class TextDetector(Predictor):
    """Finds the outlines of text.

    Attributes:
        model: the inference model.
        resize: size rule of the input, as asked for.
        fixed_hw: height and width every image is resized to in place of that rule, None as a rule.
        post: thresholds.
    """

    def __init__(
        self,
        model: InferenceModel,
        resize: DetResizeSettings,
        post: DetPostprocessSettings,
        input_shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.model, self.resize, self.post = model, resize, post
        self.input = det_input(model.meta)
        self.fixed_hw = input_shape[1:] if input_shape else fixed_size(model.meta)

    @classmethod
    def create(cls, model: InferenceModel, **options: Any) -> TextDetector:
        """A detector with the sizes and thresholds its file asks for, both overridden by `options` that are not None.

        A folder sealkit wrote says what it was evaluated with; in others `resize_long` is PaddleX's short-side limit.

        Args:
            options: fields of DetResizeSettings and DetPostprocessSettings, and `input_shape` (3, h, w).
        """
        shape = options.pop("input_shape", None)
        post = det_post(model.meta, **{k: v for k, v in options.items() if k not in DetResizeSettings.model_fields})
        given = {k: v for k, v in options.items() if k in DetResizeSettings.model_fields and v is not None}
        return cls(model, override(det_resize(model.meta), given), post, shape)

    @classmethod
    def wrote(cls, meta: ModelMeta) -> bool:
        """The folder of a DB detector."""
        return meta.post_process.get("name") == "DBPostProcess"

    @classmethod
    def check_graph(cls, model: InferenceModel) -> None:
        """Its output is (N, 1 or 4, H, W)."""
        shape = model.outputs[0].shape
        if shape and len(shape) != 4:
            raise EngineError(
                "the graph is not a text detector: its output must be (N, 1 or 4, H, W)",
                where=str(model.path),
                value=shape,
                hint="check which model_dir belongs to which module",
            )

    def maps(self, image: np.ndarray, resize: DetResizeSettings | None = None) -> DetectionMaps:
        """Run the network on an image (H, W, 3) uint8 BGR."""
        return self._run([self.prepare(image, resize)])[0]

    def looks(
        self, image: np.ndarray, resize: DetResizeSettings | None = None, rotations: int = 1
    ) -> list[DetectionMaps]:
        """Run the network on an image (H, W, 3) uint8 BGR that is turned, and turn the maps back.

        Args:
            rotations: 1; 2: also turned by 180 degrees, 4: by 90 and 270 as well.

        Returns:
            One look; of several first their mean, then each.

        Raises:
            EngineError: four looks with a graph whose input has one size that is not square.
        """
        if rotations == 4 and self.fixed_hw is not None and self.fixed_hw[0] != self.fixed_hw[1]:
            raise EngineError(
                "a graph with this input cannot look at an image that lies on its side",
                where=str(self.model.path),
                value=self.fixed_hw,
                hint="set Fine.rotations to 1 or 2",
            )
        array, info = self.prepare(image, resize)
        found = []
        for turn in range(0, 4, 4 // rotations):
            seen = self._run([(np.ascontiguousarray(np.rot90(array, turn, (1, 2))), info)])[0].maps
            found.append(turned_back(seen, turn))
        if rotations > 1:
            found.insert(0, average_views(found))
        return [DetectionMaps(maps, info) for maps in found]

    def maps_of(
        self, images: Sequence[np.ndarray], resize: DetResizeSettings | None = None, batch_size: int = 1
    ) -> list[DetectionMaps]:
        """As `maps` for several images; those with inputs of one size go through the network together."""
        prepared = [self.prepare(image, resize) for image in images]
        by_size: dict[tuple[int, ...], list[int]] = {}
        for i, (array, _) in enumerate(prepared):
            by_size.setdefault(array.shape, []).append(i)
        found: dict[int, DetectionMaps] = {}
        for same in by_size.values():
            for start in range(0, len(same), batch_size):
                batch = same[start : start + batch_size]
                found |= dict(zip(batch, self._run([prepared[i] for i in batch])))
        return [found[i] for i in range(len(images))]

    def prepare(self, image: np.ndarray, resize: DetResizeSettings | None = None) -> tuple[np.ndarray, ResizeInfo]:
        """(H, W, 3) uint8 BGR → (3, h, w) float32, and how it got there."""
        given = self.input
        array = np.ascontiguousarray(image[:, :, ::-1] if given.rgb else image)
        if self.fixed_hw is None:
            return preprocess(array, resize or self.resize, mean=given.mean, std=given.std, scale=given.scale)
        h, w = self.fixed_hw
        source: tuple[int, int] = (array.shape[0], array.shape[1])
        if source != (h, w):
            array = cv2.resize(array, (w, h), interpolation=cv2.INTER_LINEAR)
        return normalise(array, given.mean, given.std, given.scale), ResizeInfo(source, source, (h, w))

    def _run(self, prepared: Sequence[tuple[np.ndarray, ResizeInfo]]) -> list[DetectionMaps]:
        """Inputs of one size through the network as one batch."""
        arrays = [array for array, _ in prepared]
        output = self.model.run(arrays[0][None] if len(arrays) == 1 else np.stack(arrays))[0]
        if output.ndim != 4 or output.shape[1] not in (1, 3, 4):
            raise EngineError(
                "the graph is not a text detector: its output must be (N, 1 or 4, H, W)",
                where=str(self.model.path),
                value=output.shape,
            )
        return [DetectionMaps(np.asarray(maps, dtype=np.float32), info) for maps, (_, info) in zip(output, prepared)]

    def regions(self, found: DetectionMaps, post: DetPostprocessSettings | None = None) -> list[TextRegion]:
        """Text regions in source pixels, in decode's order."""
        return decode(found.maps, found.info.source_hw, post or self.post, found.info.padded_hw)

    def predict(self, input: Any, batch_size: int = 1, **options: Any) -> Iterator[DetectionResult]:
        """Detect on everything `input` may be (see sealkit.images.iter_images), one result per image.

        Args:
            batch_size: accepted for PaddleX's sake; images differ in size, each is a batch of its own.
            options: limit_side_len, limit_type, max_side_limit, thresh, box_thresh, unclip_ratio; None = as created.
        Yields:
            input_path, page_index, input_img, dt_polys (list of (N, 2) int32, by ascending top), dt_scores.
        """
        del batch_size
        resize, post = override(self.resize, options), override(self.post, options)
        refuse_unknown(options, type(resize), type(post))
        for record in iter_images(input):
            result = DetectionResult(record, "dt_polys", "dt_scores")
            if record.image is not None:
                regions = self.regions(self.maps(record.image, resize), post)
                polygons = int_polygons(regions, record.image.shape[:2])
                order = sort_regions(polygons)
                result.update(dt_polys=[polygons[i] for i in order], dt_scores=[regions[i].score for i in order])
            yield result


def average_views(looks: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of maps (1 or 4, h, w) of one image; float32, up directions have length 1."""
    mean: np.ndarray = np.stack(looks).mean(axis=0)
    if len(mean) > AREA:
        mean[1:AREA] /= np.maximum(np.hypot(*mean[1:AREA]), 1e-6)
    return mean


def turned_back(maps: np.ndarray, turn: int) -> np.ndarray:
    """Maps (1 or 4, h, w) of an image that was turned counter-clockwise by quarter turns, as it was before."""
    back = np.rot90(maps, -turn, (1, 2)).copy()
    if len(back) > AREA:
        for _ in range(turn):
            back[1], back[2] = -back[2], back[1].copy()  # right was turned to up: up is turned back to right
    return back


@reads_meta
def det_input(meta: ModelMeta) -> DetInput:
    """Input rules of a detector's inference.yml; official BGR and ImageNet values where a bare ONNX file says nothing.

    Raises:
        EngineError: a scale that is no number.
    """
    if not meta.data:
        return DetInput()
    ops = meta.transform_ops
    norm = ops.get("NormalizeImage", {})
    return DetInput(
        rgb=str(ops.get("DecodeImage", {}).get("img_mode", "RGB")).upper() == "RGB",  # PaddleX: absent = RGB
        mean=finite(norm.get("mean") or MEAN),
        std=finite(norm.get("std") or STD),
        scale=_number(norm.get("scale", 1 / 255), meta.where),
    )


@reads_meta
def fixed_size(meta: ModelMeta) -> tuple[int, int] | None:
    """Height and width of a detector whose inference.yml wants inputs of one size (`DetResizeForTest.image_shape`)."""
    shape = meta.transform_ops.get("DetResizeForTest", {}).get("image_shape") if meta.data else None
    if not shape:
        return None
    height, width = sides(shape, 2)
    return height, width


def det_post(meta: ModelMeta, **given: Any) -> DetPostprocessSettings:
    """Post-processing: what the caller gives wins over inference.yml, that over PaddleX's defaults.

    A file that says nothing about `box_type` means quad (PaddleX); a model without any file is taken for a curved one.
    sealkit's own section, where there is one, is what the model was evaluated with.

    Raises:
        EngineError: a value of inference.yml that cannot be used.
    """
    wanted = {key: value for key, value in given.items() if value is not None}
    said = _post_of(meta)
    return DetPostprocessSettings(**{**said.model_dump(), **wanted}) if wanted else said


@reads_meta
def _post_of(meta: ModelMeta) -> DetPostprocessSettings:
    said = meta.post_process
    keys = ("thresh", "box_thresh", "max_candidates", "unclip_ratio", "box_type", "score_mode", "use_dilation")
    values = {key: said[key] for key in keys if key in said}
    if meta.data:
        values = {"thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 2.0, "box_type": "quad", **values}
    return DetPostprocessSettings(**{**values, **own_settings(meta, "postprocess", DetPostprocessSettings)})


@reads_meta
def det_resize(meta: ModelMeta) -> DetResizeSettings:
    """Sizes of an inference.yml; in those of others `resize_long` is PaddleX's short-side limit."""
    side = meta.transform_ops.get("DetResizeForTest", {}).get("resize_long")
    said = {} if side is None else {"limit_side_len": sides([side], 1)[0]}
    made = DetResizeSettings(**{**said, **own_settings(meta, "resize", DetResizeSettings)})
    sides([made.limit_side_len, made.max_side_limit], 2)
    return made


def own_settings(meta: ModelMeta, part: str, settings: Any) -> dict[str, Any]:
    """The keys of `settings` in section `Sealkit` of an inference.yml that sealkit wrote; {} in others."""
    section = meta.data.get("Sealkit")
    values = section.get(part) if isinstance(section, dict) else None
    return {k: v for k, v in values.items() if k in settings.model_fields} if isinstance(values, dict) else {}


def override(settings: Any, options: dict[str, Any]) -> Any:
    """Settings with those of `options` that are theirs and not None; validated."""
    mine = {k: v for k, v in options.items() if k in type(settings).model_fields and v is not None}
    return type(settings)(**{**settings.model_dump(), **mine}) if mine else settings


def refuse_unknown(options: dict[str, Any], *classes: Any) -> None:
    """TypeError for keywords none of the settings classes has, as Python itself does."""
    known = {name for cls in classes for name in cls.model_fields}
    unknown = sorted(set(options) - known)
    if unknown:
        raise TypeError(
            f"predict() got unexpected keyword argument(s) {', '.join(unknown)}; known: {', '.join(sorted(known))}"
        )


def shifted(region: TextRegion, scale: Sequence[float], offset: Sequence[float]) -> TextRegion:
    """A region in another image's pixels: point · scale + offset (x, y); directions are scaled along."""
    factor, move = np.asarray(scale, dtype=np.float64), np.asarray(offset, dtype=np.float64)

    def place(points: np.ndarray) -> np.ndarray:
        return (points * factor + move).astype(np.float32)

    up = region.up
    if up is not None:
        direction = up[:, 2:] * factor
        direction = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
        up = np.concatenate([place(up[:, :2]), direction.astype(np.float32)], axis=1)
    return replace(
        region,
        outline=place(region.outline),
        holes=[place(hole) for hole in region.holes],
        up=up,
        cut=None if region.cut is None else place(region.cut),
    )


_OPERATORS = {ast.Div: operator.truediv, ast.Mult: operator.mul, ast.Add: operator.add, ast.Sub: operator.sub}


def _number(value: Any, where: str) -> float:
    """A number, or an expression of numbers such as "1./255."."""
    try:
        if isinstance(value, str) and len(value) <= 60:
            value = _evaluate(ast.parse(value, mode="eval").body)
        return finite([value], 1)[0]
    except (SyntaxError, TypeError, ValueError, ArithmeticError) as error:
        raise EngineError("NormalizeImage.scale is not a number", where=where, value=value) from error


def _evaluate(node: ast.AST) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return float(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return float(_OPERATORS[type(node.op)](_evaluate(node.left), _evaluate(node.right)))
    raise ValueError("only numbers and + - * /")
