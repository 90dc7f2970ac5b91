"""Given characters in the place of others, so that a recogniser meets those it has to learn."""

from __future__ import annotations

import numpy as np

from sealkit.drawing.fonts import GLYPH_PX, is_cjk
from sealkit.synth.design import Design
from sealkit.synth.fontbook import RING, FontBook

_FULL = 0.6  # of an em: only letters as large as that are replaced, so that none is squeezed into the place of 一


def weave(design: Design, rng: np.random.Generator, book: FontBook, characters: str, share: float) -> None:
    """Replace one to three Chinese letters of a share of the lines, in place; glyphs and texts change alike."""
    for line in design.lines:
        full = _FULL * GLYPH_PX
        places = [i for i, one in enumerate(line.letters) if is_cjk(one.char) and min(one.glyph.ink.shape) > full]
        if not places or rng.random() >= share:
            continue
        count = min(int(rng.integers(1, 4)), len(places))
        for place in rng.choice(places, count, replace=False):
            letter = line.letters[int(place)]
            letter.char = characters[int(rng.integers(len(characters)))]
            letter.glyph = book.choose(rng, letter.char, RING, bold=True).glyph(letter.char)
        line.text = "".join(letter.char for letter in line.letters)


__all__ = ["weave"]
