"""The progress bar of commands that read many files."""

from __future__ import annotations

import sys
from typing import Any


class Progress:
    """A bar on the terminal; silent where stderr is none. Call it with (done since the last call, total)."""

    def __init__(self, title: str, unit: str = "img") -> None:
        self.title, self.unit = title, unit
        self._bar: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done: int, total: int) -> None:
        """Show `done` more of `total`."""
        if self._bar is None:
            from tqdm import tqdm

            silent = not sys.stderr.isatty()
            self._bar = tqdm(total=total, desc=self.title, unit=self.unit, leave=False, disable=silent)
        self._bar.update(done)
