"""A corrected copy of a detection set: what needs no guess is repaired, the rest is left out and reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from sealkit.data.check_outlines import clip_to_image, drop_repeats, outline_problems, untangle
from sealkit.data.check_report import CheckedSet
from sealkit.data.duplicates import find_leaks, find_pairs
from sealkit.data.images import SUFFIXES_OF_FORMAT, ImageFacts
from sealkit.data.labels.detection import write_det_labels
from sealkit.data.records import DetSample, TextLine
from sealkit.errors import DataError
from sealkit.files import copy_file
from sealkit.images import read_image, suffix_of, write_image

_FATAL = frozenset({"outside", "self-crossing", "unordered-line-poly", "normalised-points", "labelled-sideways"})


@dataclass
class FixReport:
    """What a corrected copy did.

    Attributes:
        written: label file -> lines in it.
        done: sentence -> how often; in the order met.
        left_out: (where, why) of every image and text that is not in the copy.
    """

    written: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        self.done[sentence] = self.done.get(sentence, 0) + 1

    def text(self) -> str:
        rows = [f"  {name}: {count} lines" for name, count in self.written.items()]
        rows += [f"  {count} × {sentence}" for sentence, count in self.done.items()]
        rows += [f"  left out: {where}: {why}" for where, why in self.left_out]
        return "\n".join(rows)


def write_fixed_copy(
    root: str | Path,
    sets: Sequence[CheckedSet],
    out: str | Path,
    *,
    progress: Callable[[int], object] | None = None,
) -> FixReport:
    """Write label files and images of a checked set to a new folder.

    Images: stored upright, 8 bits, three channels, on white (as PNG where anything had to change, else the same
    bytes). Outlines: clockwise, cut at the border, repeated points dropped, loops of plain outlines cut away. Left out:
    images that cannot be read, second copies, images that a later set (validation, test) holds too, texts that only
    a person can correct (an image whose texts are all of that kind is left out as well: without them it would teach
    that there is nothing).

    Args:
        root: the checked folder.
        sets: from `CheckReport.sets`, with facts.
        out: a folder that does not exist or is empty.
        progress: called with the number of images done since the last call.

    Raises:
        DataError: `out` holds something, or cannot be written.
    """
    root, out = Path(root), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError("the output folder is not empty", where=str(out), hint="give a new folder, or empty this one")
    report = FixReport()
    names: dict[Path, str] = {}
    used: set[str] = set()
    dropped = [_second_copies(checked) for checked in sets]
    for first, second in combinations(range(len(sets)), 2):
        for pair in find_leaks(*_marks(sets[first]), *_marks(sets[second])):
            if pair.same_pixels:
                place = sets[second].samples[pair.second].where
                dropped[first].setdefault(pair.first, f"also held out in another set ({place})")
    for checked, out_of in zip(sets, dropped):
        kept: list[DetSample] = []
        for index, (sample, facts) in enumerate(zip(checked.samples, checked.facts)):
            if index in out_of:
                report.left_out.append((sample.where, f"{sample.image_path.name}: {out_of[index]}"))
            else:
                fixed = _fix_sample(sample, facts, report)
                if fixed is not None:
                    target = _store(sample.image_path, facts, root, out, names, used, report)
                    kept.append(replace(fixed, image_path=target))
            if progress is not None:
                progress(1)
        name = Path(checked.label_file).name
        report.written[name] = write_det_labels(out / name, kept, out)
    return report


def _marks(checked: CheckedSet) -> tuple[list[np.ndarray | None], list[str]]:
    return [facts.signature for facts in checked.facts], [facts.pixel_hash for facts in checked.facts]


def _second_copies(checked: CheckedSet) -> dict[int, str]:
    """Position -> why, of images listed or stored a second time."""
    out: dict[int, str] = {}
    for pair in find_pairs([None] * len(checked.facts), _marks(checked)[1]):
        out[pair.second] = f"same pixels as {checked.samples[pair.first].where}"
    return out


def _fix_sample(sample: DetSample, facts: ImageFacts, report: FixReport) -> DetSample | None:
    if facts.error is not None or facts.size is None or facts.info is None:
        why = facts.error.what if facts.error is not None else "cannot be read"
        report.left_out.append((sample.where, f"{sample.image_path.name}: {why}"))
        return None
    stored = (facts.info.width, facts.info.height)
    lines: list[TextLine] = []
    for index, line in enumerate(sample.lines):
        fixed = _fix_line(line, facts.size, stored, report)
        if fixed is None:
            report.left_out.append((sample.where, f"text {index} ({line.text!r}): {_fatal(line, facts.size, stored)}"))
        else:
            lines.append(fixed)
    if sample.lines and not lines:
        report.left_out.append((sample.where, f"{sample.image_path.name}: none of its texts can be repaired"))
        return None
    return replace(sample, lines=lines)


def _fatal(line: TextLine, size: tuple[int, int], stored: tuple[int, int]) -> str | None:
    """Why only a person can correct this outline, or None."""
    found = [p for p in outline_problems([line], size, "", stored) if p.code in _FATAL]
    return found[0].code if found else None


def _fix_line(line: TextLine, size: tuple[int, int], stored: tuple[int, int], report: FixReport) -> TextLine | None:
    points = line.points
    if _fatal(line, size, stored) == "self-crossing" and line.direction is None:
        simple = untangle(points)
        if simple is not None:
            report.note("loop of an outline cut away")
            points = simple
    if line.direction is None:
        distinct = drop_repeats(points)
        if len(distinct) < len(points) and len(distinct) >= 3:
            report.note("repeated points dropped")
            points = distinct
    if _fatal(replace(line, points=points), size, stored) is not None:
        return None
    inside = clip_to_image(points, size)
    if not np.array_equal(inside, points):
        report.note("outline cut at the image's border")
    fixed = replace(line, points=inside)
    return None if _fatal(fixed, size, stored) is not None else fixed


def _store(
    path: Path,
    facts: ImageFacts,
    root: Path,
    out: Path,
    names: dict[Path, str],
    used: set[str],
    report: FixReport,
) -> Path:
    """Copy or re-encode one image below `out` under a name not yet taken; the same image only once."""
    if path in names:
        return out / names[path]
    try:
        relative = path.resolve().relative_to(root.resolve())
    except ValueError:
        relative = Path("images") / path.name
    info = facts.info
    plain = info is not None and info.orientation == 1 and info.bits <= 8 and info.frames == 1
    plain = plain and info is not None and not info.alpha and not info.cmyk
    suffix_known = info is not None and suffix_of(path) in SUFFIXES_OF_FORMAT.get(info.format, set())
    if not plain or not suffix_known:
        relative = relative.with_suffix(".png")
    base, count = relative, 1
    while str(relative).lower() in used:  # file systems that ignore case
        count += 1
        relative = base.with_stem(f"{base.stem}_{count}")
    used.add(str(relative).lower())
    names[path] = relative.as_posix()
    target = out / relative
    if plain and suffix_known:
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(path, target)
    else:
        report.note("image stored upright as 8-bit PNG on white")
        write_image(target, read_image(path))
    return target


__all__ = ["FixReport", "write_fixed_copy"]
