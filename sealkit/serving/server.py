"""Runs `sealkit serve`: checks the settings, starts the workers, listens, drains."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import math
import signal
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn

from sealkit import api
from sealkit.errors import ConfigError, SealkitError, first_line
from sealkit.files import open_regular
from sealkit.pipeline.create import DEFAULT, load_config
from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.runtime.devices import default_threads, parse_devices
from sealkit.serving import log
from sealkit.serving.access import Access, others_can_read, read_tokens
from sealkit.serving.admission import LAST_BYTES_SECONDS
from sealkit.serving.app import Service
from sealkit.serving.metrics import Metrics
from sealkit.serving.pool import Pool
from sealkit.serving.worker import WorkerSpec

logger = logging.getLogger("sealkit.serving")
_UNTAKEN_SECONDS = 5.0
"""After the signal, a client that takes nothing of its answer for so long loses its connection."""
_LOOK_SECONDS = 0.1
_DRAIN_MARGIN = LAST_BYTES_SECONDS + _UNTAKEN_SECONDS + 5.0


def serve(
    pipeline: str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    tls: Tls | None = None,
    device: str | None = None,
    engine: str | None = None,
    threads: int | None = None,
    overrides: Any = (),
) -> None:
    """Serve the pipeline until SIGTERM or SIGINT.

    On SIGTERM no connection is taken any more, requests that are inside get their answers, and the function returns.
    It waits for requests only: a body still arriving has 5 s more, as has an answer that its client does not take.

    Args:
        pipeline: name of a shipped config or a YAML file; None: the embedded default. Its section `Serving` holds
            limits, number of workers, and so on.
        host, port: to listen on; port 0: any free one, which the log names.
        tls: certificate and key, to speak HTTPS; None: plain HTTP.
        device: for the workers, as in create_pipeline; several (`gpu:0,1`) are dealt out among them.
        engine: as in create_pipeline.
        threads: CPU threads per worker and network; None: the cores, shared out.
        overrides: of the pipeline config, `Serving` included.

    Raises:
        SealkitError: settings, models or port that cannot be used; nothing has listened then.
        KeyboardInterrupt: on SIGINT, after the drain.
    """
    loaded = load_config(pipeline or DEFAULT, overrides).settings
    settings = loaded.Serving
    workers = settings.workers or max(1, min(4, default_threads() // 2))
    devices = [str(one) for one in parse_devices(device)] if device else [None]
    each = threads or max(1, default_threads() // workers)
    options: dict[str, Any] = {"pipeline": pipeline, "engine": engine, "threads": each, "overrides": overrides}
    specs = [
        WorkerSpec(
            api.create_pipeline,
            {**options, "device": devices[number % len(devices)]},
            settings,
            threads=each,
            environment={"OMP_NUM_THREADS": str(each)},
            limited=(devices[number % len(devices)] or "cpu").startswith("cpu"),
        )
        for number in range(workers)
    ]
    access = Access(read_tokens(settings.token_file) if settings.token_file else ())
    if tls is not None:
        tls.check()
    with bound(host, port) as listening:
        log.set_up()
        metrics = Metrics()
        pool = Pool(specs, lambda cause: metrics.restarts.labels(cause).inc())
        pool.start()
        try:
            run(
                Service(pool, settings, metrics, access, loaded.beta),
                listening,
                settings,
                tls,
                on_start=lambda: _announce(listening, host, settings, access, tls),
            )
        finally:
            pool.close()
    logger.info("stopped")


def _announce(listening: socket.socket, host: str, settings: ServingSettings, access: Access, tls: Tls | None) -> None:
    """Where the page is, on stdout (the log is on stderr); then what a careful operator would want to know."""
    address = page_url(*listening.getsockname()[:2], secure=tls is not None)
    with contextlib.suppress(OSError):  # whoever read our stdout is gone: no reason to stop
        print(f"{address}  (open it in a browser, drop an image there; Ctrl-C stops the service)", flush=True)
    _warn(host, settings, access)


def page_url(host: str, port: int, *, secure: bool = False) -> str:
    """Of the page, for a browser on this machine: an address that stands for all of them is no place to go to."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{'https' if secure else 'http'}://{shown}:{port}/"


