"""Images of seals with their texts and without outlines, as TrOCR-Seal-Recognition shares them.

Beside each image lies a text file of the same name; `#` (or a line end) separates the lines of a seal. Such a set
cannot train a detector; it can tell how well a whole pipeline reads.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import IMAGES, Images, Source, filling
from sealkit.data.converters.inside import Inside
from sealkit.data.converters.reading import glance, read_text
from sealkit.data.converters.text_lines import format_of
from sealkit.errors import DataError
from sealkit.files import write_text
from sealkit.images import IMAGE_SUFFIXES, suffix_of
from sealkit.workers.pool import Workers

TEXTS = "texts.json"


def recognise(path: Path, content: Any) -> bool:
    """A folder with images that have a text file beside them whose content is no list of coordinates.

    Of its first 2,000 files; most of the first 20 text files decide.
    """
    files = islice(path.rglob("*"), 2001) if path.is_dir() else ()
    beside = (file.with_suffix(".txt") for file in files if suffix_of(file) in IMAGE_SUFFIXES)
    contents = [glance(file) for file in islice((file for file in beside if file.is_file()), 20)]
    texts = [text for text in contents if isinstance(text, str) and text.strip()]
    return 2 * sum(not format_of(text) for text in texts) > len(texts)


def read_texts(path: Path, *, outside: bool = False) -> tuple[dict[Path, list[str]], Source]:
    """(image -> lines of text, problems) of a folder; `outside`: also of images that are links to elsewhere."""
    if not path.is_dir():
        raise DataError("not a folder", where=str(path), hint="give the folder with images and text files")
    source = Source()
    found: dict[Path, list[str]] = {}
    inside = Inside(path, outside)
    for image in Images(path).paths:
        label = image.with_suffix(".txt")
        name = label.relative_to(path).as_posix()
        if not label.is_file():
            reason = f"{image.name} has no text file"
            source.report("no-text", name, reason, f"write its text to {label.name}", "warning")
            continue
        content = read_text(label, name, source.report)
        if content is None:
            continue
        other = format_of(content)
        if other:
            reason = f"its lines are those of {other}, not a seal's texts"
            source.report("not-a-text", name, reason, f"convert the folder with --from {other}")
            continue
        lines = [line.strip() for line in re.split(r"[#\r\n]+", content) if line.strip()]
        refused = inside.problem(image, name) if lines else None
        if refused is not None:
            source.problems.append(refused)
        elif lines:
            found[image] = lines
        else:
            source.report("empty-text", name, "the text file is empty", "write the seal's text", "warning")
    return found, source


def write_texts(found: dict[Path, list[str]], out: str | Path, workers: Workers | None = None) -> int:
    """Copy images to `out/images` and write `out/texts.json`: {"images/a.jpg": ["line", …]}; returns the number of
    images.
    """
    out = Path(out)
    if not found:
        raise DataError("no image with a text file was found", hint="a text file has its image's name and .txt")
    table: dict[str, list[str]] = {}
    copies: dict[Path, Path | bytes] = {}
    for count, (image, lines) in enumerate(found.items()):
        name = image.name if f"{IMAGES}/{image.name}" not in table else f"{image.stem}_{count}{image.suffix}"
        copies[out / IMAGES / name] = image
        table[f"{IMAGES}/{name}"] = lines
    with filling(out, copies, workers):
        write_text(out / TEXTS, json.dumps(table, ensure_ascii=False, indent=1) + "\n")
    return len(table)
