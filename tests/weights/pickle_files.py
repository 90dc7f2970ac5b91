"""Pickles for tests: valid ones, and attacks written opcode by opcode."""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict

import numpy as np

PROTOCOL, STOP = b"\x80\x04", b"."
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"
LIST, DICT, EMPTY, MARK = b"]", b"}", b")", b"("
TUPLE, TUPLE1, TUPLE2, TUPLE3 = b"t", b"\x85", b"\x86", b"\x87"
APPENDS, SET_ITEM, SET_ITEMS = b"e", b"s", b"u"
MEMOIZE, REDUCE, BUILD = b"\x94", b"R", b"b"


def text(value: str) -> bytes:
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def long(value: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", value)


def raw(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def get(index: int) -> bytes:
    return b"h" + bytes([index])


def name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + b"\x93"


def group(*items: bytes) -> bytes:
    """A tuple."""
    return MARK + b"".join(items) + TUPLE


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + group(*arguments) + REDUCE


def dtype(code: str = "f4", state: bytes | None = None) -> bytes:
    made = call(name("numpy", "dtype"), text(code), FALSE, TRUE)
    return made + (dtype_state() if state is None else state)


def dtype_state(
    order: str = "<", *, names: bytes = NONE, fields: bytes = NONE, size: int = -1, align: int = -1, flags: int = 0
) -> bytes:
    items = (number(3), text(order), NONE, names, fields, number(size), number(align), number(flags))
    return group(*items) + BUILD


def blank() -> bytes:
    return call(name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"), group(number(0)), raw(b"b"))


def array(shape: bytes, kind: bytes, data: bytes) -> bytes:
    return blank() + group(number(1), shape, kind, FALSE, raw(data)) + BUILD


def entry(value: bytes) -> bytes:
    """A whole file of one entry `x`."""
    return PROTOCOL + DICT + text("x") + value + SET_ITEM + STOP


def valid_files() -> list[bytes]:
    """What Paddle may have written, in every protocol."""
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(4, 6)).astype("float32")
    content = {
        "conv.weight": wide,
        "conv.turned": wide.T,
        "conv.part": wide[::2, ::3],
        "conv.axes": rng.normal(size=(2, 3, 4)).astype("float32").transpose(1, 0, 2),
        "bn.count": np.array(7, "int64"),
        "bn.on": np.array([True, False]),
        "empty": np.zeros((0, 3), "float32"),
        "half": wide.astype("float16"),
        "brain": (wide.view("uint32") >> 16).astype("uint16"),
        "big": wide.astype(">f8"),
        "named": ("linear_0.w_0", wide),
        "LR_Scheduler": OrderedDict(last_lr=np.float64(0.1), last_epoch=3, milestones=[1, 2], verbose=False, name=None),
        "long": rng.normal(size=2000).astype("float32"),
    }
    return [
        pickle.dumps(content, protocol=protocol, fix_imports=fix) for protocol in (2, 3, 4, 5) for fix in (False, True)
    ]
