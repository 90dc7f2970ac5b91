"""Fetches one file over HTTP(S): bounded in size and time, goes on where it was interrupted, checked before it is used.

The standard library's client is enough, and it is there wherever sealkit is: proxies ($HTTPS_PROXY, $NO_PROXY) and the
system's certificates ($SSL_CERT_FILE) are honoured. Resuming follows RFC 9110, section 14: `Range` with `If-Range`, so
that a file which changed meanwhile is sent anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from sealkit.download.errors import DownloadError, NotThereError, UnreachableError, WrongFileError
from sealkit.files import growing, read_regular, write_text
from sealkit.images.fetch import Deadline, PlainHandler, TlsHandler, any_addresses
from sealkit.version import __version__

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes of the whole file, None where that is unknown."""


@dataclass(frozen=True)
class TransferRules:
    """Bounds of one transfer."""

    max_bytes: int = 2 << 30
    """The largest official file has 500 MB."""
    answer_s: float = 60.0
    """Until the headers are there, names, redirects and handshakes included."""
    idle_s: float = 30.0
    """Longest pause between two bytes, and the window over which `slowest` is measured."""
    slowest: int = 1024
    """Bytes per second; a slower connection is given up and made anew."""
    idle_tries: int = 4
    """Tries in a row that bring nothing."""
    tries: int = 60
    """Tries in all, of those that brought something, too."""
    wait_s: float = 1.0
    """Before the next try; doubled after each that brought nothing …"""
    longest_wait_s: float = 30.0
    """… up to this."""


RULES = TransferRules()
_CHUNK = 1 << 18
_NOTE_BYTES = 10_000
_LATER = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""
_GONE = (404, 410)
_RELEARN = "not used; if PaddlePaddle published a new one, --relearn takes it"


@dataclass(frozen=True)
class Known:
    """What a file is known to be; None: not known."""

    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class Received:
    """A file that was received and checked."""

    sha256: str
    size: int


@dataclass(frozen=True)
class _Note:
    """What is known of an unfinished file: whether and how it can be gone on with."""

    url: str
    total: int | None = None
    validator: str | None = None
    """A strong ETag, or the time of the last change."""
    sha256: str | None = None
    """As the server tells it (Hugging Face's X-Linked-ETag)."""


class _Interrupted(Exception):
    """A try ended before the file did."""


def fetch(
    url: str, target: Path, known: Known | None = None, progress: Progress | None = None, rules: TransferRules = RULES
) -> Received:
    """Fetch a file; `target` is there when this returns, whole and checked, and was not touched before.

    What has arrived of an interrupted file is kept beside it (`target`.part) and gone on with the next time.

    Args:
        url: http(s); redirects are followed to other hosts, not from https to http.
        target: its folder must be there.
        known: size and sum it must have.
        progress: called with (bytes so far, bytes in all).
        rules: bounds.

    Raises:
        NotThereError: the server has no such file.
        WrongFileError: another size or sum than known, too large, or a web page in its place.
        UnreachableError: no complete answer.
        DownloadError: no room on the disk, a refused redirect.
    """
    known = known or Known()
    transfer = _Transfer(url, target, known, progress, rules)
    received = transfer.run()
    os.replace(transfer.part, target)
    transfer.forget()
    return received


