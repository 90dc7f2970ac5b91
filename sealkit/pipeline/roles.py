"""Roles of a seal's lines: title, purpose, code or name. Geometry guesses, the text decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_CODE = re.compile(r"^[0-9A-Za-z()（）\-—.·:：]+$")
_PURPOSE = re.compile(
    r"专用|印鉴|合同章|公章|业务章|财务章|发票|现金|收讫|付讫|验讫|审核|核准|作废|受理|检验|质检|代表章|有效$"
)


@dataclass(frozen=True)
class RoleRules:
    """What makes a text a registration number, and a title a purpose."""

    min_code_characters: int = 6
    """Shorter numbers are none of a register."""
    min_digit_share: float = 0.7
    """Share of a code's characters that are digits."""
    max_purpose_characters: int = 8
    """A title of more characters names its owner, whatever other words it holds."""


RULES = RoleRules()


def line_roles(lines: Sequence[tuple[str, str | None]]) -> list[str | None]:
    """Role of each line of one seal: "title" (at most one), "purpose", "code", "name", or None.

    Args:
        lines: text and the role geometry gave it (`order_lines`), in reading order.

    A text of mostly digits, six or more characters, is a code wherever it stands. Words on a lower arc are no code.
    What says what the seal is for is its purpose, unless it is all there is. Of several titles the longest stays.
    """
    roles = [_role(text, guess, len(lines)) for text, guess in lines]
    titles = [i for i, role in enumerate(roles) if role == "title"]
    if titles:
        longest = max(titles, key=lambda i: len(lines[i][0]))
        roles = [None if role == "title" and i != longest else role for i, role in enumerate(roles)]
    return roles


def _role(text: str, guess: str | None, count: int) -> str | None:
    if is_code(text):
        return "code"
    if guess == "code":  # a lower arc of small characters: English names stand there as well
        return "purpose" if _PURPOSE.search(text) else None
    if guess == "purpose" and not _PURPOSE.search(text) and not text.endswith("章"):
        return None
    if guess == "title" and _PURPOSE.search(text) and count > 1 and len(text) <= RULES.max_purpose_characters:
        return "purpose"
    return guess


def is_code(text: str) -> bool:
    """Whether a text is a registration number rather than words."""
    bare = re.sub(r"\s", "", text)
    if len(bare) < RULES.min_code_characters or not _CODE.match(bare):
        return False
    return sum(c.isdigit() for c in bare) >= RULES.min_digit_share * len(bare)
