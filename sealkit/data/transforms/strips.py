"""Augmentations of strips: the image changes, the text never does.

Every function takes a strip (H, W, 3) uint8 BGR, text from left to right, and the sample's own rng, and returns a new
strip. `StripChain` runs a recipe's `augment` list. The published augmentation is in `rec_aug.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from sealkit.data.transforms.photometric import photometric
from sealkit.data.transforms.rec_aug import rec_aug
from sealkit.data.transforms.scene import Scene

Rng = np.random.Generator
Other = Callable[[Rng], "tuple[np.ndarray, str] | None"]
"""Draws another strip and its text; None where there is none."""


def paper_colour(strip: np.ndarray) -> tuple[int, int, int]:
    """Median colour of the strip's edge, BGR."""
    edge = np.concatenate([strip[0], strip[-1], strip[:, 0], strip[:, -1]])
    b, g, r = np.median(edge, axis=0).astype(int).tolist()
    return b, g, r


def blur(strip: np.ndarray, rng: Rng, sigma: tuple[float, float]) -> np.ndarray:
    """Out of focus, or shaken to one side; `sigma` in pixels of a strip 48 high."""
    value = float(rng.uniform(*sigma)) * strip.shape[0] / 48
    if rng.random() < 0.3:
        return cv2.GaussianBlur(strip, (0, 0), sigmaX=max(2.2 * value, 0.1), sigmaY=max(0.3 * value, 0.1))
    return cv2.GaussianBlur(strip, (0, 0), max(value, 0.1))


