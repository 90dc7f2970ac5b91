"""What a Paddle pickle is read into: our own plain records, which hold no object of NumPy or of another library.

Of an array they hold the type, out of a list, the shape, and the place of its bytes in the file. So there is nothing
whose state the file could set to its own liking. Standard library only: see `pickle_index`.
"""

from __future__ import annotations

import math
from typing import Any

MAX_OPCODES = 1_000_000
"""A file of 5,000 tensors with Adam's moments has 530,000; a million are walked in 2 s and 200 MB."""
MAX_DEPTH = 16
MAX_AXES = 32
MAX_NAME = 1_000  # bytes of a text that is read when it is met; longer ones (arrays of protocol 2) stay in the file
MAX_TEXT = 1 << 20  # bytes of all texts and byte strings that are values
TYPES = {"b1": 1, "i1": 1, "i2": 2, "i4": 4, "i8": 8, "u1": 1, "u2": 2, "u4": 4, "u8": 8, "f2": 2, "f4": 4, "f8": 8}
"""NumPy's type strings that weights may have, and the bytes of one element."""


class Refused(Exception):
    """The file asks for something that weights never need.

    Attributes:
        place: name of the entry it is about, "" where unknown.
        value: what it asks for.
    """

    def __init__(self, what: str, place: str = "", value: str | None = None) -> None:
        super().__init__(what)
        self.place, self.value = place, value


class Damaged(Exception):
    """The file is no pickle, or not a whole one."""


class Text:
    """A string of the file. `content` is None where it is longer than a name."""

    __slots__ = ("at", "content", "old", "size")

    def __init__(self, at: int, size: int, content: str | None, old: bool = False) -> None:
        self.at, self.size, self.content = at, size, content
        self.old = old  # a byte string of Python 2, which stands for either


class Raw:
    """Bytes of the file; `encoded` where they stand there as UTF-8 of a text whose characters are the bytes."""

    __slots__ = ("at", "content", "encoded", "size", "stored")

    def __init__(self, at: int, stored: int, size: int, content: bytes | None, encoded: bool = False) -> None:
        self.at, self.stored, self.size, self.content, self.encoded = at, stored, size, content, encoded


class Name:
    """A name the file refers to, out of `_NAMES`; it stands for no object."""

    __slots__ = ("role",)

    def __init__(self, role: str) -> None:
        self.role = role


class ArrayType:
    """A type string and its byte order."""

    __slots__ = ("built", "code", "order")

    def __init__(self, code: str) -> None:
        self.code, self.order, self.built = code, "<", False


class Array:
    """What is known of an array; `raw` is None until the file has given its state."""

    __slots__ = ("axes", "number", "order", "raw", "scalar", "shape", "type")

    def __init__(self) -> None:
        self.raw: Raw | None = None
        self.type, self.order = "", "C"
        self.shape: tuple[int, ...] = ()
        self.axes: tuple[int, ...] | None = None
        self.scalar, self.number = False, -1

    def fill(self, raw: Raw, type_: ArrayType, shape: tuple[int, ...]) -> None:
        """Give the content, once; it must be just as long as the shape says."""
        if self.raw is not None:
            raise Damaged("an array is given twice")
        wanted = math.prod(shape) * TYPES[type_.code]
        if wanted != raw.size:
            raise Damaged(f"an array of shape {shape} and type {type_.code} needs {wanted} bytes, has {raw.size}")
        self.raw, self.type, self.shape = raw, type_.order + type_.code, shape


def whole(value: Any) -> bool:
    """An int that is no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def word(value: Any) -> str | None:
    """A short text's characters; None for anything else."""
    return value.content if isinstance(value, Text) else None


def shape_of(value: Any) -> tuple[int, ...]:
    """A shape out of the file, bounded."""
    # The sides of an empty array are bounded too: NumPy multiplies them.
    if not isinstance(value, tuple) or not all(whole(side) and 0 <= side < 1 << 40 for side in value):
        raise Damaged("the shape of an array is not a tuple of sizes")
    if len(value) > MAX_AXES or math.prod(max(side, 1) for side in value) >= 1 << 60:
        raise Damaged("the shape of an array is too large")
    return value


def raw_of(value: Any) -> Raw:
    """The bytes of an array, which Python 2 wrote as a string."""
    if isinstance(value, Text) and value.old:
        return Raw(value.at, value.size, value.size, None)
    if not isinstance(value, Raw):
        raise Refused("the content of an array is not bytes")
    return value


def type_of(value: Any) -> ArrayType:
    """The type of an array."""
    if not isinstance(value, ArrayType):
        raise Damaged("the type of an array is missing")
    return value


def asks(name: str) -> Refused:
    """The refusal of a name or an operation."""
    shown = name if len(name) <= 100 else name[:97] + "..."
    return Refused(f"the file asks to use `{shown}`, which weights never need")
