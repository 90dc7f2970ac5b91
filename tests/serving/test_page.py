"""The page of the service: what it is allowed to do, and what it does in a browser."""

import base64
import csv
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sealkit.pipeline.overview import STYLE
from sealkit.serving.server import page_url
from tests.serving.browsing import elsewhere
from tests.serving.calls import Client
from tests.serving.live import ROOT, Live, server

SEAL = ROOT / "sealkit" / "assets" / "example_seal.png"
TEXT = "收款专用章"
WITHIN_LINE = """() => {
  const line = document.querySelector("svg polygon.line"), points = [...line.points];
  const four = [...points.slice(0, 2), ...points.slice(-2)],
    mean = (axis) => four.reduce((sum, p) => sum + p[axis], 0) / 4;
  line.scrollIntoView({block: "center"});
  const at = new DOMPoint(mean("x"), mean("y")).matrixTransform(line.getScreenCTM());
  return [at.x, at.y];
}"""


def policy_of(answer: str) -> dict[str, str]:
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in answer.split(";"))}


def test_the_page_may_run_its_own_script_and_ask_this_service_only(client: Client) -> None:
    answer = client.call("GET", "/")
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = policy_of(answer.headers["content-security-policy"])
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    assert policy["script-src"] == f"'sha256-{digest}'"
    assert (policy["default-src"], policy["connect-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert "unsafe" not in str(policy)


def test_the_page_names_no_other_host(client: Client) -> None:
    hosts = set(re.findall(r"https?://([^/\"'\s]+)", client.call("GET", "/").text))
    assert hosts <= {"www.w3.org"}, hosts  # SVG's namespace, which is a name


def test_the_page_draws_as_the_overview_does(client: Client) -> None:
    numbers = dict(re.findall(r"const (\w+) = ([\d.]+);", client.call("GET", "/").text))
    assert float(numbers["LOW_SCORE"]) == STYLE.min_sure_score
    assert float(numbers["RING_MARGIN"]) == STYLE.ring_margin_ratio


@pytest.mark.parametrize(
    ("host", "secure", "url"),
    [
        ("127.0.0.1", False, "http://127.0.0.1:80/"),
        ("0.0.0.0", True, "https://127.0.0.1:80/"),
        ("::", False, "http://[::1]:80/"),
        ("::1", False, "http://[::1]:80/"),
    ],
)
def test_the_printed_address_can_be_opened(host: str, secure: bool, url: str) -> None:
    assert page_url(host, 80, secure=secure) == url


@pytest.mark.browser
def test_a_chosen_image_is_read_and_its_texts_are_kept(page: Any, live: Live) -> None:
    page.goto(f"{live.url}/")
    page.set_input_files("#files", [SEAL])
    page.wait_for_selector(f".text:has-text('{TEXT}')")
    page.mouse.move(*page.evaluate(WITHIN_LINE))
    assert page.locator(".text.on").count() == 1 and page.locator(".ring.on").count() == 1
    page.locator(f".text:has-text('{TEXT}')").hover()
    assert page.locator("polygon.line.on").count() == 1
    with page.expect_download() as kept:
        page.click("#csv")
    rows = list(csv.DictReader(io.StringIO(Path(kept.value.path()).read_text(encoding="utf-8-sig"))))
    assert TEXT in [row["text"] for row in rows] and rows[0]["file"] == SEAL.name
    with page.expect_download() as kept:
        page.click("#json")
    (one,) = json.loads(Path(kept.value.path()).read_text(encoding="utf-8"))
    assert TEXT in [text["text"] for text in one["pages"][0]["seals"][0]["texts"]]
    assert page.faults == [] and elsewhere(page, live) == []


@pytest.mark.browser
def test_a_wrong_file_says_why_and_the_next_is_read(page: Any, live: Live, tmp_path: Path) -> None:
    page.goto(f"{live.url}/")
    wrong = tmp_path / "notes.png"
    wrong.write_bytes(b"hello\n")
    page.set_input_files("#files", [wrong, SEAL])
    page.wait_for_selector(f".text:has-text('{TEXT}')")
    assert "hello" in page.inner_text(".error")  # the decoder says what the file begins with
    assert "1 of 2" in page.inner_text("#status")


@pytest.mark.browser
def test_images_are_dropped_and_pasted(page: Any, live: Live) -> None:
    page.goto(f"{live.url}/")
    data = base64.b64encode(SEAL.read_bytes()).decode("ascii")
    for kind, holder in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        page.evaluate(
            """([data, kind, holder]) => {
              const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), all = new DataTransfer();
              all.items.add(new File([bytes], kind + ".png", {type: "image/png"}));
              const make = kind === "drop" ? DragEvent : ClipboardEvent;
              document.dispatchEvent(new make(kind, {[holder]: all, bubbles: true, cancelable: true}));
            }""",
            [data, kind, holder],
        )
        page.wait_for_selector(f"section[aria-label='{kind}.png'] .text:has-text('{TEXT}')")
    assert page.faults == []


@pytest.mark.browser
def test_markup_in_names_and_a_keyboard_alone(page: Any, live: Live) -> None:
    page.goto(f"{live.url}/")
    page.keyboard.press("Tab")  # the link
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "files"
    name = "<img src=x onerror=alert(1)>.png"
    page.set_input_files("#files", [{"name": name, "mimeType": "image/png", "buffer": SEAL.read_bytes()}])
    page.wait_for_selector(f".text:has-text('{TEXT}')")
    assert page.inner_text("h2") == name and page.locator("h2 img").count() == 0
    page.locator(".text button").first.focus()
    assert page.locator("polygon.line.on").count() == 1


@pytest.mark.browser
def test_the_page_asks_for_the_token(browser: Any, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("a" * 32 + "\n")
    tokens.chmod(0o640)
    with server("sealkit", "serve", "--port", "0", "--workers", "1", "--token-file", str(tokens)) as live:
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{live.url}/")
        page.set_input_files("#files", [SEAL])
        for token in ("wrong" * 6, "a" * 32):
            page.wait_for_selector("#token:visible")
            page.fill("#secret", token)
            page.press("#secret", "Enter")
        page.wait_for_selector(f".text:has-text('{TEXT}')")
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        page.close()
