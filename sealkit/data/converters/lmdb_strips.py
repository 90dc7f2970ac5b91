"""LMDB recognition sets (deep-text-recognition-benchmark, MMOCR, PaddleOCR): `num-samples`, `image-000000001`,
`label-000000001`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sealkit.data.converters.base import Source, digest_of
from sealkit.data.converters.lmdb_file import LmdbFile, open_lmdb
from sealkit.data.converters.strips import Strip, Strips
from sealkit.data.labels.recognition import fault_of
from sealkit.errors import DataError, ImageError
from sealkit.images import inspect_bytes
from sealkit.workers.journal import begin, finished

_DATA = "data.mdb"
_HALF = ".unfinished.mdb"
_MOST_DIGITS = 12
_LEAST_BYTES = 2 * (8 + len("image-000000001"))
"""Of a sample: two nodes of a tree with their keys."""
_AT_ONCE = 1000
"""Strips of a transaction: until its end they are in memory."""
_ROOM = 1 << 20


@dataclass(frozen=True)
class LmdbImage:
    """An image in a database, read when it is asked for: sets of strips are larger than memory.

    Attributes:
        folder: of the database.
        number: of the sample, from 1.
        stamp: size and time of the database.
    """

    folder: Path
    number: int
    stamp: str

    def __str__(self) -> str:
        """Its place, for messages."""
        return f"{self.folder} sample {self.number}"

    def read(self) -> bytes:
        """The encoded image. Raises DataError: the database is gone or damaged."""
        with open_lmdb(self.folder / _DATA) as base:
            data = base.get(_image(self.number))
        if data is None:
            raise DataError("the database lost its image", where=str(self), hint="convert the set again")
        return data


def _image(number: int) -> bytes:
    return b"image-%09d" % number


def _label(number: int) -> bytes:
    return b"label-%09d" % number


def recognise(path: Path, content: Any) -> bool:
    """A folder with data.mdb."""
    return path.is_dir() and (path / _DATA).is_file()


def read(path: Path) -> Strips:
    """Images and texts of a database; a sample without image or text is reported.

    Raises:
        DataError: this is no database of strips, or a damaged one.
    """
    folder = path.parent if path.is_file() else path
    source, strips = Source(), Strips()
    with open_lmdb(folder / _DATA) as base:
        found = (folder / _DATA).stat()
        stamp = f"{found.st_size} {found.st_mtime_ns}"
        for number in range(1, _count(base, folder) + 1):
            _read_one(base, LmdbImage(folder, number, stamp), strips, source)
    strips.problems = source.problems
    return strips


def _lmdb() -> ModuleType:
    try:
        import lmdb
    except ModuleNotFoundError:
        raise DataError("writing LMDB sets needs the package lmdb", hint="pip install 'sealkit[lmdb]'") from None
    found: ModuleType = lmdb
    return found


def _count(base: LmdbFile, folder: Path) -> int:
    text = (base.get(b"num-samples") or b"").decode("ascii", errors="replace")
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise DataError(
            "the database holds no recognition set",
            where=str(folder),
            value=text or None,
            hint="expected the keys num-samples, image-000000001, label-000000001, …",
        )
    if int(text) > base.size // _LEAST_BYTES:
        what = f"the database says that it holds {int(text)} strips, more than its {base.size} bytes can"
        raise DataError(what, where=str(folder), value="num-samples", hint="export the set again")
    return int(text)


def _read_one(base: LmdbFile, stored: LmdbImage, strips: Strips, source: Source) -> None:
    number, where = stored.number, f"sample {stored.number}"
    image, label = base.get(_image(number)), base.get(_label(number))
    if image is None or label is None:
        missing = "image" if image is None else "label"
        source.report("missing-key", where, f"there is no {missing}-{number:09d}", "export the set again")
        return
    try:
        text = label.decode("utf-8")
        kind = inspect_bytes(image, where).format.lower()
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
    strips.found.append(Strip(name, text, where, stored))


def write(strips: Strips, out: str | Path, labels: str = "") -> int:
    """Write a database of strips to a new folder; returns their number. `labels` has no meaning here.

    The database gets its name when it is whole; one that a kill left half done is begun anew.

    Raises:
        DataError: nothing was read, `out` holds something else, or a strip's image cannot be read.
    """
    lmdb, out = _lmdb(), Path(out)
    if not strips.found:
        raise DataError("there is no strip to write", hint="see the problems above")
    half = out / _HALF
    settings = {"lmdb": digest_of((f"{strip.name} {strip.text}", strip.image) for strip in strips.found)}
    with finished(begin(out, settings)):
        half.unlink(missing_ok=True)
        try:
            _write_all(lmdb.open(str(half), map_size=_ROOM, subdir=False, lock=False), strips.found)
        except lmdb.Error as error:
            what, hint = f"the database cannot be written: {error}", "check the permissions and the free space"
            raise DataError(what, where=str(out / _DATA), hint=hint) from None
        half.replace(out / _DATA)
    return len(strips.found)


def _write_all(base: Any, strips: Sequence[Strip]) -> None:
    with closing(base):
        for start in range(0, len(strips), _AT_ONCE):
            _write_part(base, strips[start : start + _AT_ONCE], start + 1)
        with base.begin(write=True) as view:
            view.put(b"num-samples", str(len(strips)).encode())


def _write_part(base: Any, strips: Sequence[Strip], first: int) -> None:
    """Write samples from the number `first` on, in one transaction; the database grows by what they need."""
    files = [strip.content() for strip in strips]
    base.set_mapsize(base.info()["map_size"] + 2 * sum(map(len, files)) + 4096 * 4 * len(files))
    with base.begin(write=True) as view:
        for number, (strip, data) in enumerate(zip(strips, files), first):
            view.put(_image(number), data)
            view.put(_label(number), strip.text.encode("utf-8"))


__all__ = ["LmdbImage", "read", "recognise", "write"]
