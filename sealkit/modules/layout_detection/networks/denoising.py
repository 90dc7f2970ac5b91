"""Denoising queries: known boxes and classes, disturbed, which the decoder learns to put right.

Boxes are (centre x, centre y, width, height) as shares of the image, float32.

Re-implemented from the architecture of PaddleDetection `ppdet/modeling/transformers/utils.py` (Apache-2.0; no code
copied).
Paper: DINO https://arxiv.org/abs/2203.03605.
Deviations: none known, goldens agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from sealkit.nn.heads.rtdetr import Noise

QUERIES = 100
LABEL_NOISE = 0.5  # half of this share of the queries gets a random class
BOX_NOISE = 1.0


class Draws(Protocol):
    """What is drawn of a numpy.random.Generator."""

    def random(self, size: Any) -> np.ndarray:
        """float64 numbers in [0, 1)."""

    def integers(self, low: int, high: int, size: Any) -> np.ndarray:
        """int64 numbers in [low, high)."""


def shares(targets: Mapping[str, Sequence[Any]], height: int, width: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Boxes (n, 4) float32 as shares and classes (n,) int64 of each image.

    Args:
        targets: "boxes": x1, y1, x2, y2 in pixels of the network's input, "classes"; arrays or tensors per image.
        height, width: of the network's input.
    """
    boxes = []
    for each in targets["boxes"]:
        corners = np.asarray(each, np.float32).reshape(-1, 4) / np.array([width, height, width, height], np.float32)
        boxes.append(to_centre(corners))
    return boxes, [np.asarray(each, np.int64).reshape(-1) for each in targets["classes"]]


def to_centre(corners: np.ndarray) -> np.ndarray:
    """(…, 4) x1, y1, x2, y2 -> centre x, centre y, width, height."""
    low, high = corners[..., :2], corners[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)


def to_corners(boxes: np.ndarray) -> np.ndarray:
    """The way back of `to_centre`."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def group_count(most: int, queries: int = QUERIES) -> int:
    """Number of groups where an image of the batch has `most` boxes, at least 1; the others have fewer."""
    return max(1, queries // most)


def denoising_queries(
    boxes: Sequence[np.ndarray], classes: Sequence[np.ndarray], num_classes: int, rng: Draws, queries: int = QUERIES
) -> Noise | None:
    """Disturbed copies of the boxes of a batch, None where it has no box.

    Each group holds every box twice: first disturbed by less than half its size per corner (to be put right), then by
    half to one size (to be called nothing). Images with fewer boxes than the fullest are padded.

    Args:
        boxes, classes: per image, as `shares` gives them.
        num_classes: stands for padding in `Noise.classes`.
        rng: draws, in this order and each for all queries: which labels change, new labels, signs and sizes of the
            corners' moves.
        queries: number aimed at; a page with more boxes than this makes one group of twice its boxes.
    """
    most = max((len(each) for each in boxes), default=0)
    if most == 0 or queries <= 0:
        return None
    groups = group_count(most, queries)
    labels = np.full((len(boxes), most), num_classes, np.int64)
    known = np.zeros((len(boxes), most, 4), np.float32)
    for i, (box, label) in enumerate(zip(boxes, classes)):
        labels[i, : len(label)], known[i, : len(box)] = label, box
    labels, known = np.tile(labels, (1, 2 * groups)), np.tile(known, (1, 2 * groups, 1))  # (N, D), (N, D, 4)
    far = np.tile(np.repeat([0.0, 1.0], most), groups)[None, :, None]
    changed = (rng.random(labels.shape) < LABEL_NOISE / 2) & (labels < num_classes)
    labels = np.where(changed, rng.integers(0, num_classes, labels.shape), labels)
    sign = 2 * rng.integers(0, 2, known.shape) - 1
    half = np.tile(known[..., 2:] / 2, (1, 1, 2))
    corners = to_corners(known) + sign * (rng.random(known.shape) + far) * half * BOX_NOISE
    noisy = to_centre(corners.clip(0.0, 1.0)).astype(np.float32)
    return Noise(labels, noisy, 2 * most)


def positives(counts: Sequence[int], queries: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per image: denoising queries that are to be put right, and the box of the image each is a copy of.

    Args:
        counts: boxes per image; at least one is above 0.
        queries: denoising queries per image, all groups.
    """
    group = 2 * max(counts)
    starts = np.arange(0, queries, group)
    return [((starts[:, None] + np.arange(count)).ravel(), np.tile(np.arange(count), len(starts))) for count in counts]
