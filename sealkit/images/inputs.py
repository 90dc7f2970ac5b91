"""Inputs of `predict()`: turns paths, folders, PDFs, URLs, arrays and lists of them into images, one at a time.

Suffixes, order and page numbers are paddlex 3.7.2's. What it skips in silence (paths as Path, PIL images, bytes,
tuples) is read here; what cannot be read becomes an entry with an error, so that the entries of a list input are never
fewer than its elements.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sealkit.errors import ImageError
from sealkit.images.decode import MAX_PIXELS, MAX_SIDE, decode_bytes, decode_frame, read_file, read_image
from sealkit.images.formats import TIFF_SIGNATURES, is_pdf, open_with_pillow, turn_to
from sealkit.images.headers import inspect_bytes
from sealkit.images.pdf import PDF_LIMITS, PDF_SCALE, PdfLimits, PdfRenderer
from sealkit.images.strangers import DOCUMENT_SUFFIXES
from sealkit.images.walks import MAX_FRAMES

SINGLE_SUFFIXES = frozenset(
    {"bmp", "dib", "jpeg", "jpg", "png", "webp", "pbm", "pgm", "ppm", "pnm", "sr", "ras", "gif"}
)
"""Suffixes of files with one image: paddlex's and gif (first frame)."""
TIFF_SUFFIXES = frozenset({"tif", "tiff"})
IMAGE_SUFFIXES = SINGLE_SUFFIXES | TIFF_SUFFIXES
PDF_SUFFIXES = frozenset({"pdf"})
UNREAD_SUFFIXES = frozenset(
    {"heic", "heif", "avif", "jp2", "j2k", "jpx", "jxl", "psd", "svg", "djvu", "dng", "cr2", "cr3", "nef", "arw", "raw"}
)
"""Suffixes of images that no decoder here reads: in a folder they are named, not left out."""


@dataclass(frozen=True)
class ImageRecord:
    """One image of an input, or why there is none.

    Attributes:
        image: (H, W, 3) uint8 BGR as `read_image` returns it, or None.
        error: set exactly where `image` is None.
        input_path: path or URL as text; None for arrays, PIL images and bytes.
        page_index: 0, 1, … for TIFF and PDF (also with one page), else None.
        input_index: position of the element in the input list that this record comes from.
    """

    image: np.ndarray | None
    error: ImageError | None = None
    input_path: str | None = None
    page_index: int | None = None
    input_index: int = 0


def iter_images(
    source: Any,
    *,
    on_error: Literal["record", "raise"] = "record",
    max_pixels: int = MAX_PIXELS,
    max_side: int = MAX_SIDE,
    max_pages: int | None = None,
    pdf_scale: float = PDF_SCALE,
    pdf_limits: PdfLimits = PDF_LIMITS,
    fetch: Callable[[str], bytes] | None = None,
) -> Iterator[ImageRecord]:
    """Images of an input, in input order.

    Args:
        source: one element or a list, tuple or iterator of elements. An element is a path of an image, TIFF, PDF or
            folder (walked recursively, all image and PDF files, full paths sorted as text), an array (see `as_bgr`),
            a PIL image or encoded bytes (also of a PDF or TIFF).
        on_error: "record" yields an entry with `error` and goes on; "raise" raises it.
        max_pixels, max_side: limits per image and page.
        max_pages: of one TIFF or PDF; what comes after is left out.
        fetch: gives the content of a URL, such as `sealkit.images.fetch.fetch_url`; None: URLs are entries with an
            error.
        pdf_scale: pixels per PDF point; lowered per page (not below 0.1) until the page is within `max_pixels`.
        pdf_limits: memory and time that a PDF may take.

    Yields:
        ImageRecord. With "record", every element yields at least one.

    Raises:
        ImageError: with "raise", at the first element that cannot be read; always where `source` is one path that is
            not there: a program that names one file wants that file.
    """
    elements = source if isinstance(source, (list, tuple, Iterator)) else [source]
    if isinstance(source, (str, Path)) and not is_url(source) and not os.path.exists(source):
        on_error = "raise"
    with PdfRenderer(max_pixels=max_pixels, max_side=max_side, limits=pdf_limits) as pdf:
        limits = _Limits(max_pixels, max_side, max_pages, pdf_scale, fetch, pdf)
        for index, element in enumerate(elements):
            for record in _element(element, limits):
                if record.error is not None and on_error == "raise":
                    raise record.error
                yield ImageRecord(record.image, record.error, record.input_path, record.page_index, index)


def list_images(folder: str | Path, *, pdf: bool = False, unread: bool = False) -> list[str]:
    """Image files below a folder (recursive, by suffix), full paths sorted as text.

    Args:
        folder: where to look.
        pdf: also PDFs.
        unread: also images that cannot be read, such as HEIC, and with `pdf` documents such as OFD and DOCX;
            `read_image` says what to do with them.

    Raises:
        ImageError: the folder is missing or holds no image; the message counts what it holds instead.
    """
    if not os.path.isdir(folder):
        raise ImageError("no such folder", where=str(folder), hint="check the path")
    wanted = IMAGE_SUFFIXES | PDF_SUFFIXES if pdf else IMAGE_SUFFIXES
    asked = wanted | UNREAD_SUFFIXES if unread else wanted
    if unread and pdf:
        asked |= DOCUMENT_SUFFIXES
    found: list[str] = []
    others = 0
    seen: set[tuple[int, int]] = set()
    for parent, below, names in os.walk(folder, followlinks=True):
        # Links are followed, but each folder is entered once: a link to a folder above it has no end otherwise.
        # Real folders come first, so that theirs is the path an image is known by.
        below.sort(key=lambda name: (os.path.islink(os.path.join(parent, name)), name))
        place = os.stat(parent)
        if (place.st_dev, place.st_ino) in seen:
            below.clear()
            continue
        seen.add((place.st_dev, place.st_ino))
        for name in names:
            if suffix_of(name) in asked:
                found.append(os.path.join(parent, name))
            else:
                others += 1
    if not found:
        holds = f"{others} other files" if others else "no files"
        raise ImageError(
            f"the folder holds no images ({holds})",
            where=str(folder),
            hint=f"images are files named .{' .'.join(sorted(wanted))}",
        )
    return sorted(found)


