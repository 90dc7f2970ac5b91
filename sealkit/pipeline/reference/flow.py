"""Regions → polygons → strips → texts as paddlex 3.7.2 does it, and the flow of `reading: reference`: another list of
stages, and what paddlex asks of networks and calls."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sealkit.errors import ConfigError
from sealkit.modules.result import error_text
from sealkit.modules.seal_text_detection.postprocess import decode, int_polygons, sort_regions
from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings, DetResizeSettings
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.call import CallSettings
from sealkit.pipeline.context import Context, Stage
from sealkit.pipeline.crops import cut_out
from sealkit.pipeline.flow import Flow
from sealkit.pipeline.page import Page
from sealkit.pipeline.reference.rotate import rotate_image
from sealkit.pipeline.reference.strips import crop_strip
from sealkit.pipeline.result import RefusedCall, SealRecognitionResult, SealResult
from sealkit.pipeline.settings import SealRecognitionSettings
from sealkit.pipeline.stages import assemble, find_seals, layout, preprocess

log = logging.getLogger(__name__)

INVALID = "the input params for model settings are invalid!"
"""What PaddleX answers to stages that are asked for but not there."""


@dataclass(frozen=True)
class ReadRegion:
    """What was found in one region.

    Attributes:
        polygons: (N, 2) int32 each, pixels of the region, by ascending smallest y.
        read: one per polygon, whatever its score.
    """

    polygons: list[np.ndarray]
    read: list[RecResult]


def read_regions(
    regions: Sequence[np.ndarray],
    detector: TextDetector,
    recogniser: TextRecogniser,
    resize: DetResizeSettings,
    post: DetPostprocessSettings,
    det_batch: int = 1,
    rec_batch: int = 1,
) -> list[ReadRegion]:
    """Detect, crop and recognise.

    Args:
        regions: images (H, W, 3) uint8 BGR, any sizes.
        resize, post: of the detector; `post.rings` must be "reference" for paddlex's polygons.
        det_batch: regions of one input size that go through the detector together (paddlex fails on unequal ones).
        rec_batch: strips of one region that go through the recogniser together.
    """
    results = []
    for region, found in zip(regions, detector.maps_of(regions, resize, det_batch)):
        # Tiny images are padded for the network; their polygons are scaled as if they had not been.
        polygons = int_polygons(decode(found.maps, found.info.source_hw, post), region.shape[:2])
        cropped = [(polygons[i], crop_strip(region, polygons[i])) for i in sort_regions(polygons)]
        kept = [(polygon, strip) for polygon, strip in cropped if 0 not in strip.shape]
        read = recogniser.read([np.ascontiguousarray(strip) for _, strip in kept], rec_batch)
        results.append(ReadRegion([polygon for polygon, _ in kept], read))
    return results


def read_and_assemble(page: Page, context: Context) -> None:
    """Read the seals of a page as paddlex 3.7.2 reads, and set a result with PaddleX's fields and no other.

    One stage: paddlex crops the texts from polygons of whole pixels, which are the result's as well.
    """
    call, ocr = context.call, context.settings.ocr
    crops = [cut_out(page.image, seal.window).copy() for seal in page.seals]
    spec, batches = call.detector, (ocr.TextDetection.batch_size or 1, ocr.TextRecognition.batch_size or 1)
    read = read_regions(crops, context.detector, context.recogniser, spec.resize, spec.postprocess, *batches)
    page.log.add("reading", texts=sum(len(region.read) for region in read))
    fields = assemble.page_fields(page, context)
    for number, (crop, region) in enumerate(zip(crops, read), 1):
        texts = [(r.text, r.score) for r in region.read]
        kept = [i for i, (_, score) in enumerate(texts) if score >= call.score_thresh]
        seal = assemble.paddlex_fields(crop, number, region.polygons, texts, kept, call.score_thresh, call.det_params)
        fields["seal_res_list"].append(SealResult(seal))
    page.result = SealRecognitionResult(fields, {**page.log.entries, "engines": context.engines})


class ReferenceFlow(Flow):
    """`reading: reference`: paddlex 3.7.2, quirks included."""

    stages = (
        Stage(preprocess.run),
        Stage(layout.run, layout.run_group),
        Stage(find_seals.run),
        Stage(read_and_assemble),
    )
    detector_options: dict[str, Any] = {"rings": "reference"}  # noqa: RUF012
    layout_options: dict[str, Any] = {"rules": "reference"}  # noqa: RUF012
    mixed_widths = True

    def width_step(self, settings: SealRecognitionSettings) -> int:
        """Strips keep their own width."""
        return 1

    def turn(self, image: np.ndarray, angle: int) -> np.ndarray:
        """Turn a page (H, W, 3) as paddlex 3.7.2 does."""
        return rotate_image(image, angle)

    def adapt(self, call: CallSettings) -> CallSettings:
        """`text_det_params` shows what was asked for, even where 0 stands for the configured value; layout_nms=False is
        joined to the configured value with "or"."""
        shown = {name: value for name, value in call.asked.items() if value is not None}
        options = {k: v for k, v in call.layout_options.items() if k != "layout_nms" or v is not False}
        return replace(call, det_params={**call.det_params, **shown}, layout_options=options)

    def refuse(self, error: ConfigError) -> RefusedCall:
        """PaddleX answers with an error in place of a result, and with nothing after it."""
        log.error("%s", error)
        return RefusedCall(error=INVALID)

    def failure(self, page: Page, context: Context) -> SealRecognitionResult:
        """The result of an image that could not be read."""
        fields = assemble.page_fields(page, context)
        said = error_text(page.error, page.record) if page.error is not None else ""
        return SealRecognitionResult({**fields, "error": said})
