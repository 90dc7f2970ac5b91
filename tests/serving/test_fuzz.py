"""Whatever is sent, the answer is one of the statuses the service defines, and never 500."""

import base64
import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealkit.pipeline.serving_settings import ServingSettings
from sealkit.serving.body import SMALL, read_body
from sealkit.serving.errors import RequestError
from sealkit.serving.schema import PARAMETERS
from tests.serving.calls import Client, InlinePool
from tests.serving.conftest import encoded
from tests.serving.fakes import FakePipeline

DEFINED = {200, 400, 408, 413, 422, 429}
QUICK = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
NAMES = ("file", "fileType", "visualize", "logId", *PARAMETERS)
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def fake_client() -> Client:
    limits = ServingSettings(visualize=False, max_bytes=100_000)
    return Client(InlinePool(FakePipeline(), limits), limits)


@pytest.fixture(scope="module")
def real_client() -> Client:
    """The embedded pipeline in this process."""
    import sealkit

    limits = ServingSettings(visualize=False)
    return Client(InlinePool(sealkit.create_pipeline(threads=1), limits), limits)


def send(client: Client, content: bytes) -> int:
    """The status of the answer."""
    response = client.call("POST", "/seal-recognition", content=content, headers=HEADERS)
    assert response.status_code in DEFINED, (response.text, content)
    body = response.json()
    assert body["errorCode"] == (0 if response.status_code == 200 else response.status_code)
    assert isinstance(body["logId"], str) and isinstance(body["errorMsg"], str)
    return response.status_code


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_as_body(fake_client: Client, content: bytes) -> None:
    send(fake_client, content)


@QUICK
@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6) | JSON)
def test_any_json_as_body(fake_client: Client, value: object) -> None:
    if isinstance(value, dict) and str(value.get("sealDetLimitType")) in ("die", "raise"):  # orders to the fake
        return
    send(fake_client, json.dumps(value).encode())


@QUICK
@given(
    st.sampled_from(
        [b"", b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"MM\0*", b"GIF89a", b"BM", b"RIFF"]
    ),
    st.binary(max_size=300),
    st.sampled_from([0, 1]),
)
def test_any_file(fake_client: Client, head: bytes, rest: bytes, kind: int) -> None:
    file = base64.b64encode(head + rest).decode("ascii")
    send(fake_client, json.dumps({"file": file, "fileType": kind}).encode())


def test_a_second_page_without_dimensions(fake_client: Client) -> None:
    """Pillow raises TypeError there."""
    from PIL import Image

    page = Image.new("RGB", (8, 8))
    file = io.BytesIO()
    page.save(file, "TIFF", save_all=True, append_images=[page])
    good = file.getvalue()
    width = next(tag for tag in (struct.pack("<HH", 256, 4), struct.pack("<HH", 256, 3)) if tag in good)
    second = good.rindex(width)
    bad = good[:second] + struct.pack("<H", 255) + good[second + 2 :]
    body = {"file": base64.b64encode(bad).decode("ascii"), "fileType": 1}
    assert send(fake_client, json.dumps(body).encode()) == 422


@QUICK
@given(st.data())
def test_damaged_images(fake_client: Client, data: st.DataObject) -> None:
    """One byte of a good file changed."""
    from PIL import Image

    kind = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PDF"]))
    pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    good = bytearray(base64.b64decode(encoded(Image.fromarray(pixels), kind)))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    file = base64.b64encode(bytes(good)).decode("ascii")
    send(fake_client, json.dumps({"file": file, "fileType": 0 if kind == "PDF" else 1}).encode())


def request_bytes(png: str) -> list[tuple[bytes, str]]:
    """Sound requests, with their content types: JSON small and large, and forms."""
    data = base64.b64decode(png)
    field = b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    part = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    fields = {"file": png, "fileType": 1, "logId": "a", "sealDetThresh": 0.3, "layoutThreshold": {"16": 0.5}}
    form = part + data + b"\r\n" + field % (b"sealDetThresh", b"0.3") + field % (b"visualize", b"false") + b"--B--\r\n"
    return [
        (json.dumps(fields).encode(), "application/json"),
        (json.dumps({"logId": "\\u5370", "file": png + "\n" * SMALL}).encode(), "application/json; charset=utf-8"),
        (form, "multipart/form-data; boundary=B"),
        (field % (b"file", png.encode()) + b"--B--\r\n", 'multipart/form-data; boundary="B"'),
    ]