class _Transfer:
    """One file on its way."""

    def __init__(self, url: str, target: Path, known: Known, progress: Progress | None, rules: TransferRules) -> None:
        self.url, self.known, self.progress, self.rules = url, known, progress, rules
        self.part = target.with_name(target.name + ".part")
        self.notes = target.with_name(target.name + ".part.json")
        self.note = _read_note(self.notes, url)
        self.resumed = False

    def run(self) -> Received:
        """Fill the unfinished file until it is whole, and check it."""
        idle = 0
        for _ in range(self.rules.tries):
            before = self._have()
            try:
                self._try()
                return self._checked()
            except _Interrupted as error:
                idle = 0 if self._have() > before else idle + 1
                if idle >= self.rules.idle_tries:
                    raise self._unreachable(error) from error
            time.sleep(min(self.rules.wait_s * 2**idle, self.rules.longest_wait_s) if idle else 0)
        raise self._unreachable(_Interrupted("too many interruptions"))

    def forget(self) -> None:
        """Remove what was kept of the unfinished file."""
        for path in (self.part, self.notes):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        self.note = _Note(self.url)
        self.resumed = False

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _unreachable(self, error: Exception) -> UnreachableError:
        have = self._have()
        kept = f"; {have} bytes are kept, the same command goes on from there" if have else ""
        return UnreachableError(
            "the download did not end",
            where=self.url,
            value=str(error),
            hint=f"check network and proxy ($HTTPS_PROXY), or take another --source{kept}",
        )

    def _try(self) -> None:
        """One request; returns when the file is whole.

        Raises:
            _Interrupted: it is not, and another try may help.
        """
        have = self._have()
        if have and self.note.validator is None:
            self.forget()  # nothing tells whether the rest would belong to it
            have = 0
        if have and have == self.note.total:
            self.resumed = True
            return
        headers = {"User-Agent": f"sealkit/{__version__}", "Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": str(self.note.validator)}
        until = Deadline(time.monotonic() + self.rules.answer_s)
        connect = until.connecting(any_addresses)
        redirects = _Redirects()
        opener = build_opener(redirects, PlainHandler(connect), TlsHandler(connect))
        try:
            with until:
                answer = opener.open(Request(self.url, headers=headers), timeout=self.rules.idle_s)
            with answer:
                self._take(answer, redirects.linked, have)
        except HTTPError as error:
            with error:
                self._refused(error, have)
        except (URLError, OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.filename is not None:  # the disk's, not the network's
                raise
            reason = "no answer in time" if until.over else getattr(error, "reason", None) or error
            raise _Interrupted(str(reason) or type(error).__name__) from error

    def _refused(self, error: HTTPError, have: int) -> None:
        """An answer that is no file."""
        if error.code == 416 and have:  # the file is shorter now than what is here of it
            self.forget()
            raise _Interrupted("the file changed on the server") from error
        if error.code in _LATER:
            raise _Interrupted(f"the server answered {error.code} {error.reason}") from error
        if error.code in _GONE:
            raise NotThereError(
                "the server has no such file",
                where=self.url,
                value=error.code,
                hint="another --source may have it; `sealkit download --list` shows the addresses",
            ) from error
        if 300 <= error.code < 400:
            raise UnreachableError(
                "redirects that lead nowhere", where=self.url, value=error.code, hint="take another --source"
            ) from error
        raise UnreachableError(
            f"the server answered {error.code} {error.reason}",
            where=self.url,
            hint="open the address in a browser; a proxy or a login may be in the way",
        ) from error

    def _take(self, answer: Any, linked: Mapping[str, str], have: int) -> None:
        """The body of an answer, to the end of the unfinished file."""
        headers = answer.headers
        start, total = _extent(answer.status, headers)
        if answer.status == 206 and (start != have or (self.note.total is not None and total != self.note.total)):
            self.forget()
            raise _Interrupted("the server sent another part than was asked for")
        self._refuse_unfit(headers, total, linked)
        if answer.status == 206:
            self.resumed = True
        else:
            self.forget()
            start = 0
            self.note = _Note(self.url, total, _validator(headers), _linked_sha256(linked))
            write_text(self.notes, json.dumps(asdict(self.note)))
        limit = self.rules.max_bytes if total is None else total
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and total - start > free:
            raise DownloadError(
                f"{total - start} bytes do not fit on the disk",
                where=str(self.part.parent),
                value=f"{free} free",
                hint="make room, or name another folder: --output, $SEALKIT_MODELS_DIR",
            )
        with growing(self.part, start) as file:
            self._copy(answer, file, start, total, limit)

    def _copy(self, answer: Any, file: Any, size: int, total: int | None, limit: int) -> None:
        window, mark = time.monotonic(), size
        while total is None or size < total:
            chunk = answer.read1(_CHUNK)
            if not chunk:
                break
            try:
                file.write(chunk)
            except OSError as error:  # the disk's, which no other try would help
                raise DownloadError(
                    f"cannot write: {error.strerror}",
                    where=str(self.part),
                    hint="make room, or name another folder: --output",
                ) from error
            size += len(chunk)
            if size > limit:
                self.forget()
                raise WrongFileError("the file is larger than it should be", where=self.url, value=size)
            if self.progress is not None:
                self.progress(size, total)
            if time.monotonic() - window > self.rules.idle_s:
                if size - mark < self.rules.slowest * self.rules.idle_s:
                    raise _Interrupted(f"slower than {self.rules.slowest} bytes per second")
                window, mark = time.monotonic(), size
        if total is not None and size < total:
            raise _Interrupted(f"the connection ended after {size} of {total} bytes")

    def _refuse_unfit(self, headers: Any, total: int | None, linked: Mapping[str, str]) -> None:
        """Answers of which no byte is wanted."""
        if (headers.get_content_type() or "") == "text/html":
            raise WrongFileError(
                "a web page in place of the file",
                where=self.url,
                hint="a proxy or a login is in the way: open the address in a browser",
            )
        if headers.get("Content-Encoding", "identity") not in ("", "identity"):
            raise WrongFileError("an encoded answer", where=self.url, value=headers["Content-Encoding"])
        announced = [size for size in (total, _number(linked.get("x-linked-size"))) if size is not None]
        if self.known.size is not None and any(size != self.known.size for size in announced):
            self.forget()
            raise WrongFileError(
                f"the file has another size than the known {self.known.size} bytes",
                where=self.url,
                value=announced[0],
                hint=_RELEARN,
            )
        if any(size > self.rules.max_bytes for size in announced):
            raise WrongFileError(
                f"the file is over the limit of {self.rules.max_bytes} bytes", where=self.url, value=max(announced)
            )
        if not announced and self.known.size is None and self.known.sha256 is None:
            raise UnreachableError(
                "the server does not say how long the file is, and nothing else tells whether it is whole",
                where=self.url,
                hint="take another --source",
            )

    def _checked(self) -> Received:
        """The whole file, checked.

        Raises:
            _Interrupted: it was put together from several answers and is not what it should be: it is fetched anew.
            WrongFileError: it is not what it should be.
        """
        received = Received(sha256_of(self.part), self._have())
        noted = self.note.sha256
        for wanted, hint in ((noted, "not used; take another --source"), (self.known.sha256, _RELEARN)):
            if wanted is not None and wanted != received.sha256:
                resumed = self.resumed
                self.forget()
                if resumed:
                    raise _Interrupted("its parts do not belong together")
                raise WrongFileError(
                    f"the file is not the one it should be, whose SHA-256 is {wanted}",
                    where=self.url,
                    value=received.sha256,
                    hint=hint,
                )
        if self.known.size is not None and self.known.size != received.size:
            self.forget()
            raise WrongFileError(
                f"the file has another size than the known {self.known.size} bytes", where=self.url, value=received.size
            )
        return received


class _Redirects(HTTPRedirectHandler):
    """Follows redirects to other hosts, never from https to http; remembers what Hugging Face says of the file."""

    max_repeats = 1
    max_redirections = 5

    def __init__(self) -> None:
        self.linked: dict[str, str] = {}

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """The request that follows a redirect."""
        self.linked |= {
            name.lower(): value for name, value in headers.items() if name.lower() in ("x-linked-etag", "x-linked-size")
        }
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            raise DownloadError(
                "a redirect to an address that is not encrypted",
                where=req.full_url,
                value=newurl,
                hint="not followed; take another --source",
            )
        return Request(newurl, headers=dict(req.headers), origin_req_host=req.origin_req_host, unverifiable=True)

    http_error_308 = HTTPRedirectHandler.http_error_302  # Python 3.10 does not know it


def sha256_of(path: Path) -> str:
    """Checksum of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _extent(status: int, headers: Any) -> tuple[int, int | None]:
    """Where the body begins in the file, and how long the file is."""
    if status != 206:
        return 0, _number(headers.get("Content-Length"))
    match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", headers.get("Content-Range", "").strip())
    if match is None:
        return -1, None
    return int(match.group(1)), _number(match.group(2))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else None


def _validator(headers: Any) -> str | None:
    """What tells whether a file is still the same: a strong ETag, else the time of its last change."""
    etag = headers.get("ETag", "")
    if re.fullmatch(r'"[\x21\x23-\x7e]*"', etag):
        return str(etag)
    return headers.get("Last-Modified")


def _linked_sha256(linked: Mapping[str, str]) -> str | None:
    """Hugging Face's tag of a large file is its SHA-256."""
    tag = linked.get("x-linked-etag", "").strip('"').lower()
    return tag if re.fullmatch(r"[0-9a-f]{64}", tag) else None


def _read_note(path: Path, url: str) -> _Note:
    """What was noted of an unfinished file; that of another address, or a damaged one, is worth nothing."""
    fresh = _Note(url)
    try:
        found = json.loads(read_regular(path, _NOTE_BYTES))
    except (OSError, ValueError):
        return fresh
    kinds: dict[str, tuple[type, ...]] = {"total": (int,), "validator": (str,), "sha256": (str,)}
    if not isinstance(found, dict) or found.get("url") != url:
        return fresh
    values: dict[str, Any] = {name: found.get(name) for name in kinds}
    if any(value is not None and not isinstance(value, kinds[name]) for name, value in values.items()):
        return fresh
    if any("\n" in value or "\r" in value for value in values.values() if isinstance(value, str)):
        return fresh  # it is sent in a header
    return replace(fresh, **values)


__all__ = ["RULES", "Known", "Progress", "Received", "TransferRules", "fetch", "sha256_of"]
