"""One page image from (seed, index): document, seals, camera, and a box for all that layout models have a class for.

What is drawn goes from page pixels through one window and one `View` into the image; boxes go the same way as points,
so they are exact; nothing after that (light, noise, JPEG) moves a pixel.

This is the top of the room: `scene` opens a `Sheet`, has a function of `document_kinds` fill it, stamps it
(`stamping`), adds what is no seal (`marks`) and photographs it (`camera`); `coco` writes sets of such images. Below,
`document_kinds` and `ruled` put documents together from `blocks`, blocks print on a `sheet` and place `illustrations`,
and the sheet takes its print from `typesetting`. Nothing calls upwards.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from sealkit.synth.common import paper
from sealkit.synth.common.camera import take
from sealkit.synth.common.fields import FieldPool
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.pages.blocks import PageAssets
from sealkit.synth.pages.camera import View, desk, flat_view, photo_view
from sealkit.synth.pages.document_kinds import KINDS
from sealkit.synth.pages.marks import decorate
from sealkit.synth.pages.sheet import Sheet
from sealkit.synth.pages.stamping import MaskCache, Stamped, choose_half, choose_shape, make_ready, stamp
from sealkit.synth.pages.typesetting import TypeCache
from sealkit.synth.seals.negatives import add_mark, add_signature
from sealkit.synth.seals.settings import PageSettings

Rng = np.random.Generator

MAX_SEALS = 6
_EMPTY_FACTORS = {"handwriting": 3.0, "article": 2.5, "receipt": 3.0, "statement": 1.5, "english": 2.0, "specimen": 0.0}
_STAMPED_FACTORS = {"handwriting": 0.5, "article": 0.5, "receipt": 0.4}
_MARKS = ("pen", "pen", "tick", "finger", "rule")


@dataclass(frozen=True)
class LabelRules:
    """What of a cut object must be seen for it to be labelled."""

    seal_px: float = 6.0
    """Least side of a seal."""
    other_px: float = 12.0
    """Least side of everything else."""
    other_share: float = 0.08
    """Of a table or image: less than that nobody would call one."""


RULES = LabelRules()


@dataclass(frozen=True)
class PageObject:
    """Something on the image: kind (seal, table, image, text, doc_title, …) and box x1, y1, x2, y2 in its pixels."""

    kind: str
    box: tuple[float, float, float, float]
    shape: str = ""
    colour: str = ""
    visible: float = 1.0
    """Share of its area that the page's and the image's edges leave."""


@dataclass(frozen=True)
class PageCache:
    """What a process draws once. Depends on the seed and the fonts folder only."""

    assets: PageAssets
    type: TypeCache
    seals: MaskCache


@lru_cache(maxsize=2)
def page_cache(seed: int, fonts: str | None) -> PageCache:
    """Fonts, textures and masks shared by the pages of one seed."""
    book = FontBook(fonts)
    return PageCache(PageAssets(FieldPool(seed), book), TypeCache(seed, book), MaskCache(seed, book))


def render_page(seed: int, index: int, settings: PageSettings) -> tuple[np.ndarray, list[PageObject], dict[str, Any]]:
    """Draw page `index` of the set `seed`.

    Returns:
        image (H, W, 3) uint8 BGR, upright within 8 degrees; what stands on it, seals last; info: document, look, view
        (whole, part, close), seals (labelled ones), text_lines (that are seen) and upright (whether there is text
        enough to say which way is up).

    The image depends on (seed, index, settings) and the installed fonts only. DataError where there is no Chinese
    font.
    """
    rng = np.random.default_rng([seed, 0x9A6E, index])
    return _PageScene(rng, page_cache(seed, settings.fonts), settings).draw()


class _PageScene:
    def __init__(self, rng: Rng, kept: PageCache, settings: PageSettings) -> None:
        self.rng, self.kept, self.settings = rng, kept, settings
        self.empty = rng.random() < settings.empty
        draw = rng.random() * max(1 - settings.empty, 1e-9)
        self.kind = "whole"
        if not self.empty and draw < settings.close_ups:
            self.kind = "close"
        elif rng.random() < settings.parts:
            self.kind = "part"
        self.document = self._choose_document()
        self.look = str(rng.choice(paper.LOOKS, p=[0.44, 0.3, 0.18, 0.08]))
        self.stamped: list[Stamped] = []

    def _choose_document(self) -> str:
        weights = self.settings.document_weights()
        factors = _EMPTY_FACTORS if self.empty else _STAMPED_FACTORS
        p = np.array([weight * factors.get(name, 1.0) for name, weight in weights.items()])
        if not p.sum() > 0:
            p = np.array(list(weights.values()))
        return list(weights)[int(self.rng.choice(len(p), p=p / p.sum()))]

    def draw(self) -> tuple[np.ndarray, list[PageObject], dict[str, Any]]:
        rng = self.rng
        sheet, view, ground = self._frame()
        KINDS[self.document][0](sheet, self.kept.assets)
        decorate(sheet, self.kept.assets)
        image = paper.make_paper(rng, self.kept.assets.fields, sheet.window[3], sheet.window[2], self.look)
        image *= sheet.ink.astype(np.float32) * np.float32(1 / 255)
        if rng.random() < 0.1:
            add_mark(image, rng, self.kept.assets.book, self.kept.assets.fields, _MARKS)
        blank = image.copy() if self.look == "copy" else None
        if self.kind == "close":
            self._stamp_close(image, sheet)
        elif not self.empty:
            self._stamp_all(image, sheet)
        self._over(image, sheet)
        if self.look == "photo" and rng.random() < 0.25:
            self._fold(image)
        state = deepcopy(rng)
        shot = self._develop(image, view, ground, rng)
        objects = self._objects(sheet, view)
        if blank is not None and self.stamped:  # the copier's contrast wipes pale seals out: nobody would find them
            change = cv2.absdiff(shot, self._develop(blank, view, ground, state)).max(2)
            objects = [one for one in objects if one.kind != "seal" or _changed(change, one.box)]
        lines = self._text_lines(sheet, view)
        seals = sum(one.kind == "seal" for one in objects)
        info = {"document": self.document, "look": self.look, "view": self.kind, "seals": seals, "text_lines": lines}
        return shot, objects, info | {"upright": lines >= 4}

    def _develop(self, image: np.ndarray, view: View, ground: np.ndarray | None, rng: Rng) -> np.ndarray:
        """The image taken of a sheet (h, w, 3) float32."""
        fields = self.kept.assets.fields
        shot = view.take(np.clip(image, 0, 255).astype(np.uint8), ground).astype(np.float32)
        paper.shade(shot, rng, fields, self.look)
        if self.look == "photo":  # phones expose paper brighter than the light was
            shot *= np.float32(rng.uniform(1.0, 1.4))
        return take(shot, rng, fields, self.look)

    # -- what is seen --------------------------------------------------------------------------------------------------

    def _frame(self) -> tuple[Sheet, View, np.ndarray | None]:
        """The sheet's size, its window and the view."""
        rng, settings = self.rng, self.settings
        _, ratios, ems = KINDS[self.document]
        ratio, em = float(rng.uniform(*ratios)), float(rng.uniform(*ems))
        if ratios[1] > 1.3 and ratios[0] < 1:  # portrait or landscape, seldom square
            ratio = float(rng.uniform(0.66, 0.76)) if rng.random() < 0.5 else float(rng.uniform(1.3, ratios[1]))
        long_side = float(rng.uniform(*settings.size))
        turn = float(np.clip(rng.normal(0, 2.2 if self.look == "photo" else 0.7), -6.5, 6.5))
        if self.look == "clean":
            turn = 0.0
        if self.kind == "whole":
            return self._whole(long_side, ratio, em, turn)
        shape = float(np.exp(rng.uniform(np.log(0.6), np.log(1.7))))
        size = (round(long_side * min(1, shape)), round(long_side * min(1, 1 / shape)))
        if self.kind == "close":
            page_short = min(size) * float(rng.uniform(0.5, 0.92)) / float(rng.uniform(0.15, 0.26))
        else:
            page_short = min(size) * float(rng.uniform(1.2, 2.4))
        page = (
            (round(page_short), round(page_short / ratio))
            if ratio < 1
            else (round(page_short * ratio), round(page_short))
        )
        page = (max(page[0], size[0]), max(page[1], size[1]))
        margin = 0.07 if self.look == "photo" else 0.02 if turn else 0.0
        w, h = (round(side * (1 + 2 * margin)) for side in size)
        x = round(float(rng.uniform(0, 1)) * (page[0] - size[0]) - margin * size[0])
        y = round(float(rng.beta(1.6, 1.2)) * (page[1] - size[1]) - margin * size[1])
        sheet = Sheet(rng, self.kept.type, page[0], page[1], (x, y, w, h), em * max(page))
        if self.look == "photo":
            return sheet, photo_view(rng, (w, h), size, 1.0, turn), None
        return sheet, flat_view(rng, (w, h), size, turn), None

    def _whole(self, long_side: float, ratio: float, em: float, turn: float) -> tuple[Sheet, View, np.ndarray | None]:
        rng = self.rng
        size = (round(long_side * min(1, ratio)), round(long_side * min(1, 1 / ratio)))
        if self.look != "photo":
            inset = float(rng.uniform(0, 0.03)) if rng.random() < 0.4 else 0.0
            page = (round(size[0] / (1 - 2 * inset)), round(size[1] / (1 - 2 * inset)))
            window = (round(inset * page[0]), round(inset * page[1]), *size)
            sheet = Sheet(rng, self.kept.type, *page, window, em * max(page))
            ground = None
            if self.look in ("scan", "copy") and turn and rng.random() < 0.35:  # the scanner's lid
                ground = np.full((size[1], size[0], 3), rng.choice([0, 20, 235, 255]), np.uint8)
            return sheet, flat_view(rng, size, size, turn), ground
        if rng.random() < 0.5:  # a phone's image
            shape = 0.75 if ratio < 1.05 else 4 / 3
            size = (round(long_side * min(1, shape)), round(long_side * min(1, 1 / shape)))
        fit = min(size[0], size[1] * ratio)
        page_width = fit * float(rng.uniform(0.8, 1.08))
        page = (round(page_width), round(page_width / ratio))
        sheet = Sheet(rng, self.kept.type, *page, (0, 0, *page), em * max(page))
        view = photo_view(rng, page, size, 1.0, turn)
        return sheet, view, desk(rng, self.kept.assets.fields, size[1], size[0])

    # -- seals ---------------------------------------------------------------------------------------------------------

    def _turn(self) -> float:
        """People hold stamps upright more or less; some do not look."""
        rng = self.rng
        return float(rng.normal(0, 12)) if rng.random() < 0.72 else float(rng.uniform(0, 360))

    def _stamp_close(self, image: np.ndarray, sheet: Sheet) -> None:
        rng = self.rng
        height, width = image.shape[:2]
        shape = choose_shape(rng, ())
        half = min(height, width) * float(rng.uniform(0.24, 0.47))
        ready = make_ready(rng, self.kept.assets.book, shape, min(half, 260.0))
        centre = (width * float(rng.normal(0.5, 0.05)), height * float(rng.normal(0.5, 0.05)))
        self.stamped.append(
            stamp(image, rng, self.kept.assets.fields, ready, shape, centre, half, self._turn(), self.look)
        )
        if rng.random() < 0.3:
            self._stamp_one(image, sheet, [])

    def _stamp_all(self, image: np.ndarray, sheet: Sheet) -> None:
        rng = self.rng
        count = int(rng.choice(np.arange(1, MAX_SEALS + 1), p=[0.42, 0.28, 0.14, 0.08, 0.05, 0.03]))
        x0, y0, w, h = sheet.window
        anchors = [one for one in sheet.anchors if x0 < one.x < x0 + w and y0 < one.y < y0 + h]
        order = rng.permutation(len(anchors))
        places: list[Any] = [anchors[k] for k in order]
        at_edge = self.document in ("contract", "statement", "form", "article") and rng.random() < 0.16
        if at_edge and x0 + w >= sheet.width - 2:
            slices = int(rng.integers(1, 4))
            self._stamp_edge(image, sheet, min(slices, count))
            count -= min(slices, count)
        for _ in range(count):
            self._stamp_one(image, sheet, places)

    def _stamp_one(self, image: np.ndarray, sheet: Sheet, places: list[Any]) -> None:
        """A seal where one is expected as long as there are such places, then anywhere; not on top of another one."""
        rng = self.rng
        height, width = image.shape[:2]
        short = float(min(sheet.width, sheet.height))
        if self.document == "specimen":  # small sheets
            short *= float(rng.uniform(1.2, 2.2))
        for _ in range(4):
            place = places.pop() if places and rng.random() < 0.85 else None
            shape = choose_shape(rng, place.shapes if place is not None and rng.random() < 0.8 else ())
            half = choose_half(rng, shape, short, self.settings.seal_width)
            if place is None:
                inset = half if rng.random() < 0.85 else 0.0
                x, y = (
                    float(rng.uniform(min(inset, side / 2), max(side - inset, side / 2))) for side in (width, height)
                )
            else:
                x = place.x - sheet.window[0] + float(rng.normal(0, half * 0.25))
                y = place.y - sheet.window[1] + float(rng.normal(0, half * 0.25))
            if all(np.hypot(*(one.hull.mean(0) - (x, y))) > 0.6 * (one.width / 2 + half) for one in self.stamped):
                break
        else:
            return
        fields = self.kept.assets.fields
        fresh = half > 150  # larger than what is kept
        ready = make_ready(rng, self.kept.assets.book, shape, half) if fresh else self.kept.seals.seal(rng, shape)
        self.stamped.append(stamp(image, rng, fields, ready, shape, (x, y), half, self._turn(), self.look))

    def _stamp_edge(self, image: np.ndarray, sheet: Sheet, count: int) -> None:
        """Slices of seals across the fanned sheets of a document: each sheet bears a strip of every seal."""
        rng = self.rng
        edge = sheet.width - sheet.window[0]
        heights = np.linspace(0.12, 0.88, count + 2)[1:-1] + rng.normal(0, 0.03, count)
        for share in heights:
            half = float(sheet.width * rng.uniform(0.08, 0.11))
            x = edge + half * float(rng.uniform(-0.75, 0.85))
            y = float(share) * sheet.height - sheet.window[1]
            ready = self.kept.seals.seal(rng, "circle")
            self.stamped.append(
                stamp(image, rng, self.kept.assets.fields, ready, "circle", (x, y), half, self._turn(), self.look)
            )

    def _over(self, image: np.ndarray, sheet: Sheet) -> None:
        """What is written after stamping: signatures, a tick."""
        rng = self.rng
        height, width = image.shape[:2]
        short = min(sheet.width, sheet.height)
        for one in self.stamped:
            if rng.random() < 0.13:
                x, y = one.hull.mean(0) + rng.normal(0, 0.5 * one.width, 2)
                size = short * float(rng.uniform(0.08, 0.16))
                x0, y0 = (int(np.clip(v - size, 0, side - 8)) for v, side in ((x, width), (y, height)))
                part = image[y0 : y0 + int(2 * size), x0 : x0 + int(2.4 * size)]
                if min(part.shape[:2]) > 8:
                    add_signature(part, rng, size)

    def _fold(self, image: np.ndarray) -> None:
        """One or two creases of a character."""
        rng = self.rng
        for _ in range(int(rng.integers(1, 3))):
            axis = 0 if rng.random() < 0.7 else 1
            length = image.shape[axis]
            offset = (np.arange(length) - length * float(rng.choice([1 / 3, 0.5, 2 / 3]))) / max(1.5, length / 300)
            light = 1 + rng.uniform(0.03, 0.12) * np.exp(-(offset**2)) - rng.uniform(0.0, 0.06) * (offset > 0)
            image *= light.astype(np.float32)[:, None, None] if axis == 0 else light.astype(np.float32)[None, :, None]

    # -- labels --------------------------------------------------------------------------------------------------------

    def _objects(self, sheet: Sheet, view: View) -> list[PageObject]:
        found = []
        for note in sheet.notes:
            x0, y0, x1, y1 = note.box
            t = np.linspace(0, 1, 9)[:-1, None]
            corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) - sheet.window[:2]
            edges = np.concatenate([a + (b - a) * t for a, b in zip(corners, np.roll(corners, -1, 0))])
            seen = _seen(edges, sheet.window[2:], view)
            if seen is None or seen[1] < RULES.other_share:
                continue
            if min(seen[0][2] - seen[0][0], seen[0][3] - seen[0][1]) >= RULES.other_px:
                found.append(PageObject(note.kind, seen[0], visible=seen[1]))
        for seal in self.stamped:
            seen = _seen(seal.hull, sheet.window[2:], view)
            if seen is not None and min(seen[0][2] - seen[0][0], seen[0][3] - seen[0][1]) >= RULES.seal_px:
                found.append(PageObject("seal", seen[0], seal.shape, seal.colour, seen[1]))
        return found

    @staticmethod
    def _text_lines(sheet: Sheet, view: View) -> int:
        """How many lines of print have their middle in the image."""
        if not sheet.lines:
            return 0
        boxes = np.array(sheet.lines)
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2 - sheet.window[:2]
        inside = ((middles >= 0) & (middles <= sheet.window[2:])).all(1)
        points = view.points(middles[inside])
        return int(((points > 0) & (points < (view.width, view.height))).all(1).sum())


