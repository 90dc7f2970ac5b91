"""Images that are decoded band by band, where decoding them whole would cost more than 6 bytes per pixel.

Pillow keeps a colour pixel in four bytes, and the result has three more. But rows of a BMP or PNM lie in the file as
they are, strips and tiles of a TIFF are compressed one by one, and the rows of a PNG follow from the row above. So
Pillow is given a small image that holds some rows, and gives the pixels that it would give of the whole.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

BAND = 1 << 18
"""Pixels converted at a time: small beside an image, large beside the cost of a call."""
LARGE = 1 << 22
"""PNGs of more pixels are decoded in bands: that takes half as long again, and 7 bytes of fewer do no harm."""
_FOUR_BYTES = frozenset({"RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "LA", "RGBa", "La", "PA", "I", "F"})
"""Modes that Pillow keeps in four bytes; the others stay below six as they are."""
_ROW_BYTES: dict[str, int] = {"RGB": 3, "BGR": 3, "BGRX": 4, "BGRA": 4, "RGBX": 4, "XBGR": 4, "RGBA": 4}
"""Pillow's names of what lies in a file -> bytes per pixel."""
_PIECE = 1 << 16  # bytes of a PNG inflated at a time, and pixels of a band, of which there are some ten copies
_PNG_SAMPLES = {2: 3, 4: 2, 6: 4}
"""Colour type of a PNG -> samples per pixel, where Pillow's pixels are whole bytes of the file."""
_TIFF_TAGS = {258: "H", 259: "H", 262: "H", 266: "H", 277: "H", 284: "H", 292: "I", 293: "I", 317: "H"}
_TIFF_TAGS |= {320: "H", 338: "H", 339: "H", 347: "B", 530: "H", 531: "H"}
"""Tags of a TIFF page that its strips are decoded by (TIFF 6.0; 347: tables of JPEG) -> type of their values."""
_TIFF_TYPES = {"B": 7, "H": 3, "I": 4}

Parts: TypeAlias = Iterator[tuple[int, Any]]
"""(first row, PIL image of the rows from there), from the top."""


@dataclass(frozen=True)
class Banded:
    """How an image is read in bands.

    Attributes:
        width, height: pixels as stored.
        parts: the bands; may be called more than once.
        piece: bytes that the largest band takes while it is decoded.
    """

    width: int
    height: int
    parts: Callable[[], Parts]
    piece: int


