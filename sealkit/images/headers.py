"""Reads image headers without decoding pixels: size, channels, orientation, completeness.

JPEG (ITU-T T.81, annex B) and PNG (W3C PNG specification, section 5) are walked here: they are nearly all files of a
dataset, and the walk answers three questions that decoders leave open or answer by version: is the file complete, how
large would it be in memory, and which way up is it. Every other format is asked through Pillow's lazy open.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from sealkit.errors import ImageError
from sealkit.images.bands import in_bands, png_in_bands
from sealkit.images.formats import PNG_SIGNATURE, TIFF_SIGNATURES, open_with_pillow, sniff
from sealkit.images.walks import (
    MAX_PARTS,
    exif_orientation,
    gif_frames,
    tiff_pages,
    too_many_parts,
    valid_orientation,
)

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples per pixel
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_JPEG_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})

MAX_SCANS = 100
"""Scans of a JPEG. Encoders write 1 to 12; each one costs a pass over the whole image."""


@dataclass(frozen=True, slots=True)
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
        scans: passes over the pixels that decoding takes.
        memory: bytes that decoding to BGR takes at its peak, beyond the encoded file; an upper bound.
        steps: of a decoder written in Python (compressed BMP, plain PNM); 0 for all else.
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
    scans: int = 1
    memory: int = 0
    steps: int = 0

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
            "the image is empty (0 bytes)", where=where, hint="copy the file again or remove it from the set"
        )
    if data[:2] == b"\xff\xd8":
        return _inspect_jpeg(data, where)
    if data[:8] == PNG_SIGNATURE:
        return _inspect_png(data, where)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _inspect_webp(data, where)
    if sniff(data) is None and not any(data):
        raise ImageError(
            f"the image holds {len(data)} zero bytes",
            where=where,
            hint="an interrupted copy or download: fetch the file again",
        )
    with open_with_pillow(data, where) as image:
        return info_of_pillow(image, _frame_count(data, where), len(data))


def info_of_pillow(image: Any, frames: int = 1, size: int = 0) -> ImageInfo:
    """ImageInfo of an opened, not yet loaded PIL.Image of `size` bytes; of a paged one the page it stands on."""
    mode = image.mode
    bits = (
        16 if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")) else 32 if mode in "IF" else 8
    )
    width, height = image.size
    orientation = 1
    if image.format == "TIFF":
        tags = image.tag_v2
        width, height = int(tags.get(256, width)), int(tags.get(257, height))  # newer Pillow reports the turned size
        orientation = valid_orientation(tags.get(274, 1))
        bits = _first(tags.get(258, 1), 1)
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
        frames=frames,
        cmyk=mode == "CMYK",
        palette=mode in ("P", "PA"),
        memory=_pillow_memory(image, orientation),
        steps=_pillow_steps(image, size),
    )


def _pillow_steps(image: Any, size: int) -> int:
    """Of the two decoders of Pillow that are written in Python; the other formats take none."""
    codecs = {tile[0] for tile in image.tile}
    samples = image.width * image.height * len(image.getbands())
    if "bmp_rle" in codecs:  # pixel by pixel, or two bytes of the file that draw nothing
        return max(samples, size // 2)
    return samples if "ppm_plain" in codecs else 0


def pillow_bytes_per_pixel(mode: str) -> int:
    """What Pillow keeps a pixel of this mode in."""
    return 2 if mode.startswith("I;16") else 1 if mode in ("1", "L", "P") else 4


def _pillow_memory(image: Any, orientation: int) -> int:
    """Pillow's pixels and beside them what is largest: our three bytes, the strip or tile that is being decoded, or,
    of a TIFF that lies on its side, the turned copy.
    """
    bands = in_bands(image)
    if bands is not None:
        result = 3 * bands.width * bands.height
        return result + max(bands.piece, 0 if orientation == 1 else result)
    width, height = image.size
    own, ours = pillow_bytes_per_pixel(image.mode) * width * height, 3 * width * height
    if image.format != "TIFF":
        return own + ours
    tags = image.tag_v2
    samples, bits, compression = (_first(tags.get(tag), 1) for tag in (277, 258, 259))
    across, down = width, min(_first(tags.get(278), height), height)
    if 322 in tags:
        across, down = _first(tags.get(322), width), _first(tags.get(323), height)
    piece = 0 if compression == 1 else across * down * samples * max(bits, 8) // 8
    if compression == 7:  # JPEG inside: two bytes per coefficient while it is decoded
        piece *= 3
    return own + max(ours if orientation == 1 else 2 * ours, piece)


def _first(value: object, default: int) -> int:
    """A TIFF tag as a number: writers store lists of one, and strangers store anything."""
    if isinstance(value, tuple):
        value = value[0] if value else default
    return value if isinstance(value, int) and value > 0 else default


def _frame_count(data: bytes, where: str | None) -> int:
    if data[:4] in TIFF_SIGNATURES:
        return tiff_pages(data, where)
    return gif_frames(data, where) if data[:3] == b"GIF" else 1


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
    coefficients, progressive = 0.0, False
    orientation = 1
    seen_exif = False
    if data[2:3] not in (b"\xff", b""):
        raise ImageError("the JPEG header is damaged", where=where, value=data[:4], hint="export the image again")
    for _ in range(MAX_PARTS):
        found = _JPEG_MARKER.search(data, at)  # tolerates padding between segments, as decoders do
        at = found.start(1) if found else end
        if at + 3 > end:
            raise _truncated(where, end, "it ends before its first scan")
        marker = data[at]
        at += 1
        if marker in (0x01, 0xD8):
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
            coefficients, progressive = _jpeg_coefficients(data[at + 8 : at + length]), marker in _JPEG_PROGRESSIVE
        elif marker == 0xE1 and not seen_exif and data[at + 2 : at + 8] == b"Exif\0\0":
            seen_exif = True
            orientation = exif_orientation(data[at + 2 : at + length])
        elif marker == 0xDA:
            break
        at += length
    else:
        raise too_many_parts("JPEG", where)
    if frame is None:
        raise ImageError(
            "the JPEG header is damaged: a scan without a frame", where=where, hint="export the image again"
        )
    if data.rfind(b"\xff\xd9") < at:
        raise _truncated(where, end, "the end marker of the JPEG is missing")
    several = progressive or (at + 2 < end and data[at + 2] < frame[3])
    scans = _jpeg_scans(data, at) if several else 1  # decoders end with the first one that has all components
    return _jpeg_info(frame, orientation, scans, coefficients if several else None)


def _jpeg_info(
    frame: tuple[int, int, int, int], orientation: int, scans: int, kept_coefficients: float | None
) -> ImageInfo:
    """The frame (bits, height, width, components) of a JPEG, and what decoding takes: of an image in several scans all
    coefficients, so many per pixel, are kept until the last."""
    bits, height, width, components = frame
    pixel = 6.0 if components in (1, 3) else 7.0  # OpenCV decodes and copies; Pillow's four bytes and our three
    if kept_coefficients is not None:
        pixel = max(pixel, 2 * kept_coefficients + (3 if components in (1, 3) else 4))
    return ImageInfo(
        "JPEG",
        width,
        height,
        components,
        bits,
        orientation=orientation,
        cmyk=components == 4,
        scans=scans,
        memory=int(pixel * width * height),
    )


def _jpeg_coefficients(components: bytes) -> float:
    """Coefficients per pixel, by the sampling factors of the components (id, factors, table)."""
    factors = [(byte >> 4, byte & 15) for byte in components[1::3]]
    widest = max((h for h, _ in factors), default=1) * max((v for _, v in factors), default=1)
    return sum(h * v for h, v in factors) / max(1, widest)


_JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)
"""No stuffed zero, no restart marker. Of a run of 0xFF the last one counts: a pattern that takes them all has to give
them back one by one from every place of the run, which takes hours for a megabyte of them.
"""


def _jpeg_scans(data: bytes, at: int) -> int:
    """Scans from the first one, whose header is at `at`, to the end marker; counting stops beyond MAX_SCANS."""
    most = 1 + data.count(b"\xff\xda", at)  # such bytes may also stand in tables and behind the end
    if most <= MAX_SCANS:
        return most
    scans = 1
    for _ in range(MAX_PARTS):
        found = _JPEG_MARKER.search(data, at)
        if found is None or scans > MAX_SCANS:
            return scans
        marker, at = found[1][0], found.end()
        if marker == 0xD9:
            return scans
        if marker == 0xDA:
            scans += 1
        elif marker not in (0x01, 0xD8) and at + 2 <= len(data):
            at += struct.unpack_from(">H", data, at)[0]
    return MAX_SCANS + 1


def _inspect_png(data: bytes, where: str | None) -> ImageInfo:
    """Walk all chunks: sizes and checksums of the critical ones, transparency, EXIF and animation."""
    at, end = 8, len(data)
    header: tuple[int, ...] | None = None
    alpha, orientation, frames = False, 1, 1
    for _ in range(MAX_PARTS):
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
            header = struct.unpack_from(">IIBBBBB", body)
        elif kind == b"tRNS":
            alpha = True
        elif kind == b"eXIf":
            orientation = exif_orientation(bytes(body))
        elif kind == b"acTL" and length >= 4:
            frames = max(1, struct.unpack_from(">I", body)[0])
        elif kind == b"IEND":
            break
        at += 12 + length
    else:
        raise too_many_parts("PNG", where)
    if header is None:
        raise ImageError("the PNG header is missing", where=where, hint="export the image again")
    width, height, bits, colour, _, _, interlaced = header
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
        memory=_png_memory(width * height, colour, bits, alpha, frames, interlaced),
    )


def _png_memory(pixels: int, colour: int, bits: int, transparent: bool, frames: int, interlaced: int) -> int:
    """Bytes: OpenCV decodes opaque ones to three a pixel and copies; Pillow's four are followed by our three, unless
    they come in bands.
    """
    if frames > 1:
        return 16 * pixels  # Pillow keeps the canvas, the frame and what was there before
    of_pillow = colour in (4, 6) or (transparent and colour == 2)
    return (7 if of_pillow and not png_in_bands(pixels, bits, colour, interlaced) else 6) * pixels


def _inspect_webp(data: bytes, where: str | None) -> ImageInfo:
    """Walk the chunks (RFC 9649): size, alpha, EXIF, frames."""
    at, end = 12, min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    width = height = frames = 0
    alpha = animated = lossless = False
    orientation, parts = 1, 0
    while at + 8 <= end:
        parts += 1
        if parts > MAX_PARTS:
            raise too_many_parts("WebP", where)
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + min(length, 65536)]
        if at + 8 + length > len(data):
            raise _truncated(where, len(data), f"chunk {kind.decode('latin-1')} of the WebP is cut")
        if kind == b"VP8X" and length >= 10:
            alpha, animated = bool(body[0] & 0x10), bool(body[0] & 0x02)
            width, height = (1 + int.from_bytes(body[n : n + 3], "little") for n in (4, 7))
        elif kind == b"VP8L" and length >= 5:
            bits = int.from_bytes(body[1:5], "little")
            lossless, alpha = True, alpha or bool(bits >> 28 & 1)
            width, height = width or 1 + (bits & 0x3FFF), height or 1 + (bits >> 14 & 0x3FFF)
        elif kind == b"VP8 " and length >= 10:
            across, down = struct.unpack_from("<HH", body, 6)
            width, height = width or across & 0x3FFF, height or down & 0x3FFF
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            orientation = exif_orientation(body)
        at += 8 + length + (length & 1)
    if at < 8 + struct.unpack_from("<I", data, 4)[0] - 1:
        raise _truncated(where, len(data), "the last chunk of the WebP is missing")
    if not width or not height:
        raise ImageError("the WebP header is damaged", where=where, hint="export the image again")
    # Lossless ones are decoded to four bytes before they are copied out. Pillow keeps two canvases of an animation.
    pixel = 16 if animated else 8 if alpha else 7 if lossless else 6
    return ImageInfo(
        "WEBP",
        width,
        height,
        channels=3,
        alpha=alpha,
        orientation=orientation,
        frames=max(1, frames) if animated else 1,
        memory=pixel * width * height,
    )
