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
