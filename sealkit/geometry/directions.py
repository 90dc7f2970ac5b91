"""How a text runs, as labels and lines name it."""

from __future__ import annotations

from typing import Literal, get_args

Direction = Literal["arc", "arc-bottom", "line", "vertical"]
"""arc: characters' tops outward; arc-bottom: tops towards the centre; vertical: upright characters one below the
other."""
DIRECTIONS: frozenset[str] = frozenset(get_args(Direction))
