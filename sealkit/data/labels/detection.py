"""Label files of detection sets, PaddleX's format, read tolerantly and completely.

One line per image: `relative/path.jpg<TAB>[{"transcription": "…", "points": [[x, y], …]}, …]`. Extra keys `shape`,
`angle`, `direction` and `seal` are read where they are present (see `sealkit.data.records.TextLine`). A
transcription of `*` or `###`, or `difficult: true` as PPOCRLabel writes it, marks a text that is neither trained on nor
scored. An empty list is an image without text.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.labels.files import (
    ODD_BLANKS,
    LabelReader,
    clean_path,
    find_label_file,
    read_lines,
    relative_path,
    two_cells,
)
from sealkit.data.labels.ignored import IGNORED_TEXTS, says_yes
from sealkit.data.labels.outlines import Outline, compact, explain_outline, is_number, sound_outlines
from sealkit.data.records import DetSample, TextLine
from sealkit.data.shapes import SHAPES
from sealkit.errors import Problem
from sealkit.files import write_text
from sealkit.geometry.directions import DIRECTIONS

_SEPARATOR_GUESS = re.compile(r"(?P<path>\S.*?\.\w{2,5})(?P<gap>[\s\u00a0\u3000\u200b,;|]+)(?P<json>\[.*)$", re.DOTALL)


def read_det_labels(
    root: str | Path, label_file: str | Path, *, check_files: bool = False
) -> tuple[list[DetSample], list[Problem]]:
    """Read a detection label file; every fault becomes a `Problem`, everything sound is kept.

    Args:
        root: folder that image paths are relative to.
        label_file: path of the label file, absolute or relative to `root` (or, failing that, to the working folder).
        check_files: also report images that are not there (one `stat` per line).

    Returns:
        samples in file order (points float32 (N, 2), clockwise on screen) and problems in file order. A text that
        cannot be used is left out of its sample; a line that cannot be used gives no sample.

    Raises:
        DataError: the label file is missing or cannot be opened.
    """
    root = Path(root)
    path = find_label_file(root, label_file)
    reader = LabelReader(root, path.name)
    for number, line in enumerate(read_lines(path, reader), 1):
        sample = _read_line(line, number, reader)
        if sample is None:
            continue
        if check_files and not os.path.isfile(sample.image_path):
            reader.report(
                "missing-image",
                number,
                f"there is no image {sample.image_path}",
                f"check the path; it is relative to {root}",
            )
            continue
        reader.samples.append(sample)
    texts = [text for sample in reader.samples for text in sample.lines]
    if texts and all(text.ignore for text in texts):
        reason = f"all {len(texts)} texts are ignored (###, * or difficult): nothing to train on or to score"
        reader.report("nothing-to-learn", None, reason, "label the texts that can be seen; their outlines are enough")
    return reader.result()


def _read_line(line: str, number: int, reader: LabelReader) -> DetSample | None:
    cells = two_cells(line, number, reader, _report_separator)
    if cells is None:
        return None
    path_text = clean_path(cells[0], number, reader)
    if not path_text:
        reader.report("no-path", number, "there is no path before the tab", "write the image's relative path")
        return None
    entries = _parse_json(cells[1], number, reader)
    if entries is None:
        return None
    lines = _read_texts(entries, number, reader)
    return None if lines is None else DetSample(reader.root / path_text, lines, f"{reader.name}:{number}")


def parse_entries(entries: Sequence[Any] | str, where: str) -> tuple[list[TextLine] | None, list[Problem]]:
    """The texts of one image from entries in the form of a label file, as converters have them.

    Args:
        entries: objects with `transcription`, `points` and the extra keys, or their list as JSON text.
        where: place of the image in the source, for problems.

    Returns:
        The texts that can be used, None where the image cannot (no list, or not one text of several), and problems.
    """
    reader = LabelReader(Path(), where)
    listed = _parse_json(entries, None, reader) if isinstance(entries, str) else entries
    lines = None if listed is None else _read_texts(listed, None, reader)
    return lines, reader.problems


def _read_texts(entries: Sequence[Any], number: int | None, reader: LabelReader) -> list[TextLine] | None:
    outlines = sound_outlines([entry.get("points") if isinstance(entry, dict) else None for entry in entries])
    texts = (_read_text(entry, outlines[i], i, number, reader) for i, entry in enumerate(entries))
    lines = [text for text in texts if text is not None]
    if entries and not lines:
        # Training on such an image as if it had no text would teach the wrong thing.
        reader.report(
            "no-usable-text", number, f"none of its {len(entries)} texts can be used", "correct or delete the line"
        )
        return None
    return lines


def _report_separator(line: str, cells: Sequence[str], number: int, reader: LabelReader) -> None:
    if len(cells) > 2:
        reason = f"{len(cells) - 1} tabs instead of one"
        fix = "keep the one tab between path and JSON; write a tab inside a text as \\t"
    elif match := _SEPARATOR_GUESS.match(line):
        gap = match["gap"]
        names = [ODD_BLANKS.get(c, "space" if c == " " else repr(c)) for c in dict.fromkeys(gap)]
        reason = f"path and JSON are separated by {', '.join(names)} instead of a tab"
        fix = f"put one tab between {match['path']!r} and the list"
    else:
        reason, fix = f"no tab in {line[:60]!r}", "write `path<TAB>[{…}]`"
    reader.report("bad-separator", number, reason, fix)


def _parse_json(cell: str, number: int | None, reader: LabelReader) -> list[Any] | None:
    stripped = cell.strip(" \u00a0\ufeff\u3000\u200b")
    if not stripped.startswith("["):
        kind = "bad-json"
        if stripped.startswith("{"):
            reason, fix = "one JSON object instead of a list", "put it in [ ]"
        else:
            kind, reason = "not-detection", f"{stripped[:30]!r} is not a JSON list"
            fix = "this looks like a label file of text recognition; give the detection set's file"
        reader.report(kind, number, reason, fix)
        return None
    try:
        value = json.loads(stripped, object_hook=compact)
    except (ValueError, RecursionError) as error:  # a number of more than 4,300 digits is a ValueError
        detail = (
            f"{error.msg} at column {error.pos + 1}: …{stripped[max(0, error.pos - 10) : error.pos + 10]}…"
            if (isinstance(error, json.JSONDecodeError))
            else "nested too deeply"
            if isinstance(error, RecursionError)
            else "a number of thousands of digits"
        )
        fix = "write JSON: double quotes, no comma at the end, text escaped by json.dumps"
        reader.report("bad-json", number, f"the JSON is broken: {detail}", fix)
        return None
    return value


def _read_text(
    entry: Any, outline: Outline | None, index: int, number: int | None, reader: LabelReader
) -> TextLine | None:
    """One text of a line, or None (reported) where its geometry cannot be used."""
    if not isinstance(entry, dict):
        reader.report("bad-text", number, f"text {index} is {type(entry).__name__}, not an object", "write {…}")
        return None
    missing = [key for key in ("transcription", "points") if key not in entry]
    if missing:
        near = ", ".join(map(str, entry)) or "none"
        fix = f"add it; keys there: {near}"
        reader.report("missing-key", number, f"text {index} has no {' and no '.join(map(repr, missing))}", fix)
        if "points" in missing:
            return None
    if outline is None:
        explain_outline(
            entry["points"], lambda kind, reason, fix: reader.report(kind, number, f"text {index}: {reason}", fix)
        )
        return None
    text = entry.get("transcription", "###")
    if not isinstance(text, str):
        reader.report(
            "text-type", number, f"text {index}: transcription {text!r} is not a string", "put it in quotes", "warning"
        )
        text = "" if text is None else str(text)
    if _written(text) != text:
        reason = f"text {index}: {text!r} holds half of a surrogate pair, which is not a character"
        reader.report("text-type", number, reason, "write it again", "warning")
        text = _written(text)
    ignore = text in IGNORED_TEXTS or says_yes(entry.get("difficult"))
    extras = _Extras(entry, index, number, reader)
    points, direction = _clockwise_order(outline, extras.choice("direction", DIRECTIONS), index, number, reader)
    return TextLine(
        points,
        "" if ignore else text,
        ignore,
        extras.choice("shape", SHAPES),
        extras.angle(),
        direction,
        extras.seal(),
        extras.key_cls(),
    )


def _written(text: str) -> str:
    """The text as UTF-8 can hold it: JSON may name halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _clockwise_order(
    outline: Outline, direction: str | None, index: int, number: int | None, reader: LabelReader
) -> tuple[np.ndarray, str | None]:
    """Clockwise points; the direction is dropped (reported) where the points cannot be a line_poly."""
    points, clockwise = outline
    if direction is not None and (len(points) % 2 or len(points) < 4):
        reader.report(
            "odd-line-poly",
            number,
            f"text {index} has a direction but {len(points)} points",
            "a line_poly has as many points along the top edge as along the bottom edge; direction not used",
            "warning",
        )
        direction = None
    if not clockwise:
        if direction is not None:
            reader.report(
                "mirrored-line-poly",
                number,
                f"text {index} has a direction but its points run counter-clockwise",
                "go along the top edge from the text's start, back along the bottom edge; direction not used",
                "warning",
            )
            direction = None
        else:
            reader.report(
                "counter-clockwise",
                number,
                f"text {index} runs counter-clockwise; read in reverse",
                "nothing to do; `sealkit data check --fix` writes it clockwise",
                "info",
            )
        points = np.ascontiguousarray(points[::-1])
    return points, direction


