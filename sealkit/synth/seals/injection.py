"""Character injection: given characters in place of others, so that a recogniser meets those it has to learn."""

from __future__ import annotations

import numpy as np

from sealkit.drawing.fonts import GLYPH_PX
from sealkit.synth.common.fontbook import RING, FontBook
from sealkit.synth.seals.design import Design
from sealkit.text import is_cjk

_FULL = 0.6  # of an em: only characters as large as that are replaced, so that none is squeezed into the place of 一


def inject_characters(design: Design, rng: np.random.Generator, book: FontBook, characters: str, share: float) -> None:
    """Replace one to three Chinese characters of a share of the lines, in place; glyphs and texts change alike."""
    for line in design.lines:
        full = _FULL * GLYPH_PX
        places = [i for i, one in enumerate(line.characters) if is_cjk(one.char) and min(one.glyph.ink.shape) > full]
        if not places or rng.random() >= share:
            continue
        count = min(int(rng.integers(1, 4)), len(places))
        for place in rng.choice(places, count, replace=False):
            character = line.characters[int(place)]
            character.char = characters[int(rng.integers(len(characters)))]
            character.glyph = book.choose(rng, character.char, RING, bold=True).glyph(character.char)
        line.text = "".join(character.char for character in line.characters)


__all__ = ["inject_characters"]
