"""A corrected copy of a set of pages or text lines at their angles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sealkit.data.check_report import CheckedSet
from sealkit.data.fixed_copy import FixReport, Repair, write_copy
from sealkit.data.images import ImageFacts
from sealkit.data.labels.orientation import PageSample, write_class_file, write_page_labels
from sealkit.errors import DataError
from sealkit.modules.doc_text_orientation.orientations import PAGES, Orientations


def write_fixed_copy(
    root: str | Path,
    sets: Sequence[CheckedSet],
    out: str | Path,
    *,
    progress: Callable[[int], object] | None = None,
    about: Orientations = PAGES,
) -> FixReport:
    """Write label files, `label.txt` and images of a checked set to a new folder, see `write_copy`.

    Ids are those of PaddleX. Left out, too: images that are there twice at unlike angles. Those that
    an EXIF orientation turns are refused: nobody can say whether their label is that of the turned image.

    Args:
        about: the classes; the other arguments as of `write_copy`.

    Raises:
        DataError: as `write_copy`.
    """
    report = write_copy(root, sets, out, Repair(_fix_sample, write_page_labels, label=_label), progress)
    if not Path(out).is_dir():
        raise DataError("there is no image to be kept", where=str(root), hint="see what was left out above")
    write_class_file(out, about.labels)
    return report


def _label(sample: PageSample) -> int:
    return sample.label


def _fix_sample(sample: PageSample, facts: ImageFacts, report: FixReport) -> PageSample | None:
    if facts.info is not None and facts.info.orientation != 1:
        why = (
            f"EXIF orientation {facts.info.orientation}: is the label that of the upright image? Store it upright first"
        )
        report.left_out.append((sample.where, f"{sample.image_path.name}: {why}"))
        return None
    return sample


__all__ = ["write_fixed_copy"]
