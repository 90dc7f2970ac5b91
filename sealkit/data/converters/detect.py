"""Which annotation format lies in a folder? Opens a few files only; for hints and for `data convert --from auto`."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

from sealkit.data.converters.base import Source
from sealkit.data.converters.formats import FORMATS, OWN
from sealkit.data.converters.reading import SUFFIXES, glance, read_json, read_xml
from sealkit.data.converters.text_lines import is_list
from sealkit.errors import Problem

_MAX_FILES = 20  # opened, of each suffix
_MAX_SEEN = 5000  # files looked through
_DEPTH = 4  # VOCdevkit/VOC2007/Annotations/a.xml
_ORDER = ("outlines", "boxes", "line classes", "classes", "strips", "texts")


def recognise(source: str | Path) -> str | None:
    """Name of the format of a folder or file, the first of the table that fits; None where none does.

    A folder may hold several: one with outlines comes first, by a file of its own name or as most of its files are;
    then strips; what has texts alone is only looked for where there is nothing better.
    """
    source = Path(source)
    if source.is_file():
        return _of_file(source)
    if not source.is_dir():
        return None
    folders = [name for name, row in FORMATS.items() if row.recognises(source)]
    outlines = [name for name in folders if FORMATS[name].kind == "outlines"]
    if outlines:
        return outlines[0]
    found = Counter(kind for path in _files(source) if (kind := _of_file(path)) is not None)
    found.update(folders)
    if not found:
        return None
    return min(found, key=lambda name: (_ORDER.index(FORMATS[name].kind), -found[name]))


def describe_folder(root: str | Path) -> tuple[str, str | None]:
    """(what lies there instead of the expected label file, the command that converts it or None)."""
    root = Path(root)
    kind = recognise(root)
    if kind is not None and kind != OWN:
        return f"the folder holds {FORMATS[kind].title}", f"sealkit data convert {root} OUT"
    texts = sorted(path.name for path in root.glob("*.txt"))
    if texts:
        return f"label files there: {', '.join(texts[:6])}", None
    return "the folder holds no label file of a known format", None


def broken_files(source: str | Path) -> list[Problem]:
    """The files of a folder, or the file, that would be looked at for its format and cannot be parsed."""
    source, found = Path(source), Source()
    for path in [source] if source.is_file() else _files(source):
        if path.suffix.lower() == ".json":
            read_json(path, path.name, found.report)
        elif path.suffix.lower() == ".xml":
            read_xml(path, path.name, found.report)
    return [problem for problem in found.problems if problem.severity == "error"]


def _files(folder: Path) -> list[Path]:
    """Annotation files of a folder, of each suffix those that lie highest."""
    files = [path for path in islice(folder.rglob("*"), _MAX_SEEN) if path.is_file()]
    chosen: list[Path] = []
    for suffixes in (*SUFFIXES, *((suffix,) for suffix in _own_suffixes())):
        fitting = [path for path in files if path.suffix.lower() in suffixes]
        if ".txt" in suffixes:
            fitting = [path for path in fitting if not is_list(path)]
        depths = {path: len(path.relative_to(folder).parts) for path in fitting}
        highest = min(depths.values(), default=0)
        if highest <= _DEPTH:
            chosen += sorted(path for path in fitting if depths[path] == highest)[:_MAX_FILES]
    return chosen


def _own_suffixes() -> list[str]:
    """Suffixes that formats have beyond the usual ones."""
    return [row.suffix for row in FORMATS.values() if row.suffix]


def _of_file(path: Path) -> str | None:
    content = glance(path, _own_suffixes())
    return next((name for name, row in FORMATS.items() if row.recognises(path, content)), None)
