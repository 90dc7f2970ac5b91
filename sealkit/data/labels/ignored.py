"""The one meaning of `difficult`, `ignore`, `###` and their like: a text that is neither trained on nor scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IGNORED_TEXTS = frozenset({"*", "###"})
IGNORE_KEYS = ("ignore", "ignored", "difficult", "illegible", "illegibility")
_YES = frozenset({"true", "1", "yes"})


def says_yes(value: Any) -> bool:
    """Whether a flag is set, as a boolean, a number or a word: tools write true, 1, "True", "yes"."""
    return isinstance(value, (bool, int, str)) and str(value).strip().lower() in _YES


def is_ignored(*places: Any) -> bool:
    """Whether one of the mappings says of its text that it is to be ignored; what is no mapping says nothing."""
    return any(says_yes(place.get(key)) for place in places if isinstance(place, Mapping) for key in IGNORE_KEYS)


__all__ = ["IGNORED_TEXTS", "IGNORE_KEYS", "is_ignored", "says_yes"]
