"""Walks through image files before Pillow sees them: directories of a TIFF, blocks of a GIF, headers of PNM and JPEG.

Pillow reads them without a budget: a TIFF of 200 kB whose fields all name the whole file takes 6 GB when it is merely
opened, and comments of a GIF are joined in quadratic time. Here pages are counted, what is out of proportion to its
file is refused, and what decodes no pixel is left out.
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterator

from sealkit.errors import ImageError

MAX_FRAMES = 10_000
"""Pages of a TIFF, frames of a GIF: counting and reading stop there."""
MAX_PARTS = 1_000_000
"""Segments, chunks or blocks of one file; walking so many takes a second."""
_MAX_FIELDS = 1000
"""Fields of a page of a TIFF; writers use up to 100."""
_MAX_VALUES = 1_000_000
"""Numbers in one of them: strips and tiles of the largest image are fewer. Pillow makes an object of each."""
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Type of a field -> bytes of a value (TIFF 6.0, section 2; BigTIFF)."""
_PNM_HEADER = re.compile(rb"P(?:[14](?:(?:\s|#[^\r\n]*[\r\n])+\d+){2}|[2356](?:(?:\s|#[^\r\n]*[\r\n])+\d+){3})")
"""Width, height and, of all but bitmaps, the largest value, among comments."""
_PNM_HEADER_BYTES = 1 << 16
_GIF_IMAGE, _GIF_EXTENSION, _GIF_CONTROL = 0x2C, 0x21, 0xF9
_NOTES = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""Markers of a JPEG that decode no pixel: APP1 to APP13, APP15 and comments. APP14 says what four channels mean."""


def too_many_parts(what: str, where: str | None) -> ImageError:
    """The error for a file of more than MAX_PARTS parts."""
    return ImageError(
        f"the {what} has more than {MAX_PARTS} parts", where=where, hint="save it again in an image editor"
    )


def tiff_pages(data: bytes, where: str | None = None) -> int:
    """Pages of a TIFF, at most MAX_FRAMES; at least 1.

    Raises:
        ImageError: the fields of one hold more than the file, or are far too many.
    """
    return max(1, sum(1 for _ in itertools.islice(_tiff_directories(data, where), MAX_FRAMES)))


def _tiff_directories(data: bytes, where: str | None) -> Iterator[int]:
    """Places of the pages (TIFF 6.0, section 2; BigTIFF), up to a damaged one or one that was there before."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    count, field, link = (
        (order + "Q", order + "HHQ8x", order + "Q") if big else (order + "H", order + "HHI4x", order + "I")
    )
    seen: set[int] = set()
    at = 8 if big else 4
    try:
        (at,) = struct.unpack_from(link, data, at)
        while at and at not in seen:
            (fields,) = struct.unpack_from(count, data, at)
            seen.add(at)
            at += struct.calcsize(count)
            end = at + fields * struct.calcsize(field)
            if fields > _MAX_FIELDS:
                raise _out_of_proportion(f"{fields} fields", where)
            _check_fields(data[at:end], field, len(data), where)
            yield at
            (at,) = struct.unpack_from(link, data, end)
    except struct.error:
        return


def _check_fields(directory: bytes, field: str, size: int, where: str | None) -> None:
    """Refuse a directory whose values, each read for itself, are larger than the file they lie in."""
    whole = len(directory) - len(directory) % struct.calcsize(field)
    values = 0
    for _, kind, count in struct.iter_unpack(field, directory[:whole]):
        values += count * _TIFF_SIZES.get(kind, 0)
        if values > size + 8 * _MAX_FIELDS or (count > _MAX_VALUES and kind not in (1, 2, 6, 7)):
            raise _out_of_proportion(f"a field of {count} values", where)


def _out_of_proportion(value: str, where: str | None) -> ImageError:
    return ImageError(
        "the fields of the TIFF are larger than the file", where=where, value=value, hint="export the file again"
    )


