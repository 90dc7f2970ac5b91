"""Attack files: none may do more than raise a WeightsError, in bounded time and memory."""

from __future__ import annotations

import io
import json
import pickle
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealkit.errors import WeightsError
from sealkit.weights import unpickle
from sealkit.weights.pickle_index import read_index
from sealkit.weights.pickle_records import MAX_OPCODES
from sealkit.weights.unpickle import load_pdparams, load_pickled
from tests.weights import pickle_files as p

ONE = p.group(p.number(1))
NO_SIZES = [p.number(-1)] * 2


def fields(offset: int, kind: bytes) -> bytes:
    return p.DICT + p.text("a") + p.group(kind, p.number(offset)) + p.SET_ITEM


def forged(**state: object) -> bytes:
    """An array whose type carries a forged state."""
    return p.array(p.group(p.number(1)), p.dtype("f8", p.dtype_state("|", **state)), b"A" * 8)  # type: ignore[arg-type]


ARRAY = p.array(p.group(p.number(2)), p.dtype(), b"\0" * 8)
BUILDS = {
    "type with a field of objects": forged(
        names=p.group(p.text("a")), fields=fields(0, p.dtype("f8", b"")), size=8, align=1
    ),
    "type with a field beyond the item": forged(
        names=p.group(p.text("a")), fields=fields(1 << 20, p.dtype()), size=8, align=1
    ),
    "type of alignment 0": forged(align=0),
    "type with the flags of objects": forged(flags=63),
    "type with another size": forged(size=1 << 30),
    "type of state version 4": p.array(
        ONE,
        p.dtype("f8", p.group(p.number(4), p.text("<"), *[p.NONE] * 3, *NO_SIZES, p.number(0), p.DICT) + p.BUILD),
        b"A" * 8,
    ),
    "type built twice": p.array(ONE, p.dtype("f8") + p.dtype_state(), b"A" * 8),
    "function": p.name("_codecs", "encode") + p.group(p.NONE, p.DICT) + p.BUILD,
    "class": p.name("collections", "OrderedDict") + p.DICT + p.text("__init__") + p.NONE + p.SET_ITEM + p.BUILD,
    "instance": p.call(p.name("collections", "OrderedDict")) + p.DICT + p.BUILD,
    "list": p.LIST + p.DICT + p.BUILD,
    "bytes": p.raw(b"abc") + p.DICT + p.BUILD,
    "array built twice": ARRAY + p.group(p.number(1), ONE, p.dtype(), p.FALSE, p.raw(b"\0" * 4)) + p.BUILD,
    "array without its state": p.blank(),
    "array of objects in a list": p.blank() + p.group(p.number(1), ONE, p.dtype(), p.FALSE, p.LIST) + p.BUILD,
    "array with a state of four": p.blank() + p.group(ONE, p.dtype(), p.FALSE, p.raw(b"\0" * 4)) + p.BUILD,
    "array larger than its bytes": p.array(p.group(p.number(100)), p.dtype(), b"\0" * 4),
    "array of a shape that wraps": p.array(p.group(p.long(1 << 32), p.long(1 << 32)), p.dtype(), b""),
    "empty array of a shape that wraps": p.array(p.group(p.number(0), *[p.long(1 << 39)] * 3), p.dtype(), b""),
    "array of 33 axes": p.array(p.group(*[p.number(1)] * 33), p.dtype(), b"\0" * 4),
    "array of negative size": p.array(p.group(p.number(-1), p.number(-1)), p.dtype(), b"\0" * 4),
    "array of a size that is no number": p.array(p.group(p.TRUE), p.dtype(), b"\0" * 4),
    "array of 12 GB claimed": p.array(p.group(p.long(3_000_000_000)), p.dtype(), b""),
}
CALLS = {
    f"{module}.{attribute}": p.call(p.name(module, attribute), p.number(10**9))
    for module, attribute in [
        ("numpy", "ndarray"),
        ("numpy", "zeros"),
        ("numpy", "frombuffer"),
        ("numpy._core.multiarray", "frombuffer"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy", "dtype"),
        ("builtins", "bytearray"),
        ("builtins", "bytes"),
        ("builtins", "list"),
        ("builtins", "range"),
        ("builtins", "object"),
        ("builtins", "eval"),
        ("builtins", "frozenset"),
        ("_codecs", "decode"),
        ("_codecs", "lookup"),
        ("copyreg", "_reconstructor"),
        ("copyreg", "__newobj__"),
        ("operator", "attrgetter"),
        ("types", "FunctionType"),
        ("sealkit.weights.unpickle", "load_pickled"),
        ("ctypes", "string_at"),
    ]
} | {
    "a string": p.call(p.text("numpy.ndarray"), p.number(1)),
    "an array": p.call(ARRAY, p.number(1)),
    "a type": p.call(p.dtype(), p.number(1)),
    "arguments that are a list": p.name("builtins", "tuple") + p.LIST + p.REDUCE,
    "a tuple of an array": p.call(
        p.name("builtins", "tuple"), p.call(p.name("numpy", "ndarray"), p.group(p.long(10**9)))
    ),
    "a dict of an array": p.call(p.name("collections", "OrderedDict"), ARRAY),
    "a tuple of bytes": p.call(p.name("builtins", "tuple"), p.raw(b"a" * 100)),
    "rot13": p.call(p.name("_codecs", "encode"), p.text("x"), p.text("rot13")),
    "idna": p.call(p.name("_codecs", "encode"), p.text("x"), p.text("idna")),
    "encoding of a number": p.call(p.name("_codecs", "encode"), p.number(3), p.text("latin1")),
    "a type of objects": p.dtype("O8", b""),
    "a structured type": p.dtype("f4,f4", b""),
    "a type of text": p.dtype("U1000000", b""),
    "a type of void": p.dtype("V8", b""),
    "a type with a comma": p.dtype("(1000000000,)f4", b""),
    "a type of a list": p.call(p.name("numpy", "dtype"), p.LIST),
    "a subclass of ndarray": p.call(
        p.name("numpy._core.multiarray", "_reconstruct"), p.name("numpy", "dtype"), p.group(p.number(0)), p.raw(b"b")
    ),
    "a blank of a billion": p.call(
        p.name("numpy._core.multiarray", "_reconstruct"),
        p.name("numpy", "ndarray"), p.group(p.long(10**9)), p.raw(b"b"),
    ),
    "a buffer that is an array": p.call(
        p.name("numpy._core.numeric", "_frombuffer"), ARRAY, p.dtype(), ONE, p.text("C")
    ),
    "a buffer that is text": p.call(
        p.name("numpy._core.numeric", "_frombuffer"), p.text("abcd"), p.dtype(), ONE, p.text("C")
    ),
    "axes that repeat": p.call(
        p.name("numpy._core.numeric", "_frombuffer"),
        p.raw(b"\0" * 16), p.dtype(), p.group(p.number(2), p.number(2)), p.text("K"), p.group(p.number(0), p.number(0)),
    ),
    "a scalar of an object": p.call(p.name("numpy._core.multiarray", "scalar"), p.dtype("O8", b""), p.raw(b"A" * 8)),
    "a scalar that is too short": p.call(p.name("numpy._core.multiarray", "scalar"), p.dtype("f8"), p.raw(b"A")),
    "six arguments": p.call(p.name("builtins", "tuple"), *[p.NONE] * 6),
}  # fmt: skip
OPCODES = {
    "INST": b"(ios\nsystem\n",
    "OBJ": b"(" + p.name("collections", "OrderedDict") + b"o",
    "NEWOBJ": p.name("collections", "OrderedDict") + p.EMPTY + b"\x81",
    "NEWOBJ_EX": p.name("collections", "OrderedDict") + p.EMPTY + p.DICT + b"\x92",
    "PERSID": b"Pabc\n",
    "BINPERSID": p.text("abc") + b"Q",
    "EXT1": b"\x82\x01",
    "EXT2": b"\x83\x01\x00",
    "EXT4": b"\x84\x01\x00\x00\x00",
    "EMPTY_SET": b"\x8f",
    "ADDITEMS": b"\x8f(" + p.NONE + b"\x90",
    "FROZENSET": b"(" + p.NONE + b"\x91",
    "NEXT_BUFFER": b"\x97",
    "READONLY_BUFFER": p.raw(b"a") + b"\x98",
    "DUP": p.LIST + b"2",
    "POP": p.NONE + p.NONE + b"0",
    "POP_MARK": p.NONE + b"(1",
    "INT": b"I1\n",
    "LONG": b"L1\n",
    "STRING": b"S'a'\n",
    "UNICODE": b"Va\n",
    "FLOAT": b"F1\n",
    "GET": b"g0\n",
    "PUT": p.NONE + b"p0\n",
    "LONG4 of a million digits": b"\x8b" + struct.pack("<i", 1 << 19) + b"\x7f" * (1 << 19),
    "LONG4 of negative size": b"\x8b\xff\xff\xff\xff",
    "BINSTRING of negative size": b"T\xff\xff\xff\xff",
    "BINBYTES8 without end": b"\x8e" + b"\xff" * 7 + b"\x7f",
    "BYTEARRAY8 without end": b"\x96" + b"\xff" * 8,
    "BINUNICODE without end": b"X\xff\xff\xff\x7f",
    "text that is no UTF-8": b"\x8c\x01\xff",
    "a lone surrogate": b"\x8c\x03\xed\xa0\x80",
    "a memo that is not there": b"h\x63",
    "a list in the memo that is not there": b"j\xff\xff\xff\xff",
    "an unknown opcode": b"\xff",
    "protocol 200": b"\x80\xc8",
    "a mark too few": b"t",
    "a list as a key": p.DICT + p.LIST + p.NONE + p.SET_ITEM,
    "a tuple as a key": p.DICT + p.EMPTY + p.NONE + p.SET_ITEM,
    "an odd number of items": p.DICT + b"(" + p.NONE + p.SET_ITEMS,
    "appending to a tuple": p.EMPTY + p.NONE + b"a",
    "a key for a list": p.LIST + p.text("a") + p.NONE + p.SET_ITEM,
}


def chained_lists(width: int, depth: int) -> bytes:
    """Memo 0 is a list; list n + 1 holds list n `width` times."""
    made = p.LIST + p.MEMOIZE
    for level in range(depth):
        made += p.LIST + p.MEMOIZE + p.MARK + p.get(level) * width + p.APPENDS
    return p.LIST + p.MARK + made + p.APPENDS


def chained_dicts(width: int, depth: int) -> bytes:
    made = p.DICT + p.MEMOIZE
    for level in range(depth):
        pairs = b"".join(p.text(str(i)) + p.get(level) for i in range(width))
        made += p.DICT + p.MEMOIZE + p.MARK + pairs + p.SET_ITEMS
    return p.LIST + p.MARK + made + p.APPENDS


def chained_calls(function: bytes) -> bytes:
    """The same long list made into a container again and again."""
    pair = p.EMPTY if function.startswith(p.text("builtins")) else p.group(p.NONE, p.NONE)
    items = p.LIST + p.MEMOIZE + p.MARK + pair * 20_000 + p.APPENDS
    again = (function + p.get(0) + p.TUPLE1 + p.REDUCE) * 20_000
    return p.LIST + p.MARK + items + again + p.APPENDS


def endless() -> bytes:
    return p.LIST + p.MEMOIZE + p.get(0) + b"a"


def many_arrays() -> bytes:
    """A thousand arrays over the same 100 kB."""
    data = p.raw(b"\0" * 100_000) + p.MEMOIZE
    shape = p.group(p.number(25_000))
    one = p.call(p.name("numpy._core.numeric", "_frombuffer"), p.get(0), p.dtype(), shape, p.text("C"))
    return p.LIST + p.MARK + data + one * 1000 + p.APPENDS


def decoded_again() -> bytes:
    """The same long text of protocol 2 made into bytes a thousand times."""
    long = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + p.MEMOIZE
    return p.LIST + p.MARK + long + p.call(p.name("_codecs", "encode"), p.get(0), p.text("latin1")) * 1000 + p.APPENDS


def text_again() -> bytes:
    long = b"X" + struct.pack("<I", 1 << 19) + b"a" * (1 << 19) + p.MEMOIZE
    return p.LIST + p.MARK + long + p.get(0) * 10_000 + p.APPENDS


BOMBS = {
    "lists": chained_lists(10, 9),
    "wide lists": chained_lists(2000, 5),
    "dicts": chained_dicts(10, 9),
    "tuples of a list": chained_calls(p.name("builtins", "tuple")),
    "dicts of a list": chained_calls(p.name("collections", "OrderedDict")),
    "a list in itself": endless(),
    "arrays of the same bytes": many_arrays(),
    "text decoded again": decoded_again(),
    "text given again": text_again(),
    "nested lists": p.LIST * 5000 + b"a" * 4999,
    "too many objects": p.MARK + p.LIST * (MAX_OPCODES + 10) + p.TUPLE,
}
ATTACKS = {
    **{f"build: {key}": value for key, value in BUILDS.items()},
    **{f"call: {key}": value for key, value in CALLS.items()},
    **{f"opcode: {key}": value for key, value in OPCODES.items()},
    **{f"bomb: {key}": value for key, value in BOMBS.items()},
}


def index_of(data: bytes) -> dict:
    return read_index(io.BytesIO(data), len(data))


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_is_refused_in_bounded_time_and_memory(attack: str) -> None:
    data = p.entry(ATTACKS[attack])
    bomb = attack.startswith("bomb")
    if not bomb:
        tracemalloc.start()
    began = time.process_time()
    found = index_of(data)
    taken = time.process_time() - began
    if not bomb:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 << 20
    assert ("refused" in found) != ("damaged" in found), found
    assert len(found.get("refused") or found["damaged"]) < 200
    assert taken < 20


@pytest.mark.parametrize("bomb", ["lists", "dicts", "tuples of a list", "arrays of the same bytes", "text given again"])
def test_a_bomb_takes_little_memory(bomb: str) -> None:
    data = p.entry(BOMBS[bomb])
    tracemalloc.start()
    found = index_of(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "refused" in found and peak < 40 << 20


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ("build: type with a field of objects", "refused: a type with fields, or of another alignment"),
        ("build: function", r"asks to use `BUILD on encode`"),
        ("build: class", r"asks to use `BUILD on OrderedDict`"),
        ("build: array of 12 GB claimed", r"needs 12000000000 bytes, has 0"),
        ("call: numpy.ndarray", r"asks to use `REDUCE on ndarray`"),
        ("call: numpy.zeros", r"asks to use `numpy\.zeros`"),
        ("call: a tuple of an array", r"asks to use `REDUCE on ndarray`"),
        ("opcode: NEWOBJ", "asks to use `NEWOBJ`"),
        ("opcode: EXT1", "asks to use `EXT1`"),
        ("bomb: lists", "refers to the same containers too often"),
        ("bomb: arrays of the same bytes", "larger than the file"),
    ],
)
def test_the_message_names_it(tmp_path: Path, attack: str, message: str) -> None:
    (tmp_path / "evil.pdparams").write_bytes(p.entry(ATTACKS[attack]))
    with pytest.raises(WeightsError, match=message) as caught:
        load_pdparams(tmp_path / "evil.pdparams")
    assert str(tmp_path / "evil.pdparams") in str(caught.value)


