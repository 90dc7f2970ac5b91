"""Corrected copies of datasets: what needs no guess is repaired, the rest is left out and reported.

Knows no module: a module's `fix.py` says what is repaired of a sample and how label files are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from sealkit.data.check_report import CheckedSet
from sealkit.data.duplicates import Signature, find_leaks, find_pairs
from sealkit.data.images import SUFFIXES_OF_FORMAT, ImageFacts
from sealkit.errors import DataError
from sealkit.files import copy_file
from sealkit.images import read_image, suffix_of, write_image


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
        """Count a repair."""
        self.done[sentence] = self.done.get(sentence, 0) + 1

    def text(self) -> str:
        """What was written, repaired and left out, as indented lines."""
        rows = [f"  {name}: {count} lines" for name, count in self.written.items()]
        rows += [f"  {count} × {sentence}" for sentence, count in self.done.items()]
        rows += [f"  left out: {where}: {why}" for where, why in self.left_out]
        return "\n".join(rows)


@dataclass(frozen=True)
class Repair:
    """What a module repairs.

    Attributes:
        sample: (sample, facts of its readable image, report) → the repaired sample, None where it is left out (and
            said in the report).
        write: (label file, samples, folder of the copy) → lines written.
        label: what a sample's label is; of images with equal pixels and unlike labels none is kept. None: the first is.
        place: a checked set's label file → its path below the copy.
    """

    sample: Callable[[Any, ImageFacts, FixReport], Any]
    write: Callable[[Path, Sequence[Any], Path], int]
    label: Callable[[Any], Any] | None = None
    place: Callable[[str], str] = lambda label_file: Path(label_file).name


def write_copy(
    root: str | Path,
    sets: Sequence[CheckedSet],
    out: str | Path,
    repair: Repair,
    progress: Callable[[int], object] | None = None,
) -> FixReport:
    """Write label files and images of a checked set to a new folder.

    Images: stored upright, 8 bits, three channels, on white (as PNG where anything had to change, else the same
    bytes). Left out: images that cannot be read, second copies, images that a later set (validation, test) holds too.

    Args:
        root: the checked folder.
        sets: from `CheckReport.sets`, with facts.
        out: a folder that does not exist or is empty.
        repair: the module's rules.
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
    for checked, out_of in zip(sets, _dropped(sets, repair)):
        kept: list[Any] = []
        for index, (sample, facts) in enumerate(zip(checked.samples, checked.facts)):
            if index in out_of:
                report.left_out.append((sample.where, f"{sample.image_path.name}: {out_of[index]}"))
            elif facts.error is not None or facts.size is None or facts.info is None:
                why = facts.error.what if facts.error is not None else "cannot be read"
                report.left_out.append((sample.where, f"{sample.image_path.name}: {why}"))
            else:
                fixed = repair.sample(sample, facts, report)
                if fixed is not None:
                    target = _store(sample.image_path, facts, root, out, names, used, report)
                    kept.append(replace(fixed, image_path=target))
            if progress is not None:
                progress(1)
        name = repair.place(checked.label_file)
        report.written[name] = repair.write(out / name, kept, out)
    return report


def _dropped(sets: Sequence[CheckedSet], repair: Repair) -> list[dict[int, str]]:
    """Of each set: position -> why, of images that are in it twice or held out in a later one."""
    dropped = [_second_copies(checked, repair) for checked in sets]
    for first, second in combinations(range(len(sets)), 2):
        for pair in find_leaks(*_marks(sets[first]), *_marks(sets[second])):
            if pair.same_pixels:
                place = sets[second].samples[pair.second].where
                dropped[first].setdefault(pair.first, f"also held out in another set ({place})")
    return dropped


def _marks(checked: CheckedSet) -> tuple[list[Signature | None], list[str]]:
    return [facts.signature for facts in checked.facts], [facts.pixel_hash for facts in checked.facts]


def _second_copies(checked: CheckedSet, repair: Repair) -> dict[int, str]:
    """Position -> why, of images listed or stored a second time."""
    out: dict[int, str] = {}
    for pair in find_pairs([None] * len(checked.facts), _marks(checked)[1]):
        first, second = checked.samples[pair.first], checked.samples[pair.second]
        if repair.label is not None and repair.label(first) != repair.label(second):
            out[pair.first] = f"same pixels as {second.where}, with another label"
            out[pair.second] = f"same pixels as {first.where}, with another label"
        else:
            out[pair.second] = f"same pixels as {first.where}"
    return out


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


__all__ = ["FixReport", "Repair", "write_copy"]
