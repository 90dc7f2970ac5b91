"""The service's documents in a browser: they need no other host, and the service can be tried in them.

The tests marked `browser` need Chromium ($SEALKIT_CHROMIUM, else `chromium` on the path) and the package playwright.
"""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.serving.browsing import elsewhere
from tests.serving.calls import Client
from tests.serving.live import Live

OPERATION = "#operations-default-infer"


def test_the_example_can_be_sent_as_it_stands(client: Client) -> None:
    schema = client.call("GET", "/openapi.json").json()
    (example,) = schema["components"]["schemas"]["InferRequest"]["examples"]
    answer = client.infer(**example)
    assert answer.status_code == 200 and answer.json()["result"]["dataInfo"]["type"] == "image"
    assert len(example["file"]) < 4000 and base64.b64decode(example["file"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_browsers_are_told_to_load_nothing_from_elsewhere(client: Client, path: str) -> None:
    policy = client.call("GET", path).headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ") and "http" not in policy and "*" not in policy
    assert client.call("GET", "/health").headers["content-security-policy"].startswith("default-src 'none'; ")


@pytest.mark.browser
def test_the_service_is_tried_in_the_docs(page: Any, live: Live, tmp_path: Path) -> None:
    page.goto(f"{live.url}/docs")
    page.click(f"{OPERATION} .opblock-summary")
    page.click(f"{OPERATION} .try-out__btn")
    filled = json.loads(page.input_value(f"{OPERATION} textarea.body-param__text"))
    assert filled["fileType"] == 1  # the example, which is sent as it stands
    page.click(f"{OPERATION} .execute")
    answer = f"{OPERATION} .live-responses-table tbody"
    page.wait_for_selector(f"{answer} .response-col_status")
    page.screenshot(path=tmp_path / "docs.png")
    assert re.match(r"200\b", page.inner_text(f"{answer} .response-col_status"))
    assert "收款专用章" in page.inner_text(f"{answer} .response-col_description")
    assert page.faults == [] and elsewhere(page, live) == []


@pytest.mark.browser
def test_redoc_shows_the_fields(page: Any, live: Live) -> None:
    page.goto(f"{live.url}/redoc")
    page.wait_for_selector("text=sealDetUnclipRatio")
    assert elsewhere(page, live) == []
    blocked = [fault for fault in page.faults if "cdn.redoc.ly" in fault]
    assert len(page.faults) == len(blocked), page.faults  # its logo, and nothing else