def noise(strip: np.ndarray, rng: Rng, sigma: tuple[float, float]) -> np.ndarray:
    """Sensor noise; now and then coarse, as after scaling up."""
    height, width = strip.shape[:2]
    coarse = 2 if rng.random() < 0.4 and min(height, width) > 3 else 1
    grain = rng.standard_normal((-(-height // coarse), -(-width // coarse)), dtype=np.float32)
    if coarse > 1:
        grain = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(1.5)
    return (strip + grain[:, :, None] * np.float32(rng.uniform(*sigma))).clip(0, 255).astype(np.uint8)


def perspective(strip: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Corners move by up to `strength` of the height; a colour like the paper's shows behind."""
    height, width = strip.shape[:2]
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    moved = corners + rng.uniform(-strength, strength, (4, 2)).astype(np.float32) * height
    moved -= moved.min(axis=0).clip(max=0)  # nothing leaves on the left and at the top
    size = np.ceil(moved.max(axis=0) + 1).astype(int).tolist()
    matrix = cv2.getPerspectiveTransform(corners, moved)
    border = paper_colour(strip)
    return cv2.warpPerspective(strip, matrix, (max(size[0], 8), max(size[1], 8)), borderValue=border)


def elastic(strip: np.ndarray, rng: Rng, along: float, across: float) -> np.ndarray:
    """Character spacing and height off the line change smoothly along the line, and the length with it."""
    height, width = strip.shape[:2]
    knots = max(width // height, 1) + 2
    step = np.exp(rng.normal(0, 1, knots).clip(-2, 2) * along)  # relative spacing at each knot
    place = np.linspace(0, knots - 1, width)
    speed = np.interp(place, np.arange(knots), step)
    source = np.cumsum(speed)
    source = (source - source[0]) / max(source[-1] - source[0], 1e-6) * (width - 1)
    longer = max(round(width * float(np.exp(rng.normal(0, along)))), 8)
    x = np.interp(np.linspace(0, width - 1, longer), np.arange(width), source).astype(np.float32)
    shift = np.interp(np.linspace(0, knots - 1, longer), np.arange(knots), rng.normal(0, across / 2, knots))
    y = np.arange(height, dtype=np.float32)[:, None] + (shift * height).astype(np.float32)[None]
    return cv2.remap(strip, np.broadcast_to(x, y.shape).copy(), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def ends(strip: np.ndarray, rng: Rng, grow: float, cut: float) -> np.ndarray:
    """More or less margin on each side; what is added continues the paper."""
    height, width = strip.shape[:2]
    left, right = rng.uniform(-cut, grow, 2) * height
    top, bottom = rng.uniform(-cut, min(grow, 0.12), 2) * height
    x0, x1 = max(-round(left), 0), width - max(-round(right), 0)
    y0, y1 = max(-round(top), 0), height - max(-round(bottom), 0)
    inner = strip[y0 : max(y1, y0 + 4), x0 : max(x1, x0 + 4)]
    above, below, before, after = (max(round(side), 0) for side in (top, bottom, left, right))
    border = paper_colour(strip)
    return cv2.copyMakeBorder(inner, above, below, before, after, cv2.BORDER_CONSTANT, value=border)


def ink(strip: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """Spread or worn characters, places where the stamp did not touch, specks of ink."""
    height, width = strip.shape[:2]
    paper = np.array(paper_colour(strip), np.float32)
    out = strip
    kind = rng.random()
    if kind < 0.6:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
        changed = (
            cv2.erode(strip, kernel) if kind < 0.3 else cv2.dilate(strip, kernel)
        )  # dark characters: erode spreads
        out = cv2.addWeighted(strip, 1 - min(0.6 * strength, 1), changed, min(0.6 * strength, 1), 0)
    if rng.random() < 0.6:  # dry patches
        knots = rng.standard_normal((4, max(4 * width // height, 4)), dtype=np.float32)
        field = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
        grain = rng.standard_normal((height, width), dtype=np.float32)
        gone = (0.5 * strength * (1 / (1 + np.exp(-(2 * field + grain - 1.2))))).clip(0, 0.85)[:, :, None]
        out = (out * (1 - gone) + paper * gone).astype(np.uint8)
    if rng.random() < 0.3:  # specks in the colour of the ink
        dark = np.argsort(strip.sum(axis=2), axis=None)[: max(strip.shape[0] * width // 50, 1)]
        colour = strip.reshape(-1, 3)[dark].mean(axis=0)
        out = out.copy()
        for _ in range(int(rng.integers(1, 2 + int(6 * strength)))):
            centre = (int(rng.integers(width)), int(rng.integers(height)))
            cv2.circle(out, centre, int(rng.integers(1, max(height // 20, 2) + 1)), colour.tolist(), -1)
    return out


def background(strip: np.ndarray, rng: Rng, strength: float, other: np.ndarray | None) -> np.ndarray:
    """The characters of another strip over or under this one's, moved and scaled, as ink mixes: dark stays dark."""
    if other is None:
        return strip
    height, width = strip.shape[:2]
    tall = max(round(height * rng.uniform(0.5, 1.6)), 8)
    wide = max(round(other.shape[1] * tall / other.shape[0]), 8)
    text = cv2.resize(other, (wide, tall), interpolation=cv2.INTER_AREA)
    cover = np.full((height, width, 3), 255, np.uint8)
    y, x = int(rng.integers(-tall // 2, height - tall // 2)), int(rng.integers(-wide // 2, max(width - wide // 2, 1)))
    y0, y1, x0, x1 = max(y, 0), min(y + tall, height), max(x, 0), min(x + wide, width)
    if y1 > y0 and x1 > x0:
        grey = cv2.cvtColor(text, cv2.COLOR_BGR2GRAY)
        white = max(float(np.percentile(grey, 90)), 1.0)
        part = (grey[y0 - y : y1 - y, x0 - x : x1 - x] * (255 / white)).clip(0, 255)
        cover[y0:y1, x0:x1] = part[:, :, None].astype(np.uint8)
    share = float(rng.uniform(0.2, 1.0)) * strength
    return (strip * (1 - share + share * (cover / np.float32(255)))).astype(np.uint8)


def light_and_colour(strip: np.ndarray, rng: Rng, strength: float) -> np.ndarray:
    """What a phone, a scanner and a message service do; see `photometric`."""
    scene = Scene.of(strip, [])
    photometric(scene, rng, strength)
    return scene.image


def concat(
    strip: np.ndarray, text: str, rng: Rng, other: Other, fits: Callable[[str], bool], count: int, max_ratio: float
) -> tuple[np.ndarray, str]:
    """Append up to `count` other strips while their text `fits` and width/height stays within `max_ratio`.

    Re-implemented from the behaviour of PaddleOCR `ppocr/data/imaug/rec_img_aug.py`, RecConAug (Apache-2.0; no code
    copied).
    """
    height = 48
    parts = [_to_height(strip, height)]
    for _ in range(count):
        drawn = other(rng)
        if drawn is None or not fits(text + drawn[1]):
            break
        added = _to_height(drawn[0], height)
        if (sum(part.shape[1] for part in parts) + added.shape[1]) / height > max_ratio:
            break
        parts.append(added)
        text += drawn[1]
    return (strip, text) if len(parts) == 1 else (np.concatenate(parts, axis=1), text)


def _to_height(strip: np.ndarray, height: int) -> np.ndarray:
    width = max(round(strip.shape[1] * height / strip.shape[0]), 1)
    return cv2.resize(strip, (width, height), interpolation=cv2.INTER_LINEAR)


_OPERATIONS: Mapping[str, Callable[..., np.ndarray]] = {
    "rec_aug": rec_aug,
    "blur": blur,
    "noise": noise,
    "perspective": perspective,
    "elastic": elastic,
    "ends": ends,
    "ink": ink,
    "background": background,
    "photometric": light_and_colour,
}


class StripChain:
    """A recipe's `augment` list for strips. Call it with strip, text and the sample's own rng."""

    def __init__(self, steps: Sequence[Any]) -> None:
        """Args:
        steps: settings objects with `op`, `p`, and the operation's own keys.
        """
        self._steps = list(steps)

    def __call__(
        self, strip: np.ndarray, text: str, rng: Rng, other: Other, fits: Callable[[str], bool]
    ) -> tuple[np.ndarray, str]:
        """Apply all steps.

        Args:
            other: draws a second strip, for `concat` and `background`.
            fits: whether a joined text is still one that can be trained on.

        Returns:
            The strip and its text; only `concat` changes the text.
        """
        for step in self._steps:
            if step.op != "rec_aug" and rng.random() >= step.p:  # rec_aug draws for each of its parts
                continue
            names = ("op",) if step.op == "rec_aug" else ("op", "p")
            values = {key: getattr(step, key) for key in type(step).model_fields if key not in names}
            if step.op == "concat":
                strip, text = concat(strip, text, rng, other, fits, **values)
                continue
            if step.op == "background":
                drawn = other(rng)
                values["other"] = None if drawn is None else drawn[0]
            strip = _OPERATIONS[step.op](strip, rng, **values)
        return strip, text


__all__ = ["StripChain", "background", "blur", "concat", "elastic", "ends", "ink", "noise", "perspective"]
