"""Groups for metric breakdowns, where labels have them: shape, reading direction, angle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

ANGLE_BIN = 45


def group_names(label: Mapping[str, Any]) -> list[str]:
    """Groups a label belongs to: "shape=oval", "direction=arc", "angle=-45..0" (45° bins of -180 … 180)."""
    names = [f"{key}={label[key]}" for key in ("shape", "direction") if label.get(key) is not None]
    if label.get("angle") is not None:
        low = math.floor(((label["angle"] + 180) % 360 - 180) / ANGLE_BIN) * ANGLE_BIN
        names.append(f"angle={low}..{low + ANGLE_BIN}")
    return names


def group_order(name: str) -> tuple[str, int, str]:
    """Sort key of group names: ranges by their lower end."""
    key, value = name.split("=", 1)
    return key, int(value.split("..")[0]) if ".." in value else 0, value
