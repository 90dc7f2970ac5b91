"""PPOCRLabel: `Label.txt` beside the images, `folder/image.jpg<TAB>[{"transcription", "points", "difficult"}, …]`
per line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import Images, Row, Source, unlabelled
from sealkit.data.converters.formats import LINE_KEYS
from sealkit.data.converters.reading import glance, read_text
from sealkit.data.records import DetSample
from sealkit.errors import DataError, Problem
from sealkit.files import write_text

LABELS = "Label.txt"
STATES = "fileState.txt"
STRIPS, CROPS = "rec_gt.txt", "crop_img"
"""What the tool exports for recognition: a list, and the strips' folder."""
_LISTS = ("train.txt", "val.txt", "test.txt", "labels.txt")
_LOOKED_AT = 20
_KEPT = (*LINE_KEYS, "key_cls")


def recognise(path: Path, content: Any) -> bool:
    """A folder with Label.txt, or a text file whose lines hold a list after a tab."""
    if path.is_dir():
        return (path / LABELS).is_file()
    return isinstance(content, str) and path.suffix.lower() == ".txt" and _has_list(content)


def recognise_lists(path: Path, content: Any) -> bool:
    """A folder with label files of the names that PaddleX gives them."""
    return path.is_dir() and bool(_lists(path))


def _has_list(content: str) -> bool:
    """Whether one of the first lines holds a list after a tab; the very first may be damaged."""
    return any("\t[" in line for line in content.split("\n", _LOOKED_AT)[:_LOOKED_AT])


def _lists(folder: Path) -> list[Path]:
    found = []
    for name in _LISTS:
        content = glance(folder / name) if (folder / name).is_file() else None
        if isinstance(content, str) and _has_list(content):
            found.append(folder / name)
    return found


def read(path: Path) -> Source:
    """Rows of a folder with Label.txt, or of one such file.

    Paths in it start with the folder's own name, or are absolute paths of the labeller's machine: the image is looked
    for beside the file and by its name. `difficult` texts are ignored ones. Images that `fileState.txt` does not list
    as confirmed are converted and reported.
    """
    file = path / LABELS if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"there is no {LABELS}", where=str(path), hint="give the folder that PPOCRLabel has open")
    source = Source()
    images = Images(file.parent)
    waiting = _read_file(file, images, source)
    if waiting:
        reason = f"{len(waiting)} images are not confirmed in {STATES}, such as {waiting[0]}"
        source.report("not-confirmed", STATES, reason, "confirm them in PPOCRLabel; they were converted", "warning")
    if (file.parent / STRIPS).is_file():
        fix = f"sealkit data convert {file.parent / STRIPS} OUT makes a recognition set of it"
        source.report("strips-too", STRIPS, "the folder also holds cut strips and their texts", fix, "info")
        images.paths = [path for path in images.paths if path.parent != file.parent / CROPS]
    unlabelled(images, source.rows, str(file.parent), source)
    return source


def read_lists(path: Path) -> Source:
    """Rows of a set in PaddleX's own format: all of its label files."""
    files = [path] if path.is_file() else _lists(path)
    if not files:
        raise DataError("there is no label file", where=str(path), hint=f"names: {', '.join(_LISTS)}")
    source = Source()
    images = Images(files[0].parent)
    for file in files:
        _read_file(file, images, source)
    return source


def _read_file(file: Path, images: Images, source: Source) -> list[str]:
    """Adds the rows of a label file; names of images that the labeller did not confirm."""
    root = file.parent
    confirmed = _confirmed(root / STATES)
    waiting: list[str] = []
    text = read_text(file, file.name, source.report) or ""
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file.name}:{number}"
        name, tab, content = line.partition("\t")
        if not tab:
            source.report("bad-separator", where, f"no tab in {line[:60]!r}", "write `path<TAB>[{…}]`")
            continue
        image = images.find(name.strip(), root, root.parent)
        if image is None:
            source.report("missing-image", where, f"there is no image {name!r}", f"put it into {root}")
        elif confirmed is not None and image.name not in confirmed:
            waiting.append(image.name)
        source.rows.append(Row(where, image, content.replace("\t", " ").replace("\r", " ")))
    return waiting


def _confirmed(states: Path) -> set[str] | None:
    """Names of the images that the labeller confirmed, None where that was not recorded."""
    if not states.is_file():
        return None
    text = read_text(states, states.name, Source().report) or ""
    rows = [line.rpartition("\t") for line in text.splitlines()]
    return {name.replace("\\", "/").rpartition("/")[2] for name, _, state in rows if state.strip() == "1"}


def write(samples: list[DetSample], out: Path, names: list[str]) -> list[Problem]:
    """Write `Label.txt` and `fileState.txt`, all images confirmed; the folder can be opened in PPOCRLabel."""
    rows, states = [], []
    for sample, name in zip(samples, names):
        entries = []
        for line in sample.lines:
            points = [[round(float(x), 2), round(float(y), 2)] for x, y in line.points]
            text = "###" if line.ignore else line.text
            entry = {"transcription": text, "points": points, "difficult": line.ignore}
            known = {key: getattr(line, key) for key in _KEPT if getattr(line, key) is not None}
            entries.append({**entry, **known})
        rows.append(f"{out.resolve().name}/{name}\t{json.dumps(entries, ensure_ascii=False)}\n")
        states.append(f"{(out / name).resolve()}\t1\n")
    write_text(out / STATES, "".join(states))
    write_text(out / LABELS, "".join(rows))
    return []


__all__ = ["read", "read_lists", "recognise", "recognise_lists", "write"]
