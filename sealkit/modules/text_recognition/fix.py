"""A corrected copy of a recognition set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sealkit.data.check_report import CheckedSet
from sealkit.data.check_texts import is_placeholder
from sealkit.data.fixed_copy import FixReport, Repair, write_copy
from sealkit.data.images import ImageFacts
from sealkit.data.labels.recognition import write_rec_labels
from sealkit.data.records import RecSample


def write_fixed_copy(
    root: str | Path,
    sets: Sequence[CheckedSet],
    out: str | Path,
    *,
    progress: Callable[[int], object] | None = None,
) -> FixReport:
    """Write label files and strips of a checked set to a new folder, see `write_copy`.

    Blanks around a text are dropped. Left out, too: placeholders of labelling tools, and strips that are there twice
    with unlike texts.
    """
    return write_copy(root, sets, out, Repair(_fix_sample, write_rec_labels, label=_text), progress)


def _text(sample: RecSample) -> str:
    return sample.text.strip()


def _fix_sample(sample: RecSample, facts: ImageFacts, report: FixReport) -> RecSample | None:
    text = _text(sample)
    if not text or is_placeholder(text):
        why = f"{text!r} is a placeholder" if text else "the text is blank"
        report.left_out.append((sample.where, f"{sample.image_path.name}: {why}"))
        return None
    if text != sample.text:
        report.note("blanks around a text dropped")
    return replace(sample, text=text)


__all__ = ["write_fixed_copy"]
