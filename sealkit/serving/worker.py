"""A worker process: loads one pipeline, then answers one request after the other until its pipe is closed.

Messages on the pipe are JSON and raw bytes, never pickles. To the worker: a JSON head, then the file. Back: `BEGUN`, a
JSON head, then the answer's JSON. The first message of a worker is its own: ready, or why it cannot start.
"""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from sealkit.errors import SealkitError
from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving import log
from sealkit.serving.errors import INTERNAL, TOO_MUCH_MEMORY, RequestError, invalid_file
from sealkit.serving.memory import Peak, is_out_of_memory, limit_memory

BEGUN = b"begun"
"""Says that the worker has a request and begins with it: if it dies before, the request goes to its successor."""


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker loads. Travels to the new process by pickle, so `create` is a function of a module.

    Attributes:
        create: makes the pipeline, such as `sealkit.create_pipeline`.
        options: its arguments.
        settings: limits and defaults of the service.
        threads: of OpenCV in this process; the engines' are an option of `create`.
        limited: whether `settings.worker_memory` holds; a driver of a GPU maps address space as it likes.
    """

    create: Callable[..., Any]
    options: dict[str, Any]
    settings: ServingSettings
    threads: int = 1
    environment: dict[str, str] = field(default_factory=dict)
    limited: bool = True


def main(connection: Connection, spec: WorkerSpec) -> None:
    """Body of the process; returns when the server closes the pipe or is gone."""
    _leave_signals_to_the_server()
    os.environ.update(spec.environment)
    log.set_up_worker()
    try:
        pipeline = _load(spec)
    except Exception as error:
        known = isinstance(error, SealkitError)
        message = str(error) if known else traceback.format_exc()
        with suppress(OSError):
            _send(connection, {"ready": False, "message": message, "exit_code": getattr(error, "exit_code", 1)})
        return
    _leave_signals_to_the_server()  # Paddle's import sets a handler of its own
    limit = limit_memory(spec.settings.worker_memory) if spec.limited else None
    try:
        _send(connection, {"ready": True, "engines": dict(getattr(pipeline, "engines", {})), "memory": limit})
        while True:
            head = json.loads(connection.recv_bytes())
            data = connection.recv_bytes()
            connection.send_bytes(BEGUN)
            reply, body = handle(pipeline, head, data, spec.settings, limit)
            del data
            _send(connection, reply)
            connection.send_bytes(body)
            if "spent" in reply:  # what failed for want of memory may have left anything behind
                return
    except (EOFError, OSError):  # the server is gone or closed the pipe
        return


def handle(
    pipeline: Any, head: dict[str, Any], data: bytes, settings: ServingSettings, limit: int | None = None
) -> tuple[dict[str, Any], bytes]:
    """(head, body) of the reply to one request: status 0 and the result's JSON, or an HTTP status with its message.

    With `spent` the worker has run into its memory limit and is to be replaced.
    """
    from sealkit.serving.work import answer

    peak = Peak(limit)
    try:
        done = answer(
            pipeline.predict,
            data,
            head["kind"],
            head["parameters"],
            head["visualize"],
            settings,
            head.get("beta", False),
        )
        return {"status": 0, "pages": done.pages}, done.body
    except Exception as error:
        if is_out_of_memory(error) or (not isinstance(error, RequestError) and peak.was_near()):
            return {"status": 422, "message": invalid_file(TOO_MUCH_MEMORY).message, "spent": True}, b""
        if isinstance(error, RequestError):
            return {"status": error.status, "message": error.message}, b""
        # whatever an image can do to the code: it fails this request alone, and is logged
        return {"status": 500, "message": INTERNAL, "traceback": traceback.format_exc()}, b""


def _leave_signals_to_the_server() -> None:
    """They also reach us where a terminal or service manager signals the whole group."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _load(spec: WorkerSpec) -> Any:
    import cv2

    cv2.setNumThreads(spec.threads)
    return spec.create(**spec.options)


def _send(connection: Connection, head: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(head).encode("utf-8"))