@dataclass
class _Extras:
    """Optional keys of a text; an invalid value is reported and ignored."""

    entry: dict[str, Any]
    index: int
    number: int | None
    reader: LabelReader

    def _report(self, key: str, allowed: str) -> None:
        reason = f"text {self.index}: {key} {self.entry[key]!r} is not a known value"
        self.reader.report("bad-extra", self.number, reason, f"allowed: {allowed}; or leave the key out", "warning")

    def choice(self, key: str, allowed: Collection[str]) -> str | None:
        value = self.entry.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value in allowed:
            return sys.intern(value)  # else each text of a set has a copy of the word
        self._report(key, ", ".join(sorted(allowed)))
        return None

    def angle(self) -> float | None:
        value = self.entry.get("angle")
        if value is None:
            return None
        if is_number(value) and abs(value) < 1e6:
            return float(value)
        self._report("angle", "degrees clockwise from upright")
        return None

    def key_cls(self) -> str | None:
        value = self.entry.get("key_cls")
        return _written(value) if isinstance(value, str) and value not in ("", "None") else None  # its "no class"

    def seal(self) -> int | None:
        value = self.entry.get("seal")
        if value is None:
            return None
        if is_number(value) and 0 <= value < 1e6 and int(value) == value:
            return int(value)
        self._report("seal", "the seal's index in the image, 0, 1, …")
        return None


