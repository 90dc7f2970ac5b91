"""What all converters share: rows of foreign annotations -> a detection set in PaddleX's format.

A converter only finds images and names outlines and texts. Whether an outline is one is decided by the same functions
that read label files, so that a converted set means exactly what a hand-made one means.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from sealkit.data.converters.stated_size import fit, fit_sizes
from sealkit.data.labels.detection import parse_entries, write_det_labels
from sealkit.data.records import DetSample
from sealkit.errors import DataError, ImageError, Problem, Severity
from sealkit.files import copy_file, write_bytes
from sealkit.images import IMAGE_SUFFIXES, UNREAD_SUFFIXES, inspect_bytes, list_images, suffix_of
from sealkit.workers.journal import begin, finished
from sealkit.workers.pool import Workers, mapped

_PREFIX = re.compile(r"^(?:poly_)?(?:gt|res|label)_", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,18}")
IMAGES = "images"
"""Folder of the images in a converted set."""


class Stored(Protocol):
    """An encoded image that lies inside of something, such as a database; its `repr` changes with its content."""

    def read(self) -> bytes:
        """The encoded image."""


@dataclass
class Row:
    """One image of a foreign set.

    Attributes:
        where: place in the source for messages: "a.json", "coco.json image 12".
        image: the image, or None where it was not found.
        texts: entries in PaddleX's form ({"transcription", "points", …}), or a label's JSON text as it stood in the
            source.
        embedded: the encoded image where the annotation file carries it.
        size: (width, height) of the image that the annotation speaks of, where it states one.
    """

    where: str
    image: Path | None
    texts: list[dict[str, Any]] | str
    embedded: bytes | None = None
    size: tuple[int, int] | None = None


@dataclass
class Source:
    """What a converter read: rows and what it could not use."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def report(self, kind: str, where: str, reason: str, fix: str, severity: Severity = "error") -> None:
        """Add a problem of the source."""
        self.problems.append(Problem(kind, where, reason, fix, severity))


@dataclass
class Conversion:
    """Result of a conversion.

    Attributes:
        samples: images with texts; `image_path` still points into the source.
        problems: what was not converted, with its place in the source.
        embedded: image path -> encoded image, for those that have no file.
    """

    samples: list[DetSample] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    embedded: dict[Path, bytes] = field(default_factory=dict)


def to_samples(source: Source) -> Conversion:
    """The rows as samples, each text read by the label reader; problems point to the source.

    Points of an annotation that states another size than the image has are carried over, and that is reported.
    """
    done = Conversion(problems=list(source.problems))
    for row in source.rows:
        if row.image is None:
            continue  # the converter reported it, which knows where it looked
        entries = fitted_entries(row, done.problems)
        if entries is None:
            continue
        lines, problems = parse_entries(entries, row.where)
        done.problems += problems
        if lines is None:
            continue
        done.samples.append(DetSample(row.image, lines, row.where))
        if row.embedded is not None:
            done.embedded[row.image] = row.embedded
    return done


def fitted_entries(row: Row, problems: list[Problem]) -> list[dict[str, Any]] | str | None:
    """The row's entries in pixels of its image; None (reported) where its image is another one."""
    if row.image is None or row.size is None or isinstance(row.texts, str):
        return row.texts
    if row.embedded is None:
        found = fit(row.image, row.size)
    else:
        try:
            found = fit_sizes(row.size, inspect_bytes(row.embedded, row.where), row.image.name)
        except ImageError:
            return row.texts  # the check reports the image
    if found.code == "wrong-size":
        fix = "was the image cropped after labelling? Put the labelled image there; it was not converted"
        problems.append(Problem(found.code, row.where, found.message, fix))
        return None
    if found.code:
        fix = "nothing to do, if this is the same image at another size; `sealkit data show` draws the result"
        problems.append(Problem(found.code, row.where, found.message, fix, "warning"))
    return [found.moved(entry) for entry in row.texts]


def write_set(
    conversion: Conversion, out: str | Path, labels: str = "labels.txt", workers: Workers | None = None
) -> int:
    """Copy images to `out/images` and write `out/labels`; returns the number of lines.

    Raises:
        DataError: nothing was converted, or `out` holds something else than an unfinished copy of this very set.
    """
    out = Path(out)
    with placed_images(conversion, out, out / IMAGES, workers) as placed:
        return write_det_labels(out / labels, placed, out)


