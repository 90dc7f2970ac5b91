"""The body of a request → its fields, within bounds that are checked before anything is parsed.

JSON as PaddleX's service takes it, and forms (`curl -F file=@seal.png`). Nothing here runs on the event loop. The text
of a large `file` is cut out of the JSON before it is parsed, and never becomes a Python string.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sealkit.serving.errors import RequestError, field_error, invalid_file

MAX_FIELDS = 1_000_000
"""Bytes that all fields beside `file` may hold."""
MAX_VALUES = 10_000
"""Values in a JSON body, counted by its commas and opening brackets: 57 MB of `[]` would become 1.5 GB of lists."""
MAX_PARTS = 100
"""Of a form; each field is one."""
SMALL = 1 << 16
"""Bytes that are parsed as they are, in well under a millisecond."""
_FILE = re.compile(rb'"file"[ \t\r\n]*:[ \t\r\n]*"')
_FILE_OR_IMAGE = re.compile(rb'"(?:file|image)"[ \t\r\n]*:[ \t\r\n]*"')
_STAND_IN = secrets.token_hex(16)
"""Stands in the JSON where a large `file` was."""
_TEXT_FIELDS = frozenset({"file", "logId", "sealDetLimitType", "layoutMergeBboxesMode"})
"""Fields of a form whose text is their value; the text of the others is read as JSON where it is JSON."""


_ESCAPES = ((rb"\/", b"/"), (rb"\n", b""), (rb"\r", b""), (rb"\u002B", b"+"), (rb"\u002b", b"+"), (rb"\u002F", b"/"),
            (rb"\u002f", b"/"), (rb"\u003D", b"="), (rb"\u003d", b"="))  # fmt: skip
"""How JSON writers escape what base64 holds: PHP the slash, .NET the plus, Gson the equals sign."""


@dataclass(frozen=True)
class Sent:
    """A request as it was sent.

    Attributes:
        value: what the body holds, a dict where it is a request. A short text stands in it for a file kept apart.
        file: the file kept apart: its text (base64, URL or data URL) or its content; None: it stands in `value`.
        plain: whether `file` is the content itself, of a form.
    """

    value: Any
    file: bytes | None = None
    plain: bool = False


def read_body(body: bytes, content_type: str, origin: str, host: str, beta: bool = False) -> Sent:
    """Read a JSON body or a form.

    Args:
        body: all of it.
        content_type, origin, host: of the request's headers; "" where it has none.
        beta: the file may be called `image`, too, as in PaddleX 3.0-beta.

    Raises:
        RequestError: 400, 413 or 422: what the body is instead; 403: a form that a page of another site sent.
    """
    kind, options = parse_options_header(content_type)
    if kind == b"multipart/form-data":
        # Browsers send forms to any site unasked; JSON they do not.
        if origin and origin.partition("://")[2] != host:
            raise RequestError(403, "Forms from other sites are refused; send JSON")
        return _form(body, options.get(b"boundary", b""))
    if not body:
        raise field_error("missing", "body", "Field required")
    return _json(body, beta) if _is_json(content_type) else Sent(b"")


def _is_json(content_type: str) -> bool:
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))


def _json(body: bytes, beta: bool) -> Sent:
    """Parse all but the text of a large `file`."""
    start = end = 0
    if len(body) > SMALL and (found := (_FILE_OR_IMAGE if beta else _FILE).search(body, 0, MAX_FIELDS)):
        start = found.end()
        end = max(start, body.find(b'"', start))
    if len(body) - (end - start) > MAX_FIELDS:
        raise _too_much()
    rest = b"".join([body[:start], _STAND_IN.encode(), body[end:]]) if end > start else body
    if rest.count(b",") + rest.count(b"[") + rest.count(b"{") > MAX_VALUES:
        raise RequestError(400, f"The request body holds more than {MAX_VALUES} values")
    try:
        value = json.loads(rest)
    except json.JSONDecodeError as error:
        place = error.pos if error.pos <= start else error.pos + len(body) - len(rest)
        raise field_error("json_invalid", f"body[{place}]", "JSON decode error") from None
    except (ValueError, RecursionError):  # not UTF-8, a number of thousands of digits, nested too deep
        raise RequestError(400, "There was an error parsing the body") from None
    if end == start:
        return Sent(value)
    names = ("file", "image") if beta else ("file",)
    if not isinstance(value, dict) or _STAND_IN not in map(value.get, names):  # the long text stands somewhere else
        raise _too_much()
    return Sent(value, _unescaped(body[start:end]))


def _unescaped(text: bytes) -> bytes:
    if b"\\" not in text:
        return text
    for escaped, plain in _ESCAPES:
        text = text.replace(escaped, plain)
    if b"\\" not in text:
        return text
    try:
        if len(text) <= MAX_FIELDS:
            return str(json.loads(b'"' + text + b'"')).encode("utf-8", "replace")
    except ValueError:
        pass
    raise invalid_file("it is not base64")


def _too_much() -> RequestError:
    return RequestError(413, f"The fields beside `file` exceed the maximum allowed {MAX_FIELDS} bytes")


@dataclass
class _Part:
    """A part of a form while it is read."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    name: bytes = b""
    value: bytes = b""
    content: bytearray = field(default_factory=bytearray)

    @property
    def about(self) -> dict[bytes, bytes]:
        """Options of its Content-Disposition."""
        for name, value in self.headers:
            if name.lower() == b"content-disposition":
                return parse_options_header(value)[1]
        return {}


class _Form:
    """Callbacks of the parser: collects the parts."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.done = False

    def begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise RequestError(400, f"The form holds more than {MAX_PARTS} fields")
        self.parts.append(_Part())

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].value += data[start:end]

    def header_end(self) -> None:
        part = self.parts[-1]
        part.headers.append((part.name, part.value))
        part.name = part.value = b""

    def data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content += memoryview(data)[start:end]

    def end(self) -> None:
        self.done = True


def _form(body: bytes, boundary: bytes) -> Sent:
    form = _Form()
    with _as_bad_form():
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.header_end,
                "on_part_data": form.data,
                "on_end": form.end,
            },
        )
        parser.write(body)
        parser.finalize()
    if not form.done:
        raise RequestError(400, "The form is incomplete")
    if sum(len(part.content) for part in form.parts if part.about.get(b"name") != b"file") > MAX_FIELDS:
        raise _too_much()
    value: dict[str, Any] = {}
    file, plain = None, False
    for part in form.parts:
        name = part.about.get(b"name", b"").decode("utf-8", "replace")
        if name == "file":
            file, plain = bytes(part.content), b"filename" in part.about
            value[name] = _STAND_IN
        else:
            value[name] = _field(name, bytes(part.content))
    return Sent(value, file, plain)


@contextmanager
def _as_bad_form() -> Iterator[None]:
    try:
        yield
    except FormParserError:
        raise RequestError(400, "The form cannot be read") from None


def _field(name: str, content: bytes) -> Any:
    try:
        text = content.decode("utf-8")
        if name in _TEXT_FIELDS or text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
            return text
        return json.loads(text)
    except UnicodeDecodeError:
        raise RequestError(400, "There was an error parsing the body") from None
    except (ValueError, RecursionError):
        return text
