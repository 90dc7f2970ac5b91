"""What is refused before anything is decoded, and what a full house answers."""

import asyncio
import base64
import struct
import threading
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, NoReturn

import httpx
import pytest

from sealkit.images.fetch import RefusedUrl
from sealkit.serving import uploads as intake
from sealkit.serving import work
from sealkit.serving.pool import Job
from tests.serving.calls import Client, InlinePool
from tests.serving.conftest import MakeClient, MakePdf
from tests.serving.fakes import FakePipeline
from tests.serving.test_answers import error


def bomb(width: int, height: int) -> str:
    """A PNG whose header promises so many pixels and whose data holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return base64.b64encode(data).decode("ascii")


@pytest.fixture
def nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> NoReturn:
        raise AssertionError("decoded all the same")

    monkeypatch.setattr(work, "iter_images", refuse)


def test_pixels_are_counted_on_the_header(client: Client, nothing_is_decoded: None) -> None:
    response = client.infer(file=bomb(14000, 13000), fileType=1)
    assert response.status_code == 422
    assert error(response) == (
        "Image pixel count 182000000 (width=14000, height=13000) exceeds maximum allowed 178956970."
    )


def test_sides_are_measured_on_the_header(client: Client, nothing_is_decoded: None) -> None:
    response = client.infer(file=bomb(30000, 10), fileType=1)
    assert response.status_code == 422
    assert error(response) == "Image side 30000 (width=30000, height=10) exceeds maximum allowed 20000."


def test_every_frame_of_a_tiff_is_measured(make_client: MakeClient, nothing_is_decoded: None) -> None:
    from PIL import Image

    from tests.serving.conftest import encoded

    frames = [Image.new("L", (10, 10)), Image.new("L", (200, 10))]
    file = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    response = make_client(max_side=100).infer(file=file, fileType=1)
    assert response.status_code == 422 and error(response).startswith("Image side 200")


def test_pdf_pages_are_drawn_smaller_rather_than_refused(make_client: MakeClient, pdf: MakePdf) -> None:
    answer = make_client(max_side=100).infer(file=pdf(1), fileType=0).json()
    (page,) = answer["result"]["dataInfo"]["pages"]
    assert max(page.values()) <= 100


def test_limits_are_the_configs(make_client: MakeClient, png: str) -> None:
    assert make_client(max_pixels=1200).infer(file=png, fileType=1).status_code == 200
    assert make_client(max_pixels=1199).infer(file=png, fileType=1).status_code == 422


def test_large_bodies_are_413_said_or_unsaid(make_client: MakeClient) -> None:
    client = make_client(max_bytes=1000)
    response = client.infer(file="A" * 2000, fileType=1)
    assert response.status_code == 413 and "1000 bytes" in error(response)

    async def in_parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"A" * 100

    response = client.call(
        "POST", "/seal-recognition", content=in_parts(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 413 and error(response)
    assert client.infer(file="QUJD", fileType=1).status_code == 422


def test_slow_bodies_are_408(make_client: MakeClient) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(2)
        yield b"}"

    response = make_client(read_timeout=0.2).call("POST", "/seal-recognition", content=slowly())
    assert response.status_code == 408 and error(response)


def together(client: Client, *requests: dict) -> list[httpx.Response]:
    """Answers of requests that are sent at the same time."""

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(client.service.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as sender:
            return await asyncio.gather(*(sender.post("/seal-recognition", json=fields) for fields in requests))

    return asyncio.run(ask())


def test_a_full_house_answers_429_and_when_to_come_back(make_client: MakeClient, png: str) -> None:
    client = make_client(queue=1)  # and one worker
    asked = {"file": png, "fileType": 1, "sealDetLimitType": "sleep 0.5"}
    answers = together(client, *[asked] * 5)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429, 429]
    for answer in answers:
        if answer.status_code == 429:
            assert error(answer) and int(answer.headers["retry-after"]) >= 1
    assert client.service.asgi.inside == 0
    assert client.infer(file=png, fileType=1).status_code == 200


def test_health_is_answered_while_the_house_is_full(make_client: MakeClient, png: str) -> None:
    client = make_client(queue=0)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(client.service.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as sender:
            fields = {"file": png, "fileType": 1, "sealDetLimitType": "sleep 0.5"}
            busy = asyncio.create_task(sender.post("/seal-recognition", json=fields))
            await asyncio.sleep(0.2)
            health = await sender.get("/health")
            assert not busy.done()
            await busy
            return health

    assert asyncio.run(ask()).status_code == 200


class NeverPool(InlinePool):
    """Takes jobs and leaves them."""

    ready = 0

    def submit(self, job: Job) -> None:
        self.job = job


def test_no_worker_is_503_and_the_job_is_taken_back(
    make_client: MakeClient, png: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sealkit.pipeline.serving_settings import ServingSettings
    from sealkit.serving import app

    monkeypatch.setattr(app, "_GRACE", 0.1)
    settings = ServingSettings(timeout=0.2)
    pool = NeverPool(FakePipeline(), settings)
    client = Client(pool, settings)
    began = time.monotonic()
    response = client.infer(file=png, fileType=1)
    assert response.status_code == 503 and error(response) and time.monotonic() - began < 5
    assert pool.job.future.cancelled()
    assert client.call("GET", "/health").status_code == 503


def test_a_client_that_leaves_takes_its_waiting_job_with_it(png: str) -> None:
    from sealkit.pipeline.serving_settings import ServingSettings

    settings = ServingSettings()
    pool = NeverPool(FakePipeline(), settings)
    client = Client(pool, settings)
    body = httpx.Request("POST", "http://test/", json={"file": png, "fileType": 1}).content
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]
    sent = []

    async def context() -> None:
        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": "/seal-recognition", "raw_path": b"/seal-recognition",
            "query_string": b"", "headers": [(b"content-type", b"application/json")], "http_version": "1.1",
            "scheme": "http", "root_path": "", "client": ("127.0.0.1", 1), "server": ("test", 80),
        }  # fmt: skip
        await asyncio.wait_for(client.service.asgi(scope, receive, send), 5)

    asyncio.run(context())
    assert pool.job.future.cancelled() and sent[0]["status"] == 499


# URLs; what an address may be is tested with sealkit.images.fetch


def test_urls_are_off_unless_hosts_are_listed(client: Client) -> None:
    response = client.infer(file="http://files.example/a.png", fileType=1)
    assert response.status_code == 422
    assert error(response) == "The URL is not allowed by this server: send the file as base64"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/a.png", "HTTP://localhost/a.png", "http://[::1]/a.png", "http://169.254.169.254/a.png"]
)
def test_listed_hosts_must_be_public(make_client: MakeClient, url: str) -> None:
    client = make_client(url_hosts=["127.0.0.1:9", "localhost", "[::1]:80", "169.254.169.254"])
    response = client.infer(file=url, fileType=1)
    assert response.status_code == 422 and error(response) == "The URL is not allowed by this server"


def test_refusals_do_not_tell_what_lies_behind(make_client: MakeClient) -> None:
    client = make_client(url_hosts=["files.example"])
    answers = {error(client.infer(file=f"http://{host}/a.png")) for host in ("10.0.0.1", "other.example", "localhost")}
    assert answers == {"The URL is not allowed by this server"}


def test_a_listed_public_host_is_fetched_with_the_services_limits(
    make_client: MakeClient, png: str, pdf: MakePdf, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def fetch(url: str, **options: Any) -> bytes:
        asked.update(options, url=url)
        return base64.b64decode(pdf(1) if url.endswith(".pdf") else png)

    monkeypatch.setattr(intake, "fetch_url", fetch)
    client = make_client(url_hosts=["files.example"], max_bytes=5000, url_timeout=3)
    answer = client.infer(file="https://files.example/a.png?token=1")
    assert answer.json()["result"]["dataInfo"]["type"] == "image"
    assert asked.pop("deadline") <= time.monotonic() + 120
    assert asked == {
        "url": "https://files.example/a.png?token=1", "max_bytes": 5000, "timeout": 3.0, "hosts": ["files.example"]
    }  # fmt: skip
    assert client.infer(file="https://files.example/a.PDF".lower()).json()["result"]["dataInfo"]["type"] == "pdf"


def test_a_redirect_to_a_private_address_is_refused(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules' own test has the redirect; here: that its refusal becomes the service's."""

    def redirected(url: str, **options: Any) -> NoReturn:
        raise RefusedUrl("the host is on the own machine or network", where=url, value="127.0.0.1")

    monkeypatch.setattr(intake, "fetch_url", redirected)
    response = make_client(url_hosts=["files.example"]).infer(file="http://files.example/a.png")
    assert response.status_code == 422 and "127.0.0.1" not in response.text


