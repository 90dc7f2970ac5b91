"""Parts of a network by name: a layer or parameter, dotted from the network's root (`backbone.blocks5`)."""

from __future__ import annotations

from collections.abc import Iterable


def is_under(name: str, part: str) -> bool:
    """Whether a layer or parameter is this part or lies in it: `a.b.w` lies in `a.b`, `a.bc.w` does not."""
    return f"{name}.".startswith(f"{part.rstrip('.')}.")


def known_parts(names: Iterable[str]) -> str:
    """The parts of a network down to the second level, for messages."""
    return ", ".join(sorted({".".join(name.split(".")[:2]) for name in names}))


__all__ = ["is_under", "known_parts"]
