"""One self-contained HTML page: tables, curves and images, readable without network or server.

Callers pass plain sections; this file knows no module. A section is a dict with `title` and one or more of
`text` (str), `rows` (list of dicts: a table), `images` (list of (caption, (H, W, 3) uint8 BGR array)), `svg` (str),
`chart`, `scatter`, `bars` (arguments of `curves.line_chart`, `scatter_chart`, `bar_chart` by name), `code` (str),
`cases` (one block each, see `_case`), `fold` (bool: closed until opened; folded sections come last).
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader

from sealkit.files import write_text
from sealkit.reports.curves import bar_chart, line_chart, scatter_chart

MAX_IMAGE_SIDE = 480  # pixels; a report with 30 images stays under 2 MB
MAX_STRIP_WIDTH = 1600  # pixels of an image no higher than STRIP_HEIGHT: characters stay readable
STRIP_HEIGHT = 64


def write_page(
    path: str | Path,
    title: str,
    sections: Iterable[Mapping[str, Any]],
    *,
    warnings: Sequence[str] = (),
    subtitle: str | None = None,
    wide: bool = False,
) -> Path:
    """Write the page atomically and return its path.

    Args:
        path: the HTML file; its folder is created.
        title: heading.
        sections: see the module's text; keys other than the known ones are refused.
        warnings: shown first, each a line.
        subtitle: under the heading, before the time of writing.
        wide: use the whole window, for tables of many columns.

    Raises:
        ValueError: a section with an unknown key or without title (a programming fault, not a user's).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    environment = Environment(autoescape=True, trim_blocks=True, loader=PackageLoader("sealkit.reports", "."))
    template = environment.get_template("page.html")
    written = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    html = template.render(
        title=title,
        subtitle="; ".join([*([subtitle] if subtitle else []), f"written {written}"]),
        warnings=list(warnings),
        wide=wide,
        sections=sorted(map(_section, sections), key=lambda section: section["fold"]),
    )
    write_text(path, html)
    return path


_KEYS = {
    "title", "text", "rows", "images", "svg", "chart", "scatter", "bars", "code", "fold", "cases",
}  # fmt: skip


def _section(section: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(section) - _KEYS
    if unknown or "title" not in section:
        raise ValueError(f"report section {section.get('title')!r}: unknown keys {sorted(unknown)} or no title")
    return {
        "title": section["title"],
        "text": section.get("text"),
        "table": _table(section.get("rows") or []),
        "svg": section.get("svg") or _drawn(section),
        "code": section.get("code"),
        "fold": bool(section.get("fold")),
        "images": _images(section.get("images") or []),
        "cases": [_case(case) for case in section.get("cases") or []],
    }


def _case(case: Mapping[str, Any]) -> dict[str, Any]:
    """One thing that is looked at closely.

    Its keys: `title`, `about` (str), `texts` (list of (name, pieces), pieces a list of (characters, "", "wrong" or
    "missing")), `images` and `strips` (as a section's `images`; strips are written one below the other).
    """
    texts = [{"name": name, "pieces": list(pieces)} for name, pieces in case["texts"]]
    shown = {"images": _images(case["images"]), "strips": _images(case["strips"])}
    return {"title": case["title"], "about": case["about"], "texts": texts, **shown}


def _images(images: Iterable[tuple[str, np.ndarray]]) -> list[dict[str, str]]:
    return [{"caption": caption, "src": _data_uri(image)} for caption, image in images]


def _drawn(section: Mapping[str, Any]) -> str | None:
    if section.get("scatter"):
        return scatter_chart(**section["scatter"])
    if section.get("bars"):
        return bar_chart(**section["bars"])
    return line_chart(**section["chart"]) if section.get("chart") else None


def _table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Rows may have different keys: columns are the union in order of appearance."""
    if not rows:
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {"names": names, "rows": [[_cell(row.get(name, "")) for name in names] for row in rows]}


def _cell(value: Any) -> dict[str, Any]:
    if isinstance(value, (float, np.floating)):
        return {"text": f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}", "number": True}
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return {"text": f"{value:,}", "number": True}
    return {"text": "–" if value is None else str(value), "number": False}


def _data_uri(image: np.ndarray) -> str:
    """(H, W, 3) uint8 BGR to an embedded JPEG, scaled down to MAX_IMAGE_SIDE, a strip to MAX_STRIP_WIDTH."""
    longest = MAX_STRIP_WIDTH if image.shape[0] <= STRIP_HEIGHT else MAX_IMAGE_SIDE
    scale = longest / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
