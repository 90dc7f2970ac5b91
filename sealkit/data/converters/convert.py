"""From any known annotation format to a detection set. The table is the whole dispatch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sealkit.data.converters import coco, labelme, ppocrlabel, rest
from sealkit.data.converters.base import Conversion, Source, settle
from sealkit.data.converters.detect import recognise
from sealkit.data.converters.formats import FORMATS
from sealkit.errors import DataError

READERS: Mapping[str, Callable[[Path], Source]] = {
    "labelme": labelme.read,
    "ppocrlabel": ppocrlabel.read,
    "coco": coco.read,
    "rest": rest.read,
}
TEXT_ONLY = "seal_texts"
"""Texts without outlines: see `sealkit.data.converters.seal_texts`."""
PAGES = "page_classes"
"""Pages by angle: see `sealkit.data.converters.page_classes`."""
BOXES = "page_boxes"
"""Boxes of regions: see `sealkit.data.converters.page_boxes`."""


def find_format(path: str | Path, name: str = "auto") -> str:
    """The format's name, found by looking where it is "auto"; DataError where nothing known lies there."""
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
        name: a key of READERS, or "auto".

    Returns:
        samples that still point to the source's images, and everything that was not converted, with its place in the
        source. `sealkit.data.converters.base.write_set` writes them.

    Raises:
        DataError: unknown format, nothing there, or a format without outlines.
    """
    found = find_format(path, name)
    if found == TEXT_ONLY:
        hint = "texts alone serve end-to-end evaluation (read_texts, write_texts); a detector needs outlines"
        raise DataError("this set has texts but no outlines", where=str(path), hint=hint)
    if found == PAGES:
        hint = "convert it on the command line with --from page_classes, or call convert_pages"
        raise DataError("this set has classes of pages but no outlines", where=str(path), hint=hint)
    if found == BOXES:
        hint = "convert it on the command line with --from page_boxes, or call convert_boxes"
        raise DataError("this set has boxes of regions but no outlines of texts", where=str(path), hint=hint)
    return settle(READERS[found](Path(path)))
