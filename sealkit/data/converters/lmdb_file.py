"""Reads LMDB databases, each step within bounds.

Own code in place of the package lmdb, which maps the file and reads where its pages point to: a damaged or hostile one
ends the process (SIGBUS, SIGSEGV). Here a page is read from the file when it is asked for, and every number in it is
checked first. Nothing is held but some pages of the tree.

The format is version 1 of LMDB 0.9 on 64-bit little-endian machines, re-implemented from the structures MDB_page,
MDB_node, MDB_db and MDB_meta of OpenLDAP's libraries/liblmdb/mdb.c (OpenLDAP Public License; facts only). Left out:
writing, databases inside of a database, several values per key, orders of keys other than by their bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NoReturn

from sealkit.errors import DataError, first_line
from sealkit.files import open_regular
from sealkit.images.decode import MAX_FILE

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_META = struct.Struct("<16xII16xI44x4xH34xQQQ")
"""A page's header; magic, version; address and size of the map; the tree of free pages, whose first field is the size
of a page; of the main tree its flags and its root; last page, number of the transaction."""
_HEADER = struct.Struct("<QHHHH")  # number of the page, padding, flags, ends of its lists of nodes and of free room
_NODE = struct.Struct("<HHHH")  # of a leaf: size of the value in two halves, flags, size of the key
_BRANCH, _LEAF, _OVERFLOW = 0x01, 0x02, 0x04
_KINDS = 0x6F
"""Flags that say what a page is, others than these three included."""
_BIG, _ODD_VALUE = 0x01, 0x06
_ODD_ORDER = 0x0E
_NO_PAGE = (1 << 64) - 1
_DEEPEST = 32
_PAGES_HELD = 256
_PAGE_SIZES = tuple(1 << bits for bits in range(9, 17))


@dataclass(frozen=True)
class _Page:
    """A page of the tree: its flags, its bytes, and where in them its nodes begin, in the order of their keys."""

    flags: int
    data: bytes
    nodes: tuple[int, ...]


class LmdbFile:
    """A database; see `open_lmdb`.

    Attributes:
        size: bytes of its file.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self.size = file.seek(0, 2)
        self._page_size, self._root, self._last = self._head()
        self._page = lru_cache(_PAGES_HELD)(self._read_page)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, None where the database has none.

        Raises:
            DataError: the database is damaged.
            OSError: the file cannot be read.
        """
        if self._root == _NO_PAGE:
            return None
        number = self._root
        for _ in range(_DEEPEST):
            page = self._page(number)
            if page.flags & _LEAF:
                place = self._first_not_before(page, number, key, 0)
                found = place < len(page.nodes) and self._key(page, number, place) == key
                return self._value(page, number, place) if found else None
            # the key of the first node is not looked at: it stands for all before the second
            place = self._first_not_before(page, number, key, 1)
            if place == len(page.nodes) or self._key(page, number, place) != key:
                place -= 1
            low, high, top, _ = _NODE.unpack_from(page.data, page.nodes[place])
            number = low | high << 16 | top << 32
        self._damaged(number, "the tree is too deep")

    def _head(self) -> tuple[int, int, int]:
        """Size of a page, root and last page, as of the last transaction: the first two pages say so in turn."""
        first = self._meta(0)
        second = self._meta(first[0])
        page_size, flags, root, last, _ = max(first, second, key=lambda meta: meta[4])
        if flags & _ODD_ORDER:
            self._no_database("its keys are not in the order of their bytes, as those of recognition sets are")
        wanted = (last + 1) * page_size
        if wanted > self.size:
            what = f"the database is cut: it says {wanted} bytes and has {self.size}"
            raise DataError(what, where=str(self._path), hint="copy it again")
        return page_size, root, last

    def _meta(self, at: int) -> tuple[int, int, int, int, int]:
        """Size of a page, flags of the main tree, root, last page, transaction."""
        self._file.seek(at)
        data = self._file.read(_META.size)
        if len(data) < _META.size:
            self._no_database("it is too short")
        magic, version, page_size, flags, root, last, transaction = _META.unpack(data)
        if magic != _MAGIC or page_size not in _PAGE_SIZES or (at and at != page_size):
            self._no_database("it begins otherwise, or was written on a machine of 32 bits or big-endian")
        if version != _VERSION:
            self._no_database(f"it has version {version} of the format, and only {_VERSION} is read")
        return page_size, flags, root, last, transaction

    def _no_database(self, why: str) -> NoReturn:
        raise DataError(
            f"not an LMDB database: {why}", where=str(self._path), hint="give the folder with data.mdb"
        ) from None

    def _damaged(self, number: int, what: str) -> NoReturn:
        raise DataError(f"the database is damaged: {what}", where=f"{self._path} page {number}", hint="copy it again")

    def _read(self, number: int, size: int) -> bytes:
        """The first bytes of a page, or of several that lie together."""
        if size > MAX_FILE:
            self._damaged(number, f"it says that a value has {size} bytes")
        if number > self._last or number * self._page_size + size > self.size:
            self._damaged(number, "there is no such page")
        self._file.seek(number * self._page_size)
        data = self._file.read(size)
        if len(data) < size:
            self._damaged(number, "the file became shorter")
        return data

    def _read_page(self, number: int) -> _Page:
        data = self._read(number, self._page_size)
        stated, _, flags, lower, upper = _HEADER.unpack_from(data)
        if stated != number or flags & _KINDS not in (_BRANCH, _LEAF):
            self._damaged(number, "it is not a page of the tree")
        count = (lower - _HEADER.size) >> 1
        if not _HEADER.size <= lower <= upper <= self._page_size or (flags & _BRANCH and not count):
            self._damaged(number, "its list of nodes is wrong")
        nodes = struct.unpack_from(f"<{count}H", data, _HEADER.size)
        if any(not lower <= node <= self._page_size - _NODE.size for node in nodes):
            self._damaged(number, "a node lies outside")
        return _Page(flags, data, nodes)

    def _first_not_before(self, page: _Page, number: int, key: bytes, start: int) -> int:
        """Place of the first node, from `start` on, whose key is not before this one; their number where there is
        none."""
        low, high = start, len(page.nodes)
        while low < high:
            middle = (low + high) // 2
            if self._key(page, number, middle) < key:
                low = middle + 1
            else:
                high = middle
        return low

    def _key(self, page: _Page, number: int, place: int) -> bytes:
        start = page.nodes[place] + _NODE.size
        end = start + _NODE.unpack_from(page.data, page.nodes[place])[3]
        if end > self._page_size:
            self._damaged(number, "a key runs out of it")
        return page.data[start:end]

    def _value(self, page: _Page, number: int, place: int) -> bytes:
        low, high, flags, key_size = _NODE.unpack_from(page.data, page.nodes[place])
        start, size = page.nodes[place] + _NODE.size + key_size, low | high << 16
        if flags & _ODD_VALUE:
            self._damaged(number, "a value is not a plain one")
        stored = 8 if flags & _BIG else size
        if start + stored > self._page_size:
            self._damaged(number, "a value runs out of it")
        data = page.data[start : start + stored]
        return self._overflow(int.from_bytes(data, "little"), size) if flags & _BIG else data

    def _overflow(self, number: int, size: int) -> bytes:
        """A value on pages of its own."""
        stated, _, flags, *_ = _HEADER.unpack_from(self._read(number, _HEADER.size))
        if stated != number or flags & _KINDS != _OVERFLOW:
            self._damaged(number, "it is not a page of a value")
        return self._read(number, _HEADER.size + size)[_HEADER.size :]


@contextmanager
def open_lmdb(path: Path) -> Iterator[LmdbFile]:
    """The database of a file `data.mdb`, to be read.

    Raises:
        DataError: not a database of LMDB, or shorter than it says; later: it is damaged, or cannot be read.
    """
    try:
        with open_regular(path) as file:
            yield LmdbFile(file, path)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or first_line(error)}", where=str(path)) from None


__all__ = ["LmdbFile", "open_lmdb"]
