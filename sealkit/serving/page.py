"""The service's web page: drop an image, see its seals and texts. One file that loads nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from importlib.resources import files

_PART = {
    "script": re.compile(r"<script>(.*?)</script>", re.DOTALL),
    "style": re.compile(r"<style>(.*?)</style>", re.DOTALL),
}


@lru_cache(maxsize=1)
def page() -> tuple[bytes, dict[str, str]]:
    """The page's HTML and the headers of its answer.

    Its policy lets a browser run its script and use its styles, by their hashes, show the images it was given and ask
    this service; nothing else, and in no frame.
    """
    html = (files("sealkit.serving") / "page.html").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_hashes(html, 'script')}; style-src {_hashes(html, 'style')}; "
        "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html.encode("utf-8"), {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def _hashes(html: str, part: str) -> str:
    digests = [hashlib.sha256(text.encode("utf-8")).digest() for text in _PART[part].findall(html)]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests)