@contextmanager
def placed_images(
    conversion: Conversion, out: Path, folder: Path, workers: Workers | None = None
) -> Iterator[list[DetSample]]:
    """Copy the images of a conversion to `folder` in the new folder `out`, each once; the samples with their new paths.

    Raises:
        DataError: as of `filling`; nothing was converted.
    """
    if not conversion.samples:
        first = f" ({conversion.problems[0].message})" if conversion.problems else ""
        raise DataError(f"nothing could be converted{first}", hint="see the problems above")
    names: dict[Path, str] = {}
    used: set[str] = set()
    copies: dict[Path, Path | bytes] = {}
    written = []
    for sample in conversion.samples:
        target = folder / names.setdefault(sample.image_path, free_name(sample.image_path.name, used))
        used.add(target.name.lower())
        copies.setdefault(target, conversion.embedded.get(sample.image_path, sample.image_path))
        written.append(replace(sample, image_path=target))
    with filling(out, copies, workers):
        yield written


FILES_PER_WORKER = 500
"""Fewer are copied sooner than a process starts."""


@contextmanager
def filling(out: Path, copies: Mapping[Path, Path | bytes | Stored], workers: Workers | None = None) -> Iterator[None]:
    """Copy files to a new folder, then let the block write its labels.

    Killed, or ended by an error in the block, it is gone on with by the next call with the same files.

    Args:
        out: the folder.
        copies: target → source, or content, or what holds it.
        workers: who copies; None: this process.

    Raises:
        DataError: `out` holds something else. OSError: a file cannot be read or written.
    """
    files = digest_of((target.name, source) for target, source in copies.items())
    with finished(begin(out, {"files": files})):
        for folder in {target.parent for target in copies}:
            folder.mkdir(parents=True, exist_ok=True)
        where = (workers or Workers(1)).for_jobs(len(copies), FILES_PER_WORKER)
        for _ in mapped(_copy, [FileCopy(target, source) for target, source in copies.items()], where):
            pass
        yield


@dataclass(frozen=True)
class FileCopy:
    """A file to be written."""

    target: Path
    source: Path | bytes | Stored

    def __str__(self) -> str:
        """What is copied, for messages."""
        return str(self.target if isinstance(self.source, bytes) else self.source)


def digest_of(files: Iterable[tuple[str, Path | bytes | Stored]]) -> str:
    """SHA-256 over names and sources, as far as size and time of a file tell that it changed."""
    digest = hashlib.sha256()
    for name, source in files:
        digest.update(f"{name!r} {_stamp(source)}\n".encode())
    return digest.hexdigest()


def _stamp(source: Path | bytes | Stored) -> str:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    if not isinstance(source, Path):
        return repr(source)
    try:
        found = source.stat()
    except OSError:
        return repr(str(source))  # copying it says why
    return f"{str(source)!r} {found.st_size} {found.st_mtime_ns}"


def _copy(job: FileCopy) -> None:
    """Write a file, whole or not at all; one that is there is from the same source, see `filling`."""
    if job.target.exists():
        return
    if isinstance(job.source, bytes):
        write_bytes(job.target, job.source)
    elif not isinstance(job.source, Path):
        write_bytes(job.target, job.source.read())
    else:
        copy_file(job.source, job.target)


def free_name(name: str, used: set[str]) -> str:
    """The name, or name_2, name_3, … where it is taken; also on file systems that ignore case."""
    path, count = Path(name.replace("\t", "_").replace("\n", "_")), 1
    stem = path.stem
    while path.name.lower() in used:
        count += 1
        path = path.with_name(f"{stem}_{count}{path.suffix}")
    return path.name


