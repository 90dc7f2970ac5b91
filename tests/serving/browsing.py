"""A Chromium and a service for tests marked `browser`."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving.live import Live, server

SECONDS = 120_000  # of a wait, in milliseconds: a busy machine is slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = os.environ.get("SEALKIT_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with server("sealkit", "serve", "--host", "127.0.0.1", "--port", "0", "--workers", "1") as running:
        yield running


@pytest.fixture
def page(browser: Any, live: Live) -> Iterator[Any]:
    """A page that notes what it asks for and what goes wrong in it."""
    page = browser.new_page(viewport={"width": 1100, "height": 1400})
    page.set_default_timeout(SECONDS)
    page.asked, page.faults = [], []
    page.on("response", lambda response: page.asked.append(response.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    yield page
    page.close()


def elsewhere(page: Any, live: Live) -> list[str]:
    """Addresses of other hosts that answered."""
    return [url for url in page.asked if not url.removeprefix("blob:").startswith((f"{live.url}/", "data:"))]
