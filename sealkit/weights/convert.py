"""Converts weights from one file format to another."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sealkit.errors import WeightsError
from sealkit.weights.safetensors_io import load_tensors, save_tensors
from sealkit.weights.unpickle import load_pdparams


def convert_pdparams(source: str | Path, target: str | Path) -> dict[str, np.ndarray]:
    """Write the arrays of a `.pdparams` file as safetensors, and read them back.

    Args:
        source: Paddle's pickle of network weights.
        target: ends in .safetensors; must not exist.

    Returns:
        The arrays by state_dict name, prefixes of distilled models removed.

    Raises:
        WeightsError: as `load_pdparams`; the target exists, has another ending or cannot be written.
    """
    target = Path(target)
    if target.suffix != ".safetensors":
        raise WeightsError("the target must end in .safetensors", where=str(target))
    if target.exists():
        raise WeightsError("the target exists", where=str(target), hint="choose another name, or remove it")
    arrays = load_pdparams(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(target, arrays, {"format": "sealkit", "source": Path(source).name})
    except OSError as error:
        raise WeightsError(
            f"cannot be written: {error.strerror or error}", where=str(target), hint="check free space and permissions"
        ) from error
    written, _ = load_tensors(target)
    wrong = [name for name, array in arrays.items() if not _same(written.get(name), array)]
    if wrong or len(written) != len(arrays):
        target.unlink()
        raise WeightsError("the written file differs from the source", where=f"{target}: {', '.join(wrong[:3])}")
    return arrays


def _same(found: np.ndarray | None, wanted: np.ndarray) -> bool:
    if found is None or found.shape != wanted.shape or found.dtype != wanted.dtype:
        return False
    return found.tobytes() == np.ascontiguousarray(wanted).tobytes()