def _changed(change: np.ndarray, box: tuple[float, float, float, float]) -> bool:
    """Whether a twentieth of the pixels of a box differ by what an eye notices; change (H, W) uint8."""
    x0, y0, x1, y1 = (int(value) for value in box)
    return float(np.mean(change[y0 : y1 + 1, x0 : x1 + 1] > 25)) > 0.05


def _seen(
    points: np.ndarray, window: tuple[int, ...], view: View
) -> tuple[tuple[float, float, float, float], float] | None:
    """Box of the part of a convex outline (window pixels) that window and image show, and that part's share."""
    sheet_part = _clip(points, window[0], window[1])
    if sheet_part is None:
        return None
    whole = cv2.contourArea(points.astype(np.float32))
    share = cv2.contourArea(sheet_part.astype(np.float32)) / max(whole, 1e-6)
    mapped = view.points(sheet_part)
    part = _clip(mapped, view.width, view.height)
    if part is None:
        return None
    share *= cv2.contourArea(part.astype(np.float32)) / max(cv2.contourArea(mapped.astype(np.float32)), 1e-6)
    low, high = np.maximum(part.min(0), 0), np.minimum(part.max(0), (view.width, view.height))
    return (float(low[0]), float(low[1]), float(high[0]), float(high[1])), float(min(share, 1.0))


def _clip(points: np.ndarray, width: int, height: int) -> np.ndarray | None:
    """A convex outline (N, 2) cut to 0..width, 0..height; None where nothing is left."""
    if points.min() >= 0 and points[:, 0].max() <= width and points[:, 1].max() <= height:
        return points
    hull = cv2.convexHull(points.astype(np.float32))
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    area, part = cv2.intersectConvexConvex(hull, frame)
    return part[:, 0].astype(np.float64) if area > 0 and part is not None and len(part) >= 3 else None
