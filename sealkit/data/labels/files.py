"""Common parts of label readers: encoding, line ends, image paths, collecting problems."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealkit.errors import DataError, Problem, Severity
from sealkit.files import read_regular

# Characters that look like a blank or like nothing and break the tab-separated format or a file name.
ODD_BLANKS = {"\u00a0": "no-break space", "\u3000": "full-width space", "\u200b": "zero-width space", "\ufeff": "BOM"}
_UNNAMEABLE = re.compile("[\0\ud800-\udfff]")
MAX_LABELS = 500_000_000
"""Bytes of a label or annotation file; a million lines of seals have 300 MB."""


def label_text(path: Path, errors: str = "strict") -> str:
    """A label or annotation file in UTF-8, with or without BOM, or in GB18030, what Chinese Windows writes.

    Raises:
        OSError: missing, not a regular file, larger than MAX_LABELS.
        UnicodeDecodeError: neither, with errors="strict".
    """
    raw = read_regular(path, MAX_LABELS)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("utf-8-sig" if _is_mostly_utf8(raw) else "gb18030", errors)


@dataclass
class LabelReader:
    """Collects samples and problems of one label file."""

    root: Path
    name: str
    samples: list[Any] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def report(self, kind: str, line: int | None, reason: str, fix: str, severity: Severity = "error") -> None:
        """Add a problem of a line, or of the whole file where `line` is None."""
        where = self.name if line is None else f"{self.name}:{line}"
        self.problems.append(Problem(kind, where, reason, fix, severity))

    def result(self) -> tuple[list[Any], list[Problem]]:
        """What was collected; a file in which there was nothing at all is a problem."""
        if not self.samples and not self.problems:
            self.report("empty-file", None, "the label file has no line", "write one line per image")
        return self.samples, self.problems


def two_cells(
    line: str, number: int, reader: LabelReader, report_separator: Callable[[str, list[str], int, LabelReader], None]
) -> tuple[str, str] | None:
    """What stands before and after the tab of a line; None (reported) where it is empty or has not one tab."""
    if not line.strip("".join(ODD_BLANKS) + " \t"):
        reader.report("empty-line", number, "the line is empty", "delete it; PaddleX stops at it", "warning")
        return None
    cells = line.split("\t")
    if len(cells) != 2:
        report_separator(line, cells, number, reader)
        return None
    return cells[0], cells[1]


def find_label_file(root: str | Path, label_file: str | Path, suffix: str = ".txt") -> Path:
    """Path of a label file given relative to `root` or to the working folder.

    Args:
        suffix: of the files that are named where there is no such one: those below `root`, at most a folder deep.

    Raises:
        DataError: no such file.
    """
    root, label_file = Path(root), Path(label_file)
    for candidate in (root / label_file, label_file):
        if candidate.is_file():
            return candidate
    found = sorted([*root.glob(f"*{suffix}"), *root.glob(f"*/*{suffix}")])[:8]
    there = ", ".join(path.relative_to(root).as_posix() for path in found)
    hint = f"check root ({root}) and labels ({label_file}); relative paths start where the command runs"
    if root.parts[:1] == ("datasets",):
        hint += "; own data: add --data DIR, for the toy sets lie in sealkit's repository"
    raise DataError(
        "there is no such label file",
        where=str(root / label_file),
        hint=f"{suffix} files there: {there}" if there else hint,
    )


def read_lines(path: Path, reader: LabelReader) -> list[str]:
    """Lines of a label file without line ends, decoded as well as can be; oddities are reported.

    Raises:
        DataError: the file cannot be opened.
    """
    try:
        raw = read_regular(path, MAX_LABELS)
    except OSError as error:
        raise DataError(f"the label file cannot be read: {error.strerror}", where=str(path)) from error
    return split_lines(decode_text(raw, reader), reader)


def decode_text(raw: bytes, reader: LabelReader) -> str:
    """UTF-8 with or without BOM, UTF-16 with BOM, else GB18030 (what Chinese Windows writes); oddities are reported."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        reader.report("encoding", None, "the file is UTF-16", "save it as UTF-8 without BOM", "warning")
        return raw.decode("utf-16", errors="replace")
    if raw.startswith(b"\xef\xbb\xbf"):
        reader.report("bom", 1, "the file starts with a byte-order mark", "save it as UTF-8 without BOM", "warning")
        raw = raw[3:]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        if _is_mostly_utf8(raw):
            reason = f"not all lines are UTF-8, the first that is not: {line}"
            reader.report("encoding", None, reason, "write those lines again, as UTF-8", "warning")
            return raw.decode("utf-8", errors="replace")
        try:
            text = raw.decode("gb18030")
            reader.report("encoding", line, "the file is not UTF-8; read as GB18030", "save it as UTF-8", "warning")
            return text
        except UnicodeDecodeError:
            value = raw[error.start : error.start + 4]
            reader.report("encoding", line, f"bytes {value!r} are not UTF-8", "save the file as UTF-8")
            return raw.decode("utf-8", errors="replace")


