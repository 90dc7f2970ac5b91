"""Reads fields of ONNX files from their bytes, so that no ONNX package is needed (onnx.proto: one protobuf message)."""

from __future__ import annotations

import io
import mmap
import os
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import BinaryIO

from sealkit.errors import EngineError

_MAX_FIELDS = 10_000_000
"""Fields looked at in one file: that takes some ten seconds."""
_GRAPH: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""Where tensors stand: message -> field -> message in it."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
"""Fields of a tensor that name another file."""
_MAX_DEPTH = 60


def onnx_metadata(path: str | Path) -> dict[str, str]:
    """`metadata_props` of an ONNX file: field 14 of ModelProto repeats {1: key, 2: value}.

    Other fields, the graph with its weights above all, are skipped by length.

    Raises:
        EngineError: the file is not a protobuf message.
    """
    try:
        with open(path, "rb") as file:  # the weights, tens of megabytes, are skipped and not read
            size = os.fstat(file.fileno()).st_size
            bodies = [file.read(length) for _, length in _walk(file, size, {14})]
        pairs = [_strings(body) for body in bodies]
        return {str(p[1], "utf-8"): str(p.get(2, b""), "utf-8") for p in pairs if 1 in p}
    except (ValueError, UnicodeDecodeError) as error:
        raise _damaged(path) from error


def check_self_contained(path: str | Path) -> None:
    """Refuse an ONNX file whose tensors lie in other files: ONNX Runtime up to 1.18 reads any file it names.

    Raises:
        EngineError: a tensor lies elsewhere; or the file is not a protobuf message.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                raise ValueError("empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(b"location") < 0:  # the key of every such entry
                    return
            outside = _is_outside(file, size, "model", 0)
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if outside:
        raise EngineError(
            "weights of the ONNX file lie in another file, which is not read",
            where=str(path),
            hint="write them into one file: onnx.save(onnx.load(OLD), NEW), where you trust the old one",
        )


def _is_outside(file: BinaryIO, end: int, message: str, depth: int) -> bool:
    """Whether a tensor of the message, which reaches from here to `end`, names another file."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if message == "tensor":
        return any(True for _ in _walk(file, end, {_EXTERNAL_DATA, _DATA_LOCATION}, numbers=True))
    inside = _GRAPH[message]
    for field, length in _walk(file, end, set(inside)):
        if _is_outside(file, file.tell() + length, inside[field], depth + 1):
            return True
    return False


def _damaged(path: str | Path) -> EngineError:
    return EngineError("not an ONNX file, or a damaged one", where=str(path), hint="download or export it again")


def _strings(body: bytes) -> dict[int, bytes]:
    """The fields 1 and 2 of a small message."""
    stream = io.BytesIO(body)
    return {field: stream.read(length) for field, length in _walk(stream, len(body), {1, 2})}


def _walk(stream: BinaryIO, end: int, wanted: Set[int], numbers: bool = False) -> Iterator[tuple[int, int]]:
    """(field number, length) of the wanted length-delimited fields, where each begins; read or skipped by the caller,
    the next one is found.

    Args:
        end: where the message ends.
        numbers: also yield wanted numbers that are not 0, with length 0.

    Raises:
        ValueError: not a protobuf message, or one of too many fields.
    """
    for _ in range(_MAX_FIELDS):
        if stream.tell() >= end:
            return
        tag = _varint(stream)
        kind = tag & 7
        if kind == 0:
            value = _varint(stream)
            if numbers and value and tag >> 3 in wanted:
                yield tag >> 3, 0
        elif kind in (1, 5):
            stream.seek(8 if kind == 1 else 4, os.SEEK_CUR)
        elif kind == 2:
            length = _varint(stream)
            start = stream.tell()
            if start + length > end:
                raise ValueError("field reaches past the end")
            if tag >> 3 in wanted:
                yield tag >> 3, length
            stream.seek(start + length)
        else:
            raise ValueError(f"wire type {kind}")
    raise ValueError("too many fields")


def _varint(stream: BinaryIO) -> int:
    value = shift = 0
    while shift <= 63:
        byte = stream.read(1)
        if not byte:
            raise ValueError("number cut off")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
    raise ValueError("number too long")


__all__ = ["check_self_contained", "onnx_metadata"]
