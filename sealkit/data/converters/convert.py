"""From any annotation format of the table to a detection set."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from sealkit.data.converters.base import Conversion, Source, placed_images, to_samples
from sealkit.data.converters.detect import broken_files, recognise
from sealkit.data.converters.formats import FORMATS, LINE_KEYS, Kind, LabelFormat
from sealkit.data.converters.inside import Inside
from sealkit.data.converters.text_keys import choose_texts
from sealkit.data.records import DetSample
from sealkit.errors import ConfigError, DataError, Problem
from sealkit.workers.pool import Workers

_UNWRITABLE = re.compile("[^\\t\\n\\r\\x20-\\x7e\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that XML, or a line of a text file, cannot hold."""
_NOT_OUTLINES: dict[Kind, tuple[str, str]] = {
    "texts": (
        "this set has texts but no outlines",
        "texts alone serve end-to-end evaluation (read_texts, write_texts); a detector needs outlines",
    ),
    "classes": (
        "this set has classes of pages but no outlines",
        "convert it on the command line with --from page_classes, or call convert_pages",
    ),
    "line classes": (
        "this set has classes of text lines but no outlines",
        "convert it on the command line with --from line_classes, or call convert_lines",
    ),
    "boxes": (
        "this set has boxes of regions but no outlines of texts",
        "convert it on the command line with --from page_boxes, or call convert_boxes",
    ),
    "strips": (
        "this set has strips and their texts but no outlines of texts",
        "convert it on the command line, or call the format's reader and write_strips",
    ),
}


def find_format(path: str | Path, name: str = "auto") -> str:
    """The name of the format, found by content where it is "auto"; DataError where no known one lies there."""
    path = Path(path)
    if not path.exists():
        raise DataError("no such file or folder", where=str(path), hint="check the path")
    if name != "auto":
        if name not in FORMATS:
            raise DataError("unknown annotation format", value=name, hint=f"formats: {', '.join(FORMATS)}")
        return name
    found = recognise(path)
    if found is None:
        broken = broken_files(path)
        if broken:
            raise DataError(
                f"no known annotation format was found; {broken[0].message}",
                where=str(path if path.is_file() else path / broken[0].where),
                hint=f"{broken[0].hint}; or name the format with --from: {', '.join(FORMATS)}",
            )
        raise DataError(
            "no known annotation format was found",
            where=str(path),
            hint=f"name it with --from; formats: {', '.join(FORMATS)}",
        )
    return found


def read_outlines(path: str | Path, name: str = "auto", text: str | None = None, *, outside: bool = False) -> Source:
    """What a foreign detection set holds, its texts chosen.

    Args:
        path, name, outside: as of `read_source`.
        text: key of the annotations that holds the text, "none" for a set without texts; None: as the format has it.

    Raises:
        DataError: as of `read_source`; all texts would be empty while other keys hold some (the message names them).
    """
    source = read_source(path, name, outside=outside)
    choose_texts(source, text, str(path))
    return source


def read_source(path: str | Path, name: str = "auto", *, outside: bool = False) -> Source:
    """What a foreign detection set holds, with everything that may be a text.

    Args:
        path: folder or annotation file.
        name: a format of kind "outlines", or "auto".
        outside: also take images that lie outside of `path`; else they are reported.

    Raises:
        DataError: unknown format, nothing there, or a format without outlines.
    """
    row: LabelFormat = FORMATS[find_format(path, name)]
    if row.kind != "outlines":
        what, hint = _NOT_OUTLINES[row.kind]
        raise DataError(what, where=str(path), hint=hint)
    source: Source = row.reader()(Path(path))
    Inside(path, outside).keep(source)
    return source


def convert(path: str | Path, name: str = "auto", text: str | None = None, *, outside: bool = False) -> Conversion:
    """Read a foreign detection set.

    Args:
        path: folder or annotation file.
        name: a format of kind "outlines", or "auto".
        text, outside: as of `read_outlines`.

    Returns:
        samples that still point to the source's images, and everything that was not converted, with its place in the
        source. `sealkit.data.converters.base.write_set` writes them.

    Raises:
        DataError: as of `read_outlines`.
    """
    return to_samples(read_outlines(path, name, text, outside=outside))


def write_format(conversion: Conversion, out: str | Path, name: str, workers: Workers | None = None) -> list[Problem]:
    """Write a detection set in another tool's format, images and annotations; what the format cannot hold is returned.

    Raises:
        ConfigError: no such format, or one that has no writer. DataError: nothing was converted, or `out` holds
            something.
    """
    row = FORMATS.get(name)
    if row is None or row.write is None or row.kind != "outlines":
        known = [key for key, other in FORMATS.items() if other.write is not None and other.kind == "outlines"]
        raise ConfigError("outlines cannot be written as this", value=name, hint=f"formats: {', '.join(known)}")
    out = Path(out)
    with placed_images(conversion, out, out / row.images_in, workers) as placed:
        found = _on_one_line(placed, str(out)) if row.one_line else []
        found += row.writer()(placed, out, [sample.image_path.name for sample in placed])
    return found + _not_kept(conversion.samples, row, str(out))


def _on_one_line(samples: list[DetSample], where: str) -> list[Problem]:
    """Make the texts of the samples such that they stand on a line; one problem that counts those that did not."""
    changed = 0
    for sample in samples:
        lines = [replace(line, text=" ".join(_UNWRITABLE.sub(" ", line.text).split())) for line in sample.lines]
        changed += sum(one.text != other.text for one, other in zip(lines, sample.lines))
        sample.lines = lines
    if not changed:
        return []
    reason = (
        f"{changed} texts hold line ends, tabs, control characters or outer spaces, for which the format has no place"
    )
    return [Problem("texts-changed", where, reason, "nothing to do: single spaces stand for them", "info")]


def _not_kept(samples: list[DetSample], row: LabelFormat, where: str) -> list[Problem]:
    """One problem that counts what is known of the texts and has no place in the format; none where all has one."""
    lines = [line for sample in samples for line in sample.lines]
    known = {key: sum(getattr(line, key) is not None for line in lines) for key in (*LINE_KEYS, "key_cls")}
    lost = {key: count for key, count in known.items() if count and key not in row.keeps}
    if not lost:
        return []
    listed = ", ".join(f"{key} {count}" for key, count in lost.items())
    fuller = ", ".join(name for name, other in FORMATS.items() if lost.keys() <= set(other.keeps))
    reason = f"the format has no place for what is known of texts: {listed}"
    return [Problem("keys-lost", where, reason, f"formats that keep it all: {fuller}", "warning")]
