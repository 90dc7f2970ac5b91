"""Which images a conversion may take: those inside the source, and only images.

Annotations of strangers name `../x`, absolute paths and links. Copied without a look, a set that is passed on would
carry files of the machine that converted it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sealkit.data.converters.base import Source
from sealkit.errors import Problem
from sealkit.files import open_regular
from sealkit.images.formats import sniff

_ANNOTATIONS = frozenset({"annotations", "labels", "gt"})
"""Folders whose files speak of images beside the folder."""
_BESIDE = ("images", "JPEGImages")
"""Folders with images beside the one that an annotation file lies in."""
_HEAD = 64  # bytes that tell a format


class Inside:
    """Tells of each image whether it may be taken.

    Args:
        source: folder or file that is converted.
        outside: images elsewhere are taken as well, as their owner asked for.
    """

    def __init__(self, source: str | Path, outside: bool = False) -> None:
        self._outside = outside
        self._roots = [root.resolve() for root in _roots(Path(source))]
        self._known: dict[Path, tuple[str, str, str] | None] = {}

    def problem(self, image: Path, where: str) -> Problem | None:
        """Why an image is not taken; None where it is. `where` names it in the source."""
        if image not in self._known:
            self._known[image] = self._fault(image)
        fault = self._known[image]
        return None if fault is None else Problem(fault[0], where, fault[1], fault[2])

    def keep(self, source: Source) -> None:
        """Take the images that may not be used from the rows, and report them."""
        for row in source.rows:
            if row.image is None or row.embedded is not None:
                continue
            problem = self.problem(row.image, row.where)
            if problem is not None:
                row.image = None
                source.problems.append(problem)

    def _fault(self, image: Path) -> tuple[str, str, str] | None:
        """(code, message, hint) of what is wrong with an image."""
        try:
            place = image.resolve()
            if not self._outside and not any(place.is_relative_to(root) for root in self._roots):
                shown = f"{image}" if place == image else f"{image}, which is {place}"
                hint = "put the image into the source, or take it as it is: --outside (outside=True)"
                return "outside-image", f"the image lies outside of the source: {shown}", hint
            with open_regular(place) as file:
                head = file.read(_HEAD)
        except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name; links in a circle
            reason = getattr(error, "strerror", None) or error
            return "broken-image", f"the image cannot be read: {image}: {reason}", "export the image again"
        if sniff(head) is None:
            hint = "export the image again; only images are copied"
            return "broken-image", f"the file is not an image that can be decoded: {image}", hint
        return None


def _roots(source: Path) -> Iterable[Path]:
    if source.is_dir():
        return [source]
    folder = source.parent
    above = folder.resolve().parent
    if folder.resolve().name.lower() in _ANNOTATIONS:
        return [folder, above]
    return [folder, *(above / name for name in _BESIDE)]


__all__ = ["Inside"]
