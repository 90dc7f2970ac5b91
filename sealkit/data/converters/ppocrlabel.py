"""PPOCRLabel: `Label.txt` beside the images, `folder/image.jpg<TAB>[{"transcription", "points", "difficult"}, …]`
per line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sealkit.data.converters.base import Images, Row, Source, unlabelled
from sealkit.data.labels.files import label_text
from sealkit.errors import DataError

LABELS = "Label.txt"
STATES = "fileState.txt"


def recognise(path: Path, content: Any) -> bool:
    """A folder with Label.txt, or a text file whose first line holds a list after a tab."""
    if path.is_dir():
        return (path / LABELS).is_file()
    if path.suffix.lower() != ".txt":
        return False
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return "\t[" in file.readline(1_000_000)
    except OSError:
        return False


def read(path: Path) -> Source:
    """Rows of a folder with Label.txt, or of one such file.

    Paths in it start with the folder's own name, or are absolute paths of the labeller's machine: the image is looked
    for beside the file and by its name. `difficult` texts become ignored ones. Images that `fileState.txt` does not
    list as confirmed are converted and reported.
    """
    file = path / LABELS if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"there is no {LABELS}", where=str(path), hint="give the folder that PPOCRLabel has open")
    source = Source()
    root = file.parent
    images = Images(root)
    confirmed = _confirmed(root / STATES)
    waiting: list[str] = []
    text = label_text(file, "replace")
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file.name}:{number}"
        name, tab, content = line.partition("\t")
        if not tab:
            source.report("bad-separator", where, f"no tab in {line[:60]!r}", "write `path<TAB>[{…}]`")
            continue
        image = images.find(name.strip(), root.parent, root)
        if image is None:
            source.report("missing-image", where, f"there is no image {name!r}", f"put it into {root}")
        elif confirmed is not None and image.name not in confirmed:
            waiting.append(image.name)
        source.rows.append(Row(where, image, _ignore_difficult(content.replace("\t", " ").replace("\r", " "))))
    if waiting:
        reason = f"{len(waiting)} images are not confirmed in {STATES}, such as {waiting[0]}"
        source.report("not-confirmed", STATES, reason, "confirm them in PPOCRLabel; they were converted", "warning")
    unlabelled(images, source.rows, str(root), source)
    return source


def _confirmed(states: Path) -> set[str] | None:
    """Names of the images that the labeller confirmed, None where that was not recorded."""
    if not states.is_file():
        return None
    rows = [line.rpartition("\t") for line in label_text(states, "replace").splitlines()]
    return {name.replace("\\", "/").rpartition("/")[2] for name, _, state in rows if state.strip() == "1"}


def _ignore_difficult(content: str) -> str:
    """The line's JSON with `difficult` texts marked as ignored; unchanged where it cannot be read."""
    if '"difficult"' not in content:
        return content
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError):
        return content
    if isinstance(entries, list):
        for entry in entries:
            if isinstance(entry, dict) and entry.get("difficult") is True:
                entry["transcription"] = "###"
    return json.dumps(entries, ensure_ascii=False)
