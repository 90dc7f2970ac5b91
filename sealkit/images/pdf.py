"""Renders PDF pages in a child process with limits on memory and time.

PDFium has no limits of its own: 600 bytes in which a form draws itself twice ask for memory without end, and a failed
allocation aborts the process. So the process that aborts is one that does nothing else (`pdf_child.py`). It draws its
pages into memory that both share, of a size that neither can change (Linux; elsewhere they come through a pipe), and
what it says of them is checked against the limits before memory is made for them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import mmap
import os
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from sealkit.errors import ImageError
from sealkit.images import pdf_child

if TYPE_CHECKING:
    import subprocess

PDF_SCALE = 2.0
"""Pixels per PDF point (1/72 inch): 144 dpi."""
_MIN_SCALE = 0.1
_MAX_TEXT = 1000  # bytes of a message of the child
_KEPT = 64 << 20  # bytes of shared memory that stay between pages: giving them back costs a page fault for each 4 kB


@dataclass(frozen=True)
class PdfLimits:
    """What one PDF may cost.

    Attributes:
        memory: bytes of address space of the drawing process, the 50 MB of the program included; the pixels of the
            largest page (4 bytes each) and twice the file come on top. A colour scan of A4 at 600 dpi takes 300 MB.
        seconds: for opening a file, and for each page. A page of 10,000 strokes takes one.
        crashes: of the drawing process in one file; the pages after the last one are given up.
    """

    memory: int = 512 << 20
    seconds: float = 60.0
    crashes: int = 3


PDF_LIMITS = PdfLimits()


class _Ended(Exception):
    """The child is gone; the text says how it ended."""


class PdfRenderer:
    """Draws PDFs one after another in one child process, which is started when the first page is asked for.

    One run has one; it is not shared by threads. After a crash the next page gets a new child.
    """

    def __init__(self, *, max_pixels: int, max_side: int, limits: PdfLimits = PDF_LIMITS) -> None:
        """`max_pixels` and `max_side` are those of a page: it is drawn smaller where it would be larger."""
        self._max_pixels, self._max_side, self._limits = max_pixels, max_side, limits
        self._child: subprocess.Popen[bytes] | None = None
        self._late = False
        self._asked = False  # a page is under way
        self._memory = 0  # of the running child
        self._shared = -1  # file descriptor of the memory shared with it; -1: there is none

    def __enter__(self) -> PdfRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        child, self._child, self._asked = self._child, None, False
        if child is not None:
            child.kill()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
            child.wait()
        shared, self._shared = self._shared, -1
        if shared >= 0:
            os.close(shared)

    def pages(
        self, data: bytes, where: str, *, max_pages: int | None = None, scale: float = PDF_SCALE
    ) -> Iterator[tuple[int, np.ndarray | ImageError]]:
        """Every page on white, form fields drawn.

        Args:
            data: the file.
            where: its name in messages.
            max_pages: what comes after is left out.
            scale: pixels per point; lowered per page until it is within the limits, not below 0.1.

        Yields:
            (page, (H, W, 3) uint8 BGR), or the error of that page.

        Raises:
            ImageError: pypdfium2 is not installed; damaged, locked, without pages; or the file crashed the child too
                often.
        """
        count = self._open_or_say(data, where)
        count = min(count, max_pages or count)
        crashes = 0
        try:
            self._ask(0, scale)
            for page in range(count):
                name = f"{where} page {page + 1}"
                content: np.ndarray | ImageError
                try:
                    content = self._take(name)
                except ImageError as error:
                    content = error
                except _Ended as ended:
                    content = self._over_limits("the page", name, ended)
                    crashes += 1
                    if crashes < self._limits.crashes:
                        self._open_or_say(data, where)
                if page + 1 < count and crashes < self._limits.crashes:
                    self._ask(page + 1, scale)  # drawn while the caller works on this one
                yield page, content
                if crashes >= self._limits.crashes and page + 1 < count:
                    what = f"{crashes} pages could not be rendered within the limits; the remaining pages are skipped"
                    raise ImageError(what, where=where, hint="print the PDF to a new one, or leave it out")
        finally:
            if self._asked:  # the caller went away: the page that is under way is nobody's
                self.close()

    def _open_or_say(self, data: bytes, where: str) -> int:
        """The number of pages."""
        try:
            count = self._open(data, where)
        except _Ended as ended:
            raise self._over_limits("the PDF", where, ended) from ended
        if count == 0:
            raise ImageError("the PDF has no pages", where=where, hint="export it again")
        return count

    def _open(self, data: bytes, where: str) -> int:
        memory = self._limits.memory + 4 * self._max_pixels + 2 * len(data)
        if self._child is not None and memory > self._memory:  # a larger file than the running child has room for
            self.close()
        if self._child is None:
            self._start(memory, where)
        with self._deadline():
            self._send(struct.pack("<cQ", b"D", len(data)))
            self._send(data)
            kind = self._answer()
            if kind == b"E":
                raise self._failure("PDF", where)
            if kind != b"N":
                raise _Ended(self._end(f"an answer of kind {kind!r}"))
            (count,) = struct.unpack("<I", self._receive(4))
        return int(count)

    def _ask(self, index: int, scale: float) -> None:
        """Have the child draw a page; a child that has ended is noticed by `_take`."""
        least = min(_MIN_SCALE, scale)
        self._asked = True
        with contextlib.suppress(_Ended):
            self._send(struct.pack("<cIddQI", b"P", index, scale, least, self._max_pixels, self._max_side))

    def _take(self, where: str) -> np.ndarray:
        """The page that was asked for."""
        with self._deadline():
            kind = self._answer()
            self._asked = False
            if kind == b"E":
                raise self._failure("page", where)
            if kind not in (b"I", b"S"):
                raise _Ended(self._end(f"an answer of kind {kind!r}"))
            width, height, channels = struct.unpack("<IIB", self._receive(9))
            # The child may be in a stranger's hands by now: nothing is allocated on its word alone.
            if width * height > self._max_pixels or max(width, height) > self._max_side or channels not in (1, 3, 4):
                raise _Ended(self._end(f"an answer of {width}x{height}x{channels}"))
            if kind == b"S":
                return self._copy(height, width, channels)
            pixels = np.empty((height, width, channels), np.uint8)
            self._fill(pixels.reshape(-1).data)
        return pixels if channels == 3 else _three_channels(pixels)

    def _copy(self, height: int, width: int, channels: int) -> np.ndarray:
        """The page that lies in the shared memory, which has room for every page within the limits."""
        size = height * width * channels
        if self._shared < 0 or size == 0:
            raise _Ended(self._end(f"{size} bytes in a shared memory that is not there"))
        with mmap.mmap(self._shared, size) as memory:
            shared = np.frombuffer(memory, np.uint8).reshape(height, width, channels)
            pixels = _three_channels(shared)
            del shared  # it would keep the memory open
            if size > _KEPT:
                memory.madvise(mmap.MADV_REMOVE)
        return pixels

    def _start(self, memory: int, where: str) -> None:
        import subprocess

        spec = importlib.util.find_spec("pypdfium2")
        if spec is None or spec.origin is None:
            raise ImageError(
                "reading a PDF needs the package pypdfium2",
                where=where,
                hint="pip install 'sealkit[pdf]', or render the pages to PNG",
            )
        folder = str(Path(spec.origin).parents[1])
        # -I -S: no PYTHON* variables, no user site, no .pth files: nothing but what is named here.
        command = [sys.executable, "-I", "-S", pdf_child.__file__, folder, str(memory), str(self._limits.seconds)]
        room = 4 * self._max_pixels
        self._shared = _shared_memory(room)
        self._child = subprocess.Popen(
            [*command, str(self._shared), str(room)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            pass_fds=() if self._shared < 0 else (self._shared,),
        )
        self._memory = memory

    def _deadline(self) -> _Deadline:
        return _Deadline(self, self._limits.seconds)

    def kill_late(self) -> None:
        """Called by the deadline's own thread: whoever waits for the child then reads the end of its pipe."""
        self._late = True
        if self._child is not None:
            self._child.kill()

    def _send(self, data: bytes) -> None:
        if self._child is None or self._child.stdin is None:
            raise _Ended("it has not started")
        view = memoryview(data)
        try:
            while len(view):
                view = view[self._child.stdin.write(view) or 0 :]
        except OSError:  # the child closed its end
            raise _Ended(self._end()) from None

    def _answer(self) -> bytes:
        return bytes(self._receive(1))

    def _receive(self, size: int) -> bytearray:
        data = bytearray(size)
        self._fill(memoryview(data))
        return data

    def _fill(self, view: memoryview) -> None:
        if self._child is None or self._child.stdout is None:
            raise _Ended("it has not started")
        at = 0
        while at < len(view):
            got = self._child.stdout.readinto(view[at:])  # type: ignore[attr-defined]
            if not got:
                raise _Ended(self._end())
            at += got

    def _end(self, reason: str | None = None) -> str:
        """Take the child away; says how it ended."""
        late, self._late = self._late, False
        if reason is None and self._child is not None:
            code = self._child.wait()  # its pipes are closed: it has ended or is about to
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.close()
        return f"not ready after {self._limits.seconds:g} s" if late else str(reason)

    def _over_limits(self, what: str, where: str, ended: _Ended) -> ImageError:
        return ImageError(
            f"{what} cannot be rendered within {self._memory >> 20} MB of memory and {self._limits.seconds:g} s",
            where=where,
            value=str(ended),
            hint="open it in a reader and print it to a new PDF",
        )

    def _failure(self, what: str, where: str) -> ImageError:
        """The child's own account of what it could not do."""
        kind, length = struct.unpack("<BI", self._receive(5))
        text = self._receive(min(length, _MAX_TEXT)).decode("utf-8", "replace")
        if kind == pdf_child.TOO_LARGE:
            return ImageError(
                "the page is too large to be rendered within the limits",
                where=where,
                value=f"{text}, limit {self._max_pixels} pixels",
                hint="split the page, or render it to PNG at a lower resolution",
            )
        if kind == pdf_child.NO_MEMORY:
            return self._over_limits(f"the {what}", where, _Ended("out of memory"))
        if kind == pdf_child.LOCKED:
            hint = "save a copy without a password"
            return ImageError("the PDF is locked with a password", where=where, value=text, hint=hint)
        hint = "open it in a reader and print it to a new PDF"
        return ImageError(f"the {what} is damaged", where=where, value=text, hint=hint)


def _three_channels(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 1, 3 or 4) -> a new (H, W, 3). Drawn on opaque white: a fourth byte means nothing."""
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.array(pixels[:, :, :3], order="C")


def _shared_memory(size: int) -> int:
    """File descriptor of so many bytes, none of them used yet; -1 where the system has no such thing.

    Sealed: who is given it can neither shorten it, which would end whoever reads behind the end, nor lengthen it.
    """
    try:
        import fcntl

        descriptor = os.memfd_create("sealkit-pdf", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except (ImportError, AttributeError, OSError):
        return -1
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except (AttributeError, OSError, OverflowError):
        os.close(descriptor)
        return -1
    return descriptor


class _Deadline:
    """Kills the child of a renderer unless the block is left in time."""

    def __init__(self, renderer: PdfRenderer, seconds: float) -> None:
        self._timer = threading.Timer(seconds, renderer.kill_late)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
