"""Annotations that were drawn on the image at another size, or before its EXIF orientation was applied.

Many formats state the size of the image they speak of. Where it is not the size of the image that is there, the
points are carried over, which is reported; where no scaling makes the one of the other, the image is not converted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealkit.errors import ImageError
from sealkit.images import ImageInfo, inspect_image

MAX_SKEW = 0.02
"""Relative difference of the factors of width and height up to which an image counts as scaled: sides are rounded."""
_SIZE = tuple[float, float]
_TURNED: dict[int, int] = {1: 0, 6: 90, 3: 180, 8: 270}  # EXIF orientation -> degrees clockwise to upright


class SizeFit:
    """How points of an annotation become points of the upright image.

    Attributes:
        code: "" where nothing is to be done, "resized", "exif-turned", or "wrong-size" where nothing can be done.
        message: what was found.
    """

    def __init__(self, code: str, message: str, move: Callable[[float, float], _SIZE] | None, turn: int | None) -> None:
        self.code, self.message = code, message
        self._move, self._turn = move, turn

    def moved(self, entry: Any) -> Any:
        """An entry with its points carried over; entries without sound points are left to the label reader."""
        if self._move is None or not isinstance(entry, dict):
            return entry
        try:
            points = [list(self._move(float(x), float(y))) for x, y in entry["points"]]
        except (KeyError, TypeError, ValueError, OverflowError):
            return entry
        made = {**entry, "points": points}
        if self._turn is None:  # mirrored: start and direction of a text have no meaning any more
            points.reverse()
            made.pop("direction", None)
            made.pop("angle", None)
        elif isinstance(entry.get("angle"), (int, float)):
            made["angle"] = (entry["angle"] + self._turn) % 360
        return made


NOTHING = SizeFit("", "", None, 0)


def stated(width: Any, height: Any) -> tuple[int, int] | None:
    """(width, height) as an annotation states it; None where it states none."""
    try:
        size = (int(float(width)), int(float(height)))
    except (TypeError, ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None


def fit(image: Path, size: tuple[int, int] | None) -> SizeFit:
    """How an annotation of an image of `size` fits the image that is there; NOTHING where it cannot be opened."""
    if size is None:
        return NOTHING
    try:
        info = inspect_image(image)
    except ImageError:
        return NOTHING  # reported by the check; no size to compare with
    return fit_sizes(size, info, image.name)


def fit_sizes(size: tuple[int, int], info: ImageInfo, name: str) -> SizeFit:
    """As `fit`, for an image whose header is known."""
    upright, stored = info.size, (info.width, info.height)
    if size == upright:
        return NOTHING
    stated, real = "{}x{}".format(*size), "{}x{}".format(*upright)
    scale = _factors(size, upright)
    if scale is not None:
        message = (
            f"the annotation is of an image of {stated}, {name} is {real}: points were multiplied by {scale[0]:.4g}"
        )
        x_scale, y_scale = scale
        return SizeFit("resized", message, lambda x, y: (x * x_scale, y * y_scale), 0)
    scale = _factors(size, stored)
    if scale is not None and info.orientation != 1:
        message = (
            f"the annotation is of {name} before its EXIF orientation {info.orientation} ({stated}; upright {real})"
        )
        move = _upright(info.orientation, scale, stored)
        return SizeFit("exif-turned", f"{message}: points were turned", move, _TURNED.get(info.orientation))
    return SizeFit("wrong-size", f"the annotation is of an image of {stated}, {name} is {real}", None, 0)


def _factors(size: tuple[int, int], real: tuple[int, int]) -> _SIZE | None:
    """Factors of width and height; None where the image was not merely scaled."""
    x, y = real[0] / size[0], real[1] / size[1]
    rounding = 0.5 / min(size) + 0.5 / min(real)  # a side is a whole number of pixels
    return (x, y) if abs(x - y) <= (MAX_SKEW + rounding) * max(x, y) else None


def _upright(orientation: int, scale: _SIZE, stored: tuple[int, int]) -> Callable[[float, float], _SIZE]:
    """Stored pixel -> upright pixel by EXIF tag 0x0112 (CIPA DC-008, 4.6.4)."""
    right, bottom = stored[0] - 1, stored[1] - 1
    places: dict[int, Callable[[float, float], _SIZE]] = {
        2: lambda x, y: (right - x, y),
        3: lambda x, y: (right - x, bottom - y),
        4: lambda x, y: (x, bottom - y),
        5: lambda x, y: (y, x),
        6: lambda x, y: (bottom - y, x),
        7: lambda x, y: (bottom - y, right - x),
        8: lambda x, y: (y, right - x),
    }
    place = places[orientation]
    return lambda x, y: place(x * scale[0], y * scale[1])


__all__ = ["NOTHING", "SizeFit", "fit", "fit_sizes", "stated"]