PIECES = st.sampled_from(
    [
        b'"file":"',
        b'"',
        b"{",
        b"[" * 3000,
        b"[1,2",
        b"\\u00",
        b"\\ud800",
        b"\xff",
        b"\x00",
        b"\r\n",
        b"--B",
        b"--B--\r\n",
        b"9" * 5000,
        b"NaN",
        b'"file":null,',
        b"name=",
        b"Content-Disposition: form-data",
        b",",
        b"http://127.0.0.1/",
        b"a" * 70000,
    ]
)
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES | st.binary(max_size=8)), min_size=1, max_size=4
)
"""(where, as part of the length; bytes that go; what comes)."""
KINDS = st.sampled_from(
    [None] * 8
    + ["application/json", "text/plain", "", "multipart/form-data", "multipart/form-data; boundary=" + "B" * 300]
    + ["application/x+json", "a/b/c;;=", "multipart/form-data; boundary=\u00ff"]
)


def changed_body(body: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for place, gone, come in changes:
        at = int(place * len(body))
        body = body[:at] + come + body[at + gone :]
    return body


def check_body(png: str, which: int, changes: list[tuple[float, int, bytes]], kind: str | None, beta: bool) -> None:
    body, sound = request_bytes(png)[which]
    try:
        sent = read_body(changed_body(body, changes), sound if kind is None else kind, "", "test", beta)
    except RequestError as error:
        assert error.status in DEFINED and 0 < len(error.message) < 1000
    else:
        assert sent.file is None or isinstance(sent.file, bytes)


BODIES = (st.integers(0, 3), CHANGES, KINDS, st.booleans())


@QUICK
@given(*BODIES)
def test_changed_bodies(
    png: str, which: int, changes: list[tuple[float, int, bytes]], kind: str | None, beta: bool
) -> None:
    check_body(png, which, changes, kind, beta)


@pytest.mark.slow
@settings(QUICK, max_examples=10_000)
@given(*BODIES)
def test_ten_thousand_changed_bodies(
    png: str, which: int, changes: list[tuple[float, int, bytes]], kind: str | None, beta: bool
) -> None:
    check_body(png, which, changes, kind, beta)


ODD = JSON | st.sampled_from([10**400, -(10**400), float("nan"), float("inf"), "1" * 5000, "\ud800", [[]] * 500])


def check_fields(client: Client, png: str, fields: dict[str, Any]) -> None:
    if str(fields.get("sealDetLimitType")) not in ("die", "raise"):  # orders to the fake
        send(client, json.dumps({"file": png, "fileType": 1} | fields).encode())


@QUICK
@given(st.dictionaries(st.sampled_from(NAMES), ODD, min_size=1, max_size=3))
def test_sound_requests_with_odd_fields(fake_client: Client, png: str, fields: dict[str, Any]) -> None:
    check_fields(fake_client, png, fields)


@pytest.mark.slow
@settings(QUICK, max_examples=10_000)
@given(st.dictionaries(st.sampled_from(NAMES), ODD, min_size=1, max_size=3))
def test_ten_thousand_odd_fields(fake_client: Client, png: str, fields: dict[str, Any]) -> None:
    check_fields(fake_client, png, fields)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**31), 2**31) | st.sampled_from([0, 1, 0.5])
VALUES = {
    "sealDetLimitSideLen": st.integers(-5, 400) | st.integers(-(2**31), 2**31 - 1),
    "sealDetLimitType": st.sampled_from(["min", "max", "resize_long", "foo", ""]),
    "sealDetThresh": NUMBERS,
    "sealDetBoxThresh": NUMBERS,
    "sealDetUnclipRatio": st.floats(-5, 5) | NUMBERS,
    "sealRecScoreThresh": NUMBERS,
    "layoutThreshold": NUMBERS | st.dictionaries(st.text(max_size=3), NUMBERS | st.text(max_size=3), max_size=2),
    "layoutUnclipRatio": NUMBERS | st.tuples(NUMBERS, NUMBERS),
    "layoutMergeBboxesMode": st.sampled_from(["large", "small", "union", "huge"]),
    "layoutNms": st.booleans(),
    "useLayoutDetection": st.booleans(),
    "useDocUnwarping": st.booleans(),
    "useDocOrientationClassify": st.booleans(),
}


@settings(QUICK, max_examples=40)
@given(st.fixed_dictionaries({}, optional=VALUES))
def test_any_parameters_with_the_real_pipeline(real_client: Client, parameters: dict[str, Any]) -> None:
    from PIL import Image

    image = Image.new("RGB", (48, 32), "white")
    image.paste((200, 0, 0), (10, 8, 38, 24))
    send(real_client, json.dumps({"file": encoded(image), "fileType": 1, **parameters}).encode())
