"""What a command has done so far in the folder it fills: killed and started again, it goes on where it was.

A line of JSON per item, written when the item's files are there. A line that a kill tore is none, and its item is done
again. The journal goes when the command is done.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import DataError, EngineError, SealkitError, short_repr
from sealkit.files import read_regular, sweep
from sealkit.version import __version__
from sealkit.workers.pool import Workers, made, mapped
from sealkit.workers.serve import Make

log = logging.getLogger(__name__)
NAME = ".unfinished.jsonl"
_LIMIT = 4_000_000_000


class Journal:
    """Results of items that are done, by key; values are what JSON holds.

    Args:
        path: the file, begun where it is missing; None: nothing is kept.
        settings: what decides about the results.

    Raises:
        DataError: the file is of other settings, or cannot be read or written.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        self.path = path
        self.known: dict[str, Any] = {}
        """What an earlier run did."""
        if path is None:
            return
        head = _plain({"sealkit": __version__, **settings})
        try:
            lines = _lines(read_regular(path, _LIMIT)) if path.exists() else []
            if lines and lines[0] != head:
                raise _other(path, lines[0], head)
            self.known = {line["key"]: line["value"] for line in lines[1:] if set(line) == {"key", "value"}}
            if not lines:
                path.write_bytes(_line(head))
            elif not _ends_whole(path):
                self._append(b"\n")
        except OSError as error:
            raise _unwritable(path, error) from error

    def __contains__(self, key: str) -> bool:
        return key in self.known

    def add(self, key: str, value: Any) -> None:
        """Record an item. Raises DataError: the file cannot be written."""
        if self.path is None:
            return
        try:
            self._append(_line({"key": key, "value": value}))
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def finish(self) -> None:
        """All is done: nothing is left to go on with, nor of what killed processes began."""
        if self.path is not None:
            sweep(self.path.parent)
            self.path.unlink(missing_ok=True)

    def drop_empty(self) -> None:
        """Where no item is done, the command may be given again with other settings: remove the file."""
        if self.path is not None and self.path.is_file() and len(_lines(read_regular(self.path, _LIMIT))) < 2:
            self.path.unlink()

    def _append(self, data: bytes) -> None:
        assert self.path is not None
        with open(self.path, "ab") as file:
            file.write(data)


def begin(folder: str | Path, settings: Mapping[str, Any], *, shared: bool = False, name: str = NAME) -> Journal:
    """The journal of a folder that is to be filled; the folder is made.

    Args:
        settings: what decides about the results: a killed run of the same settings is gone on with.
        shared: the folder may hold other things.

    Raises:
        DataError: the folder holds something else, or what was begun with other settings; it cannot be made.
    """
    folder = Path(folder)
    path = folder / name
    if not shared and folder.exists() and not path.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            "the output folder is not empty", where=str(folder), hint="name another folder, or empty this one first"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the output folder cannot be made: {error.strerror}", where=str(folder), hint="check path and rights"
        ) from error
    return Journal(path, settings)


@contextmanager
def finished(journal: Journal) -> Iterator[Journal]:
    """The journal goes when the block ends without an error, or with one before anything was recorded."""
    try:
        yield journal
    except SealkitError:
        journal.drop_empty()
        raise
    journal.finish()


def resumed(
    work: Callable[[Any], Any] | None,
    jobs: Sequence[Any],
    workers: Workers,
    journal: Journal,
    name: str,
    *,
    make: Make | None = None,
    whole: Callable[[int, Any], bool] = lambda index, value: True,
    lost: Callable[[Any, EngineError], Any] | None = None,
) -> Generator[Any, None, None]:
    """As `mapped` or, with `make`, `made`; what the journal has is not done again.

    Args:
        work: gives what JSON holds; arrays and numbers of NumPy become lists and numbers.
        name: of this work in the journal.
        whole: (index of a job, what was recorded) → whether its files are still there.
    """
    keys = [f"{name}:{index}" for index in range(len(jobs))]
    there = {index for index, key in enumerate(keys) if key in journal and whole(index, journal.known[key])}
    if there:
        log.warning("%s: %d of %d were done before", name, len(there), len(jobs))
    left = (jobs[index] for index in range(len(jobs)) if index not in there)
    if make is not None:
        results = made(make, left, workers, lost)
    else:
        assert work is not None
        results = mapped(work, left, workers, lost)
    try:
        for index, key in enumerate(keys):
            if index in there:
                yield journal.known.pop(key)
                continue
            value = _plain(next(results))
            journal.add(key, value)
            yield value
    finally:
        results.close()


def _plain(value: Any) -> Any:
    """The value as it comes back from the journal, so that a run gone on with and one in one go are the same."""
    return json.loads(json.dumps(value, ensure_ascii=False, default=_number))


def _number(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _line(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, default=_number).encode("utf-8", "surrogatepass") + b"\n"


def _lines(raw: bytes) -> list[dict[str, Any]]:
    """The whole lines."""
    found = []
    for line in raw.splitlines():
        try:
            content = json.loads(line.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict):
            found.append(content)
    return found


def _ends_whole(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _other(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> DataError:
    changed = [key for key in dict.fromkeys([*before, *now]) if before.get(key) != now.get(key)]
    differences = (f"{key}: {short_repr(before.get(key), 40)}, now {short_repr(now.get(key), 40)}" for key in changed)
    return DataError(
        "the folder was begun with other settings and not finished",
        where=str(path.parent),
        value=", ".join(differences),
        hint=f"run the earlier command again, name another folder, or delete this one's content and {path.name}",
    )


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"cannot be read or written: {error.strerror}", where=str(path), hint="check rights and free space"
    )


__all__ = ["NAME", "Journal", "begin", "finished", "resumed"]
