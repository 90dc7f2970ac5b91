"""Fetches images from URLs where the user allows it: bounded in size and time, nothing left on disk.

The rules, for the command line and the service alike:

1. Nothing is fetched unless it was allowed (`--allow-url` of `sealkit infer`, `Serving.url_hosts` of the service).
2. Only http and https; every redirect is held to the same rules as the first address.
3. The command line may reach whatever its user can reach.
4. The service reaches the hosts on its list and no others, on the ports 80 and 443 unless the list names a port, and of
   these only public addresses: each address a name resolves to is checked, and the connection goes to a checked one.

paddlex keeps downloads under the last part of their path, so that two URLs `…/a.png` overwrite each other; here bytes
go straight to the decoder.
"""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import SplitResult, urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    ProxyHandler,
    Request,
    build_opener,
)

from sealkit.errors import ImageError

MAX_BYTES = 100_000_000
TIMEOUT = 20.0
"""Seconds for the connection, and for each read."""
_MAX_REDIRECTS = 5
_CHUNK = 1 << 16
_WHOLE = 3  # the whole transfer may take this many timeouts: a server that drips must not hold a worker


class RefusedUrl(ImageError):
    """An address that the rules forbid: scheme, host, port, or where it leads."""


def fetch_url(
    url: str,
    *,
    max_bytes: int = MAX_BYTES,
    timeout: float = TIMEOUT,
    allow_private: bool = False,
    hosts: Sequence[str] | None = None,
    deadline: float | None = None,
) -> bytes:
    """Content of an http(s) URL.

    Args:
        url: what to fetch; redirects are followed, each one checked like the first.
        max_bytes: limit on the content; the transfer stops there.
        timeout: seconds for each connection and for each read.
        allow_private: also fetch from addresses of the own machine and network. Leave it off in a service: a caller
            could otherwise read what only the server can reach.
        hosts: the only hosts that may be asked, see `host_listed`; None: any.
        deadline: when all of it has to be done, redirects, headers and content, on `time.monotonic`'s clock; default:
            three timeouts from now. Resolving names counts.

    Raises:
        RefusedUrl: what the rules at the top of this file forbid.
        ImageError: not a URL, an HTTP error, no connection, or too much content.
    """
    until = Deadline(time.monotonic() + _WHOLE * timeout if deadline is None else deadline)
    _check(url, allow_private, hosts, until.at)
    connect = until.connecting(any_addresses if allow_private else _public_addresses)
    handlers: list[Any] = [
        _CheckedRedirects(allow_private, hosts, until.at),
        PlainHandler(connect),
        TlsHandler(connect),
    ]
    if not allow_private:
        handlers.append(ProxyHandler({}))  # a proxy would resolve names after our check
    request = Request(url, headers={"User-Agent": "sealkit"})
    try:
        with until, build_opener(*handlers).open(request, timeout=timeout) as answer:
            length = answer.headers.get("Content-Length", "")
            whole = int(length) if length.isdigit() and len(length) < 19 else None
            if whole is not None and whole > max_bytes:
                raise _too_large(url, whole, max_bytes)
            parts, size = [], 0
            while size != whole and (chunk := answer.read1(_CHUNK)):
                size += len(chunk)
                if size > max_bytes:
                    raise _too_large(url, size, max_bytes)
                parts.append(chunk)
            if until.over:  # an answer without a length ends where the connection ends
                raise TimeoutError
            if whole is not None and size < whole:  # read1 does not tell
                raise IncompleteRead(b"", whole - size)
            return b"".join(parts)
    except RefusedUrl as error:  # raised by us deep inside, e.g. while connecting: says which host, not which URL
        raise RefusedUrl(error.what, where=url, value=error.value, hint=error.hint) from None
    except HTTPError as error:
        raise ImageError(
            f"the server answered {error.code} {error.reason}",
            where=url,
            hint="open the address in a browser; is a login needed?",
        ) from error
    except (URLError, OSError, HTTPException, ValueError) as error:  # ValueError: a host or header that is no text
        reason = "not complete in time" if until.over else getattr(error, "reason", None) or error
        raise ImageError(
            "the image cannot be fetched", where=url, value=str(reason), hint="check address and network"
        ) from error


def _too_large(url: str, size: int, limit: int) -> ImageError:
    return ImageError(
        f"the content is over the limit of {limit} bytes",
        where=url,
        value=size,
        hint="download it yourself and give the path",
    )


def host_listed(host: str, port: int | None, scheme: str, hosts: Sequence[str]) -> bool:
    """Whether an address is on a list of hosts.

    Entries: `example.com` (that name), `*.example.com` (names below it), either with `:port`. Without a port an entry
    means the scheme's own port. Case does not matter.
    """
    usual = 443 if scheme == "https" else 80
    host = host.lower().rstrip(".")
    for entry in hosts:
        name, _, wanted = entry.lower().rpartition(":") if _has_port(entry) else (entry.lower(), "", "")
        if (port or usual) != (int(wanted) if wanted else usual):
            continue
        name = name.strip("[]")
        if host == name or (name.startswith("*.") and host.endswith(name[1:])):
            return True
    return False


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public network, also where an IPv6 address carries an IPv4 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if not all(is_public(str(v4)) for v4 in inner if v4 is not None):
            return False
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _has_port(entry: str) -> bool:
    return entry.rpartition(":")[2].isdigit() and (entry.count(":") == 1 or "]" in entry)


