"""What can go wrong with a download, by what can be done about it."""

from __future__ import annotations

from sealkit.errors import SealkitError


class DownloadError(SealkitError):
    """A download that failed; nothing of it is used."""

    exit_code = 8


class NotThereError(DownloadError):
    """The server does not have the file; another source may."""


class UnreachableError(DownloadError):
    """No complete answer after several tries; another source may give one, and a later try goes on from here."""


class WrongFileError(DownloadError):
    """A file of another size or content than known, or one that is not what it is called. No other source is tried."""