class Images:
    """The images below a folder, found by the ways in which annotations name them."""

    def __init__(self, *folders: Path) -> None:
        self.paths: list[Path] = []
        self.unread: list[Path] = []
        for folder in folders:
            try:
                found = [Path(path) for path in list_images(folder, unread=True)]
            except DataError:
                continue  # no image there: each row that misses one is reported
            self.paths += [path for path in found if suffix_of(path) in IMAGE_SUFFIXES]
            self.unread += [path for path in found if suffix_of(path) in UNREAD_SUFFIXES]
        self.by_name: dict[str, list[Path]] = {}
        self.by_stem: dict[str, list[Path]] = {}
        for path in dict.fromkeys(self.paths):
            self.by_name.setdefault(path.name.lower(), []).append(path)
            self.by_stem.setdefault(path.stem.lower(), []).append(path)

    def find(self, name: str, *folders: Path) -> Path | None:
        """An image by path or name as an annotation gives it: relative to one of the folders, or by unique file
        name.
        """
        relative = name.replace("\\", "/")
        for folder in folders:
            candidate = folder / relative
            if relative and suffix_of(relative) in IMAGE_SUFFIXES and os.path.isfile(candidate):
                return candidate
        base = relative.rpartition("/")[2].lower()
        alike = self.by_name.get(base, [])
        if len(alike) > 1:  # the one whose folders agree best with the annotation's
            alike = sorted(alike, key=lambda path: -_common_tail(path.as_posix().lower(), relative.lower()))[:1]
        return alike[0] if alike else None

    def of_label(self, file: Path) -> Path | None:
        """The image that a label file is of: of its name, also without gt_, poly_gt_ and the like before it, or of its
        number. Of several the one in the folder most like the label file's (`labels/val` and `images/val`); None where
        that does not decide.
        """
        plain = _PREFIX.sub("", file.stem)
        for alike in (self.by_stem.get(file.stem.lower()), self.by_stem.get(plain.lower())):
            if alike:
                return _nearest(alike, file)
        return _nearest(self.by_number.get(_last_number(plain), []), file)

    def named_in(self, file: Path, name: str, *folders: Path) -> Path | None:
        """The image that a file of annotations names: beside it, else the one of this name nearest to it, else as
        `find` and `of_label` find it.
        """
        beside = file.parent / name.replace("\\", "/")
        if name and suffix_of(name) in IMAGE_SUFFIXES and os.path.isfile(beside):
            return beside
        alike = self.by_name.get(name.replace("\\", "/").rpartition("/")[2].lower(), [])
        nearest = _nearest(alike, file) if "/" not in name.replace("\\", "/") else None
        return nearest or self.find(name, file.parent, *folders) or self.of_label(file)

    @cached_property
    def by_number(self) -> dict[int | None, list[Path]]:
        """Images by the last number of their name."""
        table: dict[int | None, list[Path]] = {}
        for path in dict.fromkeys(self.paths):
            number = _last_number(path.stem)
            if number is not None:
                table.setdefault(number, []).append(path)
        return table

    def of_stem(self, stem: str) -> Path | None:
        """The only image of this name without suffix."""
        alike = self.by_stem.get(stem.lower(), [])
        return alike[0] if len(alike) == 1 else None


def _nearest(paths: Sequence[Path], file: Path) -> Path | None:
    """The only path, or the one whose folder shares most parts of its name with the file's; None in doubt."""
    if len(paths) < 2:
        return paths[0] if paths else None
    around = Counter(file.parent.parts)
    scores = [(path.parent == file.parent, sum((Counter(path.parent.parts) & around).values())) for path in paths]
    best = max(scores)
    return paths[scores.index(best)] if scores.count(best) == 1 else None


def _last_number(stem: str) -> int | None:
    found = _DIGITS.findall(stem)
    return int(found[-1]) if found else None


def _common_tail(first: str, second: str) -> int:
    """Number of equal path parts at the end."""
    count = 0
    for a, b in zip(reversed(first.split("/")), reversed(second.split("/"))):
        if a != b:
            break
        count += 1
    return count


def unlabelled(images: Images, rows: Iterable[Row], where: str, source: Source) -> None:
    """One note on the images that no annotation speaks of."""
    if images.unread:
        reason = f"{len(images.unread)} images are of kinds that cannot be read, such as {images.unread[0]}"
        source.report("unread-images", where, reason, "convert them to JPEG or PNG", "warning")
    used = {row.image.resolve() for row in rows if row.image is not None}
    left = [path for path in images.paths if path.resolve() not in used]
    if left:
        reason = f"{len(left)} images have no annotation, such as {left[0]}"
        source.report("unlabelled-images", where, reason, "annotate them; they were not converted", "info")


ReadFile = Callable[[Path, Path, Images, Source], None]


def read_files(path: Path, suffix: str, hint: str, read_file: ReadFile) -> Source:
    """What is annotated in a file, or in every file of that kind below a folder.

    Args:
        path: the file or folder; images are looked for beside the file, or below the folder.
        suffix: of the files, such as `.json`.
        hint: what to do where there is none.
        read_file: (file, folder of the images, images, source) adds the rows of one file.

    Raises:
        DataError: there is no such file.
    """
    files = [path] if path.is_file() else sorted(path.rglob(f"*{suffix}"))
    if not files:
        raise DataError(f"there is no {suffix[1:].upper()} file", where=str(path), hint=hint)
    root = path.parent if path.is_file() else path
    images, source = Images(root), Source()
    for file in files:
        read_file(file, root, images, source)
    unlabelled(images, source.rows, str(root), source)
    return source
