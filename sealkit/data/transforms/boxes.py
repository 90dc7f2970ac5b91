"""Augmentations of pages whose labels are upright boxes: the published ones of layout detectors, and pasted seals.

Each takes a `BoxScene` and the sample's own rng and changes the scene. A box stays upright and exact, so nothing here
turns by odd angles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from sealkit.data.transforms.photometric import photometric
from sealkit.geometry.boxes import box_areas, box_common, box_iou

Rng = np.random.Generator


@dataclass(frozen=True)
class InkRules:
    """Which pixels of a cut-out seal are ink; brightnesses as shares of the paper's unless a unit is named."""

    paper_levels: float = 60.0
    """Grey levels: a darker "paper" is none, and dividing by it would blow up noise."""
    ink: float = 0.7
    """Brightness of the darkest channel below which a pixel is ink."""
    coloured: float = 0.25
    """Spread of the channels from which ink is coloured."""
    neutral: float = 0.12
    """Spread of the channels below which it is black."""
    coloured_share: float = 0.3
    """Of the ink, what must be coloured for the black to be another page's print."""
    min_side_px: int = 8
    """Smaller boxes are not cut out."""


RULES = InkRules()


@dataclass
class BoxScene:
    """A page while it is being augmented.

    Attributes:
        image: (H, W, 3) uint8 BGR; replaced, never written to.
        boxes: (N, 4) float32 x1, y1, x2, y2 in its pixels.
        classes: (N,) int64.
    """

    image: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape[0], self.image.shape[1]

    def render(self) -> np.ndarray:
        """The image, for steps that other scenes share."""
        return self.image

    def keep(self, which: np.ndarray) -> None:
        """Keep the boxes of a mask or of indices."""
        self.boxes, self.classes = self.boxes[which], self.classes[which]

    def clip(self) -> None:
        """Cut boxes at the image's edges; those of no area go."""
        height, width = self.size
        self.boxes = np.clip(self.boxes, 0, np.array([width, height, width, height], np.float32))
        self.keep((self.boxes[:, 2:] - self.boxes[:, :2] > 0).all(axis=1))


def flip(scene: BoxScene, rng: Rng) -> None:
    """Mirror left to right."""
    width = scene.size[1]
    scene.image = np.ascontiguousarray(scene.image[:, ::-1])
    scene.boxes = np.stack(
        [width - scene.boxes[:, 2], scene.boxes[:, 1], width - scene.boxes[:, 0], scene.boxes[:, 3]], axis=1
    )


def turn(scene: BoxScene, rng: Rng) -> None:
    """One, two or three quarter turns clockwise."""
    for _ in range(int(rng.integers(1, 4))):
        height = scene.size[0]
        scene.image = np.rot90(scene.image, -1)
        x1, y1, x2, y2 = scene.boxes.T
        scene.boxes = np.stack([height - y2, x1, height - y1, x2], axis=1)
    scene.image = np.ascontiguousarray(scene.image)


def distort(
    scene: BoxScene,
    rng: Rng,
    brightness: tuple[float, float],
    contrast: tuple[float, float],
    saturation: tuple[float, float],
    hue: tuple[float, float],
) -> None:
    """Brightness, contrast, saturation and hue in a random order, each in half of the cases.

    Re-implemented from the behaviour of PaddleDetection `ppdet/data/transform/operators.py`, RandomDistort
    (Apache-2.0; no code copied), which are Pillow's enhancers on RGB.
    """
    steps: list[tuple[Callable[[np.ndarray, float], np.ndarray], tuple[float, float]]] = [
        (_brighten, brightness),
        (_stretch, contrast),
        (_saturate, saturation),
        (_turn_hue, hue),
    ]
    image = scene.image
    for number in rng.permutation(len(steps)):
        step, limits = steps[int(number)]
        if rng.random() >= 0.5:
            image = step(image, float(rng.uniform(*limits)))
    scene.image = image


def _brighten(image: np.ndarray, factor: float) -> np.ndarray:
    return cv2.convertScaleAbs(image, alpha=factor)


def _stretch(image: np.ndarray, factor: float) -> np.ndarray:
    mean = round(float(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).mean()))
    table = np.clip((np.arange(256) - mean) * factor + mean, 0, 255).astype(np.uint8)
    return cv2.LUT(image, table)


def _saturate(image: np.ndarray, factor: float) -> np.ndarray:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(image, factor, grey, 1 - factor, 0)


