"""Error responses of the service: one exception class, and the text of each error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

INVALID_FILE = "Invalid input file"
UNKNOWN_TYPE = "File type cannot be determined"
UNSUPPORTED_TYPE = "Unsupported file type"
TOO_MUCH_MEMORY = "it needs more memory than a worker may use"
CRASHED = "The worker process crashed on this request; sending it again will not help"
CLOSING = "The server is shutting down"
INTERNAL = "Internal server error"
NOT_CONFIGURED = "the input params for model settings are invalid!"
"""PaddleX's words, where a request asks for a stage the pipeline does not have."""
URL_REFUSED = "The URL is not allowed by this server"


class RequestError(Exception):
    """A request that ends with an error answer.

    Args:
        status: HTTP status, also the answer's errorCode.
        message: the answer's errorMsg.
        headers: of the answer, such as Retry-After.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


def invalid_file(why: str) -> RequestError:
    """A file that cannot be read: PaddleX's message first, then the cause."""
    return RequestError(422, f"{INVALID_FILE}: {why}")


def field_error(kind: str, place: str, message: str) -> RequestError:
    """One wrong field, or a body that is none, as `validation_message` writes it."""
    return RequestError(422, validation_message([{"type": kind, "loc": [place], "msg": message}]))


def busy(seconds: int) -> RequestError:
    """Every worker is at work and the queue is full."""
    return RequestError(429, "Too many requests are waiting; try again later", {"Retry-After": str(seconds)})


def validation_message(errors: Sequence[Mapping[str, Any]]) -> str:
    """pydantic's errors as PaddleX writes them: a JSON string of type, place and message."""
    return json.dumps(
        [{"type": error["type"], "loc": _place(error["loc"]), "msg": error["msg"]} for error in errors],
        ensure_ascii=False,
    )


def _place(location: Sequence[str | int]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def error_body(log_id: str, status: int, message: str) -> bytes:
    """JSON of an error answer. A lone surrogate, which JSON allows and UTF-8 does not, becomes a question mark."""
    fields = {"logId": log_id, "errorCode": status, "errorMsg": message}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
