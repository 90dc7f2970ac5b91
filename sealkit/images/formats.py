"""Image formats by the first bytes of a file; decoders only see formats of this list.

Pillow and OpenCV know many more. Left to themselves they try them all, and one of Pillow's starts Ghostscript on the
file it was handed.
"""

from __future__ import annotations

import io
import os
import struct
from typing import Any

from sealkit.errors import ImageError
from sealkit.images.strangers import recognise_stranger
from sealkit.images.walks import bare_jpeg, check_pnm, first_frame, tiff_pages

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""The second pair is BigTIFF."""

FORMATS = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "BMP": "BMP",
    "DIB": "BMP",
    "WEBP": "WebP",
    "TIFF": "TIFF",
    "GIF": "GIF",
    "PPM": "PNM",
    "SUN": "Sun raster",
}
"""Pillow's name of each format that is read -> its name in messages."""
_DIB_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # sizes of the header that a BMP without its file header begins with


def sniff(data: bytes) -> str | None:
    """A key of FORMATS, or None for bytes of any other kind."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == PNG_SIGNATURE:
        return "PNG"
    if data[:2] == b"BM":
        return "BMP"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:4] in TIFF_SIGNATURES:
        return "TIFF"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3] in (b" ", b"\t", b"\n", b"\r"):
        return "PPM"
    if data[:4] == b"\x59\xa6\x6a\x95":
        return "SUN"
    if len(data) >= 16 and struct.unpack_from("<I", data)[0] in _DIB_HEADERS:
        planes = struct.unpack_from("<H", data, 8 if data[0] == 12 else 12)[0]
        return "DIB" if planes == 1 else None
    return None


def is_pdf(data: bytes) -> bool:
    """Whether the bytes are a PDF's; some writers put up to 1 kB in front."""
    return data[:1024].lstrip()[:4] == b"%PDF"


def open_with_pillow(data: bytes, where: str | None = None) -> Any:
    """Lazy PIL.Image of the bytes, of a GIF its first frame; pixels are not decoded yet.

    Raises:
        ImageError: damaged, out of proportion to its size, or of a format that is not read.
    """
    from PIL import Image

    kind = sniff(data)
    if kind is None:
        what, hint = _describe_unknown(data, where)
        raise ImageError(what, where=where, hint=hint)
    bare = _bare(kind, data, where)
    try:
        return Image.open(io.BytesIO(bare), formats=[kind])
    except Image.DecompressionBombError as error:
        raise ImageError(
            "the image is over the pixel limit of the decoder",
            where=where,
            value=str(error),
            hint="scale it down before reading",
        ) from error
    except Exception as error:  # Pillow's plug-ins raise struct.error, SyntaxError, KeyError… on broken headers
        raise ImageError(
            f"the header of the {FORMATS[kind]} is damaged",
            where=where,
            value=str(error),
            hint="copy the file again or export the image again",
        ) from error


def _bare(kind: str, data: bytes, where: str | None) -> bytes:
    """What Pillow is handed of a file, once that is in proportion. Raises ImageError where it is not."""
    if kind == "JPEG":
        return bare_jpeg(data)
    if kind == "GIF":
        return first_frame(data, where)
    if kind == "TIFF":
        tiff_pages(data, where)
    elif kind == "PPM":
        check_pnm(data, where)
    return data


def turn_to(image: Any, page: int, where: str | None = None) -> None:
    """Go to a page of a multi-page file that `open_with_pillow` opened. Raises ImageError: its header is damaged."""
    try:
        image.seek(page)
    except Exception as error:  # Pillow raises OSError, ValueError, SyntaxError, EOFError, TypeError, struct.error…
        raise ImageError("the page is damaged", where=where, value=str(error), hint="export the file again") from error


def _describe_unknown(data: bytes, where: str | None) -> tuple[str, str]:
    """(what, hint) for bytes that no decoder knows: the usual strangers are called by name."""
    base = os.path.basename(where or "")
    stranger = recognise_stranger(data, base.rpartition(".")[2].lower())
    if stranger is not None:
        return f"the file is {stranger.what}", stranger.hint
    names = list(dict.fromkeys(FORMATS.values()))
    return (
        f"the file is not an image that can be decoded (it starts with {data[:8]!r})",
        f"use {', '.join(names[:-1])} or {names[-1]}; if it is one of these, the file is damaged",
    )
