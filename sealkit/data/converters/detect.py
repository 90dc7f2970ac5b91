"""Which annotation format lies in a folder? Looks at a few files only; for hints and for `data convert --from auto`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sealkit.data.converters.formats import TITLES

_MAX_JSON = 20  # files looked at
_MAX_BYTES = 300_000_000


def recognise(source: str | Path) -> str | None:
    """Name of the converter for a folder or file, or None: "labelme", "ppocrlabel", "coco", "rest", "seal_texts"."""
    source = Path(source)
    if source.is_file():
        if source.suffix.lower() == ".json":
            return _recognise_json(source)
        return "ppocrlabel" if source.suffix.lower() == ".txt" and _is_det_line(source) else None
    if not source.is_dir():
        return None
    if (source / "Label.txt").is_file():
        return "ppocrlabel"
    kinds = [kind for path in _json_files(source) if (kind := _recognise_json(path)) is not None]
    if kinds:
        return max(set(kinds), key=kinds.count)
    return "seal_texts" if _has_sidecar_texts(source) else None


def describe_folder(root: str | Path) -> tuple[str, str | None]:
    """(what lies there instead of the expected label file, the command that converts it or None)."""
    root = Path(root)
    kind = recognise(root)
    if kind is not None:
        return f"the folder holds {TITLES[kind]}", f"sealkit data convert {root} OUT --from {kind}"
    texts = sorted(path.name for path in root.glob("*.txt"))
    if texts:
        return f"label files there: {', '.join(texts[:6])}", None
    return "the folder holds no label file of a known format", None


def _json_files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.json")) or sorted(folder.glob("*/*.json"))
    return found[:_MAX_JSON]


def _recognise_json(path: Path) -> str | None:
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(content, dict):
        if "shapes" in content and "imagePath" in content:
            return "labelme"
        if "images" in content and "annotations" in content:
            return "coco"
        if any(_is_text_list(value) for value in list(content.values())[:5]):
            return "rest"
    if _is_text_list(content):
        return "rest"
    return None


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "points" in value[0]


def _is_det_line(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return "\t[" in file.readline(1_000_000)
    except OSError:
        return False


def _has_sidecar_texts(folder: Path) -> bool:
    """Images with a text file of the same name beside them."""
    from sealkit.images import IMAGE_SUFFIXES, suffix_of

    for count, path in enumerate(folder.rglob("*")):
        if count > 2000:
            return False
        if suffix_of(path) in IMAGE_SUFFIXES and path.with_suffix(".txt").is_file():
            return True
    return False
