"""Atomic writes: files and folders are complete or absent, even after a kill or on a full disk.

Everything sealkit writes is written here. A file is written beside its place and renamed. A folder cannot be renamed
over another one, so `replace_folder` moves the old one aside first; `claim_folder` finishes what a kill between the two
renames left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_NAME_KEPT = 200
_PARTIAL = re.compile(r"\.(.+)\.\d+\.partial")
"""A file while it is written, see `replacing`: its name and the process that writes it."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


def flush(path: Path) -> None:
    """Force a file or a folder entry to the disk; folders cannot be flushed on Windows, where this does nothing."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def open_regular(path: str | Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading.

    Pipes and devices have no end that one could wait for, and are refused before a byte is read.

    Raises:
        OSError: missing, a folder, no permission, not a regular file (EINVAL).
    """
    # Not to wait for a writer where it is a pipe.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "a pipe, a device or a socket is not read", str(path))
        yield file


def read_regular(path: str | Path, limit: int) -> bytes:
    """Content of a regular file of at most `limit` bytes.

    Raises:
        OSError: as of `open_regular`; larger than the limit (EFBIG).
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(min(size, limit) + 1)  # `read` first takes as much memory as it is asked for
        if size < len(data) <= limit:  # it grew meanwhile
            data += file.read(limit + 1 - len(data))
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"the file is larger than {limit} bytes", str(path))
    return data


@contextlib.contextmanager
def replacing(path: str | Path, *, durable: bool = False) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `path` when the block ends; an error in it leaves what was there.

    Args:
        path: its folder must be there. What a link points to is replaced, not the link; a device or a pipe is written
            to as it is.
        durable: the file is on the disk when this returns, also if the power fails. It costs milliseconds; for what
            cannot be made again.

    Raises:
        OSError: no space, no permission, over the size allowed; it names the file.
    """
    path = Path(os.path.realpath(path))
    with _named(path):
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with open(path, "wb") as file:
                yield file
        else:
            with _beside(path, durable) as file:
                yield file


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """A disk that is full shows in a write, and such an error names no file by itself."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM and error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def _beside(path: Path, durable: bool) -> Iterator[BinaryIO]:
    """A file beside `path` that takes its place when the block ends."""
    partial = path.with_name(f".{path.name[:_NAME_KEPT]}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    if durable:
        flush(path.parent)


def sweep(folder: Path) -> None:
    """Remove what killed processes left below a folder of files that are whole by now."""
    for partial in folder.rglob(".*.partial"):
        named = _PARTIAL.fullmatch(partial.name)
        whole = partial.with_name(named[1]) if named else partial
        with contextlib.suppress(OSError):
            if named and partial.stat().st_mtime <= whole.stat().st_mtime:
                partial.unlink()


@contextlib.contextmanager
def growing(path: Path, size: int) -> Iterator[BinaryIO]:
    """An unfinished file, open to be gone on with at `size`; what was behind it goes.

    Unlike all else it keeps what was written when the block ends by an error. Give it a name by which nobody takes it
    for whole, and rename it when it is.
    """
    with _named(path), open(path, "r+b" if size else "wb") as file:
        file.truncate(size)
        file.seek(size)
        yield file


def write_bytes(path: str | Path, data: bytes, *, durable: bool = False) -> None:
    """Replace the file at `path` by `data`, see `replacing`."""
    with replacing(path, durable=durable) as file:
        file.write(data)


def write_text(path: str | Path, text: str, *, durable: bool = False) -> None:
    """Replace the file at `path` by UTF-8 `text`, line ends as they are.

    Half characters, as which Python holds file names that are no UTF-8, become escapes of a backslash, u and four
    digits. JSON reads those as what they were.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"), durable=durable)


def copy_file(source: str | Path, target: str | Path) -> None:
    """Copy the content of a regular file.

    Raises:
        OSError: also where the source is a pipe, a device or a folder.
    """
    with open_regular(source) as content, replacing(target) as file:
        shutil.copyfileobj(content, file, 1 << 20)


def _aside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")


def replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Replace `folder` by one that `fill(empty_folder)` writes; readers see the old or the new one, never a mixture.

    A kill at any moment leaves `folder`, or `folder.new` complete beside `folder.old`; `claim_folder` tells which.
    """
    claim_folder(folder)
    new, old = _aside(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    filling = folder.with_name(folder.name + ".partial")
    shutil.rmtree(filling, ignore_errors=True)
    filling.mkdir()
    fill(filling)
    for file in filling.iterdir():
        flush(file)
    flush(filling)
    os.rename(filling, new)  # from here on the new one is complete, whatever happens
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def claim_folder(folder: Path) -> Path:
    """Bring `folder` to its newest complete state after a kill inside `replace_folder`; returns `folder`."""
    new, old = _aside(folder)
    if new.exists():
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(folder, old)
        os.rename(new, folder)
    elif old.exists() and not folder.exists():
        os.rename(old, folder)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(folder.with_name(folder.name + ".partial"), ignore_errors=True)
    return folder


@contextlib.contextmanager
def held(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock file for as long as the block runs; other processes and threads that want it wait.

    The system lets go of it when the process ends, however. The file stays: removing it would let two in.

    Args:
        path: made where it is missing; its folder must be there.
        waiting: called once where somebody else holds it.
    """
    with open(path, "ab") as file:
        try:
            _lock(file, wait=False)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            _lock(file, wait=True)
        yield


def _lock(file: BinaryIO, *, wait: bool) -> None:
    """Lock an open file until it is closed.

    Raises:
        BlockingIOError: somebody else has it, and `wait` is off.
    """
    if os.name != "nt":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return
    import msvcrt  # pragma: no cover

    while True:  # pragma: no cover
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            return
        except OSError:
            if not wait:
                raise BlockingIOError(errno.EAGAIN, "locked") from None
            time.sleep(0.2)