def gif_frames(data: bytes, where: str | None = None) -> int:
    """Frames of a GIF, up to a damaged one; at most MAX_FRAMES, at least 1.

    Raises:
        ImageError: too many blocks.
    """
    blocks = itertools.islice((kind for kind, _, _ in _gif_blocks(data, where) if kind == _GIF_IMAGE), MAX_FRAMES)
    return max(1, sum(1 for _ in blocks))


def first_frame(data: bytes, where: str | None = None) -> bytes:
    """A GIF of the first frame of a GIF, with what says how it is drawn: Pillow would join all comments bit by bit.

    Raises:
        ImageError: too many blocks.
    """
    control = b""
    for kind, start, end in _gif_blocks(data, where):
        if kind == _GIF_IMAGE:
            return b"".join([data[: _gif_head(data)], control, data[start:end], b";"])
        if data[start + 1] == _GIF_CONTROL:
            control = data[start:end]
    return data[: _gif_head(data)]


def _gif_blocks(data: bytes, where: str | None) -> Iterator[tuple[int, int, int]]:
    """(kind, start, end) of the images and extensions of a GIF (GIF89a, sections 18 to 26)."""
    at, end, parts = _gif_head(data), len(data), 0
    while at + 2 < end and data[at] in (_GIF_IMAGE, _GIF_EXTENSION):
        start = at
        at += 2 if data[at] == _GIF_EXTENSION else 11 + _gif_table(data[at + 9] if at + 9 < end else 0)
        while at < end and data[at] and parts <= MAX_PARTS:
            at += 1 + data[at]
            parts += 1
        at += 1
        parts += 1
        if parts > MAX_PARTS:
            raise too_many_parts("GIF", where)
        yield data[start], start, at


def _gif_head(data: bytes) -> int:
    """Where the first block begins."""
    return 13 + _gif_table(data[10]) if len(data) > 13 else len(data)


def _gif_table(flags: int) -> int:
    """Bytes of the colour table that flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def check_pnm(data: bytes, where: str | None = None) -> None:
    """Refuse a PNM whose size does not stand near its beginning: Pillow reads comments byte by byte.

    Raises:
        ImageError: see there.
    """
    if not _PNM_HEADER.match(data[:_PNM_HEADER_BYTES]):
        raise ImageError(
            "the header of the PNM is damaged", where=where, value=data[:20], hint="export the image again"
        )


def bare_jpeg(data: bytes) -> bytes:
    """A JPEG without what Pillow would read beside its pixels, such as EXIF fields that name each other's bytes."""
    parts, at = [data[:2]], 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == 0xDA:
            return b"".join([*parts, data[at:]])
        if marker == 0xFF or marker <= 0x01 or 0xD0 <= marker <= 0xD9:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if marker not in _NOTES:
            parts.append(data[at:end])
        at = end
    return b"".join(parts)


def exif_orientation(blob: bytes) -> int:
    """EXIF orientation (1..8) of an EXIF block, with or without its leading "Exif" and two zero bytes.

    1 where the block is damaged or silent: a broken EXIF block must neither lose the image nor print warnings. Only
    the first directory of the TIFF structure inside is read (EXIF 2.3, section 4.5).
    """
    if blob[:6] == b"Exif\0\0":
        blob = blob[6:]
    order = {b"II": "<", b"MM": ">"}.get(bytes(blob[:2]))
    if order is None or len(blob) < 10:
        return 1
    (start,) = struct.unpack_from(order + "I", blob, 4)
    if start + 2 > len(blob):
        return 1
    (count,) = struct.unpack_from(order + "H", blob, start)
    for at in range(start + 2, min(start + 2 + 12 * count, len(blob) - 11), 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", blob, at)
        if tag == 0x0112:
            return valid_orientation(value if kind == 3 else 1)
    return 1


def valid_orientation(value: object) -> int:
    """An EXIF orientation of 1..8; 1 for anything else."""
    if isinstance(value, tuple):  # some writers store a list of one
        value = value[0] if value else 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
