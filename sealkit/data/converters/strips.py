"""Recognition sets of other tools: images of one line each, and their texts → a set in PaddleX's format.

Read are lists (`gt.txt` of deep-text-recognition-benchmark, ICDAR's `word_1.png, "text"`, PPOCRLabel's `rec_gt.txt`)
and folders in which the file's name is the text (`文字_0.jpg`, as text renderers write them).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import IMAGES, Images, Source, Stored, filling, free_name
from sealkit.data.converters.inside import Inside
from sealkit.data.converters.reading import read_text
from sealkit.data.converters.text_lines import format_of, lines_of
from sealkit.data.labels.recognition import fault_of
from sealkit.errors import DataError, Problem
from sealkit.files import write_text
from sealkit.images.decode import read_file
from sealkit.workers.pool import Workers

_LINE = re.compile(
    r"\s*(?P<path>\S[^\t]*?\.(?:jpe?g|png|bmp|tiff?|webp))(?:\t|\s*,\s*|\s+)(?P<text>.*?)\s*$", re.IGNORECASE
)  # fmt: skip
_NUMBER = re.compile(r"[_-]\d+$")
_MJSYNTH = re.compile(r"^\d+_(?P<text>.+)_\d+$")


@dataclass
class Strip:
    """One image of a line: its file, or what holds it, and what is written on it."""

    name: str
    text: str
    where: str
    image: Path | Stored

    @property
    def path(self) -> Path | None:
        """The file; None where something else holds the image."""
        return self.image if isinstance(self.image, Path) else None

    def content(self) -> bytes:
        """The encoded image."""
        return read_file(self.image) if isinstance(self.image, Path) else self.image.read()


@dataclass
class Strips:
    """What a converter of strips read, and what it could not use."""

    found: list[Strip] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, where: str, image: Path | None, name: str, text: str, source: Source) -> None:
        """Keep an image and its text, or report why they cannot be used."""
        if image is None:
            source.report("missing-image", where, f"there is no image {name!r}", "put it beside the list")
            return
        fault = fault_of(image.name, text)
        if fault is not None:
            source.report(fault[0], where, fault[1], fault[2])
            return
        self.found.append(Strip(image.name, text, where, image))


def recognise_gt(path: Path, content: Any) -> bool:
    """A text file whose lines begin with an image's path."""
    return isinstance(content, str) and path.suffix.lower() == ".txt" and format_of(content) == "gt_txt"


def read_gt(path: Path) -> Strips:
    """Images and texts of a list, or of every such list of a folder."""
    files = [path] if path.is_file() else sorted(path.rglob("*.txt"))
    root = path.parent if path.is_file() else path
    source, strips = Source(), Strips()
    images = Images(root)
    for file in files:
        text = read_text(file, file.name, source.report)
        if text is None or (path.is_dir() and format_of(text) != "gt_txt"):
            continue
        for number, line in lines_of(text):
            match = _LINE.match(line)
            where = f"{file.name}:{number}"
            if match is None:
                source.report("bad-separator", where, f"no image's path in {line[:60]!r}", "write `path<TAB>text`")
                continue
            written = match["text"]
            if "," in line[match.end("path") : match.start("text")] and written[:1] == '"' == written[-1:]:
                written = written[1:-1].replace('\\"', '"')
            strips.add(where, images.find(match["path"], file.parent, root), match["path"], written, source)
    strips.problems = source.problems
    return strips


def read_names(path: Path) -> Strips:
    """Images whose name is their text: `文字.jpg`, `文字_12.jpg`, `1_word_3.jpg`. Only where it is asked for."""
    if not path.is_dir():
        raise DataError("not a folder", where=str(path), hint="give the folder with the images")
    source, strips = Source(), Strips()
    for image in Images(path).paths:
        numbered = _MJSYNTH.match(image.stem)
        text = numbered["text"] if numbered else _NUMBER.sub("", image.stem)
        strips.add(image.relative_to(path).as_posix(), image, image.name, text.strip(), source)
    strips.problems = source.problems
    return strips


def keep_inside(strips: Strips, source: str | Path, outside: bool = False) -> None:
    """Take out and report the strips whose image lies outside of the source, or is none."""
    inside = Inside(source, outside)
    kept = []
    for strip in strips.found:
        problem = inside.problem(strip.path, strip.where) if strip.path is not None else None
        if problem is None:
            kept.append(strip)
        else:
            strips.problems.append(problem)
    strips.found = kept


def write_strips(
    strips: Strips,
    out: str | Path,
    labels: str = "labels.txt",
    folder: str = IMAGES,
    workers: Workers | None = None,
) -> int:
    """Copy the images to `out/folder` and write `out/labels`, a line `folder/name<TAB>text` each; returns their number.

    Raises:
        DataError: nothing was read, or `out` holds something.
    """
    out = Path(out)
    if not strips.found:
        first = f" ({strips.problems[0].message})" if strips.problems else ""
        raise DataError(f"nothing could be converted{first}", hint="see the problems above")
    used: set[str] = set()
    copies: dict[Path, Path | bytes | Stored] = {}
    rows = []
    for strip in strips.found:
        name = free_name(strip.name, used)
        used.add(name.lower())
        copies[out / folder / name] = strip.image
        rows.append(f"{folder}/{name}\t{strip.text}\n")
    with filling(out, copies, workers):
        write_text(out / labels, "".join(rows))
    return len(rows)


def write_gt(strips: Strips, out: str | Path, labels: str = "") -> int:
    """Write `rec_gt.txt` and the folder `crop_img`, as PPOCRLabel does; returns the number of strips."""
    return write_strips(strips, out, "rec_gt.txt", "crop_img")


__all__ = ["Strip", "Strips", "read_gt", "read_names", "recognise_gt", "write_gt", "write_strips"]
