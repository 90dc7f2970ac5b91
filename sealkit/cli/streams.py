"""The terminal's streams: characters it cannot show are escaped instead of ending the command."""

from __future__ import annotations

import io
import sys


def show_any_character() -> None:
    """From now on stdout and stderr write a backslash escape for a character that their encoding lacks.

    Encodings that lack Chinese are common: cp1252 of a Windows console, ASCII where LC_ALL=C or PYTHONIOENCODING say
    so. File names that are no UTF-8 cannot be written in any.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")
