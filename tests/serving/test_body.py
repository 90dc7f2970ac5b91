"""Bodies: bounds before anything is parsed, large files, forms."""

from __future__ import annotations

import base64
import json
import threading

import httpx
import pytest

from sealkit.serving.body import MAX_FIELDS, MAX_VALUES, Sent, read_body
from sealkit.serving.errors import RequestError
from sealkit.serving.uploads import take_file
from tests.serving.calls import Client
from tests.serving.conftest import MakePdf
from tests.serving.live import server
from tests.serving.test_answers import error

JSON = "application/json"


def read(body: bytes, kind: str = JSON) -> Sent:
    return read_body(body, kind, "", "test")


def refused(body: bytes, kind: str = JSON) -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        read(body, kind)
    return caught.value.status, caught.value.message


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"file":"QUJD","x":[' + b"[]," * MAX_VALUES + b"[]]}", 400),
        (b'{"x":' + b'{"a":' * MAX_VALUES + b"1", 400),
        (b'{"file":"QUJD","x":"' + b"a" * MAX_FIELDS + b'"}', 413),
        (b'{"x":"' + b"a" * MAX_FIELDS + b'"}', 413),
        (b'{"x":{"file":"' + b"a" * MAX_FIELDS + b'"},"file":"QUJD"}', 413),
        (b'{"file":"' + b"a" * MAX_FIELDS + b'","file":"' + b"b" * MAX_FIELDS + b'"}', 413),
        (b'["file",{"file":"' + b"a" * MAX_FIELDS + b'"}]', 413),
        (b'{"file":"' + b"a" * MAX_FIELDS, 413),
        (b" " * (MAX_FIELDS + 1) + b'{"file":"QUJD"}', 413),
        (b"[" * 5000, 400),
    ],
)
def test_what_would_take_much_memory_is_refused_before_it_is_parsed(
    body: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if status == 413 and body.count(b'"file"') != 1:
        monkeypatch.setattr(json, "loads", lambda text: pytest.fail("parsed") if len(text) > MAX_FIELDS else {})
    assert refused(body)[0] == status


def test_a_large_file_is_taken_as_it_stands_and_the_fields_around_it_are_read() -> None:
    file = base64.b64encode(bytes(range(256)) * 40_000)
    sent = read(b'{"logId": "a", "file" : "' + file + b'" , "fileType": 1}')
    assert sent.file == file and sent.value["logId"] == "a" and sent.value["fileType"] == 1
    assert take_file(sent.file, 1).data == bytes(range(256)) * 40_000


@pytest.mark.parametrize(
    "escape", [("/", r"\/"), ("+", r"\u002B"), ("=", r"\u003d"), ("A", r"\u0041"), ("\n", r"\n")], ids=str
)
def test_large_files_may_be_escaped_as_json_writers_do(escape: tuple[str, str]) -> None:
    data = bytes(range(256)) * 2000
    text = base64.encodebytes(data).decode() if escape[0] == "\n" else base64.b64encode(data).decode()
    body = b'{"file":"' + text.replace(*escape).encode() + b'"}'
    sent = read(body)
    assert sent.file is not None and take_file(sent.file, None).data == data


@pytest.mark.parametrize("noise", ["\r\n", " ", "-"])
def test_characters_beside_the_alphabet_are_dropped_in_large_files_too(noise: str) -> None:
    data = bytes(range(256)) * 30_000
    text = base64.b64encode(data)
    for at in (0, 77, 5_000_000, len(text)):
        assert take_file(text[:at] + noise.encode() + text[at:], None).data == data


def test_faults_behind_a_large_file_are_named_by_their_place() -> None:
    body = b'{"file":"' + b"QUJD" * 50_000 + b'", x'
    status, message = refused(body)
    assert status == 422 and json.loads(message)[0]["loc"] == f"body[{len(body) - 1}]"


# forms


def form(client: Client, png: str, **fields: str) -> httpx.Response:
    file = ("x.png", base64.b64decode(png), "image/png")
    return client.call("POST", "/seal-recognition", files={"file": file}, data=fields)


def test_a_form_is_read_as_json_is(client: Client, png: str, pdf: MakePdf) -> None:
    answer = form(client, png, visualize="false", sealDetThresh="0.3", layoutThreshold='{"16": 0.3}', logId="7")
    assert answer.status_code == 200, answer.text
    (entry,) = answer.json()["result"]["sealRecResults"]
    assert entry["prunedResult"]["parameters"] == {"seal_det_thresh": 0.3, "layout_threshold": {"16": 0.3}}
    assert "inputImage" not in entry
    answer = client.call("POST", "/seal-recognition", files={"file": ("a", base64.b64decode(pdf(2)))})
    assert answer.json()["result"]["dataInfo"]["numPages"] == 2


def test_a_form_may_hold_base64(client: Client, png: str) -> None:
    boundary = {"Content-Type": "multipart/form-data; boundary=B"}
    body = f'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\n{png}\r\n--B--\r\n'.encode()
    assert client.call("POST", "/seal-recognition", content=body, headers=boundary).status_code == 200


def test_wrong_forms(client: Client, png: str) -> None:
    def send(body: bytes, kind: str = "multipart/form-data; boundary=B", **headers: str) -> httpx.Response:
        return client.call("POST", "/seal-recognition", content=body, headers={"Content-Type": kind, **headers})

    assert error(form(client, "")).startswith("Invalid input file: it is empty")
    assert "body.file" in error(send(b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--\r\n'))
    for body in (b"", b"--B", b"no form", b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc'):
        assert send(body).status_code == 400
    assert send(b"x", "multipart/form-data").status_code == 400
    part = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    assert send(part * 200 + b"--B--\r\n").status_code == 400
    large = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"1" * (MAX_FIELDS + 1) + b"\r\n--B--\r\n"
    assert send(large).status_code == 413


def test_forms_of_other_sites_are_refused(client: Client, png: str) -> None:
    """A page anywhere may let a browser send forms to a service that only the browser reaches."""
    file = {"file": ("x.png", base64.b64decode(png))}
    for origin, status in (("http://evil.example", 403), ("null", 403), ("http://test", 200)):
        answer = client.call("POST", "/seal-recognition", files=file, headers={"Origin": origin})
        assert answer.status_code == status, answer.text


def test_a_hostile_body_does_not_fill_the_server() -> None:
    """20 MB of `[]`, which parsed are half a gigabyte of lists."""
    import psutil

    with server("tests.serving.serve_fake", json.dumps({"visualize": False})) as live:
        process, done = psutil.Process(live.process.pid), threading.Event()
        before = most = process.memory_info().rss

        def watch() -> None:
            nonlocal most
            while not done.wait(0.01):
                most = max(most, process.memory_info().rss)

        watcher = threading.Thread(target=watch)
        watcher.start()
        body = b'{"file":"QUJD","x":[' + b"[]," * 6_700_000 + b"[]]}"
        answer = httpx.post(f"{live.url}/seal-recognition", content=body, headers={"Content-Type": JSON}, timeout=60)
        done.set()
        watcher.join()
        assert answer.status_code == 413
        assert most - before < 5 * len(body), f"{(most - before) / 1e6:.0f} MB"
