"""Which annotation format lies in a folder? Opens a few files only; for hints and for `data convert --from auto`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sealkit.data.converters.formats import FORMATS
from sealkit.data.labels.files import label_text

_MAX_JSON = 20  # files opened
_MAX_BYTES = 300_000_000


def recognise(source: str | Path) -> str | None:
    """Name of the format of a folder or file, the first of the table that fits; None where none does.

    A folder may hold several: one with outlines comes first, by a file of its own name or as most of the JSON files
    are; what has no outlines is only looked for where there is nothing better.
    """
    source = Path(source)
    if source.is_file():
        return _of_file(source)
    if not source.is_dir():
        return None
    folders = [name for name, row in FORMATS.items() if row.recognises(source)]
    outlines = [name for name in folders if FORMATS[name].kind == "outlines"]
    if outlines:
        return outlines[0]
    kinds = [kind for path in _json_files(source) if (kind := _of_file(path)) is not None]
    if kinds:
        return max(set(kinds), key=kinds.count)
    return folders[0] if folders else None


def describe_folder(root: str | Path) -> tuple[str, str | None]:
    """(what lies there instead of the expected label file, the command that converts it or None)."""
    root = Path(root)
    kind = recognise(root)
    if kind is not None:
        return f"the folder holds {FORMATS[kind].title}", f"sealkit data convert {root} OUT --from {kind}"
    texts = sorted(path.name for path in root.glob("*.txt"))
    if texts:
        return f"label files there: {', '.join(texts[:6])}", None
    return "the folder holds no label file of a known format", None


def _json_files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.json")) or sorted(folder.glob("*/*.json"))
    return found[:_MAX_JSON]


def _of_file(path: Path) -> str | None:
    content: Any = None
    if path.suffix.lower() == ".json":
        try:
            if path.stat().st_size > _MAX_BYTES:
                return None
            content = json.loads(label_text(path))
        except (OSError, ValueError, RecursionError):
            return None
    return next((name for name, row in FORMATS.items() if row.recognises(path, content)), None)
