"""What official files are known to be: sums that come with the package, and those learned when a file first arrived.

`locked.json` in this folder holds what public projects record of official files. Of all others the sum is learned: it
is written to `download-lock.json` in the folder of the downloads, and each later download of that file must have it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from sealkit.download.errors import DownloadError
from sealkit.download.transfer import Known, Received
from sealkit.files import held, read_regular, write_text

LOCK = "download-lock.json"
_FILE = Path(__file__).with_name("locked.json")
_BYTES = 4_000_000


@cache
def committed() -> Mapping[str, Known]:
    """`MODEL/FILE` → what comes with the package."""
    content: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return {name: Known(entry["sha256"], entry["size"]) for name, entry in content["files"].items()}


class LearnedSums:
    """Sums of files that were downloaded before, by `SOURCE:MODEL/FILE`.

    Args:
        folder: of the downloads.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK

    def known(self, source: str, name: str) -> Known:
        """What a file must be: as it comes with the package, else as it was when it first arrived.

        Raises:
            DownloadError: a damaged lock file.
        """
        return committed().get(name) or self._read().get(f"{source}:{name}") or Known()

    def learn(self, source: str, files: Mapping[str, Received]) -> None:
        """Keep what files were, by `MODEL/FILE`; of those that were known before, too, so that --relearn counts."""
        with held(self.path.with_suffix(".lock")):
            entries = self._read() | {
                f"{source}:{name}": Known(received.sha256, received.size) for name, received in files.items()
            }
            text = json.dumps({name: asdict(entry) for name, entry in sorted(entries.items())}, indent=1)
            write_text(self.path, text + "\n", durable=True)

    def _read(self) -> dict[str, Known]:
        try:
            content = json.loads(read_regular(self.path, _BYTES))
            return {str(name): Known(str(entry["sha256"]), int(entry["size"])) for name, entry in content.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DownloadError(
                "the sums of earlier downloads cannot be read",
                where=str(self.path),
                value=str(error),
                hint="remove the file: sums are learned anew",
            ) from error


__all__ = ["LOCK", "LearnedSums", "committed"]
