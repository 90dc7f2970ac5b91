"""Label files of recognition sets, PaddleX's format, read tolerantly and completely.

One line per strip: `relative/path.png<TAB>text`. The text is taken as it is, spaces included. What is known of a strip
besides its text stands in a file beside the labels that other tools do not read: `train.extras.jsonl` for `train.txt`,
one object per line: `{"path": "relative/path.png", "shape": "circle", "angle": 12.5, "direction": "arc"}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sealkit.data.check_texts import is_placeholder
from sealkit.data.labels.files import (
    ODD_BLANKS,
    LabelReader,
    clean_path,
    find_label_file,
    read_lines,
    relative_path,
    two_cells,
)
from sealkit.data.records import RecSample
from sealkit.data.shapes import SHAPES
from sealkit.errors import Problem
from sealkit.files import write_text
from sealkit.geometry.directions import DIRECTIONS

_SEPARATOR_GUESS = re.compile(r"(?P<path>\S+\.(?:jpe?g|png|bmp|tiff?|webp))(?P<gap>[\s\u00a0\u3000\u200b,;|]+)\S", re.I)
_LOST = "\ufffd"


def read_rec_labels(root: str | Path, label_file: str | Path) -> tuple[list[RecSample], list[Problem]]:
    """Read a recognition label file; every fault becomes a `Problem`, everything sound is kept.

    Args:
        root: folder that image paths are relative to.
        label_file: path of the label file, absolute or relative to `root` (or, failing that, to the working folder).

    Returns:
        samples in file order and problems in file order; a line that cannot be used gives one error and no sample.

    Raises:
        DataError: the label file is missing or cannot be opened.
    """
    root = Path(root)
    path = find_label_file(root, label_file)
    reader = LabelReader(root, path.name)
    extras = _read_extras(path.with_name(f"{path.stem}.extras.jsonl"), reader)
    for number, line in enumerate(read_lines(path, reader), 1):
        sample = _read_line(line, number, reader, extras)
        if sample is not None:
            reader.samples.append(sample)
    return reader.result()


def _read_line(line: str, number: int, reader: LabelReader, extras: Mapping[str, dict[str, Any]]) -> RecSample | None:
    cells = two_cells(line, number, reader, _report_separator)
    if cells is None:
        return None
    name, text = cells
    fault = fault_of(name, text)
    if fault is not None:
        reader.report(fault[0], number, fault[1], fault[2])
        return None
    path = clean_path(name, number, reader)
    if not path:
        reader.report("no-path", number, "there is no path before the tab", "write the image's relative path")
        return None
    known = extras.get(path, {})
    where = f"{reader.name}:{number}"
    return RecSample(
        reader.root / path, text, where, known.get("shape"), known.get("angle"), known.get("direction")
    )  # fmt: skip


def fault_of(name: str, text: str) -> tuple[str, str, str] | None:
    """(kind, reason, fix) of what makes a line useless, the gravest only: one line is one error."""
    control = next((c for c in name + text if c < " " or c == "\x7f"), None)
    if control is not None:
        kind, reason = "control-character", f"it holds the control character {control!r}"
        fix = "delete it"
    elif _LOST in name + text:
        kind, reason = "lost-text", f"{text[:40]!r} holds {_LOST!r}: its encoding was lost"
        fix = "write it again"
    elif name.startswith("["):
        kind, reason = "several-images", f"{name[:40]!r} is a list of images"
        fix = "write one line per image"
    elif text.startswith(('[{"', "[{'")) and "points" in text:
        kind, reason = "not-recognition", f"{text[:30]!r} is a list of outlines"
        fix = "this looks like a label file of text detection; `sealkit data crop` makes strips of it"
    elif not text.strip("".join(ODD_BLANKS) + " "):
        kind, reason = "empty-text", "there is no text after the tab"
        fix = "write the text of the strip, or delete the line"
    elif is_placeholder(text):
        kind, reason = "placeholder", f"{text!r} is a placeholder, not a transcription"
        fix = "write the text of the strip, or delete the line"
    else:
        return None
    return kind, reason, fix


def write_rec_labels(path: str | Path, samples: Iterable[RecSample], root: str | Path) -> int:
    """Write a label file of strips, and the file of what else is known of them; complete or not at all.

    Args:
        path: the file to write.
        samples: strips.
        root: folder that image paths are made relative to.

    Returns:
        Number of lines written.

    Raises:
        DataError: an image lies outside `root`, or its path holds a tab or a line end.
    """
    path, rows, extras = Path(path), [], []
    for sample in samples:
        name = relative_path(sample.image_path, Path(root))
        rows.append(f"{name}\t{sample.text}\n")
        known = {"path": name, "shape": sample.shape, "angle": sample.angle, "direction": sample.direction}
        known = {key: value for key, value in known.items() if value is not None}
        if len(known) > 1:
            extras.append(json.dumps(known, ensure_ascii=False) + "\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    if extras:
        write_text(path.with_name(f"{path.stem}.extras.jsonl"), "".join(extras))
    write_text(path, "".join(rows))  # last: then all is there
    return len(rows)


def _report_separator(line: str, cells: list[str], number: int, reader: LabelReader) -> None:
    if len(cells) > 2:
        reason = f"{len(cells) - 1} tabs instead of one"
        fix = "keep the one tab between path and text"
    elif match := _SEPARATOR_GUESS.match(line):
        names = [ODD_BLANKS.get(c, "space" if c == " " else repr(c)) for c in dict.fromkeys(match["gap"])]
        reason = f"path and text are separated by {', '.join(names)} instead of a tab"
        fix = f"put one tab after {match['path']!r}"
    else:
        reason, fix = f"no tab in {line[:60]!r}", "write `path<TAB>text`"
    reader.report("bad-separator", number, reason, fix)


def _read_extras(path: Path, reader: LabelReader) -> dict[str, dict[str, Any]]:
    """Image path -> what is known of the strip; {} where there is no such file."""
    if not path.is_file():
        return {}
    own = LabelReader(reader.root, path.name)
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(read_lines(path, own), 1):
        try:
            entry = json.loads(line)
            found[str(entry.pop("path"))] = {key: value for key, value in entry.items() if _means(key, value)}
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            own.report("bad-extra", number, "not an object with a path", "correct or delete the line", "warning")
    reader.problems += own.problems
    return found


def _means(key: str, value: Any) -> bool:
    if key == "angle":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e6
    return (key == "shape" and value in SHAPES) or (key == "direction" and value in DIRECTIONS)


__all__ = ["fault_of", "read_rec_labels", "write_rec_labels"]
