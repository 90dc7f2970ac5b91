"""What `sealkit infer` keeps of its results: files, a table, and with --resume a record of both."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sealkit.cli.infer_state import Done, State, settings_of, stamp_of, unfolded
from sealkit.errors import SealkitError


class Names:
    """Names of saved files: of two inputs called alike (a/1.png and b/1.png) neither may overwrite the other."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, stem: str) -> None:
        """A name that an earlier run gave."""
        self._taken.add(stem.lower())

    def settle(self, result: Any) -> None:
        """Number `result.stem` where another result of this run has it already, and say so."""
        from sealkit.pipeline.present import name_of

        plain, number = result.stem, 1
        while result.stem.lower() in self._taken:  # lower: some file systems do not tell A from a
            number += 1
            result.stem = f"{plain}-{number}"
        self._taken.add(result.stem.lower())
        if number > 1:
            print(f"{name_of(result)}: saved as {result.stem}_…, another input has the name {plain}", file=sys.stderr)


class _Rows:
    """The rows of a result whose images need not be kept until the table is written."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def rows(self) -> list[dict[str, Any]]:
        return self._rows


class Keeper:
    """Saves results one by one; what cannot be saved is reported and counted, and the next one is tried.

    Attributes:
        done: results read, in this run or an earlier one.
        unsaved: of these, how many could not be saved.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.done = self.unsaved = 0
        self._args = args
        self._names = Names()
        self._rows: list[tuple[int, _Rows]] = []
        self._order: dict[str, int] = {}
        self._stamps: dict[str, list[int]] = {}
        self._state = State(Path(args.save_path), settings_of(args)) if args.resume else None
        self._pending: Done | None = None
        self._complete = True

    def left(self, inputs: Sequence[str]) -> list[str]:
        """The inputs that are to be read; without --resume all of them."""
        if self._state is None:
            return list(inputs)
        left, found = [], unfolded(inputs)
        for position, path in enumerate(found):
            self._order.setdefault(path, position)
            done = self._state.of(path)
            if done is None:
                left.append(path)
                self._stamps[path] = stamp_of(path)
                continue
            self.done += len(done.stems)
            for stem in done.stems:
                self._names.take(stem)
            self._rows.append((position, _Rows(done.rows)))
            if self._args.jsonl:
                self._print_again(done)
        self._tell(len(found) - len(left), self._state)
        return left

    def keep(self, result: Any) -> None:
        """Save a result as asked for."""
        self.done += result.ok
        files: list[str] | None = None
        if self._args.save_path and result.ok:
            self._names.settle(result)
            try:
                files = [path.name for path in _save(result, self._args.save_path)]
            except (SealkitError, OSError) as error:
                self._miss(error)
        rows = _Rows(result.rows() if self._args.save_csv or (self._state and not self._args.model) else [])
        self._rows.append((self._order.get(str(result.get("input_path")), 0), rows))
        if self._state is not None:
            self._record(result, files, rows.rows())

    def finish(self) -> None:
        """Write the table, and tell what could not be saved. Raises SealkitError: the table cannot be written."""
        from sealkit.pipeline.present import write_csv

        self._close()
        if self.unsaved:
            print(f"{self.unsaved} result(s) could not be saved", file=sys.stderr)
        if self._args.save_csv:
            write_csv([rows for _, rows in sorted(self._rows, key=lambda entry: entry[0])], self._args.save_csv)

    def _miss(self, error: Exception) -> None:
        self.unsaved += 1
        print(error, file=sys.stderr)

    def _record(self, result: Any, files: list[str] | None, rows: list[dict[str, Any]]) -> None:
        """Add a result to the record of its input; a document is recorded when its last page is there."""
        from sealkit.modules.result import plain

        path, page = str(result.get("input_path")), result.get("page_index")
        if not self._stamps.get(path):
            return  # a URL, or nothing that could be read
        name = os.path.abspath(path)
        if self._pending is not None and self._pending.path == name and not result.ok:
            self._complete = False
        if self._pending is not None and (self._pending.path != name or not page):
            self._close()
        if self._pending is None:
            self._pending, self._complete = Done(name, self._stamps[path]), True
        if files is None:
            self._complete = False
        else:
            self._pending.stems.append(result.stem)
            self._pending.files += files
            self._pending.rows += plain(rows)
        if page is None:
            self._close()

    def _close(self) -> None:
        pending, self._pending = self._pending, None
        if pending is None or self._state is None or not self._complete:
            return
        try:
            self._state.add(pending)
        except OSError as error:
            self._miss(error)

    def _print_again(self, done: Done) -> None:
        for name in done.files:
            if name.endswith("_res.json"):
                content = json.loads((Path(self._args.save_path) / name).read_bytes())
                print(json.dumps(content, ensure_ascii=False), flush=True)

    def _tell(self, there: int, state: State) -> None:
        lines = [f"{there} input(s) were read before"] if there else []
        lines += [f"{state.changed} changed or lack results and are read again"] if state.changed else []
        lines += [f"{state.other_settings} were read with other settings and are read again"] * bool(
            state.other_settings
        )
        if lines:
            print("; ".join(lines), file=sys.stderr)


def _save(result: Any, folder: str) -> list[Path]:
    """Files written: JSON, then images."""
    return [*result.save_to_json(folder), *result.save_to_img(folder)]


__all__ = ["Keeper", "Names"]
