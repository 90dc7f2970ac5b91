"""Reads Paddle's `.pdparams` and `.pdopt` files without executing them.

A pickle is a program: the plain loader executes whatever the file's author wrote. Here a child process under a memory
and a time limit walks the file and says which arrays lie where (`pickle_index`); this process takes the bytes from
those places. No object of NumPy is made by what the file says, only arrays of a type out of a list. Where the system
has no memory limit (Windows, macOS), the child has the time limit and its own budgets.
"""

from __future__ import annotations

import json
import multiprocessing.spawn
import os
import subprocess
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sealkit.errors import WeightsError, first_line
from sealkit.weights.pickle_records import TYPES

_NAME_TABLE = "StructuredToParameterName@@"  # Paddle: structured name -> the process's parameter name; of no use to us
_BIG_TABLE = "UnpackBigParamInfor@@"  # Paddle, pickle protocols 2 and 3: arrays over 1 GiB stored in slices
_PREFIXES = ("Student.", "Teacher.", "Student2.", "_layers.", "module.")
_CHILD = "import sys; sys.path.append(sys.argv[1]); from sealkit.weights.pickle_index import main; main()"
_SECONDS = 60.0  # a file of 5,000 tensors takes 1 s
_BYTES_A_SECOND = 10e6  # on top of that; texts of protocol 2 are measured at 1 GB/s
_SHARED = 4  # tied tensors may be one array under several names; more names than that would be copied on use


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
            before = os.fstat(file.fileno())
            index = _index(file, before.st_size, path)
            arrays = [_read_array(file, facts, path) for facts in index["arrays"]]
            after = os.fstat(file.fileno())
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror or first_line(error)}", where=str(path)) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise WeightsError("the file changed while it was read", where=str(path), hint="wait until it is fully written")
    content = _content(index["tree"], arrays)
    content.pop(_NAME_TABLE, None)
    _join_slices(content, path, before.st_size)
    return content


def _index(file: BinaryIO, size: int, path: Path) -> dict[str, Any]:
    """What the child says of the file, its refusals raised."""
    index: dict[str, Any] = json.loads(_run_child(file, size, path))
    if "refused" in index:
        place = f"{path}: {index['place']}" if index["place"] else str(path)
        raise _refused(index["refused"], place, index["value"])
    if "damaged" in index:
        raise _unreadable(index["damaged"], path)
    return index


def _run_child(file: BinaryIO, size: int, path: Path) -> bytes:
    """The answer of `pickle_index.main` on the file."""
    package = str(Path(__file__).resolve().parents[2])
    command = [_executable(), "-I", "-S", "-c", _CHILD, package]
    try:
        done = subprocess.run(
            command, stdin=file, capture_output=True, timeout=_SECONDS + size / _BYTES_A_SECOND, check=False
        )
    except subprocess.TimeoutExpired:
        raise _refused("reading it takes too long", path) from None
    if done.returncode != 0:
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"])[-1]
        raise WeightsError(
            f"the process that reads it ended with code {done.returncode}: {last[:200]}",
            where=str(path),
            hint="a damaged or hostile file, or too little memory; get the weights from a source you trust",
        )
    return done.stdout


def _executable() -> str:
    """The interpreter to start; programs that embed Python may have set another one."""
    found = multiprocessing.spawn.get_executable()
    return os.fsdecode(found) if found else "python"


def _refused(what: str, where: str | Path, value: object = None) -> WeightsError:
    return WeightsError(
        f"refused: {what}",
        where=str(where),
        value=value,
        hint="any other loader could run code of the file's author; get the weights from a source you trust",
    )


def _unreadable(what: str, path: Path) -> WeightsError:
    return WeightsError(
        f"not a readable Paddle weights file: {what}",
        where=str(path),
        hint="the file may be truncated or of another kind (expected .pdparams, .pdopt, .safetensors or a folder)",
    )


def _read_array(file: BinaryIO, facts: dict[str, Any], path: Path) -> Any:
    """One array from its place in the file; a NumPy scalar where the file says so."""
    if facts["type"][1:] not in TYPES or facts["type"][0] not in "<>":
        raise _unreadable(f"array type {facts['type']}", path)
    kind = np.dtype(facts["type"])
    file.seek(facts["at"])
    try:
        if facts["encoded"]:
            data = bytearray(file.read(facts["stored"]).decode("utf-8").encode("latin1"))
        else:
            data = bytearray(facts["stored"])
            if file.readinto(data) != len(data):  # type: ignore[attr-defined]
                raise ValueError("the file ends too early")
        flat = np.frombuffer(data, kind)
        if kind.byteorder == ">":
            flat = flat.astype(kind.newbyteorder("="))
        order = facts["order"]
        array = flat.reshape(facts["shape"], order="F" if order == "F" else "C")
    except (ValueError, OverflowError) as error:  # UnicodeError is one of them
        raise _unreadable(first_line(error), path) from error
    if facts["axes"] is not None:
        array = array.transpose(facts["axes"])
    return array[()] if facts["scalar"] else array


def _content(node: list[Any], arrays: list[Any]) -> Any:
    """The index's tree with its arrays."""
    kind, value = node
    if kind == "dict":
        return {key: _content(item, arrays) for key, item in value}
    if kind == "list":
        return [_content(item, arrays) for item in value]
    if kind == "array":
        return arrays[value]
    return bytes.fromhex(value) if kind == "bytes" else value


def _join_slices(content: dict[str, Any], path: Path, size: int) -> None:
    """Put arrays back together that Paddle stored in slices: {name: {"OriginShape": shape, "slices": [names]}}."""
    table = content.pop(_BIG_TABLE, None)
    if table is None:
        return
    joined = 0
    try:
        for name, facts in table.items():
            slices = [np.asarray(content.pop(part)).reshape(-1) for part in facts["slices"]]
            joined += sum(part.nbytes for part in slices)
            if joined > size:
                raise ValueError("its slices are larger than the file")
            content[name] = np.concatenate(slices).reshape(facts["OriginShape"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise WeightsError(f"damaged table of large arrays: {first_line(error)[:200]}", where=str(path)) from error


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
    held, size = sum(array.nbytes for array in arrays.values()), Path(path).stat().st_size
    if held > _SHARED * size:
        what = f"its {len(arrays)} arrays share their content: {held} bytes out of a file of {size}"
        raise _refused(what, path)
    if not arrays:
        raise WeightsError("no arrays in the file", where=str(path), hint="expected network weights (.pdparams)")
    return strip_prefixes(arrays)