def _turn_hue(image: np.ndarray, shift: float) -> np.ndarray:
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV_FULL)
    hsv[:, :, 0] += np.uint8(round(shift) % 256)  # wraps around, as hues do
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL)


def expand(scene: BoxScene, rng: Rng, ratio: float, fill: tuple[float, float, float]) -> None:
    """Lay the page somewhere on a canvas of one to `ratio` times its sides; `fill` is red, green, blue."""
    factor = float(rng.uniform(1.0, ratio))
    height, width = scene.size
    tall, wide = int(height * factor), int(width * factor)
    if factor <= 1 or (tall, wide) == (height, width):
        return
    y, x = int(rng.integers(tall - height + 1)), int(rng.integers(wide - width + 1))
    canvas = np.empty((tall, wide, 3), np.uint8)
    canvas[:] = np.array(fill[::-1]).round().astype(np.uint8)
    canvas[y : y + height, x : x + width] = scene.image
    scene.image = canvas
    scene.boxes = scene.boxes + np.array([x, y, x, y], np.float32)


def box_crop(
    scene: BoxScene,
    rng: Rng,
    aspect_ratio: tuple[float, float],
    scaling: tuple[float, float],
    thresholds: Sequence[float],
    max_tries: int,
    least_part: float | None = None,
) -> None:
    """Cut out a window: for each of the thresholds, in random order, windows are drawn until one overlaps some box by
    so much (IoU) and holds the centre of some box; the first such window is taken. "No crop" is one of the choices.
    Boxes whose centre is outside go; with `least_part` those of which less than this share is inside.

    Re-implemented from the behaviour of PaddleDetection `ppdet/data/transform/operators.py`, RandomCrop (Apache-2.0; no
    code copied); paper: SSD https://arxiv.org/abs/1512.02325.
    """
    if not len(scene.boxes):
        return
    choices = [*thresholds, None]
    for number in rng.permutation(len(choices)):
        threshold = choices[int(number)]
        if threshold is None:
            return
        for _ in range(max_tries):
            window = _window(scene.size, rng, aspect_ratio, scaling)
            if float(box_iou(scene.boxes, window[None]).max()) >= threshold and _centres_in(scene.boxes, window).any():
                if least_part is None:
                    scene.keep(_centres_in(scene.boxes, window))
                else:
                    scene.keep(_visible(scene.boxes, window) >= least_part)
                _cut(scene, window)
                return


def _window(
    size: tuple[int, int], rng: Rng, aspect_ratio: tuple[float, float], scaling: tuple[float, float]
) -> np.ndarray:
    """x1, y1, x2, y2 of a window; its sides as shares of the page's have a drawn mean and a drawn proportion."""
    scale = float(rng.uniform(*scaling))
    low, high = max(aspect_ratio[0], scale**2), min(aspect_ratio[1], scale**-2)
    ratio = float(rng.uniform(low, max(low, high)))
    height = min(max(int(size[0] * scale / np.sqrt(ratio)), 1), size[0])
    width = min(max(int(size[1] * scale * np.sqrt(ratio)), 1), size[1])
    y, x = int(rng.integers(size[0] - height + 1)), int(rng.integers(size[1] - width + 1))
    return np.array([x, y, x + width, y + height], np.float32)


def _centres_in(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centres > window[:2]) & (centres < window[2:])).all(axis=1)