def test_one_array_under_many_names_is_read_once_and_not_multiplied(tmp_path: Path) -> None:
    data = p.DICT + p.MARK + p.text("0") + p.array(p.group(p.number(25_000)), p.dtype(), b"\0" * 100_000) + p.MEMOIZE
    two = data + p.text("1") + p.get(0) + p.SET_ITEMS
    (tmp_path / "tied").write_bytes(p.PROTOCOL + two + p.STOP)
    tied = load_pdparams(tmp_path / "tied")
    assert tied["0"] is tied["1"]
    many = data + b"".join(p.text(str(i)) + p.get(0) for i in range(1, 1000)) + p.SET_ITEMS
    (tmp_path / "many").write_bytes(p.PROTOCOL + many + p.STOP)
    with pytest.raises(WeightsError, match="1000 arrays share their content"):
        load_pdparams(tmp_path / "many")


def test_slices_may_not_be_joined_to_more_than_the_file(tmp_path: Path) -> None:
    slices = {f"w{i}": np.zeros(25_000, "float32") for i in range(1)}
    table = {f"all{i}": {"OriginShape": (25_000,), "slices": [f"same{i}"]} for i in range(100)}
    content = {**slices, **{f"same{i}": slices["w0"] for i in range(100)}, unpickle._BIG_TABLE: table}
    (tmp_path / "x").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(WeightsError, match="damaged table of large arrays: its slices are larger"):
        load_pickled(tmp_path / "x")


