"""Regions → polygons → strips → texts as paddlex 3.7.2 does it (pipeline-specification §6 to §8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sealkit.modules.seal_text_detection.postprocess import decode, int_polygons, sort_regions
from sealkit.modules.seal_text_detection.predictor import TextDetector
from sealkit.modules.seal_text_detection.settings import DetPostprocessSettings, DetResizeSettings
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.modules.text_recognition.predictor import TextRecogniser
from sealkit.pipeline.reference.strips import crop_strip


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
