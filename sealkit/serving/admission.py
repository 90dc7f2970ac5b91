"""ASGI middleware: admission control, body limits, request ids, access log. Every request passes it first.

It bounds the requests in flight (429), reads the body within limits of size and time (413, 408), gives each request
its id, and writes the access log.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.access import Access
from sealkit.serving.errors import CLOSING, INTERNAL, RequestError, busy, error_body
from sealkit.serving.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

access = logging.getLogger("sealkit.serving.access")
logger = logging.getLogger("sealkit.serving")
INFER_PATH = "/seal-recognition"
HEALTH_PATH = "/health"
METRICS_PATH = "/metrics"
PAGE_PATH = "/"
_TOKEN_PATHS = frozenset({INFER_PATH, METRICS_PATH})
"""Where a token is asked for. The documents hold nothing but the schema, and /health is asked by orchestrators."""
DOCUMENT_PATHS = frozenset({"/docs", "/redoc"})
DOCUMENT_POLICY = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'"
)
"""What a browser may load for them: nothing of other hosts (Redoc's own script asks one for its logo)."""
OTHER_POLICY = b"default-src 'none'; frame-ancestors 'none'"
"""Of all other answers: they are no pages."""
CLIENT_GONE = 499
"""Status in log and metrics of a request whose client went away; nobody receives it."""
_DRAIN_SECONDS = 5.0
LAST_BYTES_SECONDS = 5.0
"""From the signal to stop until bodies that are still arriving are given up."""
_LOOK_SECONDS = 1.0  # between two looks whether the server stops


@dataclass
class RequestContext:
    """One request, from the first byte to the last; `scope["sealkit"]`."""

    log_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    began: float = field(default_factory=time.monotonic)
    complete: float = 0.0
    """When the body was complete; 0 before."""
    client_log_id: str | None = None
    status: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    """For the access log: worker, pages, seconds waited and worked."""


class AdmissionMiddleware:
    """ASGI application around another one.

    Args:
        app: the wrapped application.
        settings: limits.
        places: requests for `INFER_PATH` that may be inside at once.
        metrics: counts.
        access: who may ask.
    """

    def __init__(self, app: App, settings: ServingSettings, places: int, metrics: Metrics, access: Access) -> None:
        self._app, self._settings, self._places, self._metrics = app, settings, places, metrics
        self._access = access
        self.inside = 0
        self._end = math.inf

    def close(self) -> None:
        """The server stops: bodies that are still arriving have a last few seconds."""
        self._end = time.monotonic() + LAST_BYTES_SECONDS

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        context = scope["sealkit"] = RequestContext()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                context.status = message["status"]
                message = {**message, "headers": _guarded(scope["path"], message.get("headers", ()))}
            await send(message)

        try:
            await self._admit(scope, receive, noted, context)
        except RequestError as error:
            await self._refuse(scope, receive, noted, context, error)
        except Exception:
            logger.exception("request failed", extra={"logId": context.log_id})
            if not context.status:
                await _answer(noted, context, RequestError(500, INTERNAL))
        finally:
            self._note(scope, context)

    async def _admit(
        self, scope: MutableMapping[str, Any], receive: Receive, send: Send, context: RequestContext
    ) -> None:
        if scope["path"] in _TOKEN_PATHS:
            self._access.check(_header(scope, b"authorization"))
        if scope["path"] != INFER_PATH or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        if self.inside >= self._places:
            raise busy(self._wait_of_a_place())
        self.inside += 1
        self._metrics.in_progress.inc()
        try:
            body = await self._read(scope, receive, context)
            if body is None:
                context.status = CLIENT_GONE
                return
            parts = [body]

            async def replay() -> Message:
                if parts:
                    return {"type": "http.request", "body": parts.pop(), "more_body": False}
                return await receive()

            del body
            await self._app(scope, replay, send)
        finally:
            self.inside -= 1
            self._metrics.in_progress.dec()

    async def _read(self, scope: MutableMapping[str, Any], receive: Receive, context: RequestContext) -> bytes | None:
        """The whole body; None where the client went away.

        Raises:
            RequestError: 413 or 408: it is too much or too slow; 503: the server stops.
        """
        limit, until = self._settings.max_bytes, context.began + self._settings.read_timeout
        too_large = RequestError(413, f"The request body exceeds the maximum allowed {limit} bytes")
        length = _header(scope, b"content-length")
        if length.isdigit() and int(length) > limit:
            raise too_large
        parts, size = [], 0
        while True:
            message = await self._next(receive, until)
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise too_large
            parts.append(part)
            if not message.get("more_body", False):
                break
        context.complete = time.monotonic()
        context.facts["bytes"] = size
        return b"".join(parts)

    async def _next(self, receive: Receive, until: float) -> Message:
        """The next message of a body that has to be there at `until`, or soon where the server stops."""
        coming = asyncio.ensure_future(receive())
        try:
            while not coming.done():
                left = min(until, self._end) - time.monotonic()
                if left <= 0:
                    raise self._too_slow()
                await asyncio.wait({coming}, timeout=min(left, _LOOK_SECONDS))
            return coming.result()
        finally:
            coming.cancel()

    def _too_slow(self) -> RequestError:
        if self._end < math.inf:
            return RequestError(503, CLOSING, {"Connection": "close", "Retry-After": "1"})
        return RequestError(408, "The request body did not arrive in time", {"Connection": "close"})

    async def _refuse(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
        context: RequestContext,
        error: RequestError,
    ) -> None:
        """Answer, having read what the client is still sending: else its answer is lost with the reset connection."""
        if error.status in (401, 413, 429) and _header(scope, b"expect").lower() != b"100-continue":
            left, until = self._settings.max_bytes, time.monotonic() + _DRAIN_SECONDS
            while left > 0:
                try:
                    message = await asyncio.wait_for(receive(), max(0.0, until - time.monotonic()))
                except (TimeoutError, asyncio.TimeoutError):
                    break
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    break
        await _answer(send, context, error)

    def _wait_of_a_place(self) -> int:
        """Seconds until a place should be free, from the mean of what requests took so far; at least 1."""
        samples = next(iter(self._metrics.working.collect())).samples
        total = {sample.name.rpartition("_")[2]: sample.value for sample in samples}
        mean = total.get("sum", 0.0) / max(total.get("count", 0.0), 1.0)
        return max(1, min(60, round(mean)))

    def _note(self, scope: MutableMapping[str, Any], context: RequestContext) -> None:
        seconds = time.monotonic() - context.began
        self._metrics.count(scope["path"], context.status, seconds)
        if scope["path"] == HEALTH_PATH:
            return
        client = scope.get("client")
        facts = {
            "logId": context.log_id,
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": context.status,
            "seconds": round(seconds, 4),
            "client": client[0] if client else None,
            **context.facts,
        }
        if context.client_log_id is not None:
            facts["clientLogId"] = context.client_log_id
        access.info("request", extra=facts)


def _guarded(path: str, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The answer's headers with those that bind browsers; a policy that the page has itself stays."""
    policy = DOCUMENT_POLICY if path in DOCUMENT_PATHS else OTHER_POLICY
    guard = {b"x-content-type-options": b"nosniff", b"content-security-policy": policy}
    given = list(headers)
    present = {name.lower() for name, _ in given}
    return given + [(name, value) for name, value in guard.items() if name not in present]


def _header(scope: MutableMapping[str, Any], name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


async def _answer(send: Send, context: RequestContext, error: RequestError) -> None:
    body = error_body(context.client_log_id or context.log_id, error.status, error.message)
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **error.headers}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})
