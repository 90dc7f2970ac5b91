"""Walks the opcodes of a Paddle pickle. Nothing in the file is run or imported.

A pickle is a program for a stack machine. This machine knows the opcodes that Paddle's files consist of (protocols 2 to
5) and a literal table of names, each of which stands for a function of ours that makes a record; everything else is
refused by name. Source of the opcodes: the documentation of CPython's `pickletools`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from sealkit.weights.pickle_records import (
    MAX_NAME,
    MAX_OPCODES,
    TYPES,
    Array,
    ArrayType,
    Damaged,
    Name,
    Raw,
    Refused,
    Text,
    asks,
    raw_of,
    shape_of,
    type_of,
    whole,
    word,
)

_NAMES = {
    "collections.OrderedDict": "OrderedDict",
    "builtins.tuple": "tuple",
    "__builtin__.tuple": "tuple",
    "builtins.bytes": "bytes",  # how protocol 2 writes an empty byte string
    "__builtin__.bytes": "bytes",
    "_codecs.encode": "encode",
    "numpy.ndarray": "ndarray",
    "numpy.dtype": "dtype",
    # NumPy moved its private module in 2.0
    **{f"{core}.multiarray._reconstruct": "reconstruct" for core in ("numpy.core", "numpy._core")},
    **{f"{core}.multiarray.scalar": "scalar" for core in ("numpy.core", "numpy._core")},
    **{f"{core}.numeric._frombuffer": "frombuffer" for core in ("numpy.core", "numpy._core")},
}
_CONTINUATION = bytes(range(0x80, 0xC0))  # bytes of UTF-8 that begin no character


class Walk:
    """The stack machine.

    Args:
        file: seekable, at its beginning.
        size: of the file in bytes.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size, self.position = file, size, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.opcodes = 0
        self.copied = 0  # elements of containers that were copied
        self.decoded = 0  # bytes of long texts that were decoded

    # --- reading

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Damaged where the file has fewer."""
        found = self.file.read(count)
        if len(found) != count:
            raise Damaged("the file ends too early")
        self.position += count
        return found

    def number(self, form: str) -> int:
        """The next number in a format of `struct`, such as `<I`."""
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def extent(self, form: str) -> tuple[int, int, bytes | None]:
        """Place, size and, where short, content of what stands behind its length; the rest is skipped, not read."""
        size = self.number(form)
        at = self.position
        if size < 0 or at + size > self.size:
            raise Damaged("a length reaches past the end of the file")
        if size <= MAX_NAME:
            return at, size, self.take(size)
        self.file.seek(size, os.SEEK_CUR)
        self.position += size
        return at, size, None

    def text(self, form: str) -> None:
        """Push a UTF-8 string whose length comes in this format."""
        at, size, content = self.extent(form)
        self.stack.append(Text(at, size, None if content is None else content.decode("utf-8")))

    def old_text(self, form: str) -> None:
        """Push a byte string of Python 2, which stands for a text or for bytes."""
        at, size, content = self.extent(form)
        self.stack.append(Text(at, size, None if content is None else content.decode("latin1"), old=True))

    def raw(self, form: str) -> None:
        """Push bytes whose length comes in this format."""
        at, size, content = self.extent(form)
        self.stack.append(Raw(at, size, size, content))

    def integer(self, form: str) -> None:
        """Push a little-endian whole number whose size in bytes comes in this format. Refused above 9 bytes."""
        size = self.number(form)
        if not 0 <= size <= 9:
            raise Refused("a whole number of more than 64 bits")
        self.stack.append(int.from_bytes(self.take(size), "little", signed=True))

    def real(self) -> None:
        """Push a big-endian float64."""
        self.stack.append(float(struct.unpack(">d", self.take(8))[0]))

    # --- the stack

    def pop(self) -> Any:
        """Take the topmost value, but none from below the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise Damaged("the stack is empty")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Take the last mark and all values above it, in the order they were pushed."""
        if not self.marks:
            raise Damaged("a mark is missing")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def top(self, kind: type) -> Any:
        """The topmost value, left in place. Damaged where it is of another kind or below the last mark."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0) or not isinstance(self.stack[-1], kind):
            raise Damaged(f"no {kind.__name__} to add to")
        return self.stack[-1]

    def push_tuple(self, count: int) -> None:
        """Make a tuple of the `count` topmost values."""
        items = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def append(self, items: list[Any]) -> None:
        """Add items to the list on top."""
        self.top(list).extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Add keys and values, one after the other in `items`, to the dict on top."""
        if len(items) % 2:
            raise Damaged("a key without a value")
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def put(self, index: int) -> None:
        """Remember the topmost value under a number."""
        self.memo[index] = self.top(object)

    def get(self, index: int) -> None:
        """Push what was remembered under a number."""
        if index not in self.memo:
            raise Damaged("a reference to nothing")
        self.stack.append(self.memo[index])

    # --- names and what they stand for

    def name_of_lines(self) -> None:
        """Push the name that the next two lines spell: module, then name (protocols 2 and 3)."""
        lines = [self.line(), self.line()]
        self.name(".".join(lines))

    def line(self) -> str:
        """The next line without its end, at most `MAX_NAME` bytes."""
        found = self.file.readline(MAX_NAME)
        if not found.endswith(b"\n"):
            raise Damaged("a name without an end")
        self.position += len(found)
        return found[:-1].decode("utf-8", "replace")

    def name_of_stack(self) -> None:
        """Push the name that the two topmost texts spell: module, then name (protocol 4 and later)."""
        name, module = self.pop(), self.pop()
        self.name(f"{word(module)}.{word(name)}")

    def name(self, dotted: str) -> None:
        """Push what a dotted name stands for. Refused where it is not in the table."""
        if dotted not in _NAMES:
            raise asks(dotted)
        self.stack.append(Name(_NAMES[dotted]))

    def reduce(self) -> None:
        """Call the function below the topmost tuple with it and push the result. Refused where it is none of ours."""
        arguments, function = self.pop(), self.pop()
        call = _CALLS.get(function.role) if isinstance(function, Name) else None
        if call is None:
            called = function.role if isinstance(function, Name) else type(function).__name__
            raise asks(f"REDUCE on {called}")
        if not isinstance(arguments, tuple):
            raise Damaged("arguments that are not a tuple")
        self.stack.append(call(self, *_checked(arguments)))

    def ordered_dict(self, items: Any = ()) -> dict[Any, Any]:
        """`OrderedDict()`, or Python 2's `OrderedDict([[key, value], …])`."""
        made: dict[Any, Any] = {}
        for pair in self.copy(items):
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise Damaged("an item of an OrderedDict is not a pair")
            made[_key(pair[0])] = pair[1]
        return made

    def as_tuple(self, items: Any = ()) -> tuple[Any, ...]:
        """Paddle writes a tensor as tuple((name, array))."""
        return items if isinstance(items, tuple) else tuple(self.copy(items))

    def copy(self, items: Any) -> Any:
        """`items`, a list or tuple, counted: the same one may be copied again and again."""
        if not isinstance(items, (list, tuple)):
            raise asks(f"a container made of {type(items).__name__}")
        self.copied += len(items)
        if self.copied > MAX_OPCODES:
            raise Refused("the file copies its containers again and again")
        return items

    def no_bytes(self) -> Raw:
        """`bytes()`, as protocol 2 writes an empty byte string."""
        return Raw(self.position, 0, 0, b"")

    def encode(self, text: Any, codec: Any) -> Raw:
        """`_codecs.encode` as protocol 2 writes bytes with it, and no other codec."""
        if not isinstance(text, Text) or text.old or word(codec) != "latin1":
            raise asks(f"_codecs.encode with encoding {word(codec)!r}")
        content = text.content
        if content is not None:
            try:
                encoded = content.encode("latin1")
            except UnicodeEncodeError:
                raise Damaged("a text that is not bytes") from None
            return Raw(text.at, text.size, len(encoded), encoded, encoded=True)
        return Raw(text.at, text.size, self.characters(text), None, encoded=True)

    def characters(self, text: Text) -> int:
        """Length of a text that stays in the file."""
        self.decoded += text.size
        if self.decoded > self.size:
            raise Refused("the file decodes the same text again and again")
        self.file.seek(text.at)
        left, count = text.size, 0
        while left:
            block = self.file.read(min(left, 1 << 20))
            if not block:
                raise Damaged("the file ends too early")
            left -= len(block)
            count += len(block.translate(None, _CONTINUATION))
        self.file.seek(self.position)
        return count

    def array_type(self, code: Any, align: Any = False, copy: Any = False) -> ArrayType:
        """`numpy.dtype(code)` for the types weights have. Refused for objects and any other type."""
        characters = word(code)
        if characters is None or not (isinstance(align, int) and isinstance(copy, int)):
            raise Damaged("a type that is not a type string")
        if characters not in TYPES:
            if characters[:1] == "O":
                raise Refused("an array of Python objects", value=characters)
            raise Refused("an array of a type that weights never have", value=characters[:40])
        return ArrayType(characters)

    def blank(self, kind: Any, shape: Any, code: Any) -> Array:
        """`_reconstruct(ndarray, (0,), b"b")`: an array whose state comes later, by `build`."""
        character = code.content if isinstance(code, (Raw, Text)) else None
        if not isinstance(kind, Name) or kind.role != "ndarray" or shape != (0,) or character not in (b"b", "b"):
            raise Damaged("an array begins in an unknown way")
        return Array()

    def scalar(self, type_: Any, raw: Any) -> Array:
        """`numpy.core.multiarray.scalar`: an array without axes."""
        made = Array()
        made.fill(raw_of(raw), type_of(type_), ())
        made.scalar = True
        return made

    def from_buffer(self, raw: Any, type_: Any, shape: Any, order: Any, axes: Any = None) -> Array:
        """`_frombuffer` of protocol 5: an array with its content, C or Fortran order, or axes of its own."""
        made = Array()
        made.fill(raw_of(raw), type_of(type_), shape_of(shape))
        if word(order) == "K":  # NumPy 2.3 and later: laid out in C order, then transposed
            if not isinstance(axes, tuple) or not all(map(whole, axes)) or sorted(axes) != [*range(len(made.shape))]:
                raise Damaged("the axes of an array are not a permutation")
            made.axes = axes
        elif word(order) in ("C", "F"):
            made.order = str(word(order))
        else:
            raise Damaged("an array of unknown order")
        return made

    def build(self) -> None:
        """State for one of our own two records; every field is checked."""
        state = self.pop()
        target = self.top(object)
        if isinstance(target, ArrayType):
            if not isinstance(state, tuple) or len(state) != 8 or target.built:
                raise Refused("a type with a state of its own")
            order = word(state[1])
            if order not in ("<", ">", "|") or state[0] != 3 or state[2:] != (None, None, None, -1, -1, 0):
                raise Refused("a type with fields, or of another alignment")
            target.order, target.built = ("<" if order == "|" else order), True
        elif isinstance(target, Array):
            if not isinstance(state, tuple) or len(state) != 5 or state[0] != 1 or state[3] not in (True, False):
                raise Refused("an array with an unknown state")
            target.order = "F" if state[3] else "C"
            target.fill(raw_of(state[4]), type_of(state[2]), shape_of(state[1]))
        else:
            called = target.role if isinstance(target, Name) else type(target).__name__
            raise asks(f"BUILD on {called}")

    # --- the loop

    def run(self) -> Any:
        """The object the file describes, in our own records."""
        try:
            for self.opcodes in range(MAX_OPCODES):
                code = self.take(1)
                if code == b".":
                    return self._end()
                handler = _OPCODES.get(code)
                if handler is None:
                    raise self._unknown(code)
                handler(self)
        except (struct.error, UnicodeDecodeError) as error:
            raise Damaged(str(error)) from None
        raise Refused(f"the file has more than {MAX_OPCODES:,} objects")

    def _end(self) -> Any:
        if len(self.stack) != 1 or self.marks:
            raise Damaged("it ends in the middle")
        return self.stack[0]

    def _unknown(self, code: bytes) -> Exception:
        if code in _FORBIDDEN and self.position > 1:  # the first byte of a file that is no pickle means nothing
            return asks(_FORBIDDEN[code])
        if self.position == 1:
            self.file.seek(0)
            if self.file.read(4) == b"PK\x03\x04":
                return Damaged("it is a ZIP archive, as PyTorch writes them")
            return Damaged("it does not begin as a pickle does")
        return Damaged(f"unknown operation {code!r}")


