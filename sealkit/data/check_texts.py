"""Checks transcriptions: invisible characters, broken encodings, full-width twins, placeholders."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sealkit.charset import Charset
from sealkit.errors import Problem, Severity

_LOST = ("\ufffd", "锟斤拷", "烫烫烫", "屯屯屯")
"""What is left of a text that was decoded with the wrong encoding, or never filled in."""
_INVISIBLE = {
    "\u200b": "zero-width space",
    "\u200c": "zero-width non-joiner",
    "\u200d": "zero-width joiner",
    "\u2060": "word joiner",
    "\ufeff": "byte-order mark",
    "\u00ad": "soft hyphen",
    "\u00a0": "no-break space",
}
_PLACEHOLDERS = re.compile(
    r"待识别|待标注|待定|未识别|未标注|识别失败|看不清楚?|无法(?:识别|辨认)|请输入(?:文字|文本|内容)?|TEMPORARY"
    r"|(?:text|label|object|shape|rect)[ _-]?\d+|no[ _-](?:text|label)|<unk>|\?{3,}|？{2,}|_+|#{3,}|\*+",
    re.IGNORECASE,
)
"""What labelling tools write into a box before anybody types: PPOCRLabel's 待识别 and TEMPORARY, text0, label_1, …;
what labellers write where they cannot read; and the marks of ignored texts, which strips are none of."""
_TOOL_WORDS = frozenset(
    {
        "text", "label", "object", "polygon", "rectangle", "shape", "stamp", "undefined", "null", "none", "nan",
        "unknown", "todo", "string", "xxx", "n/a", "N/A", "None", "NaN", "NULL",
    }
)  # fmt: skip
"""Class names and empty values of tools; as a text of a seal only in lower case an oddity."""


@dataclass(frozen=True)
class TextRules:
    """From where the texts of a set are odd."""

    one_text_outlines: int = 5
    """One text that stands on at least so many outlines …"""
    one_text_share: float = 0.5
    """… and on more than this share of the set was hardly read there: a purpose such as 合同专用章 comes with a
    name."""
    shown: int = 8
    """Examples named in one message."""


RULES = TextRules()


@dataclass(frozen=True)
class PlacedText:
    """A transcription and where it stands: "train.txt:17", number of the text in its image."""

    where: str
    number: int
    text: str


def text_problems(texts: Sequence[PlacedText], charset: Charset | None = None) -> list[Problem]:
    """Problems of transcriptions; those about the set as a whole come last, one message each.

    Args:
        texts: what is trained on or scored; ignored texts left out.
        charset: also report characters that this charset lacks, with counts and places.
    """
    found = [problem for placed in texts for problem in _one(placed)]
    found += _width_twins(texts)
    found += _one_text(texts)
    if charset is not None:
        found += _missing(texts, charset)
    return found


def _one(placed: PlacedText) -> Iterable[Problem]:
    text, name = placed.text, f"text {placed.number} ({placed.text!r})"

    def problem(kind: str, reason: str, fix: str, severity: Severity = "warning") -> Problem:
        return Problem(kind, placed.where, reason, fix, severity)

    lost = [mark for mark in _LOST if mark in text]
    if lost:
        yield problem("lost-text", f"{name} holds {lost[0]!r}: its encoding was lost", "write it again", "error")
    if is_placeholder(text) or text.strip() in _TOOL_WORDS:
        fix = 'write what is there, or "###" if it cannot be read'
        yield problem("placeholder", f"{name} is a placeholder, not a transcription", fix)
    odd = [char for char in dict.fromkeys(text) if _is_odd(char)]
    if odd:
        named = ", ".join(_INVISIBLE.get(char, f"U+{ord(char):04X}") for char in odd)
        yield problem("invisible-character", f"{name} holds characters that cannot be seen: {named}", "delete them")
    if text.strip() and text != text.strip():
        yield problem("outer-space", f"{name} begins or ends with a space", "delete it", "info")
    composed = unicodedata.normalize("NFC", text)
    if composed != text:
        yield problem("not-composed", f"{name} is not in Unicode form NFC", f"write {composed!r}", "info")


def is_placeholder(text: str) -> bool:
    """Whether a transcription is one that a labelling tool wrote, and nobody read: no recogniser may learn it."""
    return _PLACEHOLDERS.fullmatch(text.strip()) is not None


def _one_text(texts: Sequence[PlacedText]) -> list[Problem]:
    """A text on most of the set's outlines: a default that was never corrected."""
    counts = Counter(placed.text.strip() for placed in texts if placed.text.strip())
    if not counts:
        return []
    text, count = counts.most_common(1)[0]
    total = sum(counts.values())
    if count < RULES.one_text_outlines or count <= RULES.one_text_share * total or is_placeholder(text):
        return []
    first = next(placed for placed in texts if placed.text.strip() == text)
    reason = f"{text!r} is the text of {count} of {total} outlines or strips"
    fix = "correct only if all of them read this; otherwise transcribe each one"
    return [Problem("one-text", first.where, reason, fix, "warning")]


def _is_odd(char: str) -> bool:
    """Control, format, private-use and unassigned characters; the replacement character has a message of its own."""
    return char in _INVISIBLE or (unicodedata.category(char) in ("Cc", "Cf", "Co", "Cn", "Cs") and char not in "\ufffd")


def _width_twins(texts: Sequence[PlacedText]) -> list[Problem]:
    """Full-width and half-width forms of one character in the same set: two classes for one glyph."""
    counts = Counter(char for placed in texts for char in placed.text)
    twins = []
    for char in counts:
        half = unicodedata.normalize("NFKC", char)
        if half != char and len(half) == 1 and half in counts and unicodedata.east_asian_width(char) == "F":
            twins.append((char, half))
    if not twins:
        return []
    shown = ", ".join(f"{a} ({counts[a]}) and {b} ({counts[b]})" for a, b in sorted(twins)[: RULES.shown])
    first = next(placed for placed in texts if twins[0][0] in placed.text)
    reason = f"{len(twins)} characters are written in full and in half width: {shown}"
    return [Problem("width-twins", first.where, reason, "choose one form for the whole set", "info")]


def _missing(texts: Sequence[PlacedText], charset: Charset) -> list[Problem]:
    """Characters that the charset lacks: one message per character, the most frequent first."""
    counts: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    for placed in texts:
        for char in charset.unknown(placed.text):
            counts[char] += placed.text.count(char)
            places.setdefault(char, []).append(placed.where)
    found = []
    for char, count in counts.most_common():
        where = list(dict.fromkeys(places[char]))
        more = f" and {len(where) - 1} more lines" if len(where) > 1 else ""
        reason = f"{char!r} (U+{ord(char):04X}), {count} times{more}, is not in the charset {charset.id or 'given'}"
        fix = "extend the charset (its weights keep the known rows), or correct the text"
        found.append(Problem("not-in-charset", where[0], reason, fix, "warning"))
    return found


__all__ = ["PlacedText", "is_placeholder", "text_problems"]