_ONE_GIBIBYTE = """
import sys; sys.path.append(sys.argv[1])
from sealkit.weights import pickle_index
pickle_index.limit_memory() or sys.exit("MemoryError")
x = bytearray(1 << 30)
"""
CHILDREN = {
    "killed": ("import os; os.kill(os.getpid(), 9)", "ended with code -9"),
    "without memory": (_ONE_GIBIBYTE, "ended with code 1: MemoryError"),
    "endless": ("while True: pass", "reading it takes too long"),
}


@pytest.mark.skipif("sys.platform == 'win32'", reason="signals and limits are POSIX's")
@pytest.mark.parametrize("kind", CHILDREN)
def test_a_child_that_dies_is_a_plain_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    program, message = CHILDREN[kind]
    monkeypatch.setattr(unpickle, "_CHILD", program)
    monkeypatch.setattr(unpickle, "_SECONDS", 1.0)
    monkeypatch.setattr(unpickle, "_BYTES_A_SECOND", 1e12)
    (tmp_path / "a.pdparams").write_bytes(p.valid_files()[0])
    if kind != "endless":
        monkeypatch.setattr(unpickle, "_SECONDS", 60.0)
    with pytest.raises(WeightsError, match=message):
        load_pickled(tmp_path / "a.pdparams")


