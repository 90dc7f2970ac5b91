"""Fonts of the system: found, sorted by style, and asked for glyphs by their ink.

A code point in a font's character map says little: several free fonts draw an empty glyph, a dot or a box for
characters they do not have. `Face.has` therefore looks at the drawn ink and compares it with the placeholders the font
draws for code points no font has.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

from sealkit.errors import DataError
from sealkit.text import is_cjk

GLYPH_PX = 96
"""Em size of cached glyph bitmaps: as large as a character of a 480 px seal."""

VARIABLE = "SEALKIT_FONTS"
"""Environment variable: folders of fonts (as PATH separates them) that take the place of the system's and mplfonts'."""

_CACHE_LIMIT = 4000  # glyphs per face: 4000 x ~8 kB = 32 MB at worst, more than the characters of one long run's texts
_STYLES = (
    ("brush", r"kouzan|brush|gyosho|sousyo|mouhitsu|xingkai|caoshu|lishu|clerical"),
    ("fang", r"fang|fsong|cwtexfs|zhongsong"),
    ("kai", r"kai|ukai"),
    ("hei", r"hei|sans cjk|source han sans|gothic|yahei|smiley|droid sans fallback|yuan"),
    ("song", r"song|sung|ming|serif cjk|source han serif|simsun"),
)
_PROBE_CJK = "有公司人"  # the same characters in simplified and traditional fonts
# Code points that have no glyph anywhere (noncharacters, private use): what is drawn for them is a placeholder.
_NOWHERE = ("\U0010fffd", "\U000ffffd", "\ue5e5", "\uffff")
_REFUSED = re.compile(
    r"simhei|lastresort|emoji|symbol|braille|math", re.I
)  # SimHei is proprietary, the others draw no text


@dataclass(frozen=True)
class Glyph:
    """Ink of one character at `GLYPH_PX` per em.

    Attributes:
        ink: (h, w) uint8 coverage, cropped to the ink.
        left: pixels from the pen to the ink's left edge.
        top: pixels from the font's ascender line to the ink's top edge.
        advance: pixels to the next pen position.
    """

    ink: np.ndarray
    left: int
    top: int
    advance: float


@dataclass(eq=False)
class Face:
    """One face of one font file. Compared by identity; made by `find_faces` only."""

    path: Path
    index: int
    family: str
    weight: str
    style: str
    """song, fang, kai, hei, brush or latin."""
    _font: ImageFont.FreeTypeFont | None = field(default=None, repr=False)
    _glyphs: dict[str, Glyph | None] = field(default_factory=dict, repr=False)
    _placeholders: list[np.ndarray] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Family and weight."""
        return f"{self.family} {self.weight}"

    def glyph(self, char: str) -> Glyph:
        """The glyph of one character; DataError where the face has no ink for it."""
        if not self.has(char):
            raise DataError(
                f"font {self.name} has no glyph for U+{ord(char):04X}", value=char, hint="pick a face with face_for()"
            )
        found = self._glyphs[char]
        assert found is not None  # has() has just said so
        return found

    def has(self, char: str) -> bool:
        """Whether the face draws ink of its own for this character (a blank always counts as had)."""
        if char not in self._glyphs:
            if len(self._glyphs) >= _CACHE_LIMIT:
                self._glyphs.clear()
            self._glyphs[char] = self._draw_checked(char)
        return self._glyphs[char] is not None

    def covers(self, text: str) -> bool:
        """Whether every character of the text has a glyph."""
        return all(self.has(char) for char in text)

    def _draw(self, char: str) -> Glyph | None:
        if self._font is None:
            self._font = ImageFont.truetype(
                str(self.path), GLYPH_PX, index=self.index, layout_engine=ImageFont.Layout.BASIC
            )
        try:
            mask, (left, top) = self._font.getmask2(char, mode="L")
        except (OSError, ValueError):  # FreeType refuses broken outlines
            return None
        ink = np.asarray(mask, dtype=np.uint8).reshape(mask.size[1], mask.size[0])
        rows, columns = (
            np.flatnonzero(ink.max(1) > 32),
            np.flatnonzero(ink.max(0) > 32) if ink.size else np.empty(0, int),
        )
        if ink.size == 0 or len(rows) == 0 or len(columns) == 0:
            return Glyph(np.zeros((0, 0), np.uint8), 0, 0, self._font.getlength(char))
        ink = np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        return Glyph(ink, int(left + columns[0]), int(top + rows[0]), self._font.getlength(char))

    def _draw_checked(self, char: str) -> Glyph | None:
        glyph = self._draw(char)
        if glyph is None or char.isspace():
            return glyph
        if glyph.ink.size == 0:
            return None
        if is_cjk(char) and max(glyph.ink.shape) < 0.3 * GLYPH_PX:  # a dot for a missing character
            return None
        if self._placeholders is None:
            drawn = (self._draw(nowhere) for nowhere in _NOWHERE)
            self._placeholders = [one.ink for one in drawn if one is not None and one.ink.size]
        if any(one.shape == glyph.ink.shape and np.array_equal(one, glyph.ink) for one in self._placeholders):
            return None
        return glyph


