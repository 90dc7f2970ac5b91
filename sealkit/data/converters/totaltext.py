"""Total-Text: one `poly_gt_<image>.txt` per image, `x: [[…]], y: [[…]], ornt: [u'c'], transcriptions: [u'…']` per text.

The arrays are printed by NumPy, and may be broken over several lines. The transcription # marks an ignored text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.converters.base import Source
from sealkit.data.converters.text_lines import format_of, numbers, read_image_files, used
from sealkit.data.records import DetSample
from sealkit.errors import Problem
from sealkit.files import write_text

_TEXT = re.compile(
    r"x:\s*\[\[(?P<x>[^\]]*)\]\]\s*,\s*y:\s*\[\[(?P<y>[^\]]*)\]\]\s*,(?P<more>[^\n]*)", re.IGNORECASE
)  # fmt: skip
_WORDS = re.compile(r"transcriptions:\s*\[\s*u?(?P<mark>['\"])(?P<text>.*)(?P=mark)\s*\]\s*$", re.IGNORECASE)
_START = re.compile(r"^[ \t]*x:\s*\[\[", re.MULTILINE | re.IGNORECASE)


def recognise(path: Path, content: Any) -> bool:
    """A text file that begins with `x: [[`."""
    return isinstance(content, str) and format_of(content) == "totaltext"


def read(path: Path) -> Source:
    """Rows of a folder (recursively) or of one file; images are found by name, without poly_gt_ before it."""
    return read_image_files(path, "totaltext", _parse)


def _parse(text: str, image: Path, where: str, source: Source) -> list[Any] | None:
    entries = []
    starts = [match.start() for match in _START.finditer(text)]
    for begin, end in zip(starts, [*starts[1:], len(text)]):
        piece = text[begin:end].replace("\r\n", "\n")
        number = text[:begin].count("\n") + 1
        match = _TEXT.match(piece.strip())
        xs, ys = (numbers(re.split(r"[\s,]+", match[axis].strip())) for axis in "xy") if match else (None, None)
        if match is None or xs is None or ys is None or len(xs) != len(ys):
            source.report("bad-line", f"{where}:{number}", f"no outline in {piece[:60]!r}", "fetch the file again")
            continue
        words = _WORDS.search(match["more"].strip())
        written = words["text"] if words else ""
        points = [list(pair) for pair in zip(xs, ys)]
        entries.append({"transcription": "###" if written == "#" else written, "points": points})
    return used(entries, text, where, source)


def write(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """Write one `poly_gt_<image>.txt` per image."""
    for sample, name in zip(samples, names):
        rows = []
        for line in sample.lines:
            points = np.asarray(line.points)
            xs, ys = (" ".join(f"{round(float(v), 2):g}" for v in points[:, axis]) for axis in (0, 1))
            kind = "c" if len(points) > 4 else "m"
            written = "#" if line.ignore else line.text
            rows.append(f"x: [[{xs}]], y: [[{ys}]], ornt: [u'{kind}'], transcriptions: [u'{written}']\n")
        write_text(out / f"poly_gt_{Path(name).stem}.txt", "".join(rows))
    return []


__all__ = ["read", "recognise", "write"]