def is_url(path: str | Path) -> bool:
    """Whether an input is an http(s) URL."""
    return str(path).startswith(("http://", "https://"))


def suffix_of(name: str | Path) -> str:
    """Lower-case text after the last dot of the file name, "" without one."""
    base = os.path.basename(str(name))
    return base.rsplit(".", 1)[1].lower() if "." in base else ""


@dataclass(frozen=True)
class _Limits:
    max_pixels: int
    max_side: int
    max_pages: int | None
    pdf_scale: float
    fetch: Callable[[str], bytes] | None
    pdf: PdfRenderer


def _element(element: Any, limits: _Limits) -> Iterator[ImageRecord]:
    """Records of one element of the input; errors become records."""
    if isinstance(element, (str, Path)):
        yield from _path_element(str(element), limits)
        return
    if isinstance(element, (bytes, bytearray, memoryview)):
        yield from _encoded(bytes(element), None, limits)
        return
    try:
        if isinstance(element, (list, tuple)):
            raise ImageError("a list where an image was expected", value=element, hint="give one flat list of images")
        yield ImageRecord(read_image(element, max_pixels=limits.max_pixels, max_side=limits.max_side))
    except ImageError as error:
        yield ImageRecord(None, error)


def _path_element(path: str, limits: _Limits) -> Iterator[ImageRecord]:
    if not path:
        yield ImageRecord(None, ImageError("the path is empty", hint="give the path of an image, PDF or folder"), path)
        return
    if is_url(path):
        yield from _url(path, limits)
        return
    if os.path.isdir(path):
        try:
            files = list_images(path, pdf=True, unread=True)
        except ImageError as error:
            yield ImageRecord(None, error, path)
            return
        for file in files:
            yield from _file(file, limits)
        return
    yield from _file(path, limits)


def _url(url: str, limits: _Limits) -> Iterator[ImageRecord]:
    try:
        if limits.fetch is None:
            hint = "allow URLs (--allow-url, in Python allow_url=True; the pipeline has it), or download the file"
            raise ImageError("fetching URLs is not allowed", where=url, hint=hint)
        data = limits.fetch(url)
    except ImageError as error:
        yield ImageRecord(None, error, url)
        return
    yield from _encoded(data, url, limits)


def _file(path: str, limits: _Limits) -> Iterator[ImageRecord]:
    try:
        data = read_file(path)
    except ImageError as error:
        yield ImageRecord(None, error, path)
        return
    yield from _encoded(data, path, limits)


def _encoded(data: bytes, path: str | None, limits: _Limits) -> Iterator[ImageRecord]:
    """Pages of encoded bytes: the content decides what they are, not the suffix."""
    where = path or "image in memory"
    if is_pdf(data) or (path is not None and suffix_of(path) in PDF_SUFFIXES):
        pages = limits.pdf.pages(data, where, max_pages=limits.max_pages, scale=limits.pdf_scale)
    elif data[:4] in TIFF_SIGNATURES:
        pages = _tiff_pages(data, where, limits)
    else:
        try:
            image = decode_bytes(data, max_pixels=limits.max_pixels, max_side=limits.max_side, where=where)
            yield ImageRecord(image, None, path)
        except ImageError as error:
            yield ImageRecord(None, error, path)
        return
    try:
        for page, content in pages:
            if isinstance(content, ImageError):
                yield ImageRecord(None, content, path, page)
            else:
                yield ImageRecord(content, None, path, page)
    except ImageError as error:
        yield ImageRecord(None, error, path)


def _tiff_pages(data: bytes, where: str, limits: _Limits) -> Iterator[tuple[int, np.ndarray | ImageError]]:
    """Every frame of a TIFF; a damaged frame does not hide the sound ones.

    The file is opened once: Pillow walks its pages from the first to the one asked for.
    """
    frames = inspect_bytes(data, where).frames
    with open_with_pillow(data, where) as image:
        for page in range(min(frames, limits.max_pages or frames)):
            name = f"{where} page {page + 1}" if frames > 1 else where
            content: np.ndarray | ImageError
            try:
                turn_to(image, page, name)
                content = decode_frame(image, max_pixels=limits.max_pixels, max_side=limits.max_side, where=name)
            except ImageError as error:
                content = error
            yield page, content
    if frames >= MAX_FRAMES and not limits.max_pages:
        hint = "split the file"
        raise ImageError(f"the TIFF has more than {MAX_FRAMES} pages; the rest is not read", where=where, hint=hint)


def count_inputs(source: Any) -> int:
    """Elements of an input, folders unfolded: what a progress bar needs. Pages inside files are not counted."""
    elements: Iterable[Any] = source if isinstance(source, (list, tuple)) else [source]
    total = 0
    for element in elements:
        if isinstance(element, (str, Path)) and os.path.isdir(element):
            try:
                total += len(list_images(element, pdf=True, unread=True))
            except ImageError:
                total += 1
        else:
            total += 1
    return total