def test_the_child_has_no_library_and_a_memory_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpickle, "_CHILD", unpickle._CHILD + "; sys.exit(str(sorted(sys.modules)))")
    (tmp_path / "a.pdparams").write_bytes(p.valid_files()[0])
    with pytest.raises(WeightsError) as caught:
        load_pickled(tmp_path / "a.pdparams")
    assert "numpy" not in str(caught.value) and "json" in str(caught.value)


@pytest.mark.parametrize("number", range(8))
def test_valid_files_are_read_as_pickle_reads_them(tmp_path: Path, number: int) -> None:
    data = p.valid_files()[number]
    (tmp_path / "a.pdparams").write_bytes(data)
    found, wanted = load_pickled(tmp_path / "a.pdparams"), pickle.loads(data)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        if key == "LR_Scheduler":
            assert found[key] == dict(value) and type(found[key]["last_lr"]) is np.float64
            continue
        array = value[1] if key == "named" else value
        assert found[key].dtype == array.dtype.newbyteorder("=") and np.array_equal(found[key], array), key
        assert found[key].flags.writeable


def test_python_2_wrote_byte_strings(tmp_path: Path) -> None:
    """Protocol 2 of Python 2: `U` and `T` strings, module names with newlines, `OrderedDict([[key, value]])`."""
    kind = b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    blank = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    array = blank + b"(K\x01(K\x02t" + kind + b"\x89T\x08\x00\x00\x00" + struct.pack("<2f", 1.5, -2) + b"tb"
    data = b"\x80\x02ccollections\nOrderedDict\n(](](U\x01w" + array + b"eetR."
    (tmp_path / "old.pdparams").write_bytes(data)
    assert load_pdparams(tmp_path / "old.pdparams")["w"].tolist() == [1.5, -2.0]
    assert pickle.loads(data, encoding="latin1")["w"].tolist() == [1.5, -2.0]


