"""An image with its text lines while it is being augmented.

Every geometric step is a homography. The lines move at once; the pixels wait, and one warp carries out all steps
together: one interpolation instead of one per step, and only as many pixels as the last crop keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np

from sealkit.data.records import TextLine
from sealkit.data.transforms.polygons import (
    character_height,
    clip_to_box,
    jacobian,
    mirror_order,
    move_points,
    signed_area,
)

Border = Literal["constant", "replicate", "white", "paper"]


@dataclass(frozen=True)
class PartRules:
    """Which leftovers of a cut text are still taught."""

    min_area_px2: float = 80.0
    """Smaller ones cannot be told from dirt."""
    min_side: float = 0.35
    """In character heights: a thinner one is a slice through the characters."""


RULES = PartRules()


@dataclass
class Part:
    """A visible piece of a line: outline (N, 2) float64, clockwise; `whole`: uncut, its points are the line's."""

    outline: np.ndarray
    ignore: bool
    whole: bool = True


@dataclass
class SceneLine:
    """A text line.

    Attributes:
        label: what the label file said; its points are those of the original image.
        points: (N, 2) float64, the whole line in the present image, also where crops cut it; a line_poly if
            `ordered`.
        parts: what of it is visible.
    """

    label: TextLine
    points: np.ndarray
    parts: list[Part]

    @property
    def ordered(self) -> bool:
        """Whether the order of its points means something."""
        return self.label.direction is not None


@dataclass
class Scene:
    """Image and lines. Use `Scene.of` to make one, `transform` and `crop` to change it, `render` to get pixels.

    `size` is (height, width) of the present image; `image` may lag behind until `render`.
    """

    image: np.ndarray
    lines: list[SceneLine]
    size: tuple[int, int]
    _pending: np.ndarray = field(default_factory=lambda: np.eye(3))
    _border: Border | None = None

    @staticmethod
    def of(image: np.ndarray, lines: Sequence[TextLine]) -> Scene:
        """image (H, W, 3) uint8 BGR; it is never written to."""
        made = []
        for line in lines:
            points = np.asarray(line.points, np.float64)
            made.append(SceneLine(line, points, [Part(points, line.ignore)]))
        return Scene(image, made, (image.shape[0], image.shape[1]))

    def transform(self, matrix: np.ndarray, size: tuple[int, int], border: Border) -> None:
        """Move everything by a homography of pixel coordinates; what lies outside the old image shows the border."""
        if self._border not in (None, border):
            self.render()
        mirrored = np.linalg.det(jacobian(matrix, self.size[1] / 2, self.size[0] / 2)) < 0
        for line in self.lines:
            line.points = move_points(line.points, matrix)
            for part in line.parts:
                part.outline = move_points(part.outline, matrix)
            if mirrored:
                line.points = mirror_order(line.points, line.ordered)
                for part in line.parts:
                    part.outline = mirror_order(part.outline, line.ordered and part.whole)
        self._pending = matrix @ self._pending
        self._border = border
        self.size = size

    def render(self) -> np.ndarray:
        """Carry out the pending warp and cut the lines at the image's frame; returns the image."""
        if self._border is not None:
            self.image = _warp(self.image, self._pending, self.size, self._border)
            self._pending, self._border = np.eye(3), None
        self.clip(0, 0, self.size[1], self.size[0])
        return self.image

    def crop(
        self,
        window: tuple[float, float, float, float],
        scale: float,
        size: tuple[int, int],
        offset: tuple[int, int] = (0, 0),
        border: Border = "constant",
    ) -> None:
        """Cut the window (x0, y0, x1, y1), scale it, lay it at offset (x, y) on a canvas of `size`."""
        x0, y0, x1, y1 = window
        height, width = max(round((y1 - y0) * scale), 1), max(round((x1 - x0) * scale), 1)
        shift = 0.5 * scale - 0.5
        matrix = np.array([[scale, 0, shift - x0 * scale], [0, scale, shift - y0 * scale], [0, 0, 1]])
        self.transform(matrix, (height, width), self._border or border)
        self.render()
        if (height, width) == size:
            return
        x, y = offset
        bottom, right = size[0] - height - y, size[1] - width - x
        self.image = cv2.copyMakeBorder(self.image, y, bottom, x, right, **_border_arguments(self.image, border))
        self.size = size
        for line in self.lines:
            line.points = line.points + np.array([x, y])
            for part in line.parts:
                part.outline = part.outline + np.array([x, y])

    def clip(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Cut the visible parts at a box; leftovers too small to be read as text become ignored, none is forgotten."""
        for line in self.lines:
            kept: list[Part] = []
            for part in line.parts:
                outlines, cut = clip_to_box(part.outline, x0, y0, x1, y1)
                for outline in outlines:
                    poor = cut and _is_scrap(outline, character_height(line.points, line.ordered))
                    kept.append(Part(outline, part.ignore or poor, part.whole and not cut))
            line.parts = kept

    @property
    def parts(self) -> list[Part]:
        """Visible parts of all lines, in line order."""
        return [part for line in self.lines for part in line.parts]


def _is_scrap(outline: np.ndarray, height: float) -> bool:
    if abs(signed_area(outline)) < RULES.min_area_px2:
        return True
    (_, sides, _) = cv2.minAreaRect(outline.astype(np.float32))
    return min(sides) < RULES.min_side * height


def _warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: Border) -> np.ndarray:
    """One warp; a strong reduction averages areas first, else thin strokes would break up."""
    height, width = size
    back = jacobian(np.linalg.inv(matrix), width / 2, height / 2)
    scale = 1 / max(np.sqrt(abs(np.linalg.det(back))), 1e-6)
    if scale < 0.67:
        small = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
        fx, fy = small[0] / image.shape[1], small[1] / image.shape[0]
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        enlarge = np.array([[1 / fx, 0, 0.5 / fx - 0.5], [0, 1 / fy, 0.5 / fy - 0.5], [0, 0, 1]])
        matrix = matrix @ enlarge
    outside = _border_arguments(image, border)
    options: dict[str, Any] = {"borderMode": outside["borderType"], "borderValue": outside["value"]}
    if np.array_equal(matrix[2], (0.0, 0.0, 1.0)):
        return cv2.warpAffine(image, matrix[:2], (width, height), flags=cv2.INTER_LINEAR, **options)
    return cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_LINEAR, **options)


def _border_arguments(image: np.ndarray, border: Border) -> dict[str, Any]:
    """What OpenCV shows outside: black, white, the smeared edge, or the paper (median colour of the image's edge)."""
    if border == "replicate":
        return {"borderType": cv2.BORDER_REPLICATE, "value": (0, 0, 0)}
    value = (255.0, 255.0, 255.0) if border == "white" else (0.0, 0.0, 0.0)
    if border == "paper":
        edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        blue, green, red = np.median(edge, axis=0).tolist()
        value = (blue, green, red)
    return {"borderType": cv2.BORDER_CONSTANT, "value": value}


__all__ = ["Border", "Part", "Scene", "SceneLine"]