def _warn(host: str, settings: ServingSettings, access: Access) -> None:
    """What a careful operator would want to know of the address and the token file."""
    if access.is_open and not is_loopback(host):
        logger.warning(
            "anyone who reaches this address may send requests: set --token-file, or listen on 127.0.0.1 only",
            extra={"host": host},
        )
    if settings.token_file and others_can_read(settings.token_file):
        logger.warning("every user of this machine can read the token file: chmod 640 it")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address; a name other than localhost is taken to be reached by others."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Tls:
    """Certificate (chain) and private key in PEM files; the key may stand in the certificate's file."""

    certificate: str
    key: str | None = None

    def check(self) -> None:
        """Raises ConfigError where they cannot be used."""
        try:
            for path in filter(None, (self.certificate, self.key)):
                with open_regular(path):  # of a pipe OpenSSL would wait for a writer
                    pass
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password=_no_password)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigError(
                f"certificate or key cannot be used: {first_line(error)}",
                where=f"--ssl-certfile {self.certificate}",
                value=self.key,
                hint="give a matching pair of PEM files, the key without a password",
            ) from error


def _no_password() -> str:
    """OpenSSL would ask for one on the terminal."""
    return ""


def run(
    service: Service,
    listening: socket.socket,
    settings: ServingSettings,
    tls: Tls | None = None,
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Serve on a bound socket until a signal; returns when all requests in progress are answered.

    Args:
        on_start: called once, when it listens.
    """
    config = uvicorn.Config(
        service.asgi,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        timeout_graceful_shutdown=math.ceil(settings.timeout + _DRAIN_MARGIN),
    )
    # uvicorn raises a caught signal again when it is done; the default for SIGTERM would make a drain look like a crash
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    try:
        _Server(config, on_start, service.asgi.close).run([listening])
    finally:
        signal.signal(signal.SIGTERM, before)


class _Server(uvicorn.Server):
    """uvicorn's server, whose end waits for requests and not for connections.

    Args:
        on_start: called once, when it listens.
        on_stop: called in the event loop when the signal has come.
    """

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start, self._on_stop = on_start, on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()
        for one in sockets or []:
            host, port = one.getsockname()[:2]
            logger.info("listening", extra={"host": host, "port": port})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        closing = asyncio.create_task(self._close_connections())
        try:
            await super().shutdown(sockets)
        finally:
            closing.cancel()

    async def _close_connections(self) -> None:
        """Close each as soon as it has no request inside, and end those whose clients take nothing.

        uvicorn asks each connection once; one that was accepted, or answered, at that moment would stay open.
        """
        moved: dict[Any, tuple[int, float]] = {}
        """Connection → bytes of its answers that wait to be taken, and since when they are as many."""
        while True:
            now, before = time.monotonic(), moved
            moved = {}
            for connection in list(self.server_state.connections):
                connection.shutdown()
                waiting = connection.transport.get_write_buffer_size()
                last, since = before.get(connection, (0, now))
                moved[connection] = (waiting, since if waiting == last else now)
                if waiting and now - moved[connection][1] > _UNTAKEN_SECONDS:
                    connection.transport.abort()
            await asyncio.sleep(_LOOK_SECONDS)

    def handle_exit(self, sig: int, frame: Any) -> None:
        logger.info("draining", extra={"signal": signal.Signals(sig).name})
        super().handle_exit(sig, frame)


def bound(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet: a port in use is reported before models are loaded."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise SealkitError(
            "cannot listen on this address",
            where=f"{host}:{port}",
            value=str(error),
            hint="choose another --host or --port",
        ) from error
    return listening
