"""Ink: from the clean shape of a seal to what a rubber stamp, a machine or a printer leaves on paper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sealkit.synth.common.fields import FieldPool
from sealkit.synth.seals.design import Border, Design
from sealkit.synth.seals.layout import draw_line
from sealkit.synth.seals.shapes import draw_border, draw_emblem, draw_sickle, draw_star, fill, outline_points

Rng = np.random.Generator

INKS = {
    "red": ((20, 15, 140), (90, 75, 245)),
    "darkred": ((15, 10, 90), (50, 45, 165)),
    "blue": ((110, 30, 20), (225, 110, 90)),
    "purple": ((90, 20, 70), (190, 90, 150)),
    "black": ((10, 10, 10), (70, 70, 70)),
    "grey": ((70, 70, 70), (140, 140, 140)),
}
"""Colours of stamp ink: least and greatest BGR."""
INK_WEIGHTS = {"red": 0.56, "darkred": 0.13, "blue": 0.15, "purple": 0.04, "black": 0.09, "grey": 0.03}


@dataclass(frozen=True)
class Ink:
    """How one seal was inked.

    Attributes:
        colour: BGR.
        name: red, blue, purple, black or grey.
        strength: largest share of paper the ink covers, 0..1.
        opaque: covers what lies below it (printed seals) instead of tinting it.
    """

    colour: np.ndarray
    name: str
    strength: float
    opaque: bool


def choose_ink(rng: Rng, clean: bool) -> Ink:
    """A colour and strength. `clean`: an electronic seal, rendered without losses."""
    names = list(INK_WEIGHTS)
    p = np.array([INK_WEIGHTS[name] for name in names])
    if clean:
        p = np.array([0.86, 0.05, 0.05, 0.01, 0.03, 0.0])
    name = names[int(rng.choice(len(names), p=p / p.sum()))]
    low, high = INKS[name]
    t = rng.random()
    colour = np.array(
        [lo + (hi - lo) * np.clip(t + rng.normal(0, 0.18), 0, 1) for lo, hi in zip(low, high)], np.float32
    )
    if clean and name == "red" and rng.random() < 0.5:
        colour = np.array([rng.uniform(0, 30), rng.uniform(0, 40), rng.uniform(225, 255)], np.float32)
    strength = (
        rng.uniform(0.9, 1.0) if clean else rng.uniform(0.65, 1.0) if rng.random() < 0.78 else rng.uniform(0.4, 0.65)
    )
    return Ink(colour, "red" if name == "darkred" else name, float(strength), bool(clean and rng.random() < 0.6))


def draw_design(
    design: Design, half_px: float, rng: Rng, hollow: float = 0.0
) -> tuple[np.ndarray, tuple[float, float]]:
    """`draw_layers` without the characters' own layer."""
    mask, _, centre = draw_layers(design, half_px, rng, hollow)
    return mask, centre


