"""The field `file` of a request → bytes and what they are said to be (pipeline-specification, serving §2).

Runs in the server's own process and therefore never looks into the bytes: decoding is the workers' business.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from sealkit.errors import ImageError
from sealkit.images.fetch import RefusedUrl, fetch_url
from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.errors import INVALID_FILE, UNKNOWN_TYPE, UNSUPPORTED_TYPE, URL_REFUSED, RequestError

Kind = Literal["pdf", "image"]
_URL = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True)
class Upload:
    """The file of a request, undecoded."""

    data: bytes
    kind: Kind


def take_file(file: str, file_type: int | None, settings: ServingSettings) -> Upload:
    """Decode base64, or fetch a URL where the settings allow it. Blocks while fetching.

    Args:
        file, file_type: the request's fields.
        settings: `url_hosts`, `url_timeout` and `max_bytes` are used.

    Raises:
        RequestError: 422.
    """
    url = _URL.match(file) is not None
    kind = _kind(file, url, file_type)
    return Upload(_fetch(file, settings) if url else _decode(file), kind)


def _kind(file: str, url: bool, file_type: int | None) -> Kind:
    if file_type is not None:
        return "image" if file_type else "pdf"
    if not url:
        raise RequestError(422, UNKNOWN_TYPE)
    try:
        guessed = mimetypes.guess_type(urlsplit(file).path)[0] or ""
    except ValueError:
        raise RequestError(422, INVALID_FILE) from None
    if guessed == "application/pdf":
        return "pdf"
    if guessed.startswith("image/"):
        return "image"
    raise RequestError(422, UNSUPPORTED_TYPE)


def _decode(text: str) -> bytes:
    """Characters outside the alphabet are dropped, as in PaddleX; missing padding is an error."""
    try:
        data = base64.b64decode(text)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        raise RequestError(422, INVALID_FILE) from None
    if not data:
        raise RequestError(422, INVALID_FILE)
    return data


def _fetch(url: str, settings: ServingSettings) -> bytes:
    """What stands in the answer must not tell a caller which addresses of our network exist."""
    if not settings.url_hosts:
        raise RequestError(422, f"{URL_REFUSED}: send the file as base64")
    try:
        data = fetch_url(
            url, max_bytes=settings.max_bytes, timeout=settings.url_timeout, hosts=list(settings.url_hosts)
        )
    except RefusedUrl:
        raise RequestError(422, URL_REFUSED) from None
    except ImageError:
        raise RequestError(422, INVALID_FILE) from None
    if not data:
        raise RequestError(422, INVALID_FILE)
    return data
