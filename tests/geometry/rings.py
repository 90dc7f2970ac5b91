"""Drawn ring texts with exact probability maps: what the reading of rings is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyclipper

from tests.geometry.make_glyphs import CHARACTERS, EM, PER_ROW

SIDE, RADIUS = 640, 220
CENTRE = np.array([320.0, 320.0])
BAND = 56.0
"""Height of the labelled band around 44 px characters."""
DEGREES_PER_CHARACTER = 13.0
PLACES = [
    "北京",
    "上海",
    "天津",
    "重庆",
    "广州",
    "深圳",
    "武汉",
    "南京",
    "西安",
    "成都",
    "杭州",
    "苏州",
    "长沙",
    "大连",
    "青岛",
]
NAMES = "信恒盛泰达康瑞华联源通创新丰鑫海安"
TRADES = ["科技", "贸易", "建筑工程", "食品", "信息技术", "传媒", "设计咨询", "物流", "实业集团", "发展", "建设服务"]
FORMS = ["有限公司"]


@dataclass
class Ring:
    """A drawn ring: image, probability map and what it says."""

    image: np.ndarray
    probability: np.ndarray
    text: str


def compose(characters: int, rng: np.random.Generator) -> str:
    """A company name of exactly this many characters, cut or padded like the names on real stamps are not."""
    text = str(rng.choice(PLACES)) + "".join(rng.choice(list(NAMES), 2)) + str(rng.choice(TRADES)) + FORMS[0]
    while len(text) < characters:
        text += str(rng.choice(list(NAMES)))
    return text[:characters]


def draw_ring(text: str, middle: float, span: float, inward: bool = False, gap: float | None = None) -> Ring:
    """Characters evenly on an arc, and the exact map a perfect detector would give.

    Args:
        text: characters of `make_glyphs`.
        middle: where the middle of the text lies, degrees clockwise from the right.
        span: degrees the text covers; every character gets the same share.
        inward: characters' tops towards the centre, read counter-clockwise.
        gap: None = the map is the text's band shrunk as in training; 0 = a closed ring; else degrees of a narrow gap.
    """
    glyphs = cv2.imread(str(Path(__file__).with_name("glyphs.png")), cv2.IMREAD_GRAYSCALE)
    ink = np.zeros((SIDE, SIDE), dtype=np.float32)
    share = span / len(text)
    for i, char in enumerate(text):
        at = CHARACTERS.index(char)
        x, y = at % PER_ROW * EM, at // PER_ROW * EM
        glyph = glyphs[y : y + EM, x : x + EM].astype(np.float32) / 255
        along = -span / 2 + (i + 0.5) * share
        angle = np.radians(middle + (-along if inward else along))
        up = np.array([np.cos(angle), np.sin(angle)]) * (-1 if inward else 1)
        right = np.array([-up[1], up[0]])
        place = CENTRE + RADIUS * np.array([np.cos(angle), np.sin(angle)])
        turn = np.stack([right, -up], axis=1)  # glyph x, y → image
        shift = place - turn @ np.array([EM / 2, EM / 2])
        ink = np.maximum(ink, cv2.warpAffine(glyph, np.column_stack([turn, shift]), (SIDE, SIDE)))
    colour = np.array([40.0, 40.0, 200.0])
    image = (255 - ink[..., None] * (255 - colour)).astype(np.uint8)
    return Ring(image, _probability(middle, span, gap), text)


def _probability(middle: float, span: float, gap: float | None) -> np.ndarray:
    """0.95 in the shrunk band (DB ratio 0.8), with the soft rim a network gives."""
    covered = span if gap is None else 360.0 - gap
    angles = np.radians(middle + np.linspace(-covered / 2, covered / 2, 181))
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outer, inner = CENTRE + (RADIUS + BAND / 2) * rays, CENTRE + (RADIUS - BAND / 2) * rays
    drawn = np.zeros((SIDE, SIDE), dtype=np.uint8)
    if gap is None:
        band = np.concatenate([outer, inner[::-1]])
        area, length = np.radians(covered) * RADIUS * BAND, 2 * (np.radians(covered) * RADIUS + BAND)
        clipper = pyclipper.PyclipperOffset()
        clipper.AddPath(np.round(band).astype(int).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
        paths = clipper.Execute(-area * (1 - 0.8**2) / length)
        cv2.fillPoly(drawn, [np.array(path, dtype=np.int32) for path in paths], 1)
    else:  # a ring that has run together in the map, but for a slit
        shrink = BAND / 2 * (1 - 0.8**2)
        outer, inner = CENTRE + (RADIUS + BAND / 2 - shrink) * rays, CENTRE + (RADIUS - BAND / 2 + shrink) * rays
        cv2.fillPoly(drawn, [np.round(np.concatenate([outer, inner[::-1]])).astype(np.int32)], 1)
    return cv2.GaussianBlur(drawn.astype(np.float32) * 0.95, (5, 5), 0)
