"""Red and round things that are no seals, and marks that cross seals: never labelled."""

from __future__ import annotations

import cv2
import numpy as np

from sealkit import vocabulary as words
from sealkit.synth.common import texts
from sealkit.synth.common.fields import FieldPool
from sealkit.synth.common.fontbook import PRINT, FontBook
from sealkit.synth.seals.layout import StraightPath, draw_line, set_line
from sealkit.synth.seals.shapes import draw_emblem, draw_sickle, draw_star, fill, outline_points

Rng = np.random.Generator


def _lay(image: np.ndarray, mask: np.ndarray, colour: np.ndarray, strength: float) -> None:
    a = (mask.astype(np.float32) * (strength / 255))[..., None]
    image *= 1 - a * (1 - colour.astype(np.float32) / 255)


def _strong_colour(rng: Rng) -> np.ndarray:
    draw = rng.random()
    if draw < 0.6:
        return np.array([rng.uniform(10, 80), rng.uniform(10, 70), rng.uniform(170, 245)])
    if draw < 0.8:
        return np.array([rng.uniform(120, 220), rng.uniform(40, 120), rng.uniform(10, 60)])
    return rng.uniform(20, 170, 3)


_MARKS = ("header", "star", "emblem", "pen", "disc", "frame", "bars", "qr", "finger", "rule", "tick", "logo", "logo")


