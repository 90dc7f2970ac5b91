"""ICDAR 2015 and its kin: one `gt_<image>.txt` per image, `x1,y1,x2,y2,x3,y3,x4,y4,text` per line.

Also read: the language before the text (ICDAR 2017 MLT), and boxes `x1, y1, x2, y2, "text"` (ICDAR 2013).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sealkit.data.converters.base import Source
from sealkit.data.converters.text_lines import (
    box_points,
    format_of,
    leading_numbers,
    lines_of,
    numbers,
    pairs,
    read_image_files,
    used,
)
from sealkit.data.records import DetSample
from sealkit.errors import Problem
from sealkit.files import write_text

_LANGUAGES = frozenset(
    {
        "Arabic", "Latin", "Chinese", "Japanese", "Korean", "Bangla", "Hindi", "Symbols", "Mixed", "None",
    }
)  # fmt: skip


def recognise(path: Path, content: Any) -> bool:
    """A text file of such lines."""
    return isinstance(content, str) and format_of(content) == "icdar2015"


def read(path: Path) -> Source:
    """Rows of a folder (recursively) or of one file; images are found by name, without gt_ before it."""
    return read_image_files(path, "icdar2015", _parse)


def _parse(text: str, image: Path, where: str, source: Source) -> list[Any] | None:
    entries = []
    lines = lines_of(text)
    languages = all(
        len(cells) > 9 and cells[8].strip() in _LANGUAGES for _, line in lines for cells in [line.split(",")]
    )
    for number, line in lines:
        entry = _entry(line, languages)
        if entry is None:
            fix = "write x1,y1,x2,y2,x3,y3,x4,y4,text"
            source.report("bad-line", f"{where}:{number}", f"no four corners in {line[:60]!r}", fix)
        else:
            entries.append(entry)
    return used(entries, text, where, source)


def _entry(line: str, languages: bool) -> dict[str, Any] | None:
    cells = line.split(",")
    lead = leading_numbers(cells[:8])
    if len(lead) == 8:
        written = ",".join(cells[9 if languages else 8 :])
        return {"transcription": _unquoted(written), "points": pairs(lead)}
    if len(lead) == 4 and len(cells) > 4:
        return {"transcription": _unquoted(",".join(cells[4:])), "points": box_points(*lead)}
    spaced = line.split(None, 4)
    box = numbers(spaced[:4])
    if len(spaced) == 5 and box is not None:
        return {"transcription": _unquoted(spaced[4]), "points": box_points(*box)}
    return None


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def write(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """Write `gt_<image>.txt` files; outlines of other than four points become their smallest rotated rectangle.

    Args:
        samples: images with texts.
        out: folder to write to.
        names: of the images there, as `samples`.
    """
    import cv2

    problems = []
    for sample, name in zip(samples, names):
        rows, changed = [], 0
        for line in sample.lines:
            points = np.asarray(line.points, np.float32)
            if len(points) != 4:
                points, changed = cv2.boxPoints(cv2.minAreaRect(points)), changed + 1
            written = "###" if line.ignore else line.text
            rows.append(",".join(f"{round(float(v), 2):g}" for v in points.reshape(-1)) + f",{written}\n")
        write_text(out / f"gt_{Path(name).stem}.txt", "".join(rows))
        if changed:
            reason = f"{changed} outlines became rotated rectangles: the format has four corners per text"
            problems.append(
                Problem("outline-lost", sample.where, reason, "take another format to keep them", "warning")
            )
    return problems


__all__ = ["read", "recognise", "write"]
