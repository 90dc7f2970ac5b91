"""Runs in paddlex's environment: its strips of drawn outlines against sealkit's, on one OpenCV. Prints a JSON line."""

import json
import logging
import sys

import cv2
import numpy as np
from paddlex.inference.pipelines.components.common.crop_image_regions import CropByPolys

from sealkit.pipeline.reference.strips import crop_strip


def outline(rng: np.random.Generator) -> np.ndarray:
    """An arc of a ring: any span, radius and band, rough or not, even or with vertices missing; from 3 vertices on."""
    while True:
        count = int(rng.integers(3, 40))
        centre, radius, squash = rng.uniform(100, 300, 2), rng.uniform(8, 110), rng.uniform(0.5, 1)
        start, span, band = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 6.1), rng.uniform(0.12, 0.6)
        t = np.linspace(start, start + span, count)
        ring = radius * np.stack([np.cos(t), squash * np.sin(t)], axis=1)
        polygon = centre + np.concatenate([ring, (1 - band) * ring[::-1]])
        polygon += rng.normal(0, rng.choice([0, 0.3, 1]), polygon.shape)
        if rng.random() < 0.4:
            polygon = polygon[rng.random(len(polygon)) < rng.uniform(0.3, 1)]
        if len(polygon) >= 3:
            return np.roll(polygon, int(rng.integers(len(polygon))), axis=0)


def main(count: int) -> None:
    logging.disable(logging.WARNING)  # paddlex says of each strip it cannot straighten that it took the box
    rng = np.random.default_rng(1)
    image = cv2.GaussianBlur(rng.integers(0, 255, (400, 500, 3)).astype(np.uint8), (0, 0), 1.2)
    crop, unequal, curved = CropByPolys(det_box_type="poly"), [], 0
    for number in range(count):
        polygon = outline(rng)
        theirs, ours = np.asarray(crop(image, [polygon])[0]), crop_strip(image, polygon)
        curved += len(polygon) > 8
        if theirs.shape != ours.shape or not np.array_equal(theirs, ours):
            unequal.append([number, theirs.shape, ours.shape])
    print("RESULT" + json.dumps({"strips": count, "curved": curved, "unequal": unequal}))


main(int(sys.argv[1]))
