"""What `sealkit infer --resume` knows of earlier runs: which inputs were read, with which settings, to which files.

A line of JSON per input in the save folder, written when all results of the input are saved. A line that a kill tore is
no line, and its input is read again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sealkit.errors import SealkitError
from sealkit.files import open_regular, read_regular

STATE = "sealkit_infer.jsonl"
_LIMIT = 1_000_000_000
_IRRELEVANT = frozenset(
    {"input", "more", "save_path", "save_csv", "jsonl", "quiet", "verbose", "resume", "threads", "at_once", "allow_url"}
    | {"workers", "ray", "download", "parser", "command_line"}
)
"""Flags that do not change what a result says, and what the parser adds to them."""
_MOST_FILES = 1000


@dataclass
class Done:
    """An input and what was made of it.

    Attributes:
        path: absolute path of the input.
        stamp: its size and time of change, when it was read.
        stems: what the names of its results begin with, one per page.
        files: names of the files saved, in the save folder.
        rows: of the table of texts.
    """

    path: str
    stamp: list[int]
    stems: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)


class State:
    """The results of a save folder.

    Args:
        folder: the save folder.
        settings: of this run, see `settings_of`; results of other settings are made again.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        self._file, self._folder, self._settings = folder / STATE, folder, settings
        self._lines = _lines(self._file)
        self.other_settings = 0
        """Inputs whose results were made with other settings."""
        self.changed = 0
        """Inputs that changed since, or whose results are not whole any more."""
        self._known: dict[str, list[Done]] = {}
        self._foreign: set[str] = set()
        for line in self._lines:
            if line.pop("settings", None) == settings:
                done = Done(**line)
                self._known.setdefault(done.path, []).append(done)
            else:
                self._foreign.add(str(line.get("path")))

    def of(self, path: str) -> Done | None:
        """What was made of an input that is as it was then, where all of it is there and whole."""
        name = os.path.abspath(path)
        known = self._known.get(name)
        if not known:
            self.other_settings += name in self._foreign
            return None
        done = known.pop()  # the newest
        if done.stamp == stamp_of(path) and all(_is_whole(self._folder / file) for file in done.files):
            return done
        self.changed += 1
        return None

    def add(self, done: Done) -> None:
        """Record an input. Raises OSError."""
        line = {"settings": self._settings, **vars(done)}
        with open(self._file, "ab") as file:
            torn = file.tell() and not _ends_whole(self._file)
            file.write(
                b"\n" * bool(torn) + json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
            )


def stamp_of(path: str) -> list[int]:
    """Size and time of change of a file in nanoseconds; [] where there is no such file."""
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def settings_of(args: argparse.Namespace) -> str:
    """A hash of what decides what results say: version, flags, and the files and folders that these name."""
    from sealkit.version import __version__

    given = sorted(vars(args).items())
    deciding = {key: value for key, value in given if key not in _IRRELEVANT and not callable(value)}
    files = [list(_stamps(name)) for name in _names(deciding)]
    return hashlib.sha256(json.dumps([__version__, deciding, files], default=str).encode()).hexdigest()


def _names(value: Any) -> Iterable[str]:
    """Texts in flags, and in the configs these name, that are paths."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _names(one)
    elif isinstance(value, str):
        path = value.rpartition("=")[2]  # of an override
        if path and os.path.exists(path):
            yield path
            if path.endswith((".yaml", ".yml")):
                from sealkit.config.yamlfile import read_yaml

                yield from _names(read_yaml(path).tree)


def _stamps(name: str) -> Iterable[tuple[str, list[int]]]:
    """Stamps of a file, or of the files of a folder."""
    if not os.path.isdir(name):
        yield name, stamp_of(name)
        return
    count = 0
    for parent, below, files in os.walk(name):
        below.sort()
        for file in sorted(files):
            count += 1
            if count <= _MOST_FILES:
                yield file, stamp_of(os.path.join(parent, file))


def _lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a state file; [] without one."""
    try:
        raw = read_regular(path, _LIMIT)
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = error.strerror or str(error)
        raise SealkitError(
            f"cannot read: {reason}", where=str(path), hint="delete it, or leave --resume out"
        ) from error
    found = []
    for line in raw.splitlines():
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict) and _is_entry(content):
            found.append(content)
    return found


def _is_entry(content: dict[str, Any]) -> bool:
    """Whether a line has the form that `State.add` writes; names of files stay in the save folder."""
    lists = all(isinstance(content.get(key), list) for key in ("stamp", "stems", "files", "rows"))
    known = set(content) == {"settings", "path", "stamp", "stems", "files", "rows"}
    return lists and known and all(isinstance(f, str) and os.path.basename(f) == f for f in content["files"])


def _ends_whole(path: Path) -> bool:
    with open_regular(path) as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _is_whole(path: Path) -> bool:
    """Whether a saved file is there and can be read: JSON parsed, of an image its header."""
    from sealkit.images import inspect_image

    try:
        if path.suffix.lower() == ".json":
            json.loads(read_regular(path, _LIMIT))
        else:
            inspect_image(path)
    except (OSError, ValueError, RecursionError, SealkitError):
        return False
    return True


def unfolded(inputs: Sequence[str]) -> list[str]:
    """Inputs with folders replaced by what they hold, in the order in which they are read."""
    from sealkit.errors import ImageError
    from sealkit.images import list_images

    found: list[str] = []
    for given in inputs:
        try:
            found += list_images(given, pdf=True, unread=True) if os.path.isdir(given) else [given]
        except ImageError:
            found.append(given)  # its error is a result
    return found


__all__ = ["STATE", "Done", "State", "settings_of", "stamp_of", "unfolded"]
