"""What happens to a strip of a seal between stamp and file: print through its characters, dry ink, a poor camera.

Every function takes a strip (H, W, 3) float32 BGR 0..255 with text from left to right.
"""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.synth.common.backgrounds import PagePool
from sealkit.synth.common.fields import FieldPool

Rng = np.random.Generator


def paper_of(strip: np.ndarray) -> np.ndarray:
    """(3,) colour of the paper: the brighter half's median."""
    flat = strip.reshape(-1, 3)
    light = flat.sum(axis=1)
    return np.median(flat[light >= np.median(light)], axis=0)


def over_print(strip: np.ndarray, rng: Rng, pages: PagePool) -> np.ndarray:
    """Printed lines at any angle, rules, pen strokes or the ring of a second seal, as ink mixes: dark stays dark."""
    draw = rng.random()
    if draw < 0.5:
        cover = _print(strip.shape[0], strip.shape[1], rng, pages)
    elif draw < 0.72:
        cover = _rules(strip.shape[0], strip.shape[1], rng)
    elif draw < 0.86:
        cover = _strokes(strip.shape[0], strip.shape[1], rng)
    else:
        cover = _ring(strip.shape[0], strip.shape[1], rng)
    colour = _print_colour(rng, seal=draw >= 0.86)
    strength = np.float32(rng.uniform(0.35, 0.95))
    cover = cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(0.4, 1.0))) if rng.random() < 0.7 else cover
    return strip * (1 - (cover.astype(np.float32) / 255 * strength)[..., None] * (1 - colour / 255))


def _print_colour(rng: Rng, seal: bool) -> np.ndarray:
    draw = rng.random()
    if seal and draw < 0.8:
        return np.array([rng.uniform(30, 110), rng.uniform(20, 100), rng.uniform(170, 240)], np.float32)
    if draw < 0.8:
        return np.full(3, rng.uniform(10, 110), np.float32)
    return np.array([rng.uniform(100, 200), rng.uniform(40, 110), rng.uniform(20, 80)], np.float32)


def _print(height: int, width: int, rng: Rng, pages: PagePool) -> np.ndarray:
    turn = float(rng.uniform(0, 360)) if rng.random() < 0.7 else float(rng.choice([0, 90, 180, 270]))
    return pages.cut(rng, height, width, height * float(rng.uniform(0.25, 1.0)) / 32, turn)


