"""The application behind the door: routes, request and answer, errors, documents."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

import sealkit
from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.admission import CLIENT_GONE, HEALTH_PATH, INFER_PATH, Door, Visit
from sealkit.serving.errors import RequestError, error_body, validation_message
from sealkit.serving.metrics import Metrics
from sealkit.serving.pool import TIMED_OUT, Job, Pool, Reply
from sealkit.serving.schema import ErrorResponse, HealthResponse, InferRequest, InferResponse
from sealkit.serving.uploads import Upload, take_file

_LOG_ID_LENGTH = 200
_GRACE = 2.0  # seconds after its deadline that a worker's own end is waited for

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The body is not JSON that can be held"},
    408: {"description": "The request body did not arrive in time"},
    413: {"description": "The request body is too large"},
    422: {"description": "Wrong fields, or a file that cannot be read or is over a limit"},
    429: {"description": "All workers are busy and the queue is full; see Retry-After"},
    500: {"description": "A fault of the server"},
    503: {"description": "The worker died, or the server is shutting down"},
    504: {"description": "The request took too long"},
}


class Service:
    """The HTTP service around a pool that has been started.

    Args:
        pool: workers.
        settings: limits and defaults.
        metrics: metrics; the pool's are added.

    Attributes:
        app: the FastAPI application.
        asgi: what a server runs: `app` behind its door.
    """

    def __init__(self, pool: Pool, settings: ServingSettings, metrics: Metrics) -> None:
        self.pool, self.settings, self.metrics = pool, settings, metrics
        metrics.watch(pool)
        places = pool.workers + settings.queue
        # Not asyncio's own threads: those are few, and slow URLs would keep every other request waiting.
        self._threads = ThreadPoolExecutor(places, thread_name_prefix="sealkit-intake")
        self.app = self._make_app()
        self.asgi = Door(self.app, settings, places, metrics)

    def _make_app(self) -> FastAPI:
        app = FastAPIOffline(
            title="sealkit",
            description="Texts of seals (stamps, 印章): the pipeline seal_recognition.",
            version=sealkit.__version__,
            responses={status: {"model": ErrorResponse, **about} for status, about in _ERRORS.items()},
            exception_handlers={
                RequestError: _on_request_error,
                RequestValidationError: _on_validation_error,
                HTTPException: _on_http_exception,
            },
        )
        app.add_api_route(INFER_PATH, self.infer, methods=["POST"], operation_id="infer", response_model=InferResponse)
        app.add_api_route(
            HEALTH_PATH, self.health, methods=["GET"], operation_id="checkHealth", response_model=HealthResponse
        )
        app.add_api_route("/metrics", self.exposition, methods=["GET"], include_in_schema=False)
        return app

    async def infer(self, body: InferRequest, request: Request) -> Response:
        """Find and read the seals of an image, TIFF or PDF."""
        visit: Visit = request.scope["sealkit"]
        visit.client_log_id = _given_log_id(body.logId)
        loop = asyncio.get_running_loop()
        upload = await loop.run_in_executor(self._threads, take_file, body.file, body.fileType, self.settings)
        job = self._job(body, upload, visit)
        del upload
        try:
            reply = await self._answer_of(job, request)
        finally:
            visit.facts |= {"waited": round(job.waited, 4), "worked": round(job.worked, 4), "worker": job.pid}
        visit.facts["pages"] = reply.pages
        self.metrics.pages.inc(reply.pages)
        self.metrics.waiting.observe(job.waited)
        self.metrics.working.observe(job.worked)
        head = b'{"logId":"' + visit.log_id.encode("ascii") + b'","result":'
        return Response(
            b"".join([head, reply.body, b',"errorCode":0,"errorMsg":"Success"}']), media_type="application/json"
        )

    async def health(self, request: Request) -> Response:
        """Whether a worker is ready to answer."""
        if not self.pool.ready:
            raise RequestError(503, "No worker is ready", {"Retry-After": "1"})
        text = HealthResponse(logId=request.scope["sealkit"].log_id).model_dump_json()
        return Response(text, media_type="application/json")

    async def exposition(self) -> Response:
        """Metrics for Prometheus."""
        return Response(self.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    def _job(self, body: InferRequest, upload: Upload, visit: Visit) -> Job:
        head = {"kind": upload.kind, "parameters": body.parameters(), "visualize": body.visualize}
        deadline = (visit.complete or time.monotonic()) + self.settings.timeout
        return Job(head, upload.data, deadline, visit.log_id)

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


def _given_log_id(value: object) -> str | None:
    return value[:_LOG_ID_LENGTH] if isinstance(value, str) and value else None


def _error_response(request: Request, error: RequestError) -> Response:
    visit: Visit = request.scope["sealkit"]
    body = error_body(visit.client_log_id or visit.log_id, error.status, error.message)
    return Response(body, error.status, error.headers, media_type="application/json")


async def _on_request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return _error_response(request, error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, dict):
        request.scope["sealkit"].client_log_id = _given_log_id(error.body.get("logId"))
    return _error_response(request, RequestError(422, validation_message(error.errors())))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_response(request, RequestError(error.status_code, str(error.detail), error.headers))
