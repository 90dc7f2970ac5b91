"""The text detector as the pipeline and `create_model` use it: an inference model with its pre- and post-processing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np

from sealkit.errors import EngineError
from sealkit.geometry.regions import TextRegion
from sealkit.images import iter_images
from sealkit.modules.base import Predictor
from sealkit.modules.result import ModuleResult
from sealkit.modules.seal_text_detection.postprocess import decode, int_polygons, sort_regions
from sealkit.modules.seal_text_detection.preprocess import ResizeInfo, normalise, preprocess
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings, DetResizeSettings
from sealkit.modules.seal_text_detection.spec import DetectorSpec, det_input, fixed_size
from sealkit.runtime.files import ModelMeta
from sealkit.runtime.model import InferenceModel

AREA = 3
"""Channel of the seal-area probability in maps of four channels."""
Views = Literal[1, 2, 4]
"""Numbers of views: the image; also turned by 180 degrees; also by 90 and 270."""
TURNS = (0, 2, 1, 3)
"""Quarter turns of the views, in the order they are added."""


class DetectionResult(ModuleResult):
    """Text outlines of one image."""

    def draw(self) -> np.ndarray:
        """The image with its outlines, a colour each."""
        from sealkit.drawing.polygons import fill_polygons, outline_polygons, palette  # reading must not wait for it

        colours = palette(len(self["dt_polys"]))
        filled = fill_polygons(self["input_img"], self["dt_polys"], colours, opacity=0.25)
        return outline_polygons(filled, self["dt_polys"], colours)


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


@dataclass(frozen=True)
class TtaMaps:
    """Test-time augmentation: network outputs for several views of an image, in the image's own frame.

    Attributes:
        merged: the mean over the views.
        views: each one's maps; a single one is `merged` itself.
    """

    merged: DetectionMaps
    views: tuple[DetectionMaps, ...]


class TextDetector(Predictor):
    """Finds the outlines of text.

    Attributes:
        model: the inference model.
        spec: input size, thresholds and crops, as asked for.
        fixed_hw: height and width every image is resized to in place of the spec's rule, None as a rule.
    """

    def __init__(
        self,
        model: InferenceModel,
        spec: DetectorSpec | None = None,
        input_shape: tuple[int, int, int] | None = None,
    ) -> None:
        self.model = model
        self.spec = spec or DetectorSpec.of_model(model.meta)
        self.input = det_input(model.meta)
        self.fixed_hw = input_shape[1:] if input_shape else fixed_size(model.meta)

    @classmethod
    def create(cls, model: InferenceModel, **options: Any) -> TextDetector:
        """A detector with the numbers of its folder, overridden by `options` that are not None.

        Args:
            options: fields of DetResizeSettings and DetPostprocessSettings, and `input_shape` (3, h, w).
        """
        shape = options.pop("input_shape", None)
        DetectorSpec.refuse_unknown(options)
        return cls(model, DetectorSpec.of_model(model.meta).changed(options), shape)

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

    def detect_tta(
        self,
        image: np.ndarray,
        resize: DetResizeSettings | None = None,
        views: Views = 1,
        known: Sequence[DetectionMaps] = (),
    ) -> TtaMaps:
        """Run the network on views of an image (H, W, 3) uint8 BGR, each turned back.

        Args:
            known: the first views' maps, where an earlier call with fewer views gave them.

        Raises:
            EngineError: four views with a graph whose input has one size that is not square.
        """
        if views == 4 and self.fixed_hw is not None and self.fixed_hw[0] != self.fixed_hw[1]:
            raise EngineError(
                "this graph's input has one size that is not square: it cannot take an image turned by 90 degrees",
                where=str(self.model.path),
                value=self.fixed_hw,
                hint="set Refine.views to 1 or 2",
            )
        found = list(known)
        if len(found) < views:
            array, info = self.prepare(image, resize)
            for turn in TURNS[len(found) : views]:
                seen = self._run([(np.ascontiguousarray(np.rot90(array, turn, (1, 2))), info)])[0].maps
                found.append(DetectionMaps(turned_back(seen, turn), info))
        if views == 1:
            return TtaMaps(found[0], tuple(found))
        return TtaMaps(DetectionMaps(average_views([view.maps for view in found]), found[0].info), tuple(found))

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
            return preprocess(array, resize or self.spec.resize, mean=given.mean, std=given.std, scale=given.scale)
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
        return decode(found.maps, found.info.source_hw, post or self.spec.postprocess, found.info.padded_hw)

    def predict(self, input: Any, batch_size: int = 1, **options: Any) -> Iterator[DetectionResult]:
        """Detect on everything `input` may be (see sealkit.images.iter_images), one result per image.

        Args:
            batch_size: accepted for PaddleX's sake; images differ in size, each is a batch of its own.
            options: limit_side_len, limit_type, max_side_limit, thresh, box_thresh, unclip_ratio; None = as created.

        Yields:
            input_path, page_index, input_img, dt_polys (list of (N, 2) int32, by ascending top), dt_scores.
        """
        del batch_size
        DetectorSpec.refuse_unknown(options)
        spec = self.spec.changed(options)
        for record in iter_images(input):
            result = DetectionResult(record, "dt_polys", "dt_scores")
            if record.image is not None:
                regions = self.regions(self.maps(record.image, spec.resize), spec.postprocess)
                polygons = int_polygons(regions, record.image.shape[:2])
                order = sort_regions(polygons)
                result.update(dt_polys=[polygons[i] for i in order], dt_scores=[regions[i].score for i in order])
            yield result


def average_views(views: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of maps (1 or 4, h, w) of one image; float32, up directions have length 1."""
    mean: np.ndarray = np.stack(views).mean(axis=0)
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
