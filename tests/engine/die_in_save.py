"""Trains the toy task in forks that end inside a save: die_in_save.py FOLDER RECIPE FIRST LAST STEP...

The child that trains in `FOLDER/<n>`, one for each n from FIRST to LAST, ends with `os._exit` at the n-th operation on
files of the saves at these steps, a write with half of its bytes written. The last line printed tells the operation of
each child, null where the saves had fewer.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # no threads: they do not survive a fork
sys.path.insert(0, str(Path(__file__).parents[2]))

import cv2

from sealkit import files
from sealkit.engine import loop
from sealkit.runtime.signals import import_paddle
from tests.engine.toy_task import ToyTask, recipe

EVENTS = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate", "shutil.rmtree")
DEAD = 77


class Death:
    """Ends this process at the n-th operation inside the saves at these steps."""

    def __init__(self, n: int, steps: set[int], told: int) -> None:
        self.left, self.steps, self.told, self.saving = n, steps, told, False

    def arm(self) -> None:
        sys.addaudithook(self._hear)
        os.fsync = self._counted("os.fsync", os.fsync)
        files.open = self._opened  # type: ignore[attr-defined]
        loop._Run.save = self._marked(loop._Run.save)

    def _hear(self, event: str, _: Any) -> None:
        if event in EVENTS:
            self.count(event)

    def count(self, name: str, before: Callable[[], object] = bool) -> None:
        if not self.saving:
            return
        if self.left == 0:
            self.saving = False
            before()
            os.write(self.told, name.encode())
            os._exit(DEAD)
        self.left -= 1

    def _counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.count(name)
            return function(*args)

        return call

    def _opened(self, path: Any, mode: str = "r", **options: Any) -> Any:
        file = open(path, mode, **options)  # noqa: SIM115
        return Torn(file, self) if "w" in mode else file

    def _marked(self, save: Callable[..., None]) -> Callable[..., None]:
        def call(run: Any, best: bool) -> None:
            self.saving = run.progress.step in self.steps
            save(run, best)
            self.saving = False

        return call


class Torn:
    """A file whose writes are counted."""

    def __init__(self, file: Any, death: Death) -> None:
        self.file, self.death = file, death

    def write(self, data: bytes) -> Any:
        def half() -> None:
            self.file.write(bytes(data)[: len(data) // 2])
            self.file.flush()

        self.death.count("write", half)
        return self.file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> Torn:
        return self

    def __exit__(self, *error: Any) -> None:
        self.file.close()


def died(folder: Path, settings: dict[str, Any], n: int, steps: set[int]) -> str | None:
    """Where the child of this number ended; None: its saves had no operation of it."""
    hears, told = os.pipe()
    child = os.fork()
    if not child:
        os.close(hears)
        Death(n, steps, told).arm()
        loop.fit(ToyTask(), recipe(**settings), folder / str(n), progress=False)
        os._exit(0)
    os.close(told)
    with os.fdopen(hears) as pipe:
        name = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, DEAD):
        raise SystemExit(f"child {n} ended with {code}")
    return name if code else None


def main() -> None:
    folder, settings, first, last, *steps = sys.argv[1:]
    import_paddle()
    cv2.setNumThreads(1)
    at = {int(step) for step in steps}
    told = {n: died(Path(folder), json.loads(settings), n, at) for n in range(int(first), int(last) + 1)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