def _key(value: Any) -> Any:
    """A key of a dict: a short text or a number; anything else could be made to cost time."""
    if word(value) is not None:
        return word(value)
    if not isinstance(value, (int, float)):
        raise Refused("a key that is neither a name nor a number", value=type(value).__name__)
    return value


def _checked(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(arguments) > 5:
        raise Damaged("too many arguments")
    return arguments


def _call(function: Callable[..., Any], least: int, most: int) -> Callable[..., Any]:
    def call(walk: Walk, *arguments: Any) -> Any:
        if not least <= len(arguments) <= most:
            raise Damaged(f"{len(arguments)} arguments for {function.__name__}")
        return function(walk, *arguments)

    return call


_CALLS: dict[str, Callable[..., Any]] = {
    "OrderedDict": _call(Walk.ordered_dict, 0, 1),
    "tuple": _call(Walk.as_tuple, 0, 1),
    "bytes": _call(Walk.no_bytes, 0, 0),
    "encode": _call(Walk.encode, 2, 2),
    "dtype": _call(Walk.array_type, 1, 3),
    "reconstruct": _call(Walk.blank, 3, 3),
    "scalar": _call(Walk.scalar, 2, 2),
    "frombuffer": _call(Walk.from_buffer, 4, 5),
}
"""All that REDUCE may call; `ndarray` is a name only."""

_OPCODES: dict[bytes, Callable[[Walk], Any]] = {
    b"\x80": lambda w: _protocol(w.number("<B")),
    b"\x95": lambda w: w.take(8),  # a frame's length: a hint for readers
    b"(": lambda w: w.marks.append(len(w.stack)),
    b"N": lambda w: w.stack.append(None),
    b"\x88": lambda w: w.stack.append(True),
    b"\x89": lambda w: w.stack.append(False),
    b"J": lambda w: w.stack.append(w.number("<i")),
    b"K": lambda w: w.stack.append(w.number("<B")),
    b"M": lambda w: w.stack.append(w.number("<H")),
    b"\x8a": lambda w: w.integer("<B"),
    b"\x8b": lambda w: w.integer("<i"),
    b"G": Walk.real,
    b"U": lambda w: w.old_text("<B"),
    b"T": lambda w: w.old_text("<i"),
    b"X": lambda w: w.text("<I"),
    b"\x8c": lambda w: w.text("<B"),
    b"\x8d": lambda w: w.text("<Q"),
    b"B": lambda w: w.raw("<I"),
    b"C": lambda w: w.raw("<B"),
    b"\x8e": lambda w: w.raw("<Q"),
    b"\x96": lambda w: w.raw("<Q"),
    b"]": lambda w: w.stack.append([]),
    b"}": lambda w: w.stack.append({}),
    b")": lambda w: w.stack.append(()),
    b"t": lambda w: w.stack.append(tuple(w.pop_to_mark())),
    b"\x85": lambda w: w.push_tuple(1),
    b"\x86": lambda w: w.push_tuple(2),
    b"\x87": lambda w: w.push_tuple(3),
    b"a": lambda w: w.append([w.pop()]),
    b"e": lambda w: w.append(w.pop_to_mark()),
    b"s": lambda w: w.set_items([w.pop(), w.pop()][::-1]),
    b"u": lambda w: w.set_items(w.pop_to_mark()),
    b"q": lambda w: w.put(w.number("<B")),
    b"r": lambda w: w.put(w.number("<I")),
    b"\x94": lambda w: w.put(len(w.memo)),
    b"h": lambda w: w.get(w.number("<B")),
    b"j": lambda w: w.get(w.number("<I")),
    b"c": Walk.name_of_lines,
    b"\x93": Walk.name_of_stack,
    b"R": Walk.reduce,
    b"b": Walk.build,
}
_FORBIDDEN = {
    b"P": "a persistent reference",
    b"Q": "a persistent reference",
    b"i": "INST",
    b"o": "OBJ",
    b"\x81": "NEWOBJ",
    b"\x92": "NEWOBJ_EX",
    b"\x82": "EXT1",
    b"\x83": "EXT2",
    b"\x84": "EXT4",
    b"\x8f": "EMPTY_SET",
    b"\x90": "ADDITEMS",
    b"\x91": "FROZENSET",
    b"\x97": "NEXT_BUFFER",
    b"\x98": "READONLY_BUFFER",
    b"0": "POP",
    b"1": "POP_MARK",
    b"2": "DUP",
}
"""Opcodes that need a name in the message. Those of protocols 0 and 1 are unknown here."""


def _protocol(number: int) -> None:
    if not 2 <= number <= 5:
        raise Damaged(f"pickle protocol {number}; Paddle writes 2 to 5")
