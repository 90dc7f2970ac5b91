"""Readable JSON of results: one field per line, points and lists of numbers on one line."""

from __future__ import annotations

import json
from typing import Any


def compact_json(value: Any, indent: int | None = 4, ensure_ascii: bool = False) -> str:
    """JSON in which every list of numbers, and every list of such lists (a polygon), is one line.

    Args:
        value: plain data, see `sealkit.modules.result.plain`.
        indent: spaces per level; None: all on one line.
        ensure_ascii: escape what is not ASCII.
    """
    if indent is None:
        return json.dumps(value, ensure_ascii=ensure_ascii)
    return _written(value, indent, "", ensure_ascii)


def _written(value: Any, indent: int, lead: str, ensure_ascii: bool) -> str:
    if _is_flat(value):
        return json.dumps(value, separators=(",", ":"))
    if not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=ensure_ascii)
    inner = lead + " " * indent
    if isinstance(value, dict):
        rows = [
            f"{json.dumps(str(key), ensure_ascii=ensure_ascii)}: {_written(one, indent, inner, ensure_ascii)}"
            for key, one in value.items()
        ]
    else:
        rows = [_written(one, indent, inner, ensure_ascii) for one in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(rows) + f"\n{lead}{closing}"


def _is_flat(value: Any) -> bool:
    """Whether it is a list of numbers, or one of pairs and the like: a polygon."""
    if not isinstance(value, list):
        return False
    return all(_is_number(one) or (isinstance(one, list) and all(map(_is_number, one))) for one in value)


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, (int, float))
