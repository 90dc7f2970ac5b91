"""The application behind the admission middleware: routes, request and answer, errors, documents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.access import Access
from sealkit.serving.admission import (
    CLIENT_GONE,
    HEALTH_PATH,
    INFER_PATH,
    METRICS_PATH,
    PAGE_PATH,
    AdmissionMiddleware,
    RequestContext,
)
from sealkit.serving.beta import is_beta, todays_fields
from sealkit.serving.body import SMALL, Sent, read_body
from sealkit.serving.errors import RequestError, error_body, validation_message
from sealkit.serving.metrics import Metrics
from sealkit.serving.page import page
from sealkit.serving.pool import TIMED_OUT, Job, Pool, Reply
from sealkit.serving.schema import ErrorResponse, HealthResponse, InferRequest, InferResponse, infer_body, with_request
from sealkit.serving.uploads import Upload, fetch_file, is_url, plain_file, take_file
from sealkit.version import __version__

_T = TypeVar("_T")
_LOG_ID_LENGTH = 200
_GRACE = 2.0  # seconds after its deadline that a worker's own end is waited for

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is not JSON or a form that can be held"},
    401: {"description": "An access token is needed"},
    403: {"description": "A form from another site"},
    408: {"description": "The request body did not arrive in time"},
    413: {"description": "The request body is too large"},
    422: {"description": "Wrong fields, or a file that cannot be read or is over a limit"},
    429: {"description": "All workers are busy and the queue is full; see Retry-After"},
    500: {"description": "Internal server error"},
    503: {"description": "The worker died, or the server is shutting down"},
    504: {"description": "The request took too long"},
}


class Service:
    """The HTTP service around a pool that has been started.

    Args:
        pool: workers.
        settings: limits and defaults.
        metrics: metrics; the pool's are added.
        access: who may ask; None: everyone.
        beta: requests of PaddleX 3.0-beta are understood, and answered in its form.

    Attributes:
        app: the FastAPI application.
        asgi: what a server runs: `app` behind the admission middleware.
    """

    def __init__(
        self,
        pool: Pool,
        settings: ServingSettings,
        metrics: Metrics,
        access: Access | None = None,
        beta: bool = False,
    ) -> None:
        self.pool, self.settings, self.metrics, self.beta = pool, settings, metrics, beta
        self.access = access or Access()
        metrics.watch(pool)
        places = pool.workers + settings.queue
        # Not asyncio's own threads, which are few. Bodies: two at a time, as each may be large. URLs have threads of
        # their own: hosts that are slow keep only those waiting who named them.
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="sealkit-uploads")
        self._fetchers = ThreadPoolExecutor(places, thread_name_prefix="sealkit-fetch")
        self.app = self._make_app()
        self.asgi = AdmissionMiddleware(self.app, settings, places, metrics, self.access)

    def _make_app(self) -> FastAPI:
        app = FastAPIOffline(
            title="sealkit",
            description="Texts of seals (stamps, 印章): the pipeline seal_recognition.",
            version=__version__,
            responses={status: {"model": ErrorResponse, **about} for status, about in _ERRORS.items()},
            exception_handlers={
                RequestError: _on_request_error,
                HTTPException: _on_http_exception,
            },
        )
        app.add_api_route(
            INFER_PATH,
            self.infer,
            methods=["POST"],
            operation_id="infer",
            response_model=InferResponse,
            openapi_extra=infer_body() | ({} if self.access.is_open else {"security": [{"token": []}]}),
        )
        app.add_api_route(
            HEALTH_PATH, self.health, methods=["GET"], operation_id="checkHealth", response_model=HealthResponse
        )
        app.add_api_route(PAGE_PATH, self.page, methods=["GET"], include_in_schema=False)
        if self.settings.metrics:
            app.add_api_route(METRICS_PATH, self.exposition, methods=["GET"], include_in_schema=False)
        schema_of_routes = app.openapi
        app.openapi = lambda: with_request(schema_of_routes())  # type: ignore[method-assign]
        return app

    async def infer(self, request: Request) -> Response:
        """Find and read the seals of an image, TIFF or PDF."""
        context: RequestContext = request.scope["sealkit"]
        deadline = (context.complete or time.monotonic()) + self.settings.timeout
        body, upload, beta = await self._taken(request, context, deadline)
        head = {"kind": upload.kind, "parameters": body.parameters(), "visualize": body.visualize, "beta": beta}
        job = Job(head, upload.data, deadline, context.log_id)
        del upload
        try:
            reply = await self._answer_of(job, request)
        finally:
            context.facts |= {"waited": round(job.waited, 4), "worked": round(job.worked, 4), "worker": job.pid}
        context.facts["pages"] = reply.pages
        self.metrics.pages.inc(reply.pages)
        self.metrics.waiting.observe(job.waited)
        self.metrics.working.observe(job.worked)
        start = b'{"logId":"' + context.log_id.encode("ascii") + b'","result":'
        return Response(
            b"".join([start, reply.body, b',"errorCode":0,"errorMsg":"Success"}']), media_type="application/json"
        )

    async def health(self, request: Request) -> Response:
        """Whether a worker is ready to answer."""
        if not self.pool.ready:
            raise RequestError(503, "No worker is ready", {"Retry-After": "1"})
        text = HealthResponse(logId=request.scope["sealkit"].log_id).model_dump_json()
        return Response(text, media_type="application/json")

    async def page(self) -> Response:
        """The page to drop an image on. It asks for a token itself where the service wants one."""
        content, headers = page()
        return Response(content, headers=headers, media_type="text/html; charset=utf-8")

    async def exposition(self) -> Response:
        """Metrics for Prometheus."""
        return Response(self.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def _taken(
        self, request: Request, context: RequestContext, deadline: float
    ) -> tuple[InferRequest, Upload, bool]:
        """The request's fields, its file, and whether it is one of the beta.

        Bodies are parsed and decoded, and URLs fetched, in threads.
        """
        content = b"".join([part async for part in request.stream()])
        origin, host, kind = (request.headers.get(name, "") for name in ("origin", "host", "content-type"))
        sent = await self._apart(len(content), read_body, content, kind, origin, host, self.beta)
        del content
        beta = self.beta and is_beta(sent.value)
        sent = replace(sent, value=todays_fields(sent.value)) if beta else sent
        if isinstance(sent.value, dict):
            context.client_log_id = _given_log_id(sent.value.get("logId"))
        body = _checked(sent)
        file = sent.file if sent.file is not None else body.file.encode("utf-8", "replace")
        if sent.plain:
            return body, plain_file(file, body.fileType), beta
        if not is_url(file):
            return body, await self._apart(len(file), take_file, file, body.fileType), beta
        fetched = asyncio.get_running_loop().run_in_executor(
            self._fetchers, fetch_file, file, body.fileType, self.settings, deadline
        )
        try:
            return body, await asyncio.wait_for(fetched, max(0.0, deadline - time.monotonic())), beta
        except (TimeoutError, asyncio.TimeoutError):
            raise RequestError(504, TIMED_OUT) from None

    async def _apart(self, size: int, function: Callable[..., _T], *arguments: Any) -> _T:
        """The function's result; of what is large, made in a thread. For the small a change of thread costs more."""
        if size <= SMALL:
            return function(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._readers, function, *arguments)

    async def _answer_of(self, job: Job, request: Request) -> Reply:
        """Wait for the job, no longer than its deadline and no longer than its client does."""
        self.pool.submit(job)
        answered: asyncio.Future[Any] = asyncio.wrap_future(job.future)
        answered.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to ask
        gone: asyncio.Future[Any] = asyncio.ensure_future(
            request.receive()
        )  # the body is read: what comes next is the client's leave
        try:
            patience = max(0.0, job.deadline - time.monotonic()) + _GRACE
            await asyncio.wait({answered, gone}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if answered.done():
                reply: Reply = answered.result()
                return reply
            if gone.done():
                raise RequestError(CLIENT_GONE, "The client went away")
            raise RequestError(503, TIMED_OUT, {"Retry-After": "1"})
        finally:
            gone.cancel()
            answered.cancel()  # a job still in the queue is not begun


def _checked(sent: Sent) -> InferRequest:
    """The fields, as pydantic reads them; what is not an object of fields has no attributes of theirs either."""
    try:
        return InferRequest.model_validate(sent.value, from_attributes=True)
    except ValidationError as error:
        errors = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False, include_input=False)]
        raise RequestError(422, validation_message(errors)) from None


def _given_log_id(value: object) -> str | None:
    return value[:_LOG_ID_LENGTH] if isinstance(value, str) and value else None


def _error_response(request: Request, error: RequestError) -> Response:
    context: RequestContext = request.scope["sealkit"]
    body = error_body(context.client_log_id or context.log_id, error.status, error.message)
    return Response(body, error.status, error.headers, media_type="application/json")


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return _error_response(request, error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_response(request, RequestError(error.status_code, str(error.detail), error.headers))
