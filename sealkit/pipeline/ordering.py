"""Reading order of a seal's lines (the rules live in geometry)."""

from __future__ import annotations

from dataclasses import replace

from sealkit.geometry.order import order_lines
from sealkit.pipeline.assemble import SealParts


def in_reading_order(parts: SealParts) -> SealParts:
    """The same seal with its lines ordered, each line still knowing its region."""
    owner = {id(line): region for line, region in zip(parts.lines, parts.of_region)}
    ordered = order_lines(parts.lines)
    return replace(parts, lines=ordered, of_region=[owner[id(line)] for line in ordered])