def draw_layers(
    design: Design, half_px: float, rng: Rng, hollow: float = 0.0
) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Coverage mask of a design.

    Args:
        half_px: pixels per unit (half the seal's width).
        hollow: characters and borders as outlines of so many pixels.

    Returns:
        mask (H, W) uint8; layers (H, W, 2) uint8, the characters alone and all but the characters (nothing where the
        design is reversed: its characters are what the face spares); the pixel (x, y) of the seal's centre.
    """
    margin = 4 + 0.05 * half_px
    width, height = int(np.ceil(2 * (half_px + margin))), int(np.ceil(2 * (half_px * design.b + margin)))
    centre = ((width - 1) / 2, (height - 1) / 2)
    mask = np.zeros((height, width), np.uint8)
    for border in design.borders:
        _draw_one_border(mask, border, half_px, centre, hollow, rng)
    for mark in design.marks:
        spot = (centre[0] + mark.x * half_px, centre[1] + mark.y * half_px)
        if mark.kind == "star":
            draw_star(mask, mark.radius, half_px, spot, hollow=bool(hollow) or rng.random() < 0.05)
        elif mark.kind == "dot":
            fill(mask, outline_points("circle", mark.radius, mark.radius) * half_px + spot)
        elif mark.kind == "sickle":
            draw_sickle(mask, mark.radius, half_px, spot)
        else:
            draw_emblem(mask, mark.radius, half_px, spot, rng)
    for rule in design.rules:
        a, b = np.array(rule.start) * half_px + centre, np.array(rule.end) * half_px + centre
        side = np.array([b[1] - a[1], a[0] - b[0]])
        side = side / np.linalg.norm(side) * rule.width * half_px / 2
        fill(mask, np.array([a + side, b + side, b - side, a - side]))
    characters = np.zeros_like(mask)
    for line in design.lines:
        draw_line(characters, line, half_px, centre, 0.0 if design.reversed else hollow)
    if design.reversed:
        face = np.zeros_like(mask)
        outer = design.borders[0]
        fill(face, outline_points("square", outer.a, outer.b, corner=outer.corner) * half_px + centre)
        return cv2.subtract(face, characters), cv2.merge([characters, np.zeros_like(characters)]), centre
    return np.maximum(mask, characters), cv2.merge([characters, mask]), centre


def _draw_one_border(
    mask: np.ndarray, border: Border, half_px: float, centre: tuple[float, float], hollow: float, rng: Rng
) -> None:
    width = max(border.width, 1.2 / half_px)
    if not hollow:
        draw_border(mask, border.shape, border.a, border.b, width, half_px, centre, border.corner)
        return
    layer = np.zeros_like(mask)
    draw_border(layer, border.shape, border.a, border.b, width, half_px, centre, border.corner)
    yy, xx = np.mgrid[: mask.shape[0], : mask.shape[1]]
    angle = np.arctan2(yy - centre[1], xx - centre[0])
    dashes = (np.sin(angle * int(rng.integers(24, 60))) > -0.3).astype(np.uint8)
    np.maximum(mask, layer * dashes, out=mask)


def press(mask: np.ndarray, rng: Rng, pool: FieldPool, half_px: float) -> np.ndarray:
    """What the stamp leaves on paper: coverage (H, W) float32 in 0..1 of a mask (H, W) uint8.

    Stroke weight, ragged edges, grain, dry spots, uneven pressure, missing parts, smear and stray ink, each with a
    probability of its own and with sizes that scale with the seal.
    """
    height, width = mask.shape
    unit = half_px / 130  # sizes below were chosen on seals of 260 px
    alpha = mask.astype(np.float32) / 255
    blur = max(0.35, rng.uniform(0.4, 1.0) * unit)
    soft = cv2.GaussianBlur(alpha, (0, 0), blur)
    # Thin strokes blur to less than thick ones: measured against the strongest value nearby they keep their width.
    reach = 2 * int(np.ceil(1.5 * blur)) + 1
    soft = soft / np.maximum(cv2.dilate(soft, np.ones((reach, reach), np.uint8)), 0.35)
    # Weight: where the blurred edge is cut decides whether strokes swell (bleed) or wane.
    cut = float(np.clip(rng.normal(0.42, 0.1), 0.2, 0.62))
    inked = mask > 128
    if inked.any():  # thin strokes blur to less than the cut: lower it until most of them stay
        cut = min(cut, float(np.quantile(soft[inked][::7], 0.12)))
    ragged = rng.uniform(0.0, 0.35) if rng.random() < 0.75 else 0.0
    if ragged:
        soft = soft + ragged * (pool.cut(rng, height, width, max(0.6, rng.uniform(0.6, 1.6) * unit)) - 0.5) * (
            soft > 0.02
        )
    slope = rng.uniform(2.0, 5.0)
    alpha = np.clip((soft - cut) * slope + 0.5, 0, 1)
    if rng.random() < 0.25:  # bleed: a faint halo the paper's fibres suck out
        halo = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(1.0, 2.2) * unit + 0.3)
        alpha = np.maximum(alpha, halo * rng.uniform(0.3, 0.7))
    if rng.random() < 0.35:  # ink squeezed to the strokes' edges leaves their middle paler
        core = cv2.GaussianBlur(alpha, (0, 0), 2.2 * unit + 0.5)
        alpha = alpha * (1 - rng.uniform(0.15, 0.5) * np.clip(core * 1.6 - 0.6, 0, 1))
    pressure = pool.cut(rng, height, width, rng.uniform(20, 70) * unit)
    if rng.random() < 0.7:  # grain: the paper's hills take ink, its valleys do not
        fine = pool.cut(rng, height, width, max(0.6, rng.uniform(0.6, 1.5) * unit))
        amount = rng.uniform(0.1, 0.55) if rng.random() < 0.75 else rng.uniform(0.5, 0.95)
        uneven = amount * (0.4 + 0.9 * pressure)
        alpha = alpha * np.clip(1.25 - uneven * 1.6 * (1 - fine), 0.05, 1)
    if rng.random() < 0.28:  # dry spots
        spots = pool.cut(rng, height, width, rng.uniform(1.5, 5) * unit)
        share = rng.uniform(0.03, 0.22)
        alpha = alpha * np.clip((spots - share * (0.3 + 1.4 * pressure)) * 12 + 0.5, rng.uniform(0, 0.4), 1)
    if rng.random() < 0.6:
        alpha = alpha * np.clip(
            1 - rng.uniform(0.1, 0.6) * pool.cut(rng, height, width, rng.uniform(20, 80) * unit), 0, 1
        )
    if rng.random() < 0.22:
        alpha = alpha * _missing_part(rng, pool, height, width, half_px)
    if rng.random() < 0.08:
        alpha = _smear(alpha, rng, unit)
    if rng.random() < 0.2:  # stray ink
        dots = pool.cut(rng, height, width, rng.uniform(0.8, 2.0) * unit) > rng.uniform(0.985, 0.998)
        alpha = np.maximum(alpha, dots * np.float32(rng.uniform(0.3, 0.9)))
    # The losses multiply; together they must leave a seal that a person could still read.
    left = float(alpha[inked].mean()) if inked.any() else 1.0
    least = rng.uniform(0.45, 0.65)
    if left < least:
        alpha = np.minimum(alpha * (least / max(left, 0.05)), 1.0)
    return alpha.astype(np.float32)


def _missing_part(rng: Rng, pool: FieldPool, height: int, width: int, half_px: float) -> np.ndarray:
    """Ramp from full ink to little ink on one side, with a ragged front."""
    angle, floor = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.5)
    yy = (np.arange(height, dtype=np.float32) - height / 2)[:, None] / half_px
    xx = (np.arange(width, dtype=np.float32) - width / 2)[None] / half_px
    across = xx * np.cos(angle) + yy * np.sin(angle)
    front = rng.uniform(0.25, 0.95)
    ramp = (front - across) / rng.uniform(0.1, 0.6) + 0.8 * (pool.cut(rng, height, width, max(2.0, half_px / 12)) - 0.5)
    return np.clip(ramp + 0.5, floor, 1)


def _smear(alpha: np.ndarray, rng: Rng, unit: float) -> np.ndarray:
    """The stamp slid: a paler copy shifted by a few pixels."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(1.5, 5) * unit
    out = alpha.copy()
    for t in (0.35, 0.7, 1.0):
        matrix = np.array([[1, 0, length * t * np.cos(angle)], [0, 1, length * t * np.sin(angle)]], np.float32)
        moved = cv2.warpAffine(alpha, matrix, alpha.shape[::-1])
        np.maximum(out, moved * (0.75 - 0.35 * t), out=out)
    return out


def hatch(alpha: np.ndarray, rng: Rng) -> np.ndarray:
    """Scan lines of a laser engraver over the coverage."""
    height, width = alpha.shape
    angle, period = rng.uniform(0, np.pi), rng.uniform(2.2, 3.6)
    yy, xx = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    wave = np.sin((xx * np.cos(angle) + yy * np.sin(angle)) * 2 * np.pi / period)
    return alpha * (0.55 + 0.45 * wave)


def screen(mask: np.ndarray, face: np.ndarray, rng: Rng, unit: float) -> np.ndarray:
    """A seal of fine wavy lines all over its face, which are a little thicker where the design has ink.

    Security printing does so. Strokes are told by the thickness of lines rather than by their edges, so the typeface
    hardly matters.

    Args:
        mask: (H, W) uint8 coverage of the design.
        face: the same of all that lies within the seal's outline.
        unit: size of the seal: 1 at 260 pixels.

    Returns:
        Coverage (H, W) float32 in 0..1.
    """
    height, width = mask.shape
    angle, period = rng.uniform(0, np.pi), rng.uniform(3.6, 4.8) * max(unit, 0.6)
    yy, xx = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None]
    across, along = xx * np.cos(angle) + yy * np.sin(angle), yy * np.cos(angle) - xx * np.sin(angle)
    wave = np.sin((across / period + 1.5 * np.sin(along / (9 * period))) * 2 * np.pi)
    design = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.25 * period)
    contrast = rng.uniform(0.3, 0.43)
    lines = np.clip(0.5 + 1.5 * (wave + contrast * (2 * design - 1)), 0, 1)
    return (lines * (face > 128)).astype(np.float32)


def blend(image: np.ndarray, alpha: np.ndarray, ink: Ink, x: int, y: int) -> None:
    """Lay ink on an image in place: image (H, W, 3) float32 BGR 0..255, alpha (h, w) 0..1 put at its pixel (x, y)."""
    h, w = alpha.shape
    part = image[y : y + h, x : x + w]
    a = (alpha * ink.strength)[..., None]
    if ink.opaque:
        part += (ink.colour - part) * a
    else:  # light passes the ink: what is dark below stays dark
        part *= 1 - a * (1 - ink.colour / 255)
