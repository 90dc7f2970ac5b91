"""Pictures from the network, where the user allowed it: bounded in size and time, nothing left on disk.

paddlex keeps downloads under the last part of their path, so that two URLs `…/a.png` overwrite each other; here bytes
go straight to the decoder.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from sealkit.errors import ImageError

MAX_BYTES = 100_000_000
TIMEOUT = 20.0
"""Seconds for the connection, and for each read."""
_MAX_REDIRECTS = 5
_CHUNK = 1 << 16
_WHOLE = 3  # the whole transfer may take this many timeouts: a server that drips must not hold a worker


def fetch_url(url: str, *, max_bytes: int = MAX_BYTES, timeout: float = TIMEOUT, allow_private: bool = False) -> bytes:
    """Content of an http(s) URL.

    Args:
        url: what to fetch; redirects are followed, each one checked like the first.
        max_bytes: limit on the content; the transfer stops there.
        timeout: seconds for the connection and for each read.
        allow_private: also fetch from addresses of the own machine and network. Leave it off in a service: a caller
            could otherwise read what only the server can reach.

    Raises:
        ImageError: another scheme, a refused address, an HTTP error, no connection, or too much content.
    """
    _check(url, allow_private)
    handlers: list[Any] = [_CheckedRedirects(allow_private)]
    if not allow_private:
        handlers.append(ProxyHandler({}))  # a proxy would resolve names after our check
    try:
        with build_opener(*handlers).open(Request(url, headers={"User-Agent": "sealkit"}), timeout=timeout) as answer:
            length = answer.headers.get("Content-Length", "")
            if length.isdigit() and int(length) > max_bytes:
                raise _too_large(url, int(length), max_bytes)
            parts, size = [], 0
            deadline = time.monotonic() + _WHOLE * timeout
            while chunk := answer.read(_CHUNK):
                size += len(chunk)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not complete after {_WHOLE * timeout:.0f} s")
                if size > max_bytes:
                    raise _too_large(url, size, max_bytes)
                parts.append(chunk)
            return b"".join(parts)
    except HTTPError as error:
        raise ImageError(
            f"the server answered {error.code} {error.reason}",
            where=url,
            hint="open the address in a browser; is a login needed?",
        ) from error
    except (URLError, OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ImageError(
            "the picture cannot be fetched", where=url, value=str(reason), hint="check address and network"
        ) from error


def _too_large(url: str, size: int, limit: int) -> ImageError:
    return ImageError(
        f"the content is over the limit of {limit} bytes", where=url, value=size, hint="fetch it yourself"
    )


def _check(url: str, allow_private: bool) -> None:
    """Scheme and, unless allowed, the addresses the host resolves to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ImageError("not a URL", where=url, value=str(error), hint="give http://… or https://…") from error
    if parts.scheme not in ("http", "https") or not host:
        raise ImageError("not an http(s) URL", where=url, hint="give http://… or https://…, or a path")
    if allow_private:
        return
    try:
        found = socket.getaddrinfo(host, port or (443 if parts.scheme == "https" else 80), type=socket.SOCK_STREAM)
    except OSError as error:
        raise ImageError(
            "the host is not known", where=url, value=str(error), hint="check address and network"
        ) from error
    for entry in found:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        if not address.is_global or address.is_multicast:
            raise ImageError(
                "the host is on the own machine or network",
                where=url,
                value=str(address),
                hint="allow private addresses if that is meant, or give a path",
            )


class _CheckedRedirects(HTTPRedirectHandler):
    max_redirections = _MAX_REDIRECTS

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check(newurl, self._allow_private)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
