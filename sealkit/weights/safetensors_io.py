"""Tensors in safetensors files, the only format sealkit writes weights in: no code in it, readable without sealkit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sealkit.errors import WeightsError, first_line
from sealkit.files import write_bytes

TYPES = frozenset({"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16", "F32", "F64"})
"""Types of safetensors that NumPy has as well; not BF16 and the 8-bit floats."""


def save_tensors(
    path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays (any shape; bool, integer or float) atomically; `metadata` is text to text.

    The same tensors and metadata make the same bytes.
    """
    from safetensors.numpy import save

    # safetensors stores the buffer as it lies in memory; `require` keeps the rank, which ascontiguousarray does not
    plain = {name: np.require(array, requirements=["C"]) for name, array in tensors.items()}
    data = save(plain, metadata=dict(metadata) if metadata else None)
    write_bytes(Path(path), _in_order(data) if metadata and len(metadata) > 1 else data, durable=True)


def _in_order(data: bytes) -> bytes:
    """A safetensors file with its metadata in alphabetical order; the library's order differs from run to run.

    Source of the layout: safetensors' format description: 8 bytes of length, JSON, padding by spaces, tensors.
    """
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header = {"__metadata__": dict(sorted(header.pop("__metadata__").items())), **header}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, memoryview(data)[end:]])


def load_tensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """All arrays and the metadata of a safetensors file.

    Raises:
        WeightsError: the file is missing, truncated or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise WeightsError("weights file not found", where=str(path), hint="check the path")
    try:
        with safe_open(str(path), framework="numpy") as file:
            names = list(file.keys())
            for name in names:
                _refuse_type(file.get_slice(name).get_dtype(), name, path)
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError, TypeError, OverflowError) as error:
        raise WeightsError(
            f"not a readable safetensors file: {first_line(error)[:200]}",
            where=str(path),
            hint="the file may be truncated: copy or write it again",
        ) from error


def _refuse_type(kind: str, name: str, path: Path) -> None:
    if kind not in TYPES:
        raise WeightsError(
            f"the tensor is of type {kind}, which NumPy does not have",
            where=f"{path}: {name}",
            hint="convert the weights to F32 with the tool that wrote them",
        )
