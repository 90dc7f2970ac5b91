"""Texts: nearest names for hints, scripts, normalisation, edit distances.

RapidFuzz is imported where it is needed: it costs 5 ms, and most commands never compare a text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_NOT_COMPARED = re.compile(r"[\s·・.,:;'\"“”‘’\-—_()（）\[\]【】<>《》*#■□]")
SCRIPTS = {
    "CJK": "han",
    "HIRAGANA": "kana",
    "KATAKANA": "kana",
    "FULLWIDTH": "fullwidth",
    "DIGIT": "digits",
}
"""First word of a character's Unicode name -> script, where it is not the lower-case word itself."""


def nearest(name: str, known: Iterable[str], limit: int = 1, cutoff: float = 70.0) -> list[str]:
    """The names of `known` that begin with `name` or look like it, best first.

    Args:
        name: as it was given.
        known: all names there are.
        limit: most names to give.
        cutoff: least similarity, 0..100; names that `name` is the beginning of need none.
    """
    from rapidfuzz import fuzz, process, utils

    options = list(known)
    longer = [option for option in options if len(name) >= 4 and option.lower().startswith(name.lower())]
    found = process.extract(
        name, options, scorer=fuzz.ratio, processor=utils.default_process, limit=limit, score_cutoff=cutoff
    )
    return list(dict.fromkeys([*longer, *(match for match, _, _ in found)]))[:limit]


def did_you_mean(
    name: str,
    known: Iterable[str],
    *,
    also: str = "",
    otherwise: str = "",
    prefix: str = "",
    limit: int = 1,
    cutoff: float = 50.0,
) -> str:
    """The hint for an unknown name: "did you mean a or b?" where a known one is near.

    Args:
        name: as it was given.
        known: all names there are.
        also: follows in any case, such as the list of allowed names.
        otherwise: stands alone where no name is near.
        prefix: stands before each name that is suggested, such as the block a settings key belongs to.
        limit: most names to suggest.
        cutoff: least similarity, 0..100, see `nearest`.

    Returns:
        The hint; "" where no name is near and neither `also` nor `otherwise` is given.
    """
    close = [prefix + match for match in nearest(name, known, limit, cutoff)]
    if not close:
        return also or otherwise
    asked = f"did you mean {' or '.join(close)}?"
    return f"{asked} {also}" if also else asked


def comparable(text: str) -> str:
    """What of a text counts when readings are compared: NFKC, upper case, without blanks and punctuation."""
    return _NOT_COMPARED.sub("", unicodedata.normalize("NFKC", text)).upper()


def is_cjk(char: str) -> bool:
    """Whether a character is a Chinese character (unified ideographs and extension A)."""
    return "\u3400" <= char <= "\u9fff"


def script_of(text: str) -> str:
    """Script of a text: "han", "latin", "digits", …; "mixed" where there are several, "symbols" where none."""
    found = set()
    for character in text:
        if character.isalnum():
            word = unicodedata.name(character, "UNNAMED").split()[0].split("-")[0]
            found.add(SCRIPTS.get(word, word.lower()))
    return found.pop() if len(found) == 1 else "mixed" if found else "symbols"


def edit_distance(pred: str, truth: str) -> float:
    """Normalised edit distance: edits over the length of the longer text, 0 (equal) to 1; 0 of two empty texts."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_distance(pred, truth))


def similarity(pred: str, truth: str) -> float:
    """1 − normalised edit distance (1-NED of one pair), 0..1, of the texts as they are; see `comparable`."""
    from rapidfuzz.distance import Levenshtein

    return float(Levenshtein.normalized_similarity(pred, truth))


def character_error_rate(pred: str, truth: str) -> float:
    """Edits over the length of the truth (at least 1); above 1 where more is read than is there."""
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(pred, truth) / max(len(truth), 1)