def font_folders() -> list[Path]:
    """Folders in which fonts are looked for: those that SEALKIT_FONTS names, else the system's.

    Raises:
        DataError: SEALKIT_FONTS names a folder that does not exist.
    """
    named = [Path(part).expanduser() for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    for folder in named:
        if not folder.is_dir():
            raise DataError(
                f"{VARIABLE} names a folder that does not exist",
                where=str(folder),
                hint=f"correct it (several folders are separated by {os.pathsep!r}), or unset {VARIABLE} to use the "
                "system's fonts",
            )
    return named or system_folders(sys.platform)


def system_folders(platform: str) -> list[Path]:
    """Folders in which a platform (as `sys.platform` names it) keeps its fonts; not all of them need to exist."""
    home = Path(os.path.expanduser("~"))  # unlike Path.home(), it does not fail for a user without a home
    if platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return [
            Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts",
            (Path(local) if local else home / "AppData/Local") / "Microsoft/Windows/Fonts",
        ]
    if platform == "darwin":
        return [
            Path("/System/Library/Fonts"),  # PingFang, Hiragino and, in Supplemental, Songti
            Path("/System/Library/AssetsV2"),  # fonts that macOS loads when they are wanted: Kaiti, PingFang
            Path("/Library/Fonts"),
            home / "Library/Fonts",
        ]
    data_home = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    return [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        data_home / "fonts",
        home / ".fonts",
        Path("/usr/share/texmf/fonts/opentype"),
        Path("/usr/share/texlive/texmf-dist/fonts/opentype/public/fandol"),
    ]


def _package_folder() -> Path | None:
    spec = importlib.util.find_spec("mplfonts")
    return Path(spec.origin).parent / "fonts" if spec is not None and spec.origin else None


def _faces_of_file(path: Path) -> list[Face]:
    faces: list[Face] = []
    for index in range(16 if path.suffix.lower() == ".ttc" else 1):
        try:
            family, weight = ImageFont.truetype(str(path), 12, index=index).getname()
        except OSError:
            break
        family = family or path.stem
        if _REFUSED.search(family) or _REFUSED.search(path.stem):
            continue
        # The Japanese and Korean faces of Noto/Source Han differ from SC and TC in a few strokes; Mono repeats Sans.
        if re.search(r"CJK (JP|KR|HK)|Mono CJK|Ext-?B|Plus|Sousyo", family + path.stem):
            continue
        style = next((name for name, pattern in _STYLES if re.search(pattern, family + " " + path.stem, re.I)), "latin")
        faces.append(Face(path, index, family, weight or "Regular", style))
    return faces


@lru_cache(maxsize=8)
def find_faces(folder: str | None = None) -> tuple[Face, ...]:
    """All usable faces, ordered by file name and index.

    Args:
        folder: look here in addition to the system's folders.

    Faces whose style is not latin have been seen to draw Chinese characters. mplfonts is asked only when nothing else
    was found, and not where SEALKIT_FONTS says which fonts there are.
    """
    folders = ([Path(folder)] if folder else []) + font_folders()
    faces = _usable(folders)
    package = _package_folder()
    if package is not None and not os.environ.get(VARIABLE) and not any(face.style != "latin" for face in faces):
        faces += _usable([package])
    return tuple(faces)


def _usable(folders: list[Path]) -> list[Face]:
    files: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in (".ttf", ".otf", ".ttc"):
                    files.setdefault(path.name, path)
    faces = [face for name in sorted(files) for face in _faces_of_file(files[name])]
    for face in faces:
        chinese = all(face.has(char) for char in _PROBE_CJK)
        if face.style == "latin" and chinese:
            face.style = "hei"
        elif face.style != "latin" and not chinese:
            face.style = "latin" if face.covers("SEAL0123") else "none"
    return [face for face in faces if face.style != "none" and face.covers("0123")]


def chinese_faces(folder: str | None = None) -> list[Face]:
    """Faces with Chinese characters; DataError with what to install when there are none."""
    faces = [face for face in find_faces(folder) if face.style != "latin"]
    if not faces:
        raise DataError(
            "no font with Chinese characters was found",
            where=", ".join(str(path) for path in ([Path(folder)] if folder else []) + font_folders()),
            hint="apt-get install fonts-noto-cjk (Debian), pip install mplfonts (anywhere), or name a folder of fonts: "
            f"{VARIABLE}=DIR",
        )
    return faces


def face_for(text: str, styles: tuple[str, ...] = (), folder: str | None = None) -> Face | None:
    """The first face that covers the text, faces of the named styles first; None where no face does."""
    faces = sorted(
        find_faces(folder), key=lambda face: styles.index(face.style) if face.style in styles else len(styles)
    )
    return next((face for face in faces if face.covers(text)), None)