def add_mark(image: np.ndarray, rng: Rng, book: FontBook, pool: FieldPool, kinds: tuple[str, ...] = _MARKS) -> None:
    """One mark of the kinds named, without seal text, somewhere in the image (H, W, 3) float32 BGR, in place."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    spot = (float(rng.uniform(0.1, 0.9) * width), float(rng.uniform(0.1, 0.9) * height))
    size = float(rng.uniform(0.06, 0.3) * min(height, width))
    kind = str(rng.choice(kinds))
    if kind == "header":
        _header(mask, rng, book, spot, size)
    elif kind == "star":
        draw_star(mask, 1.0, size, spot)
    elif kind == "emblem":
        (draw_sickle if rng.random() < 0.3 else lambda m, r, s, c: draw_emblem(m, r, s, c, rng))(mask, 1.0, size, spot)
        if rng.random() < 0.5:
            cv2.circle(mask, (int(spot[0]), int(spot[1])), int(size * 1.3), 255, int(rng.integers(2, 7)), cv2.LINE_AA)
    elif kind == "pen":
        _pen(mask, rng, spot, size)
    elif kind == "disc":  # a sticker of gold foil, a button
        r = outline_points("circle", 1.0, 1.0)
        wavy = r * (1 + 0.05 * np.sin(np.arange(len(r)) * 2 * np.pi * 24 / len(r)))[:, None]
        fill(mask, wavy * size + spot, int(rng.integers(120, 255)))
        fill(mask, r * size * 0.7 + spot, int(rng.integers(60, 200)))
    elif kind == "frame":
        far = (int(spot[0] + size * rng.uniform(1, 4)), int(spot[1] + size * rng.uniform(0.5, 2)))
        cv2.rectangle(mask, (int(spot[0]), int(spot[1])), far, 255, int(rng.integers(1, 6)))
    elif kind == "bars":
        x = spot[0]
        while x < spot[0] + size * 3:
            w = rng.uniform(1, 5)
            cv2.rectangle(mask, (int(x), int(spot[1])), (int(x + w), int(spot[1] + size)), 255, -1)
            x += w + rng.uniform(1, 5)
    elif kind == "qr":
        cells = int(rng.integers(15, 33))
        code = (rng.random((cells, cells)) < 0.5).astype(np.uint8) * 255
        for y, x in ((0, 0), (0, cells - 7), (cells - 7, 0)):
            code[y : y + 7, x : x + 7] = 255
            code[y + 1 : y + 6, x + 1 : x + 6] = 0
            code[y + 2 : y + 5, x + 2 : x + 5] = 255
        side = max(cells, int(size * 1.6))
        code = cv2.resize(code, (side, side), interpolation=cv2.INTER_NEAREST)
        x, y = int(np.clip(spot[0], 0, max(0, width - side))), int(np.clip(spot[1], 0, max(0, height - side)))
        part = mask[y : y + side, x : x + side]
        part[:] = code[: part.shape[0], : part.shape[1]]
    elif kind == "finger":
        fill(mask, outline_points("oval", 0.75, 1.0) * size * 0.5 + spot)
        field = pool.cut(rng, height, width, 6.0)
        mask = (mask * (np.sin(field * 60) > -0.2) * (pool.cut(rng, height, width, 1.2) > 0.2)).astype(np.uint8)
    elif kind == "rule":
        y = int(spot[1])
        cv2.line(mask, (0, y), (width, y + int(rng.integers(-3, 4))), 255, int(rng.integers(1, 6)), cv2.LINE_AA)
    elif kind == "logo":
        draw_logo(mask, rng, book, spot, size)
    else:
        a = np.array([[-0.4, 0.0], [-0.1, 0.35], [0.55, -0.5]]) * size + spot
        cv2.polylines(mask, [a.astype(np.int32)], False, 255, int(rng.integers(2, 6)), cv2.LINE_AA)
    colour = rng.uniform(10, 70, 3) if kind in ("bars", "qr") else _strong_colour(rng)
    if kind == "disc":
        colour = np.array([rng.uniform(30, 110), rng.uniform(120, 190), rng.uniform(180, 235)])
    _lay(image, mask, colour, rng.uniform(0.5, 1.0))


def draw_logo(mask: np.ndarray, rng: Rng, book: FontBook, spot: tuple[float, float], size: float) -> None:
    """The sign of an accreditor or brand: a few Latin capitals in a disc, oval or box, or beside an emblem."""
    word = "".join(texts.pick(rng, "ABCDEFGHIKLMNOPRSTUVXZ") for _ in range(int(rng.integers(2, 6))))
    b = float(rng.uniform(0.45, 1.0))
    shape = str(rng.choice(["circle", "oval", "rectangle"]))
    filled = rng.random() < 0.6
    outline = outline_points(shape, 1.0, b) * size + spot
    fill(mask, outline)
    if not filled:
        fill(mask, (outline - spot) * rng.uniform(0.82, 0.95) + spot, 0)
    line = set_line(
        word, book.latin(rng, word), StraightPath(0.0, 0.0), 0.5 * b, room=1.5, squeeze=1.1, max_gap=0.2,
        direction="line", role="other",
    )  # fmt: skip
    characters = np.zeros_like(mask)
    draw_line(characters, line, size, spot)
    np.copyto(mask, cv2.subtract(mask, characters) if filled else cv2.max(mask, characters))
    if rng.random() < 0.5:  # meridians and circles of latitude
        net = np.zeros_like(mask)
        for share in (0.35, 0.7):
            cv2.ellipse(
                net, (int(spot[0]), int(spot[1])), (int(size * share), int(size * b)), 0, 0, 360, 255, 1, cv2.LINE_AA
            )
        np.copyto(mask, cv2.subtract(mask, net) if filled else cv2.max(mask, net))


def add_desk(image: np.ndarray, rng: Rng, pool: FieldPool) -> None:
    """A strip of table beyond one or two edges of the sheet, in place."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 3))):
        depth = rng.uniform(0.02, 0.16, 2) * min(height, width)
        a, b = depth
        strip = [(0, 0), (width, 0), (width, b), (0, a)]
        points = np.array(strip if rng.random() < 0.5 else [(y, x) for x, y in strip], float)
        if rng.random() < 0.5:
            points = np.array([width, height]) - points
        fill(mask, points)
    colour = rng.uniform(10, 150) * rng.uniform(0.5, 1.0, 3)
    texture = (pool.cut(rng, height, width, rng.uniform(1, 12)) - 0.5) * rng.uniform(5, 60)
    table = np.clip(colour.astype(np.float32) + texture[..., None], 0, 255)
    a = (cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32) / 255)[..., None]
    image += (table - image) * a


