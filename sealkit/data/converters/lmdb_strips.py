"""LMDB recognition sets (deep-text-recognition-benchmark, MMOCR, PaddleOCR): `num-samples`, `image-000000001`,
`label-000000001`.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from sealkit.data.converters.base import Source, prepare_folder
from sealkit.data.converters.strips import Strip, Strips
from sealkit.data.labels.recognition import fault_of
from sealkit.errors import DataError, ImageError
from sealkit.images import inspect_bytes

_DATA = "data.mdb"
_MAX_SAMPLES = 100_000_000
_ROOM = 1 << 20


def recognise(path: Path, content: Any) -> bool:
    """A folder with data.mdb."""
    return path.is_dir() and (path / _DATA).is_file()


def read(path: Path) -> Strips:
    """Images and texts of a database; a sample without image or text is reported.

    Raises:
        DataError: the package lmdb is missing, or this is no database of strips.
    """
    lmdb = _lmdb()
    folder = path.parent if path.is_file() else path
    source, strips = Source(), Strips()
    try:
        base = lmdb.open(str(folder), readonly=True, lock=False, readahead=False, max_dbs=1)
    except lmdb.Error as error:
        raise DataError(
            f"not an LMDB database: {error}", where=str(folder), hint=f"give the folder with {_DATA}"
        ) from None
    try:
        with base.begin() as view:
            for number in range(1, _count(view, folder) + 1):
                _read_one(view, number, strips, source)
    except lmdb.Error as error:
        raise DataError(f"the database is damaged: {error}", where=str(folder), hint="copy it again") from None
    finally:
        base.close()
    strips.problems = source.problems
    return strips


def _lmdb() -> ModuleType:
    try:
        import lmdb
    except ModuleNotFoundError:
        raise DataError("LMDB sets need the package lmdb", hint="pip install 'sealkit[lmdb]'") from None
    found: ModuleType = lmdb
    return found


def _count(view: Any, folder: Path) -> int:
    raw = view.get(b"num-samples")
    text = bytes(raw).decode("ascii", errors="replace") if raw is not None else ""
    if not text.isdecimal() or int(text[:12]) > _MAX_SAMPLES:
        raise DataError(
            "the database holds no recognition set",
            where=str(folder),
            value=text or None,
            hint="expected the keys num-samples, image-000000001, label-000000001, …",
        )
    return int(text)


def _read_one(view: Any, number: int, strips: Strips, source: Source) -> None:
    where = f"sample {number}"
    image, label = view.get(b"image-%09d" % number), view.get(b"label-%09d" % number)
    if image is None or label is None:
        missing = "image" if image is None else "label"
        source.report("missing-key", where, f"there is no {missing}-{number:09d}", "export the set again")
        return
    try:
        text = bytes(label).decode("utf-8")
        kind = inspect_bytes(bytes(image), where).format.lower()
    except UnicodeDecodeError:
        source.report("encoding", where, "the label is not UTF-8", "export the set again as UTF-8")
        return
    except ImageError as error:
        source.report("broken-image", where, error.what, error.hint or "export the set again")
        return
    name = f"{number:09d}.{'jpg' if kind == 'jpeg' else kind}"
    fault = fault_of(name, text)
    if fault is not None:
        source.report(fault[0], where, fault[1], fault[2])
        return
    strips.found.append(Strip(name, text, where, data=bytes(image)))


def write(strips: Strips, out: str | Path, labels: str = "") -> int:
    """Write a database of strips to a new folder; returns their number. `labels` has no meaning here."""
    lmdb = _lmdb()
    if not strips.found:
        raise DataError("there is no strip to write", hint="see the problems above")
    prepare_folder(Path(out))
    files = [strip.content() for strip in strips.found]
    size = sum(map(len, files)) * 2 + 4096 * 4 * len(files) + _ROOM
    base = lmdb.open(str(out), map_size=size)
    try:
        with base.begin(write=True) as view:
            for number, (strip, data) in enumerate(zip(strips.found, files), 1):
                view.put(b"image-%09d" % number, data)
                view.put(b"label-%09d" % number, strip.text.encode("utf-8"))
            view.put(b"num-samples", str(len(files)).encode())
    finally:
        base.close()
    return len(files)


__all__ = ["read", "recognise", "write"]
