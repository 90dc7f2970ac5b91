"""Calls of the application in the test's own process."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx

from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.app import Service
from sealkit.serving.errors import RequestError
from sealkit.serving.metrics import Metrics
from sealkit.serving.pool import Job, Pool, Reply
from sealkit.serving.worker import WorkerSpec, handle
from tests.serving.fakes import create


class InlinePool(Pool):
    """No processes: a request is worked on by a thread, as a worker would."""

    def __init__(self, pipeline: Any, settings: ServingSettings) -> None:
        super().__init__([WorkerSpec(create, {}, settings)])
        self._pipeline, self._settings = pipeline, settings

    @property
    def ready(self) -> int:
        return 1

    def submit(self, job: Job) -> None:
        threading.Thread(target=self._work, args=(job,)).start()

    def _work(self, job: Job) -> None:
        head, body = handle(self._pipeline, job.head, job.data, self._settings)
        if "traceback" in head:
            print(head["traceback"])  # pytest shows it where the test fails
        if head["status"]:
            job.future.set_exception(RequestError(head["status"], head["message"]))
        else:
            job.future.set_result(Reply(body, head["pages"]))


class Client:
    """Calls the application in this process."""

    def __init__(self, pool: Pool, settings: ServingSettings) -> None:
        self.service = Service(pool, settings, Metrics())

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.service.asgi)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, timeout=30, **options)

        return asyncio.run(ask())

    def infer(self, **fields: Any) -> httpx.Response:
        return self.call("POST", "/seal-recognition", json=fields)
