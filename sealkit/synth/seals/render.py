"""One training image from (seed, index): scenes, placement, labels.

Everything geometric is one homography per seal, from the seal's frame (see layout.py) to image pixels. The ink mask
and the label polygons go through the same matrix, so labels are exact; nothing after that (ink, light, camera) moves a
pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from sealkit.data.records import TextLine
from sealkit.synth.common import paper
from sealkit.synth.common.backgrounds import PagePool, print_on
from sealkit.synth.common.camera import take
from sealkit.synth.common.fields import FieldPool
from sealkit.synth.common.fontbook import FontBook
from sealkit.synth.seals.design import Design
from sealkit.synth.seals.designs import design_layout, design_seal
from sealkit.synth.seals.injection import inject_characters
from sealkit.synth.seals.ink import Ink, blend, choose_ink, draw_design, draw_layers, hatch, press, screen
from sealkit.synth.seals.layout import Line
from sealkit.synth.seals.legibility import Characters, legibility
from sealkit.synth.seals.negatives import add_confetti, add_desk, add_mark, add_ornament, add_signature
from sealkit.synth.seals.settings import SynthSettings
from sealkit.synth.seals.shapes import fill, outline_points

Rng = np.random.Generator

_LOOKS = {"laser": "photo", "guilloche": "scan"}  # styles that are captured in one way only


@dataclass(frozen=True)
class RenderCache:
    """What a process draws once: fonts, noise, pages. Depends on the seed and the fonts folder only."""

    book: FontBook
    fields: FieldPool
    pages: PagePool


@lru_cache(maxsize=2)
def render_cache(seed: int, fonts: str | None) -> RenderCache:
    """Fonts, textures and pages shared by the images of one seed."""
    book = FontBook(fonts)
    return RenderCache(book, FieldPool(seed), PagePool(seed, book))


def render_sample(seed: int, index: int, settings: SynthSettings) -> tuple[np.ndarray, list[TextLine], dict[str, Any]]:
    """Draw image `index` of the set `seed`.

    Returns:
        image (H, W, 3) uint8 BGR; its labelled lines (points float32 image pixels, line_poly; a line that the
        image's edge cuts is labelled as far as it is seen, and has ignore=True where less than two characters are left;
        so has one whose legibility is below the settings'); info: kind (crop, page, negative), look, per seal shape,
        angle, colour and box, and per line its legibility (0..1; empty where the settings do not ask for it).

    The image depends on (seed, index, settings) and the installed fonts only. DataError where there is no Chinese
    font.
    """
    rng = np.random.default_rng([seed, index])
    kept = render_cache(seed, settings.fonts)
    weights = np.array([settings.crops, settings.pages, settings.negatives])
    kind = ("crop", "page", "negative")[int(rng.choice(3, p=weights / weights.sum()))]
    scene = SealScene(rng, kept, settings, kind)
    if kind == "crop":
        scene.crop()
    else:
        scene.page()
    return scene.finish()


def render_design(
    design: Design, pose: np.ndarray, size: tuple[int, int], ink: Ink | None = None
) -> tuple[np.ndarray, list[TextLine]]:
    """One seal on white paper with exact labels: no print, no wear, no light, no camera.

    Args:
        design: of `design_seal`.
        pose: (3, 3) homography from the frame of the seal (see layout.py) to pixels: products of `scale_matrix`,
            `turn_matrix` and `tilt_matrix`.
        size: height and width of the image, pixels.
        ink: colour and strength; black by default.

    Returns:
        image (H, W, 3) uint8 BGR, and its lines as `render_sample` labels them.
    """
    scene = plain_scene(size)
    scene.stamp_plainly(design, pose, ink or Ink(np.zeros(3, np.float32), "black", 1.0, True))
    return np.clip(np.round(scene.image), 0, 255).astype(np.uint8), scene.lines


def plain_scene(size: tuple[int, int], white: float = 255.0, seed: int = 0) -> SealScene:
    """A scene on blank paper (height, width), for `SealScene.stamp_plainly`."""
    scene = SealScene(np.random.default_rng(seed), render_cache(seed, None), SynthSettings(), "crop")
    scene.look = "clean"
    scene.image = np.full((*size, 3), white, np.float32)
    return scene


def transform(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N, 2) through a 3x3 homography."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return mapped[:, :2] / mapped[:, 2:]


def scale_matrix(x: float, y: float, sx: float, sy: float) -> np.ndarray:
    """(3, 3) homography: enlarge by sx, sy about the origin, then move by x, y."""
    return np.array([[sx, 0.0, x], [0.0, sy, y], [0.0, 0.0, 1.0]])


def turn_matrix(degrees: float) -> np.ndarray:
    """(3, 3) homography: turn clockwise on screen about the origin."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def tilt_matrix(rng: Rng, strength: float) -> np.ndarray:
    """Perspective that moves the corners of [-1, 1]^2 by up to `strength`."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    moved = corners + rng.uniform(-strength, strength, (4, 2)).astype(np.float32)
    return cv2.getPerspectiveTransform(corners, moved).astype(np.float64)


class SealScene:
    """One image of seals while it is drawn."""

    def __init__(self, rng: Rng, kept: RenderCache, settings: SynthSettings, kind: str) -> None:
        self.rng, self.kept, self.settings, self.kind = rng, kept, settings, kind
        self.look = _LOOKS.get(settings.style) or paper.choose_look(rng)
        self.image = np.empty((0, 0, 3), np.float32)
        self.lines: list[TextLine] = []
        self.seals: list[dict[str, Any]] = []
        self.characters: list[Characters] = []

    # -- scenes ----------------------------------------------------------------------------------------------------

    def crop(self) -> None:
        """One seal fills the image, cut at its ring or with some paper around it."""
        rng = self.rng
        design = self.design()
        homography = self._pose()
        outline = transform(homography, self.outline(design))
        low, high = outline.min(0), outline.max(0)
        extent = high - low
        draw = rng.random()
        if draw < 0.56:
            margins = rng.uniform(-0.015, 0.03, 4)
        elif draw < 0.8:
            margins = rng.uniform(0.0, 0.18, 4)
        else:
            margins = rng.uniform(0.05, 0.6, 4)
        low = low - margins[:2] * extent
        high = high + margins[2:] * extent
        long_side = rng.uniform(*self.settings.size)
        scale = long_side / (high - low).max()
        width, height = (max(32, round(v)) for v in (high - low) * scale)
        place = scale_matrix(-low[0] * scale - 0.5, -low[1] * scale - 0.5, scale, scale) @ homography
        self.start(height, width)
        diameter = extent.max() * scale
        self._under(diameter)
        if rng.random() < 0.1:  # a neighbour reaches into the image
            other = self.design()
            distance, bearing = rng.uniform(0.75, 1.1) * diameter, rng.uniform(0, 2 * np.pi)
            centre = transform(place, np.zeros((1, 2)))[0] + distance * np.array([np.cos(bearing), np.sin(bearing)])
            self.stamp(other, self._place_at(centre, diameter * rng.uniform(0.35, 0.6)))
        self.stamp(design, place)
        self._over(diameter)

    def page(self) -> None:
        """Part of a document with small seals, or (negatives) with none."""
        rng = self.rng
        long_side = rng.uniform(*self.settings.page_size)
        ratio = rng.uniform(0.6, 1.0)
        width, height = (round(long_side), round(long_side * ratio))
        if rng.random() < 0.5:
            width, height = height, width
        self.start(height, width)
        turn = self._page_turn()
        if rng.random() < 0.92:
            zoom = rng.uniform(0.35, 1.1) if rng.random() < 0.7 else rng.uniform(0.22, 0.4)
            print_on(self.image, rng, self.kept.pages, zoom, turn)
        if rng.random() < 0.08:
            add_ornament(self.image, rng)
        if self.look == "photo" and rng.random() < 0.25:
            add_desk(self.image, rng, self.kept.fields)
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1])) + (self.kind == "negative")):
            add_mark(self.image, rng, self.kept.book, self.kept.fields)
        if self.kind == "negative":
            return
        smallest = min(self.settings.min_seal, 0.6 * min(width, height))
        for _ in range(int(rng.choice([1, 2, 3, 4], p=[0.5, 0.27, 0.15, 0.08]))):
            # Small ones prevail: a whole page shrunk to the detector's input leaves about 100 px of a seal.
            diameter = smallest + max(1.0, 0.6 * min(width, height) - smallest) * rng.random() ** 1.6
            inside = 0.5 * diameter if rng.random() < 0.85 else 0.0
            centre = np.array([rng.uniform(inside, width - inside), rng.uniform(inside, height - inside)])
            self.stamp(self.design(), self._place_at(centre, diameter / 2, page_turn=turn))
            if rng.random() < 0.12:
                add_signature(self.image, rng, diameter)
        if rng.random() < 0.25:
            print_on(self.image, rng, self.kept.pages, rng.uniform(0.5, 1.2), turn)

    # -- parts -----------------------------------------------------------------------------------------------------

    def start(self, height: int, width: int) -> None:
        """Take a sheet of empty paper, pixels."""
        self.image = paper.make_paper(self.rng, self.kept.fields, height, width, self.look, self.settings.style)

    def _page_turn(self) -> float:
        draw = self.rng.random()
        if draw < 0.6:
            return float(self.rng.normal(0, 2))
        return (
            float(self.rng.choice([0, 90, 180, 270])) + float(self.rng.normal(0, 3))
            if draw < 0.9
            else float(self.rng.uniform(0, 360))
        )

    def _under(self, diameter: float) -> None:
        """Print below the seal."""
        rng = self.rng
        if self.settings.style == "guilloche":  # fine lines and print together are read by nobody
            return
        if rng.random() < 0.62:
            self.print_text(diameter)
        if self.look in ("photo", "scan") and rng.random() < 0.03:
            self._shine_through(diameter)
        if rng.random() < 0.12:
            add_mark(self.image, rng, self.kept.book, self.kept.fields)

    def _over(self, diameter: float) -> None:
        """Print and marks on top of the seal."""
        rng = self.rng
        if self.settings.style == "guilloche":  # fine lines and print together are read by nobody
            return
        if rng.random() < 0.15:
            self.print_text(diameter)
        if rng.random() < 0.1:
            add_signature(self.image, rng, diameter * rng.uniform(0.4, 1.0))
        if rng.random() < 0.05:
            add_mark(self.image, rng, self.kept.book, self.kept.fields)
        if self.look == "clean" and rng.random() < 0.15:
            add_confetti(self.image, rng)

    def _shine_through(self, diameter: float) -> None:
        """A seal on the back of the sheet: mirrored, very pale, not labelled."""
        rng, image = self.rng, self.image
        height, width = image.shape[:2]
        half = diameter * rng.uniform(0.35, 0.5)
        mask, centre = draw_design(self.design(), half, rng)
        alpha = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 1.0 + half / 80)
        spot = rng.uniform(0.1, 0.9, 2) * (width, height)
        matrix = (
            scale_matrix(float(spot[0]), float(spot[1]), -1.0, 1.0)
            @ turn_matrix(rng.uniform(0, 360))
            @ scale_matrix(-centre[0], -centre[1], 1, 1)
        )
        ink = Ink(np.array([60, 50, 190], np.float32), "red", float(rng.uniform(0.06, 0.18)), False)
        blend(image, cv2.warpPerspective(alpha, matrix, (width, height)), ink, 0, 0)

    def print_text(self, diameter: float) -> None:
        """Print whose characters are 0.05 to 0.2 of the seal high, over the whole image or a part of it."""
        rng, image = self.rng, self.image
        turn = self._page_turn() if rng.random() < 0.6 else float(rng.choice([0, 90, 180, 270]))
        zoom = diameter * rng.uniform(0.05, 0.17) / 32
        height, width = image.shape[:2]
        if rng.random() < 0.45:
            y0, y1 = np.sort(rng.uniform(0, 1, 2)) * height
            x0, x1 = np.sort(rng.uniform(0, 1, 2)) * width
            if y1 - y0 < 8 or x1 - x0 < 8:
                return
            image = image[int(y0) : int(y1), int(x0) : int(x1)]
        print_on(image, rng, self.kept.pages, zoom, turn)

    def design(self) -> Design:
        """A seal of the layout, or of one of the shapes, that the settings ask for."""
        if self.settings.layout != "any":
            return design_layout(self.settings.layout, self.rng, self.kept.book)
        weights = self.settings.shape_weights()
        p = np.array(list(weights.values()))
        shape = list(weights)[int(self.rng.choice(len(p), p=p / p.sum()))]
        design = design_seal(shape, self.rng, self.kept.book)
        if self.settings.characters:
            # a generator of its own: all else of the image is as without these characters
            own = np.random.default_rng(self.rng.bit_generator.seed_seq.spawn(1)[0])  # type: ignore[attr-defined]
            inject_characters(design, own, self.kept.book, self.settings.characters, self.settings.characters_share)
        return design

    def _angle(self) -> float:
        rng = self.rng
        if rng.random() < self.settings.uniform_angle:
            return float(rng.uniform(0, 360))
        return float(rng.normal(0, 7)) if rng.random() < 0.6 else 0.0

    def _pose(self) -> np.ndarray:
        """Turn, then the camera's squeeze and tilt, around the origin."""
        rng = self.rng
        homography = turn_matrix(self._angle())
        if self.look != "clean" and rng.random() < 0.6:
            stretch = np.exp(rng.normal(0, 0.07))
            homography = scale_matrix(0, 0, stretch, 1 / stretch) @ homography
            homography = tilt_matrix(rng, rng.uniform(0, 0.12)) @ homography
        return homography

    def _place_at(self, centre: np.ndarray, half: float, page_turn: float = 0.0) -> np.ndarray:
        return scale_matrix(float(centre[0]), float(centre[1]), half, half) @ turn_matrix(page_turn) @ self._pose()

    @staticmethod
    def outline(design: Design) -> np.ndarray:
        """Outline (N, 2) of a design in the seal's frame."""
        return outline_points(design.shape, 1.0, design.b)

    def stamp(self, design: Design, place: np.ndarray, ink: Ink | None = None) -> None:
        """Ink a seal on the image and write down its lines; `place` maps the seal's frame to pixels.

        `ink` None: one of those that the scene may show.
        """
        rng = self.rng
        half_px = self._half_px(design, place)
        laser = self.settings.style == "laser"
        mask, layers, centre = draw_layers(design, half_px, rng, hollow=1.0 if laser else 0.0)
        clean = self.look == "clean" and rng.random() < 0.75
        ink = ink or choose_ink(rng, clean)
        if laser:
            colour = np.array([rng.uniform(15, 50), rng.uniform(30, 70), rng.uniform(50, 100)], np.float32)
            ink = Ink(colour, "brown", float(rng.uniform(0.55, 0.9)), False)
            alpha = hatch(mask.astype(np.float32) / 255, rng)
        elif self.settings.style == "guilloche":
            face = np.zeros_like(mask)
            fill(face, self.outline(design) * half_px + centre)
            alpha = screen(mask, face, rng, half_px / 130)
        else:
            alpha = mask.astype(np.float32) / 255 if clean else press(mask, rng, self.kept.fields, half_px)
        self._put(design, place, alpha, layers, centre, half_px, ink)

    def stamp_plainly(self, design: Design, place: np.ndarray, ink: Ink) -> None:
        """Put a seal on the image with every pixel of its ink, as from a drawing program, and write down its lines."""
        half_px = self._half_px(design, place)
        mask, layers, centre = draw_layers(design, half_px, self.rng, hollow=0.0)
        self._put(design, place, mask.astype(np.float32) / 255, layers, centre, half_px, ink)

    def _half_px(self, design: Design, place: np.ndarray) -> float:
        """Half the width, in pixels, at which the masks of a seal are drawn."""
        outline = transform(place, self.outline(design))
        return float(np.clip((outline.max(0) - outline.min(0)).max() / 2, 24, 420))

    def _put(
        self,
        design: Design,
        place: np.ndarray,
        alpha: np.ndarray,
        layers: np.ndarray,
        centre: tuple[float, float],
        half_px: float,
        ink: Ink,
    ) -> None:
        """Blend ink of this coverage (H, W) float32 into the image; `layers` are those of `draw_layers`."""
        image = self.image
        outline = transform(place, self.outline(design))
        matrix = place @ scale_matrix(-centre[0] / half_px, -centre[1] / half_px, 1 / half_px, 1 / half_px)
        corners = transform(
            matrix,
            np.array([[0, 0], [alpha.shape[1], 0], [alpha.shape[1], alpha.shape[0]], [0, alpha.shape[0]]], float),
        )
        height, width = image.shape[:2]
        x0, y0 = np.clip(np.floor(corners.min(0)).astype(int), 0, (width, height))
        x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, (width, height))
        if x1 <= x0 or y1 <= y0:
            return
        shifted = scale_matrix(-float(x0), -float(y0), 1.0, 1.0) @ matrix
        size = (int(x1 - x0), int(y1 - y0))
        blend(image, cv2.warpPerspective(alpha, shifted, size, flags=cv2.INTER_LINEAR), ink, int(x0), int(y0))
        up = transform(place, np.array([[0.0, 0.0], [0.0, -0.2]]))
        angle = float(np.degrees(np.arctan2(up[1, 0] - up[0, 0], up[0, 1] - up[1, 1])) % 360)
        number = len(self.seals)
        visible = [
            found
            for line in design.lines
            if (found := self._label(line, place, design.shape, angle, number)) is not None
        ]
        if visible:
            self.lines += visible
            seen = cv2.warpPerspective(layers, shifted, size, flags=cv2.INTER_LINEAR)
            self.characters.append(Characters(seen, int(x0), int(y0)))
            low, high = np.clip(outline.min(0), 0, (width, height)), np.clip(outline.max(0), 0, (width, height))
            box = [round(float(v), 1) for v in (*low, *high)]
            self.seals.append({"shape": design.shape, "angle": round(angle, 1), "colour": ink.name, "box": box})

    def _label(self, line: Line, place: np.ndarray, shape: str, angle: float, seal: int) -> TextLine | None:
        """The part of a line whose characters are in the image; None where nothing is left."""
        height, width = self.image.shape[:2]
        centres = transform(place, line.centres())
        inside = ((centres > 0) & (centres < (width - 1, height - 1))).all(1)
        if not inside.any():
            return None
        runs = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
        first, last = max(zip(runs[::2], runs[1::2]), key=lambda run: run[1] - run[0])
        whole = last - first == len(line.characters)
        points = transform(place, line.polygon(int(first), int(last)))
        text = line.text if whole else "".join(character.char for character in line.characters[first:last])
        points = np.clip(points, 0, (width - 1, height - 1)).astype(np.float32)
        ignore = bool(not whole and last - first < 2)  # not NumPy's: summaries are JSON
        return TextLine(points, text, ignore, shape, round(angle, 1), line.direction, seal)

    def finish(self) -> tuple[np.ndarray, list[TextLine], dict[str, Any]]:
        """Light and camera, last of all: image (H, W, 3) uint8 BGR, lines and notes as `render_sample` returns them."""
        paper.shade(self.image, self.rng, self.kept.fields, self.look)
        image = take(self.image, self.rng, self.kept.fields, self.look)
        measured = self._mark_illegible(image)
        info = {"kind": self.kind, "look": self.look, "seals": self.seals, "legibility": measured}
        return image, self.lines, info

    def _mark_illegible(self, image: np.ndarray) -> list[float]:
        """Ignore the lines that the finished image hides; their legibility. Draws nothing at random."""
        # the lines of a guilloche have one colour inside and outside of characters, and that is what is measured
        if not self.settings.legibility or self.settings.style == "guilloche":
            return []
        measured = [legibility(image, self.characters[line.seal or 0], line) for line in self.lines]
        for line, value in zip(self.lines, measured):
            line.ignore = line.ignore or value < self.settings.legibility
        return [round(value, 4) for value in measured]