def _is_mostly_utf8(raw: bytes) -> bool:
    """Whether more characters are UTF-8 than bytes are not: those are damaged, and no other encoding is meant.

    Two bytes of GB18030 pass for a character of two bytes now and then, hardly ever six for two of three bytes.
    """
    foreign = raw.translate(None, bytes(range(0x80)))
    sound = foreign.decode("utf-8", errors="ignore")
    short = sum(char < "\u0800" for char in sound)
    return len(sound) - short + short / 4 > len(foreign) - len(sound.encode("utf-8"))


def split_lines(text: str, reader: LabelReader) -> list[str]:
    """Lines without line ends. Only CR and LF end one: str.splitlines would also cut at U+2028 inside a text."""
    crlf = text.count("\r\n")
    if crlf:
        first = text[: text.index("\r\n")].count("\n") + 1
        reader.report("crlf", first, f"{crlf} lines end in CR LF", "save with LF line ends", "warning")
        text = text.replace("\r\n", "\n")
    lines = text.replace("\r", "\n").split("\n")
    if lines and lines[-1] == "":
        lines.pop()  # the last line's own end, not an empty line
    return lines


def nameable(path: str) -> str:
    """A path that the system may be asked for: what no file name holds, a NUL or half a character, becomes U+FFFD."""
    return _UNNAMEABLE.sub("\ufffd", path)


def clean_path(cell: str, number: int, reader: LabelReader) -> str:
    """An image path of a label file with `/` separators and without odd blanks; problems go to `reader`."""
    path = nameable(cell.strip(" \ufeff"))
    if path != cell.strip(" \ufeff"):
        reader.report(
            "odd-blank", number, f"the path {cell!r} holds a NUL", "replace it by the file's real name", "warning"
        )
    odd = [name for char, name in ODD_BLANKS.items() if char in path]
    if odd:
        reader.report(
            "odd-blank",
            number,
            f"the path {path!r} holds a {odd[0]}",
            "replace it by the file's real name",
            "warning",
        )
    if "\\" in path and os.sep == "/":
        reader.report("backslash", number, f"back-slashes in {path!r}; read as slashes", "write slashes", "warning")
        path = path.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:/", path):
        reader.report(
            "absolute-path", number, f"{path!r} is absolute", "write it relative to the set's root folder", "warning"
        )
    return path


def relative_path(image_path: Path, base: Path) -> str:
    """An image's path as a label file names it, relative to `base`, with slashes.

    Raises:
        DataError: the image lies outside `base`, or its path holds a tab or a line end.
    """
    try:
        relative = image_path.relative_to(base)
    except ValueError:
        try:
            relative = image_path.resolve().relative_to(base.resolve())
        except ValueError:
            if image_path.is_absolute():
                raise DataError(
                    "an image is outside the folder of its label file",
                    where=str(image_path),
                    hint=f"copy it below {base} or give another root",
                ) from None
            relative = image_path
    text = relative.as_posix()
    if any(c in text for c in "\t\n\r"):
        raise DataError("an image's path holds a tab or a line end", value=text, hint="rename the file")
    return text


__all__ = [
    "ODD_BLANKS",
    "LabelReader",
    "clean_path",
    "decode_text",
    "find_label_file",
    "nameable",
    "read_lines",
    "relative_path",
    "split_lines",
]
