"""Which font a seal's text is set in."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from sealkit.drawing.fonts import Face, chinese_faces, find_faces
from sealkit.errors import DataError

# Weights by style. Rings are cut in Songti and FangSong by the engravers' standard (T/CYZIA 005-2017, which asks for
# Arial digits); the others are met on older and private seals.
RING = {"song": 0.56, "fang": 0.2, "hei": 0.12, "kai": 0.1, "brush": 0.02}
NAME = {"song": 0.27, "fang": 0.06, "hei": 0.17, "kai": 0.3, "brush": 0.2}
PRINT = {"song": 0.55, "fang": 0.15, "hei": 0.18, "kai": 0.12}
HAND = {"kai": 0.45, "brush": 0.55}
_THIN = re.compile(r"Thin|ExtraLight|Light|DemiLight", re.I)
_SLANTED = re.compile(r"Oblique|Italic", re.I)


@lru_cache(maxsize=4)
def _by_style(folder: str | None) -> dict[str, list[Face]]:
    grouped: dict[str, list[Face]] = {}
    for face in chinese_faces(folder):
        if not _SLANTED.search(face.weight):
            grouped.setdefault(face.style, []).append(face)
    return grouped


@lru_cache(maxsize=4)
def _latin(folder: str | None) -> list[Face]:
    faces = [face for face in find_faces(folder) if face.style == "latin" and face.covers("AZaz09.,&")]
    sans = [
        face
        for face in faces
        if re.search(r"sans|arial|helvet", face.family, re.I) and not _SLANTED.search(face.weight)
    ]
    return sans or faces or chinese_faces(folder)


class FontBook:
    """Chooses faces that have every character of a text; never one that lacks any."""

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder

    def choose(self, rng: np.random.Generator, text: str, weights: dict[str, float], bold: bool = False) -> Face:
        """A random face that covers the text.

        Args:
            weights: by style; styles that are not installed drop out.
            bold: avoid thin weights (seal characters are never hair-thin).

        Raises:
            DataError: no installed face covers the text.
        """
        groups = _by_style(self.folder)
        styles = [style for style in weights if style in groups]
        for _ in range(8):
            if not styles:
                break
            p = np.array([weights[style] for style in styles])
            group = groups[styles[int(rng.choice(len(styles), p=p / p.sum()))]]
            # Families first: Noto's seven weights shall not outweigh the single faces of others.
            families = sorted({face.family.rsplit(" ", 1)[0] for face in group})
            family = families[int(rng.integers(len(families)))]
            members = [face for face in group if face.family.rsplit(" ", 1)[0] == family]
            if bold and len(members) > 1:
                members = [face for face in members if not _THIN.search(face.weight)] or members
            face = members[int(rng.integers(len(members)))]
            if face.covers(text):
                return face
        for group in groups.values():
            for face in group:
                if face.covers(text):
                    return face
        raise DataError(
            "no installed font has all characters of a text",
            value=text,
            hint="install fonts-noto-cjk or name a fonts folder",
        )

    def latin_text(self, rng: np.random.Generator, text: str) -> Face:
        """A face for Latin words, serifs and mono-spaced ones included, no slanted one."""
        faces = [face for face in find_faces(self.folder) if face.style == "latin" and face.covers("AZaz09.,&" + text)]
        upright = [face for face in faces if not _SLANTED.search(face.weight)]
        return upright[int(rng.integers(len(upright)))] if upright else self.latin(rng, text)

    def latin(self, rng: np.random.Generator, text: str) -> Face:
        """A face for digits and Latin characters: sans serif, as the engravers' standard asks, if installed."""
        faces = _latin(self.folder)
        for _ in range(8):
            face = faces[int(rng.integers(len(faces)))]
            if face.covers(text):
                return face
        return self.choose(rng, text, {"hei": 1.0})
