"""What an image file says about itself before any pixel is decoded.

JPEG (ITU-T T.81, annex B) and PNG (W3C PNG specification, section 5) are walked here: they are nearly all files of a
dataset, and the walk answers three questions that decoders leave open or answer by version: is the file complete, how
large would it be in memory, and which way up is it. Every other format is asked through Pillow's lazy open.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from sealkit.errors import ImageError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples per pixel
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


@dataclass(frozen=True)
class ImageInfo:
    """Header of an image file.

    Attributes:
        format: "JPEG", "PNG", "TIFF", … (Pillow's names).
        width, height: pixels as stored, before the EXIF orientation is applied.
        channels: colour samples per pixel without alpha (1 gray or palette, 3 colour, 4 CMYK).
        bits: per sample.
        alpha: an alpha channel, or a transparent colour.
        orientation: EXIF tag 0x0112, 1..8; 1 = upright.
        frames: pages of a TIFF, frames of an animation; else 1.
        cmyk: colours for print.
        palette: indexed colours.
    """

    format: str
    width: int
    height: int
    channels: int
    bits: int = 8
    alpha: bool = False
    orientation: int = 1
    frames: int = 1
    cmyk: bool = False
    palette: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as read_image returns it, with the EXIF orientation applied."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def inspect_bytes(data: bytes, where: str | None = None) -> ImageInfo:
    """Header of an encoded image.

    Raises:
        ImageError: empty, truncated or not an image; the message says which, and what the bytes look like instead.
    """
    if not data:
        raise ImageError(
            "the image is empty (0 bytes)", where=where, hint="copy the file again or take it out of the set"
        )
    if data[:2] == b"\xff\xd8":
        return _inspect_jpeg(data, where)
    if data[:8] == PNG_SIGNATURE:
        return _inspect_png(data, where)
    if not any(data):
        raise ImageError(
            f"the image holds {len(data)} zero bytes",
            where=where,
            hint="an interrupted copy or download: fetch the file again",
        )
    with open_with_pillow(data, where) as image:
        return info_of_pillow(image)


def open_with_pillow(data: bytes, where: str | None = None) -> Any:
    """Lazy PIL.Image of the bytes; pixels are not decoded yet. Raises ImageError where Pillow does not know the
    format.
    """
    from PIL import Image

    try:
        return Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise ImageError(
            "the image is over the pixel limit of the decoder",
            where=where,
            value=str(error),
            hint="scale it down before reading",
        ) from error
    except Exception as error:  # Pillow's plug-ins raise struct.error, SyntaxError, KeyError… on broken headers
        what, hint = _describe_unknown(data)
        raise ImageError(what, where=where, hint=hint) from error


def info_of_pillow(image: Any) -> ImageInfo:
    """ImageInfo of an opened, not yet loaded PIL.Image."""
    mode = image.mode
    bits = (
        16 if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")) else 32 if mode in "IF" else 8
    )
    width, height = image.size
    orientation = 1
    if image.format == "TIFF":
        tags = image.tag_v2
        width, height = int(tags.get(256, width)), int(tags.get(257, height))  # newer Pillow reports the turned size
        orientation = _valid_orientation(tags.get(274, 1))
        depths = tags.get(258, (1,))
        bits = int(depths[0]) if isinstance(depths, tuple) else int(depths)
    elif "exif" in image.info:
        orientation = exif_orientation(image.info["exif"])
    if mode == "1":
        bits = 1
    return ImageInfo(
        format=str(image.format or "image"),
        width=width,
        height=height,
        channels={"CMYK": 4}.get(mode, 1 if mode[0] in "1LIFP" and mode != "LAB" else 3),
        bits=bits,
        alpha=mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info,
        orientation=orientation,
        frames=_frame_count(image),
        cmyk=mode == "CMYK",
        palette=mode in ("P", "PA"),
    )


def _frame_count(image: Any) -> int:
    try:
        return int(getattr(image, "n_frames", 1) or 1)
    except Exception:  # a damaged later frame; the first one may be sound
        return 1


def exif_orientation(blob: bytes) -> int:
    """EXIF orientation (1..8) of an EXIF block, with or without the leading "Exif\\0\\0".

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
            return _valid_orientation(value if kind == 3 else 1)
    return 1


def _valid_orientation(value: object) -> int:
    if isinstance(value, tuple):  # some writers store a list of one
        value = value[0] if value else 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _truncated(where: str | None, size: int, detail: str) -> ImageError:
    return ImageError(
        f"the image is truncated: {detail} ({size} bytes)",
        where=where,
        hint="copy the file again, or re-save it in an image editor if the visible part is enough",
    )


def _inspect_jpeg(data: bytes, where: str | None) -> ImageInfo:
    """Walk the marker segments up to the first scan, then ask for an end marker behind it.

    The end marker is looked for behind the scan only: an EXIF thumbnail carries one of its own.
    """
    at, end = 2, len(data)
    frame: tuple[int, int, int, int] | None = None
    orientation = 1
    seen_exif = False
    while True:
        while at < end and data[at] != 0xFF:  # tolerate padding between segments, as decoders do
            at += 1
        while at < end and data[at] == 0xFF:
            at += 1
        if at + 3 > end:
            raise _truncated(where, end, "it ends before its first scan")
        marker = data[at]
        at += 1
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        if marker == 0xD9:
            raise ImageError("the JPEG holds no image", where=where, hint="export the image again")
        length = struct.unpack_from(">H", data, at)[0]
        if length < 2:
            raise ImageError(
                "the JPEG header is damaged",
                where=where,
                value=f"segment length {length}",
                hint="export the image again",
            )
        if marker in _JPEG_FRAMES:
            if at + 8 > end:
                raise _truncated(where, end, "it ends inside its header")
            frame = struct.unpack_from(">BHHB", data, at + 2)
        elif marker == 0xE1 and not seen_exif and data[at + 2 : at + 8] == b"Exif\0\0":
            seen_exif = True
            orientation = exif_orientation(data[at + 2 : at + length])
        elif marker == 0xDA:
            break
        at += length
    if frame is None:
        raise ImageError(
            "the JPEG header is damaged: a scan without a frame", where=where, hint="export the image again"
        )
    if data.rfind(b"\xff\xd9") < at:
        raise _truncated(where, end, "the end marker of the JPEG is missing")
    bits, height, width, components = frame
    return ImageInfo("JPEG", width, height, components, bits, orientation=orientation, cmyk=components == 4)


def _inspect_png(data: bytes, where: str | None) -> ImageInfo:
    """Walk all chunks: sizes and checksums of the critical ones, transparency, EXIF and animation."""
    at, end = 8, len(data)
    header: tuple[int, int, int, int] | None = None
    alpha, orientation, frames = False, 1, 1
    while True:
        if at + 12 > end:
            raise _truncated(where, end, "the last chunk of the PNG is missing")
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > end:
            raise _truncated(where, end, f"chunk {kind.decode('latin-1')} of the PNG is cut")
        body = memoryview(data)[at + 8 : at + 8 + length]
        if not kind[0] & 0x20:  # upper case: a chunk that decoders must understand
            stored = struct.unpack_from(">I", data, at + 8 + length)[0]
            if zlib.crc32(body, zlib.crc32(kind)) != stored:
                raise ImageError(
                    f"the PNG is damaged: wrong checksum of chunk {kind.decode('latin-1')}",
                    where=where,
                    hint="copy the file again",
                )
        if kind == b"IHDR" and length >= 13:
            header = struct.unpack_from(">IIBB", body)
        elif kind == b"tRNS":
            alpha = True
        elif kind == b"eXIf":
            orientation = exif_orientation(bytes(body))
        elif kind == b"acTL" and length >= 4:
            frames = max(1, struct.unpack_from(">I", body)[0])
        elif kind == b"IEND":
            break
        at += 12 + length
    if header is None:
        raise ImageError("the PNG header is missing", where=where, hint="export the image again")
    width, height, bits, colour = header
    samples = _PNG_CHANNELS.get(colour)
    if samples is None:
        raise ImageError(
            "the PNG header is damaged", where=where, value=f"colour type {colour}", hint="export the image again"
        )
    return ImageInfo(
        "PNG",
        width,
        height,
        channels=3 if samples >= 3 else 1,
        bits=bits,
        alpha=alpha or colour in (4, 6),
        orientation=orientation,
        frames=frames,
        palette=colour == 3,
    )


def _describe_unknown(data: bytes) -> tuple[str, str]:
    """(what, hint) for bytes that no decoder knows: the usual strangers are called by name."""
    head = data[:512].lstrip()
    if head.startswith(b"version https://git-lfs"):
        return "the file is a Git LFS pointer, not the image", "run `git lfs pull` in the dataset's repository"
    if head[:1] == b"<" and (b"<html" in head.lower() or b"<!doctype" in head.lower()):
        return "the file is a web page, not an image", "an interrupted or refused download: fetch the image again"
    if head.startswith(b"<svg") or (head.startswith(b"<?xml") and b"<svg" in data[:2048]):
        return "the file is an SVG drawing", "render it to PNG first"
    if head.startswith(b"%PDF"):
        return "the file is a PDF, not an image", "name it .pdf, or render its pages to PNG"
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "the image is HEIC, which cannot be decoded here", "convert it to JPEG or PNG"
    if data[:4] == b"PK\x03\x04":
        return "the file is a zip archive, not an image", "unpack it first"
    return (
        f"the file is not an image that can be decoded (it starts with {data[:8]!r})",
        "use JPEG, PNG, BMP, WebP, TIFF, GIF or PNM; if it is one of these, the file is damaged",
    )
