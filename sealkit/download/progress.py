"""Progress of downloads on stderr: a bar on a terminal, a line per file elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from sealkit.download.asking import Kind
from sealkit.download.models import Request, Result, download


class Bar:
    """Bytes of the files of one model."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._bar: Any = None
        self._total: int | None = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def __call__(self, size: int, total: int | None) -> None:
        """Show that `size` bytes of `total` are there."""
        if self._bar is None or total != self._total or size < self._bar.n:
            from tqdm import tqdm

            self._close()
            silent = not sys.stderr.isatty()
            self._bar = tqdm(
                total=total, desc=self.title, unit="B", unit_scale=True, leave=False, disable=silent, initial=size
            )
            self._total = total
        self._bar.update(size - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def say(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def download_shown(request: Request) -> Result:
    """`download`, with its progress and notes on stderr."""
    with Bar(request.model) as bar:
        result = download(request, bar, say)
    if result.source is not None:
        say(f"{request.model}: downloaded from {result.source} to {result.path}")
        for note in result.notes:
            say(f"  {note}")
    return result


def fetch_official(model: str, kind: Kind = "inference") -> Result:
    """An official model where the rest of sealkit looks for it; nothing happens where it is there.

    Raises:
        DownloadError: it cannot be had.
    """
    return download_shown(Request(model, kind))


__all__ = ["Bar", "download_shown", "fetch_official", "say"]
