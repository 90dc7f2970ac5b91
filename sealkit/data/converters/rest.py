"""ICDAR 2023 ReST (Reading the Seal Title): `{"gt_1": [{"points": [[x, y], …], "transcription": "…"}], …}`.

The organisers' files are one JSON per image or one for all, with keys gt_<image id>; points run clockwise; no point
order is promised, so no direction is written. The set is known to hold some wrong annotations: check it after
conversion.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import Images, Row, Source, unlabelled
from sealkit.data.converters.reading import read_json
from sealkit.data.labels.ignored import is_ignored
from sealkit.errors import DataError


def recognise(path: Path, content: Any) -> bool:
    """A JSON file that is a list of texts with `points`, or holds one under its first keys."""
    first = list(content.values())[:5] if isinstance(content, dict) else [content]
    return any(isinstance(v, list) and bool(v) and isinstance(v[0], dict) and "points" in v[0] for v in first)


def read(path: Path) -> Source:
    """Rows of a JSON file or of every JSON file below a folder; images are found by name or by their number."""
    files = [path] if path.is_file() else sorted(path.rglob("*.json"))
    root = path.parent if path.is_file() else path
    if not files:
        raise DataError(
            "there is no JSON file", where=str(path), hint="give the folder with gt_*.json or train_gt.json"
        )
    source = Source()
    images = Images(root)
    by_number: dict[str, list[Path]] = {}
    for file in images.paths:
        by_number.setdefault(_number(file.stem), []).append(file)
    for file in files:
        for key, texts in _entries(file, source):
            where = f"{file.name} {key}" if key != file.stem else file.name
            stem = key.removeprefix("gt_")
            image = images.of_stem(key) or images.of_stem(stem) or images.find(stem)
            if image is None:
                alike = by_number.get(_number(stem), []) if _number(stem) else []
                image = alike[0] if len(alike) == 1 else None
            if image is None:
                source.report("missing-image", where, f"there is no image for {key!r}", f"put it below {root}")
            source.rows.append(Row(where, image, texts))
    unlabelled(images, source.rows, str(root), source)
    return source


def _number(stem: str) -> str:
    """The last number of a name without leading zeros, "" without one."""
    found = re.findall(r"\d+", stem)
    return str(int(found[-1])) if found else ""


def _entries(file: Path, source: Source) -> list[tuple[str, list[dict[str, Any]]]]:
    """(image key, entries) of one file."""
    before = len(source.problems)
    content = read_json(file, file.name, source.report)
    if content is None and any(p.code in ("bad-json", "no-file") for p in source.problems[before:]):
        return []
    if isinstance(content, list):
        content = {file.stem: content}
    if not isinstance(content, dict):
        source.report("not-rest", file.name, "neither an object nor a list", "it was skipped", "info")
        return []
    result = []
    for key, value in content.items():
        texts = [value] if isinstance(value, dict) and "points" in value else value
        if not isinstance(texts, list) or not all(isinstance(text, dict) for text in texts):
            reason = f"{key!r} does not hold a list of texts"
            source.report("not-rest", file.name, reason, 'expected [{"points": …, "transcription": …}]')
            continue
        result.append((str(key), [_entry(text) for text in texts]))
    return result


def _entry(text: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {key: text[key] for key in ("points", "transcription") if key in text}
    if is_ignored(text):
        entry["transcription"] = "###"
    return entry
