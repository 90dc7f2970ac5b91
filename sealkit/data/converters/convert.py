"""From any annotation format of the table to a detection set."""

from __future__ import annotations

from pathlib import Path

from sealkit.data.converters.base import Conversion, to_samples
from sealkit.data.converters.detect import recognise
from sealkit.data.converters.formats import FORMATS, Kind, LabelFormat
from sealkit.errors import DataError

_NOT_OUTLINES: dict[Kind, tuple[str, str]] = {
    "texts": (
        "this set has texts but no outlines",
        "texts alone serve end-to-end evaluation (read_texts, write_texts); a detector needs outlines",
    ),
    "classes": (
        "this set has classes of pages but no outlines",
        "convert it on the command line with --from page_classes, or call convert_pages",
    ),
    "boxes": (
        "this set has boxes of regions but no outlines of texts",
        "convert it on the command line with --from page_boxes, or call convert_boxes",
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
        raise DataError(
            "no known annotation format was found",
            where=str(path),
            hint=f"name it with --from; formats: {', '.join(FORMATS)}",
        )
    return found


def convert(path: str | Path, name: str = "auto") -> Conversion:
    """Read a foreign detection set.

    Args:
        path: folder or annotation file.
        name: a format of kind "outlines", or "auto".

    Returns:
        samples that still point to the source's images, and everything that was not converted, with its place in the
        source. `sealkit.data.converters.base.write_set` writes them.

    Raises:
        DataError: unknown format, nothing there, or a format without outlines.
    """
    row: LabelFormat = FORMATS[find_format(path, name)]
    if row.kind != "outlines":
        what, hint = _NOT_OUTLINES[row.kind]
        raise DataError(what, where=str(path), hint=hint)
    return to_samples(row.reader()(Path(path)))
