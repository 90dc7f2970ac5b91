"""A corrected copy of an orientation set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sealkit.data.check_report import CheckedSet
from sealkit.data.fixed_copy import FixReport, Repair, write_copy
from sealkit.data.images import ImageFacts
from sealkit.data.labels.orientation import PageSample, write_class_file, write_page_labels
from sealkit.errors import DataError


def write_fixed_copy(
    root: str | Path,
    sets: Sequence[CheckedSet],
    out: str | Path,
    *,
    progress: Callable[[int], object] | None = None,
) -> FixReport:
    """Write label files, `label.txt` and pages of a checked set to a new folder, see `write_copy`.

    Ids are those of PaddleX (0, 90, 180, 270). Left out, too: pages that are there twice at unlike angles. Pages that
    an EXIF orientation turns are refused: nobody can say whether their label is that of the turned page.

    Raises:
        DataError: as `write_copy`.
    """
    report = write_copy(root, sets, out, Repair(_fix_sample, write_page_labels, label=_label), progress)
    if not Path(out).is_dir():
        raise DataError("there is no page to be kept", where=str(root), hint="see what was left out above")
    write_class_file(out)
    return report


def _label(sample: PageSample) -> int:
    return sample.label


def _fix_sample(sample: PageSample, facts: ImageFacts, report: FixReport) -> PageSample | None:
    if facts.info is not None and facts.info.orientation != 1:
        why = (
            f"EXIF orientation {facts.info.orientation}: is the label that of the upright page? Store it upright first"
        )
        report.left_out.append((sample.where, f"{sample.image_path.name}: {why}"))
        return None
    return sample


__all__ = ["write_fixed_copy"]