def mutated(data: bytes, changes: list[tuple[int, float, int, int]]) -> bytes:
    """Bytes changed, cut out, put in and doubled."""
    found = bytearray(data)
    for kind, place, value, length in changes:
        at = int(place * len(found))
        if kind == 0 and found:
            found[min(at, len(found) - 1)] = value
        elif kind == 1:
            del found[at : at + length]
        elif kind == 2:
            found[at:at] = bytes([value]) * min(length, 4)
        else:
            found[at:at] = found[at : at + length]
    return bytes(found)


CHANGES = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, 0.999), st.integers(0, 255), st.integers(0, 200)), min_size=1, max_size=8
)
SEEDS = [*p.valid_files(), *(p.entry(value) for value in (BUILDS | CALLS | OPCODES).values())]


def check_a_mutation(folder: Path, data: bytes) -> None:
    """Through everything but the start of the child; only WeightsError may come out."""
    path = folder / "fuzz.pdparams"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unpickle, "_run_child", lambda file, size, path: json.dumps(read_index(file, size)).encode())
        began = time.process_time()
        try:
            found = load_pdparams(path)
        except WeightsError as error:
            assert len(str(error)) < 2000
        else:
            assert sum(array.nbytes for array in found.values()) <= 4 * len(data)
            assert all(array.dtype.kind in "fiub" and array.dtype.names is None for array in found.values())
        assert time.process_time() - began < 5


FUZZ: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@settings(max_examples=300, derandomize=True, **FUZZ)
@given(seed=st.sampled_from(SEEDS), changes=CHANGES)
def test_mutations_of_files(tmp_path: Path, seed: bytes, changes: list) -> None:
    check_a_mutation(tmp_path, mutated(seed, changes))


@pytest.mark.slow
@settings(max_examples=10_000, **FUZZ)
@given(seed=st.sampled_from(SEEDS), changes=CHANGES)
def test_ten_thousand_mutations_of_files(tmp_path: Path, seed: bytes, changes: list) -> None:
    check_a_mutation(tmp_path, mutated(seed, changes))
