"""Small things on pages that are easily taken for seals and are none: never labelled as seals."""

from __future__ import annotations

import cv2
import numpy as np

from sealkit.synth.common import texts
from sealkit.synth.pages import illustrations as images
from sealkit.synth.pages.blocks import RED, PageAssets, date_text, square_image
from sealkit.synth.pages.sheet import Colour, Sheet
from sealkit.synth.seals.shapes import draw_star, fill, outline_points


def decorate(sheet: Sheet, assets: PageAssets) -> None:
    """Now and then a watermark, stars, icons, printed boxes, ringed numbers, logos, a bar code."""
    rng = sheet.rng
    if rng.random() < 0.05:
        _watermark(sheet)
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 3))):
            kinds = (_stars, _icons, _printed_box, _ringed_character, _bar_code, _highlight, _sign)
            kinds[int(rng.choice(len(kinds), p=[0.15, 0.2, 0.17, 0.2, 0.06, 0.1, 0.12]))](sheet, assets)


def _spot(sheet: Sheet) -> tuple[float, float]:
    """Anywhere in the window."""
    x0, y0, w, h = sheet.window
    return x0 + float(sheet.rng.uniform(0.03, 0.85)) * w, y0 + float(sheet.rng.uniform(0.03, 0.9)) * h


def _tone(sheet: Sheet) -> Colour:
    rng = sheet.rng
    if rng.random() < 0.5:
        return RED[int(rng.integers(len(RED)))]
    strong: tuple[Colour, ...] = ((170, 90, 20), (60, 130, 30), (40, 40, 40), (30, 120, 220), (120, 120, 120))
    return strong[int(rng.integers(len(strong)))]


def _watermark(sheet: Sheet) -> None:
    """Pale slanted words over the whole page."""
    rng = sheet.rng
    words = texts.pick(rng, ("仅供参考", "内部资料", "样本", "复印无效", "保密", "SAMPLE", "仅用于存档"))
    px = sheet.width * float(rng.uniform(0.04, 0.12))
    mask = sheet.type.text(rng, words, px)
    grey = float(rng.uniform(200, 238))
    angle = float(rng.uniform(20, 45))
    h, w = mask.shape
    matrix = cv2.getRotationMatrix2D((w / 2, w / 2), angle, 1.0)
    square = np.zeros((w, w), np.uint8)
    square[(w - h) // 2 : (w - h) // 2 + h] = mask
    turned = cv2.warpAffine(square, matrix, (w, w))
    step = w * float(rng.uniform(1.1, 2.5))
    for y in np.arange(0, sheet.height, step):
        for x in np.arange(0, sheet.width, step):
            sheet.put(turned, float(x), float(y), (grey, grey, grey))


def _stars(sheet: Sheet, assets: PageAssets) -> None:
    """One star, or a row of them."""
    rng, (x, y) = sheet.rng, _spot(sheet)
    size = max(4.0, min(sheet.width, sheet.height) * float(np.exp(rng.uniform(np.log(0.008), np.log(0.06)))))
    side = int(2 * size) + 2
    mask, tone = np.zeros((side, side), np.uint8), _tone(sheet)
    draw_star(mask, 1.0, size, (side / 2, side / 2), hollow=rng.random() < 0.2)
    for k in range(int(rng.choice([1, 3, 5], p=[0.7, 0.15, 0.15]))):
        sheet.put(mask, x + k * side * 1.1, y, tone)


def _icons(sheet: Sheet, assets: PageAssets) -> None:
    """Filled discs, rings, buttons with a tick or a digit, as lists and screens have them."""
    rng, (x, y) = sheet.rng, _spot(sheet)
    size = max(5.0, sheet.em * float(rng.uniform(0.6, 2.2)))
    side = int(2 * size) + 3
    mask, spot = np.zeros((side, side), np.uint8), np.array([side / 2, side / 2])
    fill(mask, outline_points("circle", 1.0, 1.0) * size + spot)
    if rng.random() < 0.6:
        fill(mask, outline_points("circle", 1.0, 1.0) * size * float(rng.uniform(0.75, 0.92)) + spot, 0)
    tick = np.array([[-0.45, 0.0], [-0.1, 0.35], [0.5, -0.4]]) * size + spot
    value = 0 if mask[side // 2, side // 2] else 255
    if rng.random() < 0.6:
        cv2.polylines(mask, [tick.astype(np.int32)], False, value, max(1, int(size / 6)), cv2.LINE_AA)
    tone = _tone(sheet)
    for k in range(int(rng.integers(1, 5))):
        sheet.put(mask, x, y + k * side * 1.4, tone)


def _printed_box(sheet: Sheet, assets: PageAssets) -> None:
    """A printed frame around a number or date: no stamp, though it stands where one might."""
    rng, (x, y) = sheet.rng, _spot(sheet)
    tone, px = _tone(sheet), sheet.em * float(rng.uniform(0.9, 1.4))
    words = ("No." + texts.digits(rng, 8), date_text(rng), "编号：" + texts.digits(rng, 6), "第一联 存根联", "第二联")
    box = sheet.write(x, y, texts.pick(rng, words), px, colour=tone)
    if rng.random() < 0.8:
        pad = 0.4 * px
        sheet.frame(box[0] - pad, box[1] - pad, box[2] + pad, box[3] + pad, px * 0.08, tone)


def _ringed_character(sheet: Sheet, assets: PageAssets) -> None:
    """A character or digit in a ring."""
    rng, (x, y) = sheet.rng, _spot(sheet)
    px, tone = sheet.em * float(rng.uniform(1.0, 2.5)), _tone(sheet)
    size = px * float(rng.uniform(0.7, 0.9))
    side = int(2 * size) + 3
    mask = np.zeros((side, side), np.uint8)
    cv2.circle(mask, (side // 2, side // 2), int(size), 255, max(1, int(px / 10)), cv2.LINE_AA)
    sheet.put(mask, x, y, tone)
    character = texts.pick(rng, "正副密印检注甲乙1234A")
    sheet.write(x + side / 2, y + side / 2 - px * 0.62, character, px, "heavy", tone, 0.5)


def _bar_code(sheet: Sheet, assets: PageAssets) -> None:
    x, y = _spot(sheet)
    w, h = int(sheet.em * float(sheet.rng.uniform(8, 14))), int(sheet.em * float(sheet.rng.uniform(1.8, 3)))
    sheet.put_image(images.bar_code(sheet.rng, h, w), x, y)


def _highlight(sheet: Sheet, assets: PageAssets) -> None:
    """A broad stroke of a marker over a line."""
    rng, (x, y) = sheet.rng, _spot(sheet)
    tones: tuple[Colour, ...] = ((120, 255, 255), (190, 255, 170), (210, 180, 255))
    sheet.tint(x, y, x + sheet.em * float(rng.uniform(3, 15)), y + sheet.em * 1.2, tones[int(rng.integers(3))])


def _sign(sheet: Sheet, assets: PageAssets) -> None:
    """A logo on the margin."""
    rng = sheet.rng
    side = max(10, int(min(sheet.width, sheet.height) * float(rng.uniform(0.03, 0.14))))
    x0, y0, w, h = sheet.window
    x = x0 + float(rng.choice([0.03, 0.8])) * w
    y = y0 + float(rng.choice([0.02, 0.86])) * h
    square_image(sheet, images.logo(rng, assets.book, side), x, y)
