"""Labels of images that were never drawn: labels.json, a list of images with their `file` beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sealkit.errors import DataError


def load_labels(path: Path, *keys: str, kinds: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The labels of a set: of its folder (labels.json), or a file.

    Args:
        keys: what each of these images must have besides its `file`.
        kinds: only images whose `kind` is one of these.

    Raises:
        DataError: no such file, one of another form, or no image of the kinds.
    """
    if path.is_dir():
        path = path / "labels.json"
    if not path.is_file():
        raise DataError("no such label file", where=str(path), hint="a labels.json beside its images")
    wanted = " and ".join(f"`{key}`" for key in ("file", *keys))
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"the JSON is broken: {error}", where=str(path), hint="write or export it again") from error
    if not isinstance(labels, list) or not all(isinstance(item, dict) for item in labels):
        raise DataError("this must be a list of images", where=str(path), hint=f"each an object with {wanted}")
    found = [item for item in labels if kinds is None or item.get("kind") in kinds]
    if kinds is not None and not found:
        there = sorted({str(item["kind"]) for item in labels if "kind" in item})
        hint = f"name others with --kind: {', '.join(there)}" if there else "give the images a `kind`"
        raise DataError("no image of these kinds", where=str(path), value=list(kinds), hint=hint)
    for item in found:
        if not all(key in item for key in ("file", *keys)):
            raise DataError("an image lacks a key", where=str(path), value=item, hint=f"it needs {wanted}")
    return found