def add_ornament(image: np.ndarray, rng: Rng) -> None:
    """The ornate frame of a certificate along the image's edges, in place."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    inset, thick = int(rng.uniform(0.01, 0.05) * width), int(rng.uniform(0.02, 0.06) * width) + 2
    corners = (inset, inset), (width - inset, height - inset)
    cv2.rectangle(mask, *corners, 255, max(1, thick // 5))
    cv2.rectangle(mask, (inset + thick, inset + thick), (width - inset - thick, height - inset - thick), 255, 1)
    step = max(3, thick // 2)
    for x in range(inset, width - inset, step):
        for y in (inset + thick // 2, height - inset - thick // 2):
            cv2.circle(mask, (x, y), max(1, thick // 3), 200, 1 if step > 4 else -1, cv2.LINE_AA)
    for y in range(inset, height - inset, step):
        for x in (inset + thick // 2, width - inset - thick // 2):
            cv2.circle(mask, (x, y), max(1, thick // 3), 200, 1 if step > 4 else -1, cv2.LINE_AA)
    _lay(image, mask, _strong_colour(rng), rng.uniform(0.4, 0.9))


def add_signature(image: np.ndarray, rng: Rng, size: float) -> None:
    """Pen strokes of a signature, `size` pixels wide, in place."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    spot = np.array([rng.uniform(0.1, 0.7) * width, rng.uniform(0.2, 0.8) * height])
    for _ in range(int(rng.integers(2, 6))):
        _pen(mask, rng, tuple(spot), size * rng.uniform(0.15, 0.4))
        spot += (size * rng.uniform(0.1, 0.3), size * rng.normal(0, 0.06))
    colour = np.full(3, rng.uniform(5, 70)) if rng.random() < 0.75 else np.array([rng.uniform(90, 180), 50.0, 30.0])
    _lay(image, mask, colour, rng.uniform(0.75, 1.0))


def _header(mask: np.ndarray, rng: Rng, book: FontBook, spot: tuple[float, float], size: float) -> None:
    """A red heading as of official papers, or a line of coloured print."""
    text = texts.organisation(rng) + "文件" if rng.random() < 0.5 else texts.pick(rng, words.HEADINGS)
    if rng.random() < 0.2:
        text = texts.body_text(rng, int(rng.integers(4, 14)))
    height = float(np.clip(size * 0.4, 10, 60))
    room = min(mask.shape[1] * 0.9, height * len(text) * 1.1)
    line = set_line(
        text, book.choose(rng, text, PRINT), StraightPath(0.0, 0.0), height, room=room, squeeze=0.95, max_gap=0.3,
        direction="line", role="other", justify=True,
    )  # fmt: skip
    draw_line(mask, line, 1.0, (mask.shape[1] / 2 if rng.random() < 0.5 else spot[0], spot[1]))


def _pen(mask: np.ndarray, rng: Rng, spot: tuple[float, float], size: float) -> None:
    """A stroke or loop of a pen."""
    count = int(rng.integers(4, 9))
    knots = np.cumsum(rng.normal(0, size * 0.5, (count, 2)), 0) + spot
    if rng.random() < 0.3:
        knots = outline_points("oval", rng.uniform(0.5, 1.5), rng.uniform(0.4, 0.8), 24) * size + spot
    t = np.linspace(0, len(knots) - 1, len(knots) * 10)
    smooth = np.stack([np.interp(t, np.arange(len(knots)), knots[:, axis]) for axis in (0, 1)], -1)
    for axis in (0, 1):
        smooth[:, axis] = np.convolve(np.pad(smooth[:, axis], 5, mode="edge"), np.ones(11) / 11, "valid")
    cv2.polylines(mask, [np.round(smooth * 16).astype(np.int32)], False, 255, int(rng.integers(1, 5)), cv2.LINE_AA, 4)


def add_confetti(image: np.ndarray, rng: Rng) -> None:
    """Small coloured squares and a mosaic patch, as screen editors and image generators leave them, in place."""
    height, width = image.shape[:2]
    for _ in range(int(rng.integers(3, 14))):
        side = int(rng.integers(2, max(4, min(height, width) // 50)))
        x, y = int(rng.integers(0, max(1, width - side))), int(rng.integers(0, max(1, height - side)))
        image[y : y + side, x : x + side] = rng.uniform(0, 255, 3)