def _rules(height: int, width: int, rng: Rng) -> np.ndarray:
    """Lines of a table, parallel or crossing."""
    cover = np.zeros((height, width), np.uint8)
    angle = float(rng.uniform(0, np.pi))
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.3:
            angle += np.pi / 2
        spot = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        along = np.array([np.cos(angle), np.sin(angle)]) * (height + width)
        ends = [tuple(np.round(point * 16).astype(int).tolist()) for point in (spot - along, spot + along)]
        cv2.line(cover, ends[0], ends[1], 255, int(rng.integers(1, max(height // 12, 2) + 1)), cv2.LINE_AA, 4)
    return cover


def _strokes(height: int, width: int, rng: Rng) -> np.ndarray:
    """Handwriting: smooth pen strokes, larger than the strip is high."""
    cover = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        knots = np.cumsum(rng.normal(0, height * 0.7, (int(rng.integers(4, 9)), 2)), axis=0)
        knots += (rng.uniform(0, width), rng.uniform(0, height))
        at = np.linspace(0, len(knots) - 1, len(knots) * 12)
        smooth = np.stack([np.interp(at, np.arange(len(knots)), knots[:, axis]) for axis in (0, 1)], -1)
        kernel = np.ones(11) / 11
        for axis in (0, 1):
            smooth[:, axis] = np.convolve(np.pad(smooth[:, axis], 5, mode="edge"), kernel, "valid")
        points = [np.round(smooth * 16).astype(np.int32)]
        cv2.polylines(cover, points, False, 255, int(rng.integers(1, max(height // 14, 2) + 1)), cv2.LINE_AA, 4)
    return cover


def _ring(height: int, width: int, rng: Rng) -> np.ndarray:
    """The border of another seal."""
    cover = np.zeros((height, width), np.uint8)
    radius = float(rng.uniform(1.2, 4.0)) * height
    angle = rng.uniform(0, 2 * np.pi)
    spot = np.array([rng.uniform(0, width), rng.uniform(0, height)])
    centre = np.round(spot + radius * np.array([np.cos(angle), np.sin(angle)])).astype(int).tolist()
    cv2.circle(
        cover, (centre[0], centre[1]), int(radius), 255, int(rng.integers(2, max(height // 6, 3) + 1)), cv2.LINE_AA
    )
    return cover


def fade(strip: np.ndarray, rng: Rng, fields: FieldPool) -> np.ndarray:
    """Ink that did not reach the paper: faint as a whole, in spots, or on one side."""
    height, width = strip.shape[:2]
    left: np.ndarray = np.full((height, width), rng.uniform(0.35, 0.9) if rng.random() < 0.5 else 1.0, np.float32)
    if rng.random() < 0.6:
        spots = fields.cut(rng, height, width, float(rng.uniform(0.7, 4.0)))
        left = left * np.clip((spots - rng.uniform(0.05, 0.35)) * 6 + 0.5, rng.uniform(0.0, 0.4), 1)
    if rng.random() < 0.4:
        left = left * (1 - rng.uniform(0.3, 0.75) * fields.cut(rng, height, width, float(rng.uniform(10, 60))))
    paper = paper_of(strip)
    return paper + (strip - paper) * left[..., None]


def foreign_ends(strip: np.ndarray, rng: Rng, text: str) -> np.ndarray:
    """A cut character beside the text, as where a ring's end meets the line below: at most half of one, no label."""
    height, width = strip.shape[:2]
    most = 0.2 if text.isascii() else 0.42  # digits and Latin characters are narrow
    wide = round(height * float(rng.uniform(0.1, most)))
    if width < 3 * height:
        return strip
    start = int(rng.integers(0, width - wide))
    piece = strip[:, start : start + wide]
    if rng.random() < 0.5:
        piece = piece[::-1, ::-1]
    gap = np.broadcast_to(
        paper_of(strip).astype(strip.dtype), (height, round(height * float(rng.uniform(0.08, 0.3))), 3)
    )
    return np.concatenate([piece, gap, strip] if rng.random() < 0.5 else [strip, gap, piece], axis=1)


def camera(strip: np.ndarray, rng: Rng, fields: FieldPool, strength: float = 1.0) -> np.ndarray:
    """Light, lost resolution, blur, grey, noise and JPEG; `strength` scales how often. uint8 of the same size."""
    height, width = strip.shape[:2]
    if rng.random() < 0.35 * strength:
        strip = (strip - 128) * rng.uniform(0.5, 1.3) + rng.uniform(95, 160)
    if rng.random() < 0.35 * strength:
        factor = rng.uniform(0.35, 0.85)
        size = (max(round(width * factor), 4), max(round(height * factor), 4))
        small = cv2.resize(strip, size, interpolation=cv2.INTER_AREA)
        strip = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.3 * strength:
        sigma = float(rng.uniform(0.4, 1.4))
        shaken = rng.random() < 0.3
        strip = cv2.GaussianBlur(strip, (0, 0), sigmaX=2 * sigma if shaken else sigma, sigmaY=0.4 if shaken else sigma)
    if rng.random() < 0.15 * strength:
        strip = np.repeat(strip.mean(2, keepdims=True), 3, 2)
    if rng.random() < 0.3 * strength:
        grain = fields.cut(rng, height, width, float(rng.choice([0.6, 1.2]))) - 0.5
        strip = strip + (grain * rng.uniform(8, 40))[..., None]
    out = np.clip(strip, 0, 255).astype(np.uint8)
    if rng.random() < 0.4 * strength:
        done, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(22, 85))])
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR) if done else None
        out = out if decoded is None else decoded
    return out


def shown(before: np.ndarray, after: np.ndarray) -> float:
    """Share of the shapes of one strip that another of the same size shows: R² of their local contrasts, 0 to 1."""
    parts = []
    for strip in (before, after):
        grey = strip.astype(np.float32).mean(axis=2)
        parts.append((grey - cv2.blur(grey, (strip.shape[0] | 1,) * 2)).ravel())
    energy = float(parts[0] @ parts[0]) * float(parts[1] @ parts[1])
    noise = len(parts[0]) * 4.0  # grey levels nobody sees
    return float(parts[0] @ parts[1]) ** 2 / (energy + noise * float(parts[0] @ parts[0]) + 1e-6)


__all__ = ["camera", "fade", "foreign_ends", "over_print", "paper_of", "shown"]
