"""Reading Paddle's `.pdparams` and `.pdopt` files without running what is in them.

A pickle is a program: the plain loader executes whatever the file's author wrote. This one knows a handful of
constructors (NumPy arrays, their types and scalars, ordered dicts, tuples) and refuses everything else by its full
name.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from sealkit.errors import WeightsError

_NAME_TABLE = "StructuredToParameterName@@"  # Paddle: structured name -> the process's parameter name; of no use to us
_BIG_TABLE = "UnpackBigParamInfor@@"  # Paddle, pickle protocols 2 and 3: arrays over 1 GiB stored in slices
_PREFIXES = ("Student.", "Teacher.", "Student2.", "_layers.", "module.")
_MAX_DEPTH = 16


def _encode(text: str, encoding: str) -> bytes:
    """`_codecs.encode` as NumPy's protocol-2 pickles use it, and no other codec."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError(f"_codecs.encode with encoding {encoding!r}")
    return text.encode("latin1")


def _make_tuple(items: Any = ()) -> tuple:
    """`tuple`: Paddle writes a tensor as tuple((name, array))."""
    return tuple(items)


def _allowed() -> dict[tuple[str, str], Any]:
    """(module, name) -> object for everything a file may name. NumPy moved its private module in 2.0: both names."""
    from collections import OrderedDict

    table: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("builtins", "tuple"): _make_tuple,
        ("__builtin__", "tuple"): _make_tuple,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _encode,
    }
    reconstruct = np.zeros(1).__reduce__()[0]
    scalar = np.float32(0).__reduce__()[0]
    from_buffer = np.zeros(2).__reduce_ex__(5)[0]
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray", "_reconstruct"] = reconstruct
        table[f"{core}.multiarray", "scalar"] = scalar
        table[f"{core}.numeric", "_frombuffer"] = from_buffer
    return table


class _ArraysOnly(pickle.Unpickler):
    def __init__(self, stream: io.BufferedIOBase, where: str) -> None:
        super().__init__(stream, encoding="latin1")
        self._where = where
        self._table = _allowed()

    def _refuse(self, name: str) -> NoReturn:
        raise WeightsError(
            f"refused: the file asks to use `{name}`, which weights never need",
            where=self._where,
            hint="loading it another way could run code of the file's author; get the weights from a source you trust",
        )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._table:
            self._refuse(f"{module}.{name}")
        return self._table[module, name]

    def persistent_load(self, pid: Any) -> NoReturn:
        self._refuse("a persistent reference")


def load_pickled(path: str | Path) -> dict[str, Any]:
    """The content of a Paddle pickle: a dict of arrays and plain values, nested dicts included.

    Raises:
        WeightsError: missing, truncated, holding anything but arrays and plain containers, or no dict at all.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError("weights file not found", where=str(path), hint="check the path")
    try:
        with open(path, "rb") as file:
            content = _ArraysOnly(file, str(path)).load()
    except WeightsError:
        raise
    except Exception as error:  # a malformed pickle can raise nearly anything from inside NumPy's constructors
        raise WeightsError(
            f"not a readable Paddle weights file: {error or type(error).__name__}",
            where=str(path),
            hint="the file may be truncated or of another kind (expected .pdparams, .pdopt, .safetensors or a folder)",
        ) from error
    if not isinstance(content, dict):
        raise WeightsError("a weights file holds a dict of arrays", where=str(path), value=type(content).__name__)
    _join_slices(content, path)
    return {str(key): _plain(value, str(key), path) for key, value in content.items() if key != _NAME_TABLE}


def _join_slices(content: dict[Any, Any], path: Path) -> None:
    """Put arrays back together that Paddle stored in slices: {name: {"OriginShape": shape, "slices": [names]}}."""
    table = content.pop(_BIG_TABLE, None)
    if table is None:
        return
    try:
        for name, facts in table.items():
            slices = [np.asarray(content.pop(part)).reshape(-1) for part in facts["slices"]]
            content[name] = np.concatenate(slices).reshape(facts["OriginShape"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"damaged table of large arrays: {error}", where=str(path)) from error


def _plain(value: Any, name: str, path: Path, depth: int = 0) -> Any:
    """Arrays and plain values only; a (name, array) pair of Paddle becomes the array."""
    if depth > _MAX_DEPTH:
        raise WeightsError("containers nested too deep", where=f"{path}: {name}")
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise WeightsError("refused: an array of Python objects", where=f"{path}: {name}", value=str(value.dtype))
        return value
    if isinstance(value, (bool, int, float, str, bytes, np.generic)) or value is None:
        return value
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], np.ndarray):
        return _plain(value[1], name, path, depth + 1)
    if isinstance(value, (list, tuple)):
        return [_plain(item, name, path, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item, f"{name}.{key}", path, depth + 1) for key, item in value.items()}
    raise WeightsError("refused: not an array or a plain value", where=f"{path}: {name}", value=type(value).__name__)


def strip_prefixes(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Names without the prefixes of distilled models and of data-parallel wrappers.

    Distilled OCR files hold several networks; `Student.` is the one their authors publish, then `Teacher.`,
    `Student2.`.
    """
    for prefix in _PREFIXES:
        inside = {name[len(prefix) :]: array for name, array in state.items() if name.startswith(prefix)}
        if inside and (prefix[0].isupper() or len(inside) == len(state)):
            return strip_prefixes(inside)
    return state


def load_pdparams(path: str | Path) -> dict[str, np.ndarray]:
    """Arrays of a `.pdparams` file by state_dict name, prefixes removed; entries that are no arrays are left out.

    Raises:
        WeightsError: as `load_pickled`, or no array in the file.
    """
    content = load_pickled(path)
    for wrapper in ("state_dict", "model"):  # some tools nest the weights
        if isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    arrays = {name: value for name, value in content.items() if isinstance(value, np.ndarray)}
    if not arrays:
        raise WeightsError("no arrays in the file", where=str(path), hint="expected network weights (.pdparams)")
    return strip_prefixes(arrays)
