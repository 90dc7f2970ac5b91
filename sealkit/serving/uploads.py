"""Decodes the field `file` of a request to bytes and their declared type (docs/serving.md).

Runs in the server's own process and therefore never looks into the bytes: decoding is the workers' business.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from sealkit.errors import ImageError
from sealkit.images.fetch import RefusedUrl, fetch_url
from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.errors import INVALID_FILE, UNSUPPORTED_TYPE, URL_REFUSED, RequestError, invalid_file

Kind = Literal["pdf", "image"]
_URL = re.compile(rb"https?://", re.IGNORECASE)
_DATA_URL = re.compile(rb"data:([^,]{0,200}),", re.IGNORECASE)
_PIECE = 1 << 22  # base64 is decoded in pieces: each holds Python's lock, and the event loop waits for it


@dataclass(frozen=True)
class Upload:
    """The file of a request, undecoded; `kind` is None where the content itself has to say."""

    data: bytes
    kind: Kind | None


def is_url(file: bytes) -> bool:
    """Whether it has to be fetched, which takes as long as its host likes."""
    return _URL.match(file) is not None


def plain_file(data: bytes, file_type: int | None) -> Upload:
    """The file of a form: its content as it is.

    Raises:
        RequestError: 422: it is empty.
    """
    if not data:
        raise invalid_file("it is empty")
    return Upload(data, _told_kind(file_type))


def take_file(file: bytes, file_type: int | None) -> Upload:
    """Decode base64 or a data URL.

    Args:
        file: the field's text.
        file_type: the field.

    Raises:
        RequestError: 422.
    """
    text = file
    if found := _DATA_URL.match(text):
        if not found[1].lower().endswith(b";base64"):
            raise invalid_file("a data URL must hold base64 (data:image/png;base64,…)")
        text = text[found.end() :]
    data = _decode(text)
    if not data:
        raise invalid_file("it is empty")
    return Upload(data, _told_kind(file_type))


def fetch_file(file: bytes, file_type: int | None, settings: ServingSettings, deadline: float) -> Upload:
    """Fetch a URL where the settings allow it; blocks.

    What stands in the answer must not tell a caller which addresses of our network exist.

    Args:
        deadline: of the request, on `time.monotonic`'s clock.

    Raises:
        RequestError: 422.
    """
    url = file.decode("utf-8", "replace")
    kind = _told_kind(file_type) or _kind_of_name(url)
    if not settings.url_hosts:
        raise RequestError(422, f"{URL_REFUSED}: send the file as base64")
    timeout = max(0.001, min(settings.url_timeout, deadline - time.monotonic()))
    try:
        data = fetch_url(
            url, max_bytes=settings.max_bytes, timeout=timeout, hosts=list(settings.url_hosts), deadline=deadline
        )
    except RefusedUrl:
        raise RequestError(422, URL_REFUSED) from None
    except ImageError:
        raise invalid_file("the URL cannot be fetched") from None
    if not data:
        raise invalid_file("it is empty")
    return Upload(data, kind)


def _told_kind(file_type: int | None) -> Kind | None:
    return None if file_type is None else "image" if file_type else "pdf"


def _kind_of_name(url: str) -> Kind | None:
    """By the ending, as PaddleX does; None where that says nothing."""
    try:
        guessed = mimetypes.guess_type(urlsplit(url).path)[0]
    except ValueError:
        raise RequestError(422, INVALID_FILE) from None
    if guessed is None:
        return None
    if guessed == "application/pdf":
        return "pdf"
    if guessed.startswith("image/"):
        return "image"
    raise RequestError(422, UNSUPPORTED_TYPE)


def _decode(text: bytes) -> bytes:
    """Characters outside the alphabet are dropped, as in PaddleX; missing padding is an error."""
    if not text.isascii():
        raise invalid_file("it is not base64")
    pieces = _whole_pieces(text)
    try:
        return b"".join([*pieces, base64.b64decode(text[len(pieces) * _PIECE :])])
    except (binascii.Error, ValueError):
        raise invalid_file("it is not base64: characters are missing at its end") from None


def _whole_pieces(text: bytes) -> list[bytes]:
    """The first pieces of a text, as long as they hold nothing but base64."""
    pieces: list[bytes] = []
    for at in range(0, len(text) - _PIECE, _PIECE):
        try:
            piece = binascii.a2b_base64(text[at : at + _PIECE])
        except (binascii.Error, ValueError):
            break
        if len(piece) != _PIECE // 4 * 3:
            break
        pieces.append(piece)
    return pieces
