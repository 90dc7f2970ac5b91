"""THE table of annotation formats that can be converted. A new format is one file beside this one and one row here.

Command lines, messages and `datasets/FORMATS.md` follow the table. Its functions are dotted names, imported when they
are used: a command line wants the names without the readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

Kind = Literal["outlines", "texts", "boxes", "classes"]


@dataclass(frozen=True)
class LabelFormat:
    """One annotation format.

    Attributes:
        title: what it is, as it follows "the folder holds".
        kind: what it labels. "outlines" of texts make a detection set; "texts" without outlines, an evaluation set;
            "boxes" of regions, a layout set; "classes" of pages, a set for page orientation.
        read: dotted name of the function that reads it. "outlines": `read(path) -> Source`; "texts": `read(path) ->
            (texts per image, Source)`; "boxes": `read(source, out, names) -> (counts, problems)` and "classes":
            `read(source, out) -> (counts, problems)` write the set themselves.
        recognise: dotted name of `recognise(path, content) -> bool`. `path` is a folder or a file, `content` what a
            JSON file holds, else None. None: the format is only read where it is asked for by name.
    """

    title: str
    kind: Kind
    read: str
    recognise: str | None = None

    def reader(self) -> Any:
        """The function `read` names."""
        return _load(self.read)

    def recognises(self, path: Path, content: Any = None) -> bool:
        """Whether a folder, or a file with this content, is of the format."""
        return self.recognise is not None and bool(_load(self.recognise)(path, content))


def _load(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(import_module(module), name)


_HERE = "sealkit.data.converters"

FORMATS: Mapping[str, LabelFormat] = {
    "labelme": LabelFormat(
        title="LabelMe files",
        kind="outlines",
        read=f"{_HERE}.labelme.read",
        recognise=f"{_HERE}.labelme.recognise",
    ),
    "ppocrlabel": LabelFormat(
        title="a PPOCRLabel file (Label.txt)",
        kind="outlines",
        read=f"{_HERE}.ppocrlabel.read",
        recognise=f"{_HERE}.ppocrlabel.recognise",
    ),
    "coco": LabelFormat(
        title="a COCO file",
        kind="outlines",
        read=f"{_HERE}.coco.read",
        recognise=f"{_HERE}.coco.recognise",
    ),
    "rest": LabelFormat(
        title="ICDAR ReST files",
        kind="outlines",
        read=f"{_HERE}.rest.read",
        recognise=f"{_HERE}.rest.recognise",
    ),
    "seal_texts": LabelFormat(
        title="text files beside images (TrOCR-Seal)",
        kind="texts",
        read=f"{_HERE}.seal_texts.read_texts",
        recognise=f"{_HERE}.seal_texts.recognise",
    ),
    "page_classes": LabelFormat(
        title="pages in folders 0, 90, 180, 270, or PaddleX's classification set",
        kind="classes",
        read=f"{_HERE}.page_classes.convert_pages",
    ),
    "page_boxes": LabelFormat(
        title="boxes of regions of pages, in COCO or LabelMe files",
        kind="boxes",
        read=f"{_HERE}.page_boxes.convert_boxes",
    ),
}
"""Name → format, in the order in which they are tried."""