def _visible(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Share of each box's area that lies in the window."""
    return box_common(boxes, window[None])[:, 0] / box_areas(boxes)


def _cut(scene: BoxScene, window: np.ndarray) -> None:
    x1, y1, x2, y2 = window.astype(int).tolist()
    scene.image = np.ascontiguousarray(scene.image[y1:y2, x1:x2])
    scene.boxes = scene.boxes - np.array([x1, y1, x1, y1], np.float32)
    scene.clip()


def paste_boxes(
    scene: BoxScene,
    rng: Rng,
    other: BoxScene | None,
    wanted: frozenset[int],
    count: tuple[int, int],
    scale: tuple[float, float],
    overlap: float,
    tries: int = 10,
) -> None:
    """Stamp boxes of another page onto this one, as ink: paper of the patch is clear, what is under it shines through.

    Args:
        other: where the boxes come from; None: nothing is pasted.
        wanted: classes that are pasted.
        count: least and most of them.
        scale: size relative to the other page's longer side, as a share of this page's.
        overlap: a pasted box may lie on one of the wanted classes with this share of its area.
    """
    sources = [i for i, label in enumerate(other.classes) if int(label) in wanted] if other is not None else []
    if other is None or not sources:
        return
    image = scene.image.copy()
    for _ in range(int(rng.integers(count[0], count[1] + 1))):
        number = sources[int(rng.integers(len(sources)))]
        patch = _ink(other, other.boxes[number])
        if patch is None:
            continue
        patch = np.rot90(patch, int(rng.integers(4)))
        factor = float(rng.uniform(*scale)) * max(scene.size) / max(other.size)
        height, width = (max(round(side * factor), 2) for side in patch.shape[:2])
        if height >= scene.size[0] or width >= scene.size[1]:
            continue
        patch = cv2.resize(np.ascontiguousarray(patch), (width, height), interpolation=cv2.INTER_AREA)
        for _ in range(tries):
            y, x = int(rng.integers(scene.size[0] - height)), int(rng.integers(scene.size[1] - width))
            box = np.array([x, y, x + width, y + height], np.float32)
            if _covered(scene, box, wanted) <= overlap:
                part = image[y : y + height, x : x + width]
                image[y : y + height, x : x + width] = (part * patch).clip(0, 255).astype(np.uint8)
                scene.boxes = np.concatenate([scene.boxes, box[None]])
                scene.classes = np.append(scene.classes, other.classes[number])
                break
    scene.image = image


def _ink(scene: BoxScene, box: np.ndarray) -> np.ndarray | None:
    """What a box's ink lets through, (h, w, 3) float32 in 0..1: its pixels over the colour of the paper around. Black
    print is left behind where the ink is coloured: it belongs to the other page."""
    x1, y1, x2, y2 = np.round(box).astype(int).tolist()
    patch = scene.image[max(y1, 0) : y2, max(x1, 0) : x2]
    if min(patch.shape[:2]) < RULES.min_side_px:
        return None
    frame = np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]]).astype(np.float32)
    paper = np.median(frame, axis=0)
    if paper.min() < RULES.paper_levels:
        return None  # on a dark ground ink and paper cannot be told apart
    clear = np.minimum(patch / paper, 1.0).astype(np.float32)
    colour = clear.max(axis=2) - clear.min(axis=2)
    ink = clear.min(axis=2) < RULES.ink
    if ink.any() and (colour[ink] > RULES.coloured).mean() > RULES.coloured_share:
        clear[ink & (colour < RULES.neutral)] = 1.0
    return clear


def _covered(scene: BoxScene, box: np.ndarray, wanted: frozenset[int]) -> float:
    """Largest share of the box, or of a box of these classes, that both have in common."""
    same = scene.boxes[[int(label) in wanted for label in scene.classes]] if len(scene.boxes) else scene.boxes
    if not len(same):
        return 0.0
    common = box_common(same, box[None])[:, 0]
    smaller = np.minimum(box_areas(same), box_areas(box[None]))
    return float((common / np.maximum(smaller, 1e-9)).max())


Operation = Callable[..., None]
OPERATIONS: dict[str, Operation] = {
    "flip": flip,
    "turn": turn,
    "distort": distort,
    "expand": expand,
    "box_crop": box_crop,
    "copy_paste": paste_boxes,
}


class BoxChain:
    """A recipe's `augment` list as one callable, in the recipe's order.

    Args:
        steps: settings objects with `op`, optional `p`, and the operation's own keys.
        classes: names by id, for the steps that name classes.
    """

    def __init__(self, steps: Sequence[Any], classes: Sequence[str]) -> None:
        self._steps, self._classes = list(steps), list(classes)

    def __call__(self, scene: BoxScene, rng: Rng, other: Callable[[Rng], BoxScene | None] | None = None) -> BoxScene:
        """Apply all steps; `other` draws a second page for copy_paste."""
        image: Any = scene  # photometric reads and replaces the image only
        for step in self._steps:
            if rng.random() >= getattr(step, "p", 1.0):
                continue
            values = {key: getattr(step, key) for key in type(step).model_fields if key not in ("op", "p")}
            if step.op == "copy_paste":
                names = values.pop("labels")
                wanted = frozenset(number for number, name in enumerate(self._classes) if name in names)
                values |= {"wanted": wanted, "other": other(rng) if other is not None else None}
            if step.op == "photometric":
                photometric(image, rng, **values)
            else:
                OPERATIONS[step.op](scene, rng, **values)
        return scene


__all__ = ["BoxChain", "BoxScene"]
