"""Where points of a page lie in its image: flat scans, tilted photographs, bent sheets, and the desk around them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sealkit.synth.common.fields import FieldPool

Rng = np.random.Generator


@dataclass(frozen=True)
class View:
    """From the sheet's window to the image: first the sheet bends, then a homography.

    Attributes:
        matrix: (3, 3) float64, bent window pixels -> image pixels.
        width, height: of the image.
        bend: pixels by which the window's points move down at most: bend * sin(pi * (x / window width + phase)).
        span: the window's width.
    """

    matrix: np.ndarray
    width: int
    height: int
    bend: float = 0.0
    phase: float = 0.0
    span: float = 1.0

    def points(self, points: np.ndarray) -> np.ndarray:
        """Window pixels (N, 2) -> image pixels (N, 2) float64."""
        bent = np.asarray(points, np.float64).copy()
        if self.bend:
            bent[:, 1] += self.bend * np.sin(np.pi * (bent[:, 0] / self.span + self.phase))
        mapped = np.column_stack([bent, np.ones(len(bent))]) @ self.matrix.T
        return mapped[:, :2] / mapped[:, 2:]

    def take(self, sheet: np.ndarray, ground: np.ndarray | None) -> np.ndarray:
        """Image (height, width, 3) uint8 of a sheet (h, w, 3) uint8; `ground`: what is seen beside the sheet."""
        size = (self.width, self.height)
        if not self.bend:
            if ground is None and np.allclose(self.matrix, np.eye(3)) and sheet.shape[1::-1] == size:
                return sheet
            out = cv2.warpPerspective(sheet, self.matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        else:
            out = self._remap(sheet)
        if ground is None:
            return out
        share = self._cover(sheet.shape[0], sheet.shape[1])
        shadow = cv2.GaussianBlur(share, (0, 0), max(2.0, self.width / 90))
        matrix = np.array([[1, 0, self.width / 150], [0, 1, self.width / 120]], np.float32)
        shadow = cv2.warpAffine(shadow, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        dark = cv2.convertScaleAbs(shadow, alpha=-0.45, beta=255)  # 255 - 0.45 * cover
        ground = cv2.multiply(ground, cv2.merge([dark] * 3), scale=1 / 255)
        weight = cv2.merge([share] * 3)
        return cv2.add(cv2.multiply(out, weight, scale=1 / 255), cv2.multiply(ground, 255 - weight, scale=1 / 255))

    def _remap(self, sheet: np.ndarray) -> np.ndarray:
        inverse = np.linalg.inv(self.matrix)
        xx, yy = np.arange(self.width, dtype=np.float32)[None], np.arange(self.height, dtype=np.float32)[:, None]
        rows = [np.float32(row[0]) * xx + np.float32(row[1]) * yy + np.float32(row[2]) for row in inverse]
        u, v = rows[0] / rows[2], rows[1] / rows[2]
        v -= np.float32(self.bend) * np.sin(np.float32(np.pi) * (u / np.float32(self.span) + np.float32(self.phase)))
        return cv2.remap(sheet, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _cover(self, height: int, width: int) -> np.ndarray:
        """(H, W) uint8: 255 where the sheet lies."""
        t = np.linspace(0, 1, 25)
        edge = np.concatenate([
            np.stack([t * width, 0 * t], -1), np.stack([0 * t + width, t * height], -1),
            np.stack([(1 - t) * width, 0 * t + height], -1), np.stack([0 * t, (1 - t) * height], -1),
        ])  # fmt: skip
        cover = np.zeros((self.height, self.width), np.uint8)
        cv2.fillPoly(cover, [np.round(self.points(edge) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return cover


def flat_view(rng: Rng, window: tuple[int, int], size: tuple[int, int], turn: float) -> View:
    """A scan or screenshot: the middle of the window (w, h), turned by a few degrees; size (w, h) of the image."""
    matrix = _turned(window, size, turn, 1.0)
    return View(matrix, *size)


def photo_view(rng: Rng, window: tuple[int, int], size: tuple[int, int], scale: float, turn: float) -> View:
    """A photograph: turned, scaled, tilted, now and then bent."""
    matrix = _turned(window, size, turn, scale)
    w, h = size
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    strength = rng.uniform(0, 0.055)
    moved = corners + (rng.uniform(-strength, strength, (4, 2)) * (w, h)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved).astype(np.float64) @ matrix
    bend = float(rng.uniform(0.004, 0.02) * window[1]) if rng.random() < 0.3 else 0.0
    return View(matrix, w, h, bend * float(rng.choice([-1, 1])), float(rng.uniform(0, 1)), float(window[0]))


def _turned(window: tuple[int, int], size: tuple[int, int], turn: float, scale: float) -> np.ndarray:
    c, s = np.cos(np.radians(turn)) * scale, np.sin(np.radians(turn)) * scale
    turned = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    middle = turned @ np.array([window[0] / 2, window[1] / 2, 1.0])
    turned[:2, 2] = np.array(size) / 2 - middle[:2]
    return turned


def desk(rng: Rng, fields: FieldPool, height: int, width: int) -> np.ndarray:
    """A table top (H, W, 3) uint8: wood, cloth, stone, dark void of a scanner."""
    draw = rng.random()
    if draw < 0.4:  # wood
        base = np.array([rng.uniform(50, 150), rng.uniform(90, 180), rng.uniform(120, 215)])
        wave = fields.cut(rng, height, width, 20.0) * rng.uniform(5, 14)
        axis = (
            np.arange(height, dtype=np.float32)[:, None]
            if rng.random() < 0.5
            else np.arange(width, dtype=np.float32)[None]
        )
        texture = np.sin(wave * 2 * np.pi + axis * np.float32(rng.uniform(0.03, 0.2))) * rng.uniform(3, 16)
    elif draw < 0.8:
        base = np.full(3, rng.uniform(15, 210)) * rng.uniform(0.75, 1.0, 3)
        texture = (fields.cut(rng, height, width, rng.uniform(1, 12)) - 0.5) * rng.uniform(4, 50)
    else:
        base = np.full(3, rng.uniform(5, 60))
        texture = np.zeros((height, width), np.float32)
    fine = (fields.cut(rng, height, width, 1.2) - 0.5) * rng.uniform(2, 16)
    out: np.ndarray = np.clip(base.astype(np.float32) + (texture + fine)[..., None], 0, 255).astype(np.uint8)
    return out