def _check(url: str, allow_private: bool, hosts: Sequence[str] | None, until: float) -> None:
    """Scheme, list of hosts and, unless allowed, the addresses the host resolves to."""
    try:
        parts: SplitResult = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedUrl("not a URL", where=url, value=str(error), hint="give http://… or https://…") from error
    if parts.scheme not in ("http", "https") or not host:
        raise RefusedUrl("not an http(s) URL", where=url, hint="give http://… or https://…, or a path")
    if hosts is not None and not host_listed(host, port, parts.scheme, hosts):
        raise RefusedUrl("the host is not on the list of allowed hosts", where=url, value=host)
    if not allow_private:
        try:
            _public_addresses(host, port or (443 if parts.scheme == "https" else 80), until)
        except RefusedUrl as error:
            raise RefusedUrl(error.what, where=url, value=error.value, hint=error.hint) from None
        except (OSError, UnicodeError) as error:
            raise ImageError(
                "the host name cannot be resolved", where=url, value=str(error), hint="check address and network"
            ) from error


def _public_addresses(host: str, port: int, until: float) -> list[tuple[Any, ...]]:
    """What the name resolves to, as `socket.getaddrinfo` gives it; one private address among them refuses all."""
    found = any_addresses(host, port, until)
    for entry in found:
        if not is_public(str(entry[4][0])):
            raise RefusedUrl(
                "the host is on the own machine or network",
                where=host,
                value=str(entry[4][0]).partition("%")[0],
                hint="allow private addresses if that is intended, or give a path",
            )
    return found


def any_addresses(host: str, port: int, until: float) -> list[tuple[Any, ...]]:
    """What the name resolves to, known by `until` on `time.monotonic`'s clock.

    The system's resolver takes no time limit and cannot be stopped: a thread that is left to itself asks it.

    Raises:
        OSError: the name is not known, or not in time (TimeoutError). UnicodeError: it is no name.
    """
    answer: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # whatever it is, the one who waits has to hear it
            answer.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = answer.get(timeout=max(0.0, until - time.monotonic()))
    except queue.Empty:
        raise TimeoutError("its name was not resolved in time") from None
    if isinstance(found, Exception):
        raise found
    return found


class Deadline:
    """Ends the connections made through it when the time is over, whatever they are waiting for.

    The time limit of a socket starts again with each byte: a server that drips holds its reader for good. Here a thread
    of its own shuts the connection down, and the reader reads its end, in the middle of a header or of a TLS handshake.
    """

    def __init__(self, at: float) -> None:
        self.at = at
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._timer = threading.Timer(max(0.0, at - time.monotonic()), self._end)
        self._timer.daemon = True

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self.at

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _end(self) -> None:
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # it ended by itself
                    connection.shutdown(socket.SHUT_RDWR)

    def connecting(self, addresses: Callable[[str, int, float], list[tuple[Any, ...]]]) -> Callable[..., socket.socket]:
        """What takes the place of `socket.create_connection`: a name that resolves otherwise the second time gains
        nothing, since the addresses that were checked are the ones connected to.
        """

        def connect(address: tuple[str, int], timeout: Any = None, source: Any = None) -> socket.socket:
            last: OSError = OSError("the name resolves to no address")
            for family, kind, protocol, _, target in addresses(*address, self.at):
                left = self.at - time.monotonic()
                if left <= 0:
                    raise TimeoutError("not connected in time")
                connection = socket.socket(family, kind, protocol)
                try:
                    connection.settimeout(min(timeout, left) if isinstance(timeout, (int, float)) else left)
                    connection.connect(target)
                    connection.settimeout(timeout if isinstance(timeout, (int, float)) else None)
                    with self._lock:
                        self._connections.append(connection.dup())  # TLS takes the first one over
                    return connection
                except OSError as error:
                    connection.close()
                    last = error
            raise last

        return connect


class PlainHandler(HTTPHandler):
    """http through the connections of a `Deadline`."""

    def __init__(self, connect: Callable[..., socket.socket]) -> None:
        super().__init__()
        self._connect = connect

    def http_open(self, req: Request) -> Any:
        """Open an http request."""

        def connection(*args: Any, **kwargs: Any) -> HTTPConnection:
            made = HTTPConnection(*args, **kwargs)
            made._create_connection = self._connect  # type: ignore[attr-defined]
            return made

        return self.do_open(connection, req)


class TlsHandler(HTTPSHandler):
    """https through the connections of a `Deadline`."""

    def __init__(self, connect: Callable[..., socket.socket]) -> None:
        super().__init__()
        self._connect = connect

    def https_open(self, req: Request) -> Any:
        """Open an https request."""

        def connection(*args: Any, **kwargs: Any) -> HTTPSConnection:
            made = HTTPSConnection(*args, **kwargs)
            made._create_connection = self._connect  # type: ignore[attr-defined]
            return made

        return self.do_open(connection, req)


class _CheckedRedirects(HTTPRedirectHandler):
    max_redirections = _MAX_REDIRECTS

    def __init__(self, allow_private: bool, hosts: Sequence[str] | None, until: float) -> None:
        self._allow_private, self._hosts, self._until = allow_private, hosts, until

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check(newurl, self._allow_private, self._hosts, self._until)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
