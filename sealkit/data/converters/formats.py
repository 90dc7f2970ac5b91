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

Kind = Literal["outlines", "texts", "boxes", "classes", "line classes", "strips"]
LINE_KEYS = ("shape", "angle", "direction", "seal")
"""What may be known of a text besides its outline and transcription: fields of `TextLine`, keys of label files."""


@dataclass(frozen=True)
class LabelFormat:
    """One annotation format.

    Attributes:
        title: what it is, as it follows "the folder holds".
        kind: what it labels. "outlines" of texts make a detection set; "texts" without outlines, an evaluation set;
            "boxes" of regions, a layout set; "classes" of pages, a set for page orientation, "line classes" for that of
            text lines; "strips" with their texts, a recognition set.
        read: dotted name of the function that reads it. "outlines": `read(path) -> Source`; "texts": `read(path) ->
            (texts per image, Source)`; "boxes": `read(source, out, names) -> (counts, problems)` and both kinds of
            classes: `read(source, out) -> (counts, problems)` write the set themselves; "strips": `read(path) ->
            Strips`.
        recognise: dotted name of `recognise(path, content) -> bool`. `path` is a folder (`content` None) or a file,
            `content` what `reading.glance` gives of it: a JSON value, an XML root, or text. None: the format is only
            read where it is asked for by name.
        suffix: of its text files, such as ".jsonl", where that is none of `reading.SUFFIXES`.
        write: dotted name of what writes it. "outlines": `write(samples, out, names) -> problems`, after the images
            were copied to `out/images_in` under these names; "strips": `write(strips, out) -> count`. None: it cannot
            hold such a set.
        keeps: what else the writer keeps of a text (`LINE_KEYS`, "key_cls"); what it does not is reported.
        one_line: a text stands on one line, between single spaces and without control characters; the writer is given
            such texts, and those that had to be changed are reported.
        images_in: folder of the images in a set that is written, "" for the set's own.
    """

    title: str
    kind: Kind
    read: str
    recognise: str | None = None
    suffix: str = ""
    write: str | None = None
    keeps: tuple[str, ...] = ()
    one_line: bool = False
    images_in: str = ""

    def writer(self) -> Any:
        """The function `write` names."""
        return _load(self.write) if self.write is not None else None

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
        write=f"{_HERE}.writers.write_labelme",
        keeps=LINE_KEYS,
    ),
    "ppocrlabel": LabelFormat(
        title="a PPOCRLabel file (Label.txt)",
        kind="outlines",
        read=f"{_HERE}.ppocrlabel.read",
        recognise=f"{_HERE}.ppocrlabel.recognise",
        write=f"{_HERE}.ppocrlabel.write",
        keeps=(*LINE_KEYS, "key_cls"),
    ),
    "paddlex": LabelFormat(
        title="label files in PaddleX's format",
        kind="outlines",
        read=f"{_HERE}.ppocrlabel.read_lists",
        recognise=f"{_HERE}.ppocrlabel.recognise_lists",
    ),
    "coco": LabelFormat(
        title="a COCO file",
        kind="outlines",
        read=f"{_HERE}.coco.read",
        recognise=f"{_HERE}.coco.recognise",
        write=f"{_HERE}.writers.write_coco",
        keeps=LINE_KEYS,
    ),
    "labelstudio": LabelFormat(
        title="a Label Studio export",
        kind="outlines",
        read=f"{_HERE}.labelstudio.read",
        recognise=f"{_HERE}.labelstudio.recognise",
        write=f"{_HERE}.labelstudio.write",
        keeps=LINE_KEYS,
    ),
    "via": LabelFormat(
        title="a VGG Image Annotator file",
        kind="outlines",
        read=f"{_HERE}.via.read",
        recognise=f"{_HERE}.via.recognise",
        write=f"{_HERE}.via.write",
        keeps=LINE_KEYS,
    ),
    "rest": LabelFormat(
        title="ICDAR ReST files",
        kind="outlines",
        read=f"{_HERE}.rest.read",
        recognise=f"{_HERE}.rest.recognise",
        write=f"{_HERE}.writers.write_rest",
    ),
    "cvat": LabelFormat(
        title="a CVAT file",
        kind="outlines",
        read=f"{_HERE}.cvat.read",
        recognise=f"{_HERE}.cvat.recognise",
        write=f"{_HERE}.cvat.write",
        one_line=True,
        keeps=LINE_KEYS,
    ),
    "voc": LabelFormat(
        title="Pascal VOC files",
        kind="outlines",
        read=f"{_HERE}.voc.read",
        recognise=f"{_HERE}.voc.recognise",
    ),
    "icdar2015": LabelFormat(
        title="ICDAR 2015 text files",
        kind="outlines",
        read=f"{_HERE}.icdar2015.read",
        recognise=f"{_HERE}.icdar2015.recognise",
        write=f"{_HERE}.icdar2015.write",
        one_line=True,
    ),
    "ctw1500": LabelFormat(
        title="CTW1500 files",
        kind="outlines",
        read=f"{_HERE}.ctw1500.read",
        recognise=f"{_HERE}.ctw1500.recognise",
        write=f"{_HERE}.ctw1500.write",
        one_line=True,
    ),
    "totaltext": LabelFormat(
        title="Total-Text files",
        kind="outlines",
        read=f"{_HERE}.totaltext.read",
        recognise=f"{_HERE}.totaltext.recognise",
        write=f"{_HERE}.totaltext.write",
        one_line=True,
    ),
    "yolo": LabelFormat(
        title="YOLO text files",
        kind="outlines",
        read=f"{_HERE}.yolo.read",
        recognise=f"{_HERE}.yolo.recognise",
        write=f"{_HERE}.yolo.write",
        images_in="images",
    ),
    "csv": LabelFormat(
        title="a CSV table of outlines",
        kind="outlines",
        read=f"{_HERE}.csv_table.read",
        recognise=f"{_HERE}.csv_table.recognise",
        write=f"{_HERE}.csv_table.write",
        one_line=True,
        keeps=LINE_KEYS,
    ),
    "csv_strips": LabelFormat(
        title="a CSV table of strips",
        kind="strips",
        read=f"{_HERE}.csv_table.read_strips",
        recognise=f"{_HERE}.csv_table.recognise_strips",
    ),
    "gt_txt": LabelFormat(
        title="a list of strips and texts (gt.txt, rec_gt.txt)",
        kind="strips",
        read=f"{_HERE}.strips.read_gt",
        recognise=f"{_HERE}.strips.recognise_gt",
        write=f"{_HERE}.strips.write_gt",
    ),
    "lmdb": LabelFormat(
        title="an LMDB set of strips",
        kind="strips",
        read=f"{_HERE}.lmdb_strips.read",
        recognise=f"{_HERE}.lmdb_strips.recognise",
        write=f"{_HERE}.lmdb_strips.write",
    ),
    "file_names": LabelFormat(
        title="strips named by their text",
        kind="strips",
        read=f"{_HERE}.strips.read_names",
    ),
    "seal_texts": LabelFormat(
        title="text files beside images (TrOCR-Seal)",
        kind="texts",
        read=f"{_HERE}.seal_texts.read_texts",
        recognise=f"{_HERE}.seal_texts.recognise",
    ),
    "line_classes": LabelFormat(
        title="text lines in folders 0, 180, or PaddleX's set of them",
        kind="line classes",
        read=f"{_HERE}.page_classes.convert_lines",
        recognise=f"{_HERE}.page_classes.recognise_lines",
    ),
    "page_classes": LabelFormat(
        title="pages in folders 0, 90, 180, 270, or PaddleX's classification set",
        kind="classes",
        read=f"{_HERE}.page_classes.convert_pages",
        recognise=f"{_HERE}.page_classes.recognise",
    ),
    "page_boxes": LabelFormat(
        title="boxes of regions of pages, in COCO or LabelMe files",
        kind="boxes",
        read=f"{_HERE}.page_boxes.convert_boxes",
    ),
}
"""Name → format, in the order in which they are tried."""
OWN = "paddlex"
"""sealkit's own form of a detection set: what others are converted to where nothing else is asked for."""


def targets() -> list[str]:
    """What a set can be converted to: its own forms, and the formats that have a writer."""
    return [OWN, *(name for name, row in FORMATS.items() if row.write is not None), "page_boxes"]
