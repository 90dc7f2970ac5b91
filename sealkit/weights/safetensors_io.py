"""Tensors in safetensors files, the only format sealkit writes weights in: no code in it, readable without sealkit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sealkit.errors import WeightsError
from sealkit.weights.atomic import write_bytes


def save_tensors(
    path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays (any shape; bool, integer or float) atomically; `metadata` is text to text."""
    from safetensors.numpy import save

    # safetensors stores the buffer as it lies in memory; `require` keeps the rank, which ascontiguousarray does not
    plain = {name: np.require(array, requirements=["C"]) for name, array in tensors.items()}
    write_bytes(Path(path), save(plain, metadata=dict(metadata) if metadata else None))


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
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"not a readable safetensors file: {error}",
            where=str(path),
            hint="the file may be truncated: copy or write it again",
        ) from error