def test_slow_hosts_keep_only_those_waiting_who_named_them(
    make_client: MakeClient, png: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More slow URLs than there are places for bodies to be read; each ends with the request's own time."""
    ended = threading.Event()
    monkeypatch.setattr(intake, "fetch_url", lambda url, **options: ended.wait(20) and b"")
    client = make_client(url_hosts=["files.example"], queue=8, timeout=1.5)

    async def ask() -> Any:
        transport = httpx.ASGITransport(client.service.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as sender:
            slow = [
                asyncio.create_task(sender.post("/seal-recognition", json={"file": f"http://files.example/{n}.png"}))
                for n in range(6)
            ]
            await asyncio.sleep(0.3)
            good = await sender.post("/seal-recognition", json={"file": png})
            assert not any(one.done() for one in slow)
            return good.status_code, [answer.status_code for answer in await asyncio.gather(*slow)]

    began = time.monotonic()
    try:
        assert asyncio.run(ask()) == (200, [504] * 6)
        assert time.monotonic() - began < 10
    finally:
        ended.set()


def test_the_name_of_a_fetched_file_need_not_say_what_it_is(
    make_client: MakeClient, png: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "fetch_url", lambda url, **options: base64.b64decode(png))
    answer = make_client(url_hosts=["files.example"]).infer(file="http://files.example/x")
    assert answer.json()["result"]["dataInfo"]["type"] == "image"


def test_odd_forms_leave_no_trace_in_the_log() -> None:
    import json
    import logging

    from sealkit.serving import log

    names = ("sealkit.serving", "uvicorn", "python_multipart", "python_multipart.multipart")
    before = {name: (logging.getLogger(name).handlers, logging.getLogger(name).level) for name in names}
    try:
        log.set_up()
        said: list[str] = []
        for name in names:
            for handler in logging.getLogger(name).handlers:
                handler.emit = lambda record: said.append(json.dumps(record.getMessage()))  # type: ignore[method-assign]
        logging.getLogger("python_multipart.multipart").warning("Did not find CR at end of boundary (2)")
        assert said == []
        logging.getLogger("uvicorn.error").warning("seen")
        assert said == ['"seen"']
    finally:
        for name, (handlers, level) in before.items():
            logging.getLogger(name).handlers = handlers
            logging.getLogger(name).setLevel(level)
            logging.getLogger(name).propagate = True