def write_det_labels(path: str | Path, samples: Iterable[DetSample], root: str | Path | None = None) -> int:
    """Write a detection label file: UTF-8 without BOM, LF, coordinates to 1/100 pixel; complete or not at all.

    Args:
        path: the file to write.
        samples: images with texts; ignored texts are written as "###".
        root: folder that image paths are made relative to; default: the label file's folder.

    Returns:
        Number of lines written.

    Raises:
        DataError: an image lies outside `root`, or its path holds a tab or a line end.
    """
    path = Path(path)
    base = Path(root) if root is not None else path.parent
    rows = [f"{relative_path(sample.image_path, base)}\t{_dump_lines(sample.lines)}\n" for sample in samples]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "".join(rows))
    return len(rows)


def _dump_lines(lines: Sequence[TextLine]) -> str:
    entries = []
    for line in lines:
        entry: dict[str, Any] = {
            "transcription": "###" if line.ignore else line.text,
            "points": [[_plain(x), _plain(y)] for x, y in np.asarray(line.points, np.float64).tolist()],
        }
        for key in ("shape", "angle", "direction", "seal", "key_cls"):
            value = getattr(line, key)
            if value is not None:
                entry[key] = _plain(value) if isinstance(value, float) else value
        entries.append(entry)
    return json.dumps(entries, ensure_ascii=False, allow_nan=False)


def _plain(value: float) -> float | int:
    rounded = round(float(value), 2)
    return int(rounded) if rounded == int(rounded) else rounded


__all__ = [
    "find_label_file",
    "parse_entries",
    "read_det_labels",
    "write_det_labels",
]
