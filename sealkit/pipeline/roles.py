"""What a line of a seal is: its title, its purpose, a code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_CODE = re.compile(r"^[0-9A-Za-z()（）\-—.·:： ]+$")
_DIGIT_SHARE = 0.7
_PURPOSE = re.compile(r"章$|章[(（]|^专用|专用|印鉴|业务|审核|验讫|核准|发票|合同|财务|现金|收讫|付讫|作废")
_TITLE = re.compile(r"公司|集团|委员会|中心|学校|大学|学院|医院|政府|银行|协会|厂|店|局|所|院|处|部|会|队|站|社|行$")


@dataclass(frozen=True)
class LineFacts:
    """What roles are decided by: the text, whether the line is curved, and its length in letter heights."""

    text: str
    curved: bool
    length: float


def line_roles(lines: Sequence[LineFacts]) -> list[str | None]:
    """Role of each line of one seal: "title" (at most one), "purpose", "code", or None.

    A code is mostly digits and Latin letters, six characters or more. The title is the curved line with the most
    characters (else the straight one that reads like an owner's name); a purpose is a straight line that says what the
    seal is for, or a title-less seal's only line ending in 章 stays its title.
    """
    roles: list[str | None] = [None] * len(lines)
    for i, line in enumerate(lines):
        if is_code(line.text):
            roles[i] = "code"
    open_lines = [i for i, line in enumerate(lines) if roles[i] is None and line.text]
    curved = [i for i in open_lines if lines[i].curved]
    named = [i for i in open_lines if _TITLE.search(lines[i].text) and not _PURPOSE.search(lines[i].text)]
    candidates = curved or named or ([] if len(open_lines) > 1 else open_lines)
    if candidates:
        title = max(candidates, key=lambda i: (len(lines[i].text), lines[i].length))
        roles[title] = "title"
    for i in open_lines:
        if roles[i] is None and _PURPOSE.search(lines[i].text):
            roles[i] = "purpose"
    return roles


def is_code(text: str) -> bool:
    """Whether a text is a registration number rather than words."""
    bare = re.sub(r"\s", "", text)
    if len(bare) < 6 or not _CODE.match(bare):
        return False
    return sum(c.isdigit() for c in bare) >= _DIGIT_SHARE * len(bare)


def is_curved(line_poly: np.ndarray, limit: float = 0.15) -> bool:
    """Whether a line_poly (2M, 2) bends: its top edge leaves the chord by more than `limit` of its length."""
    half = len(line_poly) // 2
    top = np.asarray(line_poly[:half], dtype=np.float64)
    if half < 3:
        return False
    chord = top[-1] - top[0]
    length = float(np.hypot(*np.diff(top, axis=0).T).sum())
    if length <= 0:
        return False
    size = float(np.hypot(*chord))
    if size < 0.5 * length:  # a ring that closes on itself has hardly any chord
        return True
    offsets = np.abs(chord[0] * (top[:, 1] - top[0, 1]) - chord[1] * (top[:, 0] - top[0, 0])) / size
    return bool(offsets.max() > limit * length)
