"""The terminal's streams: characters it cannot show, and those that command it, are escaped."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_COMMANDS = re.compile(
    "\x1b(?!\\[[0-9;]{0,20}m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
"""Control characters but line ends, tabs and colours; and those that turn the direction of what follows."""
STDOUT = "<stdout>"
"""Its name in errors."""


def show_any_character() -> None:
    """From now on stdout and stderr write a backslash escape for a character that their encoding lacks, and for one
    that would command the terminal.

    Encodings that lack Chinese are common: cp1252 of a Windows console, ASCII where LC_ALL=C or PYTHONIOENCODING say
    so. File names that are no UTF-8 cannot be written in any. File names and label texts come from outside:
    an escape sequence in one can clear the screen, change the window's title or hide what is there.
    """
    for name, stream in ((STDOUT, sys.stdout), ("<stderr>", sys.stderr)):
        if isinstance(stream, io.TextIOWrapper):
            if stream.errors in ("strict", "surrogateescape"):
                stream.reconfigure(errors="backslashreplace")
            if "write" not in vars(stream):
                stream.write = _escaping(stream.write, name)  # type: ignore[method-assign]


def _escaping(write: Callable[[str], int], name: str) -> Callable[[str], int]:
    def escaped(text: str) -> int:
        with naming(name):
            write(_COMMANDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
        return len(text)

    return escaped


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Errors of a stream, such as that the disk behind `> texts.jsonl` is full, name it."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = name
        raise


def flush_stdout() -> None:
    """Write what stdout holds; what cannot be written any more is told now, and not by the interpreter's end."""
    if sys.stdout is not None:
        with naming(STDOUT):
            sys.stdout.flush()