def rows_of(height: int, width: int, band: int = BAND) -> Iterator[tuple[int, int]]:
    """(first row, row behind the last) of bands of about `band` pixels."""
    rows = max(1, band // max(1, width))
    for top in range(0, height, rows):
        yield top, min(height, top + rows)


def loaded(image: Any) -> Banded:
    """Bands of an image that is in memory."""
    width, height = image.size

    def parts() -> Parts:
        for top, bottom in rows_of(height, width):
            yield top, image.crop((0, top, width, bottom))

    return Banded(width, height, parts, 0)


def in_bands(image: Any) -> Banded | None:
    """Bands of a page that is opened from bytes and not loaded; None where it is to be loaded."""
    if image.mode not in _FOUR_BYTES or not isinstance(image.fp, io.BytesIO):
        return None
    data = image.fp.getvalue()  # not a copy: what it was made of
    if image.format == "TIFF":
        return _tiff(image, data)
    if image.format == "PNG":
        return _png(image, data)
    return _raw(image, data)


def _raw(image: Any, data: bytes) -> Banded | None:
    """Rows that lie in the file as they are (BMP, PNM, Sun raster)."""
    from PIL import Image

    width, height = image.size
    if len(image.tile) != 1:
        return None
    codec, box, offset, args = image.tile[0]
    rawmode, stride, step = args if isinstance(args, tuple) and len(args) == 3 else (args, 0, 1)
    if codec != "raw" or tuple(box) != (0, 0, width, height) or step not in (1, -1) or rawmode not in _ROW_BYTES:
        return None
    stride = stride or width * _ROW_BYTES[rawmode]
    if stride < width * _ROW_BYTES[rawmode] or offset + stride * height > len(data):
        return None  # Pillow says what is wrong with it

    def parts() -> Parts:
        for top, bottom in rows_of(height, width):
            first = top if step == 1 else height - bottom
            rows = data[offset + first * stride : offset + (first + bottom - top) * stride]
            yield top, Image.frombuffer(image.mode, (width, bottom - top), rows, "raw", rawmode, stride, step)

    return Banded(width, height, parts, 4 * max(BAND, width))


def png_in_bands(pixels: int, bits: int, colour: int, interlaced: int) -> bool:
    """Whether a PNG with alpha or a transparent colour is decoded in bands, by the fields of its header."""
    return pixels > LARGE and bits == 8 and colour in _PNG_SAMPLES and not interlaced


def _png(image: Any, data: bytes) -> Banded | None:
    """Rows of a PNG of 8 bits that is not interlaced: each band becomes a PNG that begins with the row above it."""
    width, height, bits, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if not png_in_bands(width * height, bits, colour, interlaced) or getattr(image, "n_frames", 1) > 1:
        return None
    if (width, height) != image.size:
        return None
    line = 1 + _PNG_SAMPLES[colour] * width

    def parts() -> Parts:
        from PIL import Image

        stream, above = _Inflated(data), b""
        for top, bottom in rows_of(height, width, _PIECE):
            rows = stream.read((bottom - top) * line)
            lead = b"\0" + above if top else b""
            count = bottom - top + bool(top)
            small = _small_png(data[24:29], width, count, lead + rows)
            with Image.open(io.BytesIO(small), formats=["PNG"]) as band:
                band.load()
                if band.mode != image.mode:
                    raise OSError(f"rows of mode {band.mode} in a PNG of mode {image.mode}")
                band.info.update(image.info)  # the transparent colour
                above = band.crop((0, count - 1, width, count)).tobytes()
                yield top, band.crop((0, 1, width, count)) if top else band

    return Banded(width, height, parts, 40 * max(_PIECE, width))


class _Inflated:
    """What the IDAT chunks of a whole PNG hold, some bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._chunks = self._bodies(data)
        self._inflate = zlib.decompressobj()

    @staticmethod
    def _bodies(data: bytes) -> Iterator[memoryview]:
        at = 8
        while at + 8 <= len(data):
            length, kind = struct.unpack_from(">I4s", data, at)
            if kind == b"IDAT":  # in pieces: what zlib leaves of one is copied
                body = memoryview(data)[at + 8 : at + 8 + length]
                yield from (body[start : start + _PIECE] for start in range(0, length, _PIECE))
            at += 12 + length

    def read(self, size: int) -> bytes:
        """Exactly so many bytes; OSError where there are fewer."""
        out = bytearray()
        while len(out) < size:
            rest = self._inflate.unconsumed_tail or next(self._chunks, None)
            if rest is None or self._inflate.eof:
                raise OSError("image file is truncated")
            out += self._inflate.decompress(rest, size - len(out))
        return bytes(out)


def _small_png(form: bytes, width: int, height: int, rows: bytes) -> bytes:
    """A PNG of these filtered rows, not compressed; `form` is what follows the size in its header."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))

    header = struct.pack(">II", width, height) + form
    body = zlib.compress(rows, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@dataclass(frozen=True)
class _Strips:
    """Strips of a TIFF page, or rows of its tiles: each `across` pieces of `rows` rows."""

    rows: int
    across: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    extra: tuple[tuple[int, int], ...]  # (tag, value) that differ between strips and tiles

    def bytes_of(self, first: int, last: int) -> int:
        return sum(self.sizes[first * self.across : last * self.across])


def _tiff(image: Any, data: bytes) -> Banded | None:
    """Strips and tiles of a TIFF page: each band becomes a TIFF of some of them."""
    tags = image.tag_v2
    width, height = (tags.get(tag) for tag in (256, 257))
    known = all(isinstance(value, int) and value > 0 for value in (width, height))
    if not known or tags.get(284, 1) != 1 or tags.get(259, 1) == 6 or 532 in tags:
        return None  # planes of their own; JPEG of the first kind, whose strips share a stream; ranges of YCbCr
    strips = _strips(tags, width, height)
    if strips is None or sum(strips.sizes) > 2 * len(data):
        return None
    count = -(-height // strips.rows)
    step = max(1, BAND // (width * strips.rows))
    pixels = step * strips.rows * width
    most = max(strips.bytes_of(first, first + step) for first in range(0, count, step))
    if count <= step or 4 * pixels > width * height or most > 8 * pixels + 65536:
        return None  # nothing would be gained
    fields = _fields(tags)
    if fields is None:
        return None

    def parts() -> Parts:
        from PIL import Image

        for first in range(0, count, step):
            last, top = min(count, first + step), first * strips.rows
            rows = min(height, last * strips.rows) - top
            small = _small_tiff(data, tags.prefix, fields, strips, (first, last), (width, rows))
            with Image.open(io.BytesIO(small), formats=["TIFF"]) as band:
                band.load()
                if band.mode != image.mode:
                    raise OSError(f"a strip of mode {band.mode} in a TIFF of mode {image.mode}")
                yield top, band

    return Banded(width, height, parts, 4 * pixels + 2 * most)


def _strips(tags: Any, width: int, height: int) -> _Strips | None:
    """Where a page's pieces lie; None where the tags do not fit together."""

    def numbers(tag: int) -> tuple[int, ...]:
        value = tags.get(tag, ())
        value = value if isinstance(value, tuple) else (value,)
        return value if all(isinstance(one, int) and one >= 0 for one in value) else ()

    extra: tuple[tuple[int, int], ...]
    if 322 in tags:
        sides = numbers(322) + numbers(323)
        if len(sides) != 2 or not min(sides):
            return None
        across, rows = -(-width // sides[0]), sides[1]
        offsets, sizes, extra = numbers(324), numbers(325), ((322, sides[0]), (323, rows))
    else:
        rows = min(*(numbers(278) or (height,))[:1], height)
        if rows < 1:
            return None
        across, offsets, sizes, extra = 1, numbers(273), numbers(279), ((278, rows),)
    if not len(offsets) == len(sizes) == across * -(-height // rows):
        return None
    if len(offsets) == 1 and tags.get(259, 1) == 1 and tags.get(262) != 6 and extra[0][0] == 278:
        return _divided(offsets[0], sizes[0], width, rows, sum(numbers(258)) or 1)
    return _Strips(rows, across, offsets, sizes, extra)


def _divided(offset: int, size: int, width: int, height: int, bits: int) -> _Strips | None:
    """One strip without compression is as good as many."""
    line = (width * bits + 7) // 8
    if line * height > size:
        return None
    rows = max(1, BAND // width)
    tops = range(0, height, rows)
    sizes = tuple(line * (min(height, top + rows) - top) for top in tops)
    return _Strips(rows, 1, tuple(offset + line * top for top in tops), sizes, ((278, rows),))


def _fields(tags: Any) -> list[tuple[int, str, tuple[int, ...]]] | None:
    """(tag, type, values) of what the pixels are decoded by; None where a tag holds something else."""
    fields = []
    for tag, kind in _TIFF_TAGS.items():
        if tag not in tags:
            continue
        value = tags[tag]
        values = tuple(value) if isinstance(value, (tuple, bytes)) else (value,)
        if not all(isinstance(one, int) and 0 <= one < 1 << {"B": 8, "H": 16, "I": 32}[kind] for one in values):
            return None
        fields.append((tag, kind, values))
    return fields


def _small_tiff(
    data: bytes,
    prefix: bytes,
    fields: list[tuple[int, str, tuple[int, ...]]],
    strips: _Strips,
    part: tuple[int, int],
    size: tuple[int, int],
) -> bytes:
    """A TIFF of one page, `size` wide and high, that holds the rows of pieces from part[0] up to part[1]."""
    order = "<" if prefix == b"II" else ">"
    chosen = slice(part[0] * strips.across, part[1] * strips.across)
    pieces = [data[at : at + length] for at, length in zip(strips.offsets[chosen], strips.sizes[chosen])]
    places, at = [], 8
    for piece in pieces:
        places.append(at)
        at += len(piece)
    tiled = strips.extra[0][0] == 322
    rows = [(256, "I", (size[0],)), (257, "I", (size[1],)), *fields]
    rows += [(tag, "I", (value,)) for tag, value in strips.extra]
    rows += [(324 if tiled else 273, "I", tuple(places)), (325 if tiled else 279, "I", tuple(map(len, pieces)))]
    directory, values = [struct.pack(order + "H", len(rows))], b""
    behind = at + 2 + 12 * len(rows) + 4
    for tag, kind, numbers in sorted(rows):
        packed = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        field = struct.pack(order + "HHI", tag, _TIFF_TYPES[kind], len(numbers))
        if len(packed) <= 4:
            field += packed.ljust(4, b"\0")
        else:
            field += struct.pack(order + "I", behind + len(values))
            values += packed + b"\0" * (len(packed) & 1)
        directory.append(field)
    header = prefix + struct.pack(order + "HI", 42, at)
    return b"".join([header, *pieces, *directory, bytes(4), values])
