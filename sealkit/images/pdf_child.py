"""The process that renders PDF pages for `sealkit.images.pdf`: a script with requests on its standard input.

It imports the standard library and pypdfium2 and nothing else, so that a start takes some hundredths of a second. What
a file can do to it ends at its limits: memory (RLIMIT_AS), CPU seconds per request (RLIMIT_CPU), no file of its own
(RLIMIT_FSIZE, RLIMIT_CORE), where the system has them. It ends with its parent: at the end of its input.

Requests and answers are little-endian; the parent checks every size:

    b"D" size:Q data                                      open a document   -> b"N" pages:I
    b"P" page:I scale:d least:d max_pixels:Q max_side:I   draw a page       -> b"I" width:I height:I channels:B pixels
                                  the same, drawn into the shared memory    -> b"S" width:I height:I channels:B
    either                                                cannot be done    -> b"E" kind:B length:I text
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import signal
import struct
import sys
from typing import Any, BinaryIO

DAMAGED, LOCKED, TOO_LARGE, NO_MEMORY, BROKEN = range(5)
"""Kinds of failure."""


_CHUNK = 1 << 20  # bytes; also the widest pipe that Linux gives to everybody


class PageTooLarge(Exception):
    """The page cannot be drawn within the limits at any scale allowed."""


def main() -> None:
    """Arguments: the folder that holds pypdfium2, bytes of memory, CPU seconds per request, and of the memory shared
    with the parent its file descriptor and bytes (-1 0: there is none).
    """
    folder, memory, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    shared = _shared(int(sys.argv[4]), int(sys.argv[5]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    source = sys.stdin.buffer
    answers = os.fdopen(_wide(os.dup(1)), "wb", buffering=1 << 16)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever a library prints is no answer
    sys.path.append(folder)
    import pypdfium2

    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_FSIZE", 0)
    _limit("RLIMIT_AS", memory)
    document: Any = None
    while request := source.read(1):
        _limit_cpu(seconds)
        try:
            if request == b"D":
                if document is not None:
                    document.close()
                (size,) = struct.unpack("<Q", source.read(8))
                document = pypdfium2.PdfDocument(source.read(size))
                document.init_forms()
                answers.write(struct.pack("<cI", b"N", len(document)))
            else:
                _draw(document, answers, shared, *struct.unpack("<IddQI", source.read(32)))
        except PageTooLarge as error:
            _fail(answers, TOO_LARGE, error)
        except MemoryError as error:
            _fail(answers, NO_MEMORY, error)
        except pypdfium2.PdfiumError as error:
            _fail(answers, LOCKED if "password" in str(error).lower() else DAMAGED, error)
        except Exception as error:  # whatever the bindings meet in a hostile file; the parent says it
            _fail(answers, BROKEN, error)
        answers.flush()


def _shared(descriptor: int, size: int) -> mmap.mmap | None:
    """The memory that pages are drawn into; None where there is none, or no room for it."""
    if descriptor < 0:
        return None
    try:
        return mmap.mmap(descriptor, size)
    except (OSError, ValueError, OverflowError):
        return None


def _draw(
    document: Any,
    answers: BinaryIO,
    shared: mmap.mmap | None,
    index: int,
    scale: float,
    least: float,
    max_pixels: int,
    max_side: int,
) -> None:
    """One page on white, form fields drawn, as BGR or BGRx rows without padding."""
    inside = False

    def bitmap_maker(width: int, height: int, **form: Any) -> Any:
        nonlocal inside
        from pypdfium2 import PdfBitmap

        size = 4 * width * height
        inside = shared is not None and size <= len(shared)
        buffer = (ctypes.c_ubyte * size).from_buffer(shared) if inside else None  # type: ignore[arg-type]
        return PdfBitmap.new_native(width, height, buffer=buffer, **form)

    page = document[index]
    try:
        width, height = page.get_size()  # points, the page's own rotation applied
        if width * height > 0:
            # One pixel less per side than the limit allows: PDFium rounds sides up.
            within = math.sqrt(max_pixels / (width * height)) * 0.999
            scale = min(scale, within, (max_side - 1) / max(width, height))
        if scale < least:
            raise PageTooLarge(f"{width:.0f}x{height:.0f} points")
        white = (255, 255, 255, 255)
        bitmap = page.render(scale=scale, fill_color=white, may_draw_forms=True, bitmap_maker=bitmap_maker)
        try:
            if inside:
                answers.write(struct.pack("<cIIB", b"S", bitmap.width, bitmap.height, bitmap.n_channels))
                return
            row = bitmap.width * bitmap.n_channels
            pixels = memoryview(bitmap.buffer).cast("B")
            answers.write(struct.pack("<cIIB", b"I", bitmap.width, bitmap.height, bitmap.n_channels))
            if bitmap.stride == row:  # larger than the buffer: written without a copy
                answers.write(pixels[: row * bitmap.height])
            else:
                for start in range(0, bitmap.stride * bitmap.height, bitmap.stride):
                    answers.write(pixels[start : start + row])
            del pixels
        finally:
            bitmap.close()
    finally:
        page.close()


def _wide(pipe: int) -> int:
    """A pipe that takes a chunk at once, on Linux: a page of 6 MB in 64 kB pieces costs 100 changes of process."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _CHUNK)  # type: ignore[attr-defined]  # Python 3.10 on Linux
    except (ImportError, AttributeError, OSError):
        return pipe
    return pipe


def _fail(answers: BinaryIO, kind: int, error: BaseException) -> None:
    text = str(error).encode("utf-8", "replace")[:1000]
    answers.write(struct.pack("<cBI", b"E", kind, len(text)) + text)


def _limit(name: str, value: int) -> None:
    """Lower a limit of this process for good; what the system does not have or does not allow is left out."""
    try:
        import resource

        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    except (ImportError, AttributeError, ValueError, OSError):
        return


def _limit_cpu(seconds: float) -> None:
    """From now on so many CPU seconds, then SIGXCPU: also where the parent is gone and cannot end this process."""
    try:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    except (ImportError, AttributeError, ValueError, OSError):
        return


if __name__ == "__main__":
    main()
