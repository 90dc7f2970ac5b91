"""Images on pages: photographs, portraits, charts, drawings, codes and logos. All are drawn, none is photographed.

Every function returns (h, w, 3) uint8 BGR on white, to be multiplied with the paper.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from sealkit.synth.common import texts
from sealkit.synth.common.fields import FieldPool
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.negatives import draw_logo
from sealkit.synth.seals.shapes import draw_emblem, draw_sickle, draw_star, fill, outline_points

Rng = np.random.Generator


def _canvas(height: int, width: int, value: float = 255) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def _colour(rng: Rng, low: float = 20, high: float = 230) -> tuple[float, float, float]:
    b, g, r = (float(value) for value in rng.uniform(low, high, 3))
    return b, g, r


def photograph(rng: Rng, fields: FieldPool, height: int, width: int) -> np.ndarray:
    """A landscape or things on a ground: soft masses, edges, light."""
    far, near = np.array(_colour(rng, 90, 250)), np.array(_colour(rng, 20, 180))
    slope = np.linspace(0, 1, height)[:, None, None]
    image = np.ascontiguousarray(np.broadcast_to(far + (near - far) * slope, (height, width, 3)).astype(np.float32))
    cloud = fields.cut(rng, height, width, max(2.0, width / 14))
    image += ((cloud - 0.5) * rng.uniform(20, 110))[..., None]
    for _ in range(int(rng.integers(2, 7))):
        x, y = rng.uniform(0, 1, 2) * (width, height)
        size = rng.uniform(0.08, 0.45) * min(width, height)
        colour = _colour(rng)
        draw = rng.random()
        if draw < 0.4:
            a, b = (x - size, y - size * rng.uniform(0.3, 1.5)), (x + size, y + size)
            cv2.rectangle(image, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), colour, -1)
        elif draw < 0.7:
            axes = (int(size) + 1, int(size * rng.uniform(0.4, 1.2)) + 1)
            cv2.ellipse(image, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
        else:  # hills
            points = np.stack([np.linspace(0, width, 9), y - rng.uniform(0, 1, 9) * size], -1)
            fill(image, np.concatenate([points, [[width, height], [0, height]]]), colour)  # type: ignore[arg-type]
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    grain = fields.cut(rng, height, width, 1.2) - 0.5
    image += (grain * rng.uniform(5, 60))[..., None]
    if rng.random() < 0.25:
        image = np.repeat(image.mean(2, keepdims=True), 3, 2)
    return np.clip(image, 0, 250).astype(np.uint8)


def portrait(rng: Rng, fields: FieldPool, height: int, width: int) -> np.ndarray:
    """Head and shoulders before an even ground, as on certificates."""
    ground = [(219, 142, 67), (60, 40, 200), (245, 245, 245), _colour(rng, 150, 240)][int(rng.integers(4))]
    image = _canvas(height, width)
    image[:] = np.clip(ground, 0, 255)
    skin = np.array([130, 165, 215]) * rng.uniform(0.75, 1.1)
    middle = width / 2 + rng.normal(0, width * 0.02)
    coat = _colour(rng, 10, 150)
    cv2.ellipse(image, (int(middle), int(height * 1.05)), (int(width * 0.45), int(height * 0.32)), 0, 0, 360, coat, -1)
    cv2.ellipse(
        image, (int(middle), int(height * 0.38)), (int(width * 0.24), int(height * 0.26)), 0, 0, 360, (25, 25, 30), -1
    )
    head = (int(middle), int(height * 0.44))
    tone = tuple(float(value) for value in np.clip(skin, 0, 255))
    cv2.ellipse(image, head, (int(width * 0.19), int(height * 0.21)), 0, 0, 360, tone, -1)
    for side in (-1, 1):
        cv2.circle(
            image, (int(middle + side * width * 0.08), int(height * 0.42)), max(1, width // 40), (40, 40, 50), -1
        )
    cv2.line(
        image, (int(middle - width * 0.05), int(height * 0.55)), (int(middle + width * 0.05), int(height * 0.55)),
        (70, 70, 150), max(1, width // 40),
    )  # fmt: skip
    image = cv2.GaussianBlur(image, (0, 0), max(0.6, width / 60))
    noise = (fields.cut(rng, height, width, 1.2) - 0.5) * 14
    return np.clip(image + noise[..., None], 0, 250).astype(np.uint8)


def chart(rng: Rng, height: int, width: int) -> np.ndarray:
    """Bars, lines or sectors with axes."""
    image = _canvas(height, width)
    x0, y0, x1, y1 = int(width * 0.1), int(height * 0.08), int(width * 0.96), int(height * 0.88)
    kind = str(rng.choice(["bars", "lines", "pie"]))
    if kind == "pie":
        start, radius = rng.uniform(0, 360), int(min(width, height) * 0.38)
        for end in [*np.sort(rng.uniform(0, 360, int(rng.integers(2, 6)))).tolist(), 360.0]:
            cv2.ellipse(
                image, (width // 2, height // 2), (radius, radius), start, 0, end, _colour(rng, 60, 240), 2, cv2.LINE_AA
            )
            cv2.ellipse(image, (width // 2, height // 2), (radius, radius), 0, start, start + end / 3, _colour(rng), -1)
            start += end / 3
        return image
    for level in np.linspace(y0, y1, int(rng.integers(4, 8))):
        cv2.line(image, (x0, int(level)), (x1, int(level)), (210, 210, 210), 1)
        cv2.line(image, (int(x0 * 0.4), int(level)), (int(x0 * 0.8), int(level)), (90, 90, 90), max(1, height // 60))
    count = int(rng.integers(4, 13))
    xs = np.linspace(x0, x1, count + 1)
    for _ in range(int(rng.integers(1, 4))):
        colour = _colour(rng)
        ys = y1 - np.abs(np.cumsum(rng.normal(0.1, 0.25, count + 1))) % 1 * (y1 - y0)
        if kind == "bars":
            for left, right, top in zip(xs, xs[1:], ys):
                cv2.rectangle(image, (int(left + (right - left) * 0.2), int(top)), (int(right), y1), colour, -1)
            break
        points = np.stack([xs, ys], -1).astype(np.int32)
        cv2.polylines(image, [points], False, colour, max(1, height // 90), cv2.LINE_AA)
    cv2.line(image, (x0, y0), (x0, y1), (60, 60, 60), 1)
    cv2.line(image, (x0, y1), (x1, y1), (60, 60, 60), 1)
    for x in xs:
        cv2.line(image, (int(x), y1 + height // 30), (int(x + width * 0.03), y1 + height // 30), (90, 90, 90), 1)
    return image


def drawing(rng: Rng, height: int, width: int) -> np.ndarray:
    """A plan: outlines, axes, measures."""
    image = _canvas(height, width)
    grey = (rng.uniform(20, 90),) * 3
    for _ in range(int(rng.integers(4, 12))):
        a = rng.uniform(0.05, 0.95, 2) * (width, height)
        b = a + rng.uniform(-0.4, 0.4, 2) * (width, height)
        p, q = (int(a[0]), int(a[1])), (int(b[0]), int(b[1]))
        draw = rng.random()
        if draw < 0.45:
            cv2.rectangle(image, p, q, grey, 1)
        elif draw < 0.65:
            cv2.circle(image, p, int(abs(b[0] - a[0]) * 0.4) + 2, grey, 1, cv2.LINE_AA)
        else:
            cv2.line(image, p, q, grey, 1, cv2.LINE_AA)
    if rng.random() < 0.5:
        cv2.rectangle(image, (0, 0), (width - 1, height - 1), grey, 1)
    return image


@lru_cache(maxsize=64)
def _code_cells(number: int) -> np.ndarray:
    """Cells of a QR code (n, n) uint8, 0 or 255, without its white margin."""
    rng = np.random.default_rng([0x9C, number])
    text = "https://www.example.com/" + texts.digits(rng, int(rng.integers(4, 60)))
    code: np.ndarray = cv2.QRCodeEncoder.create().encode(text)
    dark = np.flatnonzero((code < 128).any(0))
    return code[dark[0] : dark[-1] + 1, dark[0] : dark[-1] + 1]


def qr_code(rng: Rng, side: int) -> np.ndarray:
    """A real code of an invented address."""
    cells = _code_cells(int(rng.integers(40)))
    mode = cv2.INTER_AREA if side < cells.shape[0] * 3 else cv2.INTER_NEAREST
    code = cv2.resize(cells, (side, side), interpolation=mode)
    return cv2.cvtColor(cv2.convertScaleAbs(code, alpha=0.85, beta=20), cv2.COLOR_GRAY2BGR)


def bar_code(rng: Rng, height: int, width: int) -> np.ndarray:
    """A random bar code, (height, width, 3) uint8."""
    widths = rng.integers(1, 4, width)
    bars = np.repeat(np.arange(width) % 2, widths)[:width].astype(np.uint8) * 235 + 20
    return np.ascontiguousarray(np.broadcast_to(bars[None, :, None], (height, width, 3)))


def _tinted(mask: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    share = mask.astype(np.float32)[..., None] / 255
    return (255 - share * (255 - np.array(colour, np.float32))).astype(np.uint8)


def logo(rng: Rng, book: FontBook, side: int) -> np.ndarray:
    """The sign of a brand, bank, accreditor: no seal, however round it is."""
    mask = np.zeros((side, side), np.uint8)
    spot, size = ((side - 1) / 2, (side - 1) / 2), side * 0.46
    draw = rng.random()
    if draw < 0.4:
        draw_logo(mask, rng, book, spot, size)
    elif draw < 0.55:  # a character in a ring, as banks have it
        fill(mask, outline_points("circle", 1.0, 1.0) * size + spot)
        fill(mask, outline_points("circle", 1.0, 1.0) * size * rng.uniform(0.8, 0.92) + spot, 0)
        character = (
            book.choose(rng, "中工农建交商民信光华大国", {"hei": 1.0, "song": 0.5})
            .glyph(texts.pick(rng, "中工农建交商民信光华大国"))
            .ink
        )
        character = cv2.resize(character, (int(side * 0.55), int(side * 0.55)), interpolation=cv2.INTER_AREA)
        corner = (side - character.shape[0]) // 2
        part = mask[corner : corner + character.shape[0], corner : corner + character.shape[1]]
        np.maximum(part, character, out=part)
    elif draw < 0.8:
        draw_emblem(mask, 0.9, size, spot, rng)
    else:  # bars, rings or arrows in a disc
        fill(mask, outline_points("circle", 1.0, 1.0) * size + spot)
        fill(mask, outline_points("circle", 0.8, 0.8) * size + spot, 0)
        for angle in np.arange(3) * 120 + rng.uniform(0, 120):
            c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            wing = np.array([[0.1, -0.15], [0.7, -0.15], [0.45, 0.2]]) @ np.array([[c, s], [-s, c]])
            fill(mask, wing * size + spot)
    strong = [(170, 90, 20), (40, 30, 190), (60, 130, 30), (40, 40, 40), (30, 120, 220), (150, 60, 110)]
    return _tinted(mask, strong[int(rng.integers(len(strong)))])


def national_emblem(rng: Rng, side: int) -> np.ndarray:
    """A red disc with golden stars, a gate and a wreath, as at the head of licences (not the real drawing)."""
    image = _canvas(side, side)
    spot, size = ((side - 1) / 2, (side - 1) / 2), side * 0.48
    gold = (float(rng.uniform(40, 110)), float(rng.uniform(150, 200)), float(rng.uniform(210, 250)))
    red = (float(rng.uniform(20, 60)), float(rng.uniform(20, 50)), float(rng.uniform(180, 230)))
    mask = np.zeros((side, side), np.uint8)
    fill(mask, outline_points("circle", 0.82, 0.82) * size + spot)
    np.minimum(image, _tinted(mask, red), out=image)
    yellow = np.zeros((side, side), np.uint8)
    if rng.random() < 0.25:
        draw_sickle(yellow, 0.5, size, spot)
    else:
        draw_star(yellow, 0.22, size, (spot[0], spot[1] - 0.38 * size))
        for angle in (-60, -25, 25, 60):
            t = np.radians(angle)
            draw_star(
                yellow, 0.09, size, (spot[0] + 0.5 * size * np.sin(t), spot[1] - 0.5 * size * np.cos(t) + 0.14 * size)
            )
        gate = np.array([[-0.5, 0.35], [-0.5, 0.2], [-0.35, 0.05], [0.35, 0.05], [0.5, 0.2], [0.5, 0.35]])
        fill(yellow, gate * size + spot)
    for side_of in (-1, 1):
        for step in np.linspace(15, 165, 14):
            t = np.radians(step)
            middle = np.array([side_of * 0.88 * np.sin(t), -0.88 * np.cos(t)]) * size + spot
            fill(yellow, outline_points("circle", 0.1, 0.1, 12) * size + middle)
    share = yellow.astype(np.float32)[..., None] / 255
    return (image + share * (np.array(gold, np.float32) - image)).astype(np.uint8)


def foil_sticker(rng: Rng, side: int) -> np.ndarray:
    """A serrated disc of gold or silver foil."""
    mask, inner = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    spot, size = ((side - 1) / 2, (side - 1) / 2), side * 0.47
    ring = outline_points("circle", 1.0, 1.0)
    teeth = (
        ring * (1 + 0.04 * np.sin(np.arange(len(ring)) * 2 * np.pi * int(rng.integers(18, 36)) / len(ring)))[:, None]
    )
    fill(mask, teeth * size * 0.96 + spot)
    fill(inner, ring * size * 0.72 + spot)
    draw_emblem(inner, 0.5, size, spot, rng)
    gold = np.array([rng.uniform(30, 110), rng.uniform(150, 200), rng.uniform(195, 240)])
    shine = np.linspace(0.75, 1.12, side)[None, :, None] * np.linspace(1.1, 0.85, side)[:, None, None]
    face = np.clip(gold * shine * (1 - 0.22 * (inner.astype(np.float32)[..., None] / 255)), 0, 255)
    share = mask.astype(np.float32)[..., None] / 255
    return (255 + share * (face - 255)).astype(np.uint8)
