"""Base class of dataset checks: reads the whole set and reports every problem.

`sealkit data check` runs it. A module says how its label files are read and what can be wrong with its samples.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import ClassVar

import numpy as np

from sealkit.charset import Charset
from sealkit.data.check_report import CheckedSet, CheckReport
from sealkit.data.check_sets import dataset_folder, read_sets, refuse_when_no_image_exists, survey_sets, unread_images
from sealkit.data.duplicates import Signature
from sealkit.errors import DataError, Problem
from sealkit.images import list_images
from sealkit.workers.pool import Workers

Gallery = tuple[str, str, list[tuple[str, np.ndarray]]]
"""Title, text, and captioned images (H, W, 3) uint8 BGR."""


class DatasetCheck(ABC):
    """One run of a module's check over a folder.

    Attributes:
        module: name of the module.
        dataset_type: PaddleX's name of the format.
        label_files: usual names of the parts' label files.
        keep: what to do where there is no validation part.
        compares_looks: whether images that look alike are compared, and not only those of equal pixels.
        root: the folder.
        charset: charset of a recogniser; characters it lacks are reported.
        report: what was found so far.
    """

    module: ClassVar[str]
    dataset_type: ClassVar[str]
    label_files: ClassVar[dict[str, str]] = {"train": "train.txt", "val": "val.txt", "test": "test.txt"}
    keep: ClassVar[str] = "keep part of the images for it: sealkit data split"
    compares_looks: ClassVar[bool] = False

    def __init__(self, root: Path, charset: Charset | None) -> None:
        self.root, self.charset = root, charset
        self.report = CheckReport(self.module, root, self.dataset_type)

    @classmethod
    def check(
        cls,
        root: str | Path,
        *,
        train: str = "",
        val: str | None = "",
        val_required: bool = False,
        test: str | None = None,
        workers: int | Workers = 1,
        compare: bool = True,
        charset: Charset | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> CheckReport:
        """Check a set in PaddleX's format of the module.

        Args:
            root: folder that image paths are relative to.
            train: label file, relative to the root; "": its usual name.
            val: as `train`; None: there is no validation part.
            val_required: a missing validation file is an error and not a warning.
            test: label file of a third part; None: there is none.
            workers: processes that read images, 0: one per core; or a cluster.
            compare: search for copies within and between the label files.
            charset: also report characters of the texts that this recogniser's charset lacks; of no meaning to modules
                without texts.
            progress: called with (images done since the last call, images in all).

        Raises:
            DataError: there is nothing to check: no folder, no label file, or labels of another module; not one of the
                labelled images exists.
        """
        began = time.perf_counter()
        self = cls(dataset_folder(root), charset)
        report = self.report
        val = cls.label_files["val"] if val == "" else val
        files = (train or cls.label_files["train"], val, test)
        read_sets(report, self.read_set, files, val_required or (val is not None and self.has(val)), cls.keep)
        survey_sets(report, workers, progress, compare and cls.compares_looks)
        refuse_when_no_image_exists(report, self.where_images_are)
        for checked in report.sets:
            self.check_samples(checked)
            checked.counts, histograms = self.describe(checked)
            checked.histograms = {title: values for title, values in histograms.items() if values}
        self.check_sets()
        if compare:
            for checked in report.sets:
                self.check_copies(checked)
            for known, held_out in combinations(report.sets, 2):
                self.check_leaks(known, held_out)
        self.check_folder()
        report.problems += unread_images(self.root)
        report.num_classes = self.num_classes()
        report.galleries = self.galleries
        report.seconds = time.perf_counter() - began
        return report

    @property
    def problems(self) -> list[Problem]:
        """What was found so far, to be added to."""
        return self.report.problems

    @abstractmethod
    def read_set(self, name: str, label_file: str) -> CheckedSet:
        """What a label file holds; its faults go to `problems`.

        Raises:
            DataError: it is missing, or holds labels of another module.
        """

    @abstractmethod
    def check_samples(self, checked: CheckedSet) -> None:
        """Faults of single samples."""

    @abstractmethod
    def describe(self, checked: CheckedSet) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Counts by name, and histograms by title, of one set."""

    @abstractmethod
    def galleries(self) -> Iterator[Gallery]:
        """Images of the HTML page."""

    def has(self, label_file: str) -> bool:
        """Whether a label file is there; a missing validation file is a warning unless it was asked for."""
        return (self.root / label_file).is_file()

    def where_images_are(self, example: Path) -> str:
        """What to do where not one labelled image exists."""
        return "give the folder that the paths are relative to"

    def check_sets(self) -> None:  # noqa: B027 (a default, not a duty)
        """Faults of whole sets, and of one against another."""

    @abstractmethod
    def check_copies(self, checked: CheckedSet) -> None:
        """Images that are twice in a set."""

    @abstractmethod
    def check_leaks(self, known: CheckedSet, held_out: CheckedSet) -> None:
        """Images of a part that are also in one held out from it."""

    def num_classes(self) -> int:
        """Classes that the labels tell apart, for PaddleX's verdict: its trainers ask for them."""
        return next((checked.counts["categories"] for checked in self.report.sets if "categories" in checked.counts), 1)

    def check_folder(self) -> None:  # noqa: B027 (a default, not a duty)
        """Faults of the folder, such as images without labels."""

    def report_unlabelled(self, what: str, fix: str, paths: Iterable[str] | None = None) -> None:
        """A note on images below the root that no label file names.

        Args:
            what: of such images, such as "have no label line".
            fix: what to do.
            paths: as of `images_without_labels`.
        """
        unused = self.images_without_labels(paths)
        if unused:
            reason = f"{len(unused)} images in the folder {what}, such as {unused[0]}"
            self.problems.append(Problem("unlabelled-images", str(self.root), reason, fix, "info"))

    def images_without_labels(self, paths: Iterable[str] | None = None) -> list[str]:
        """Images below the root that no label file names; none where the labels name images elsewhere."""
        if paths is None:
            try:
                paths = list_images(self.root)
            except DataError:
                return []
        used = {os.path.realpath(sample.image_path) for checked in self.report.sets for sample in checked.samples}
        return [path for path in paths if os.path.realpath(path) not in used]


def line_of(where: str) -> str:
    """`line 3` of `labels/train.txt:3`."""
    return f"line {where.rpartition(':')[2]}"


def pixel_hashes(checked: CheckedSet) -> tuple[list[Signature | None], list[str]]:
    """What finds images of equal pixels: strips of one text and pages of one form look alike by nature."""
    return [None] * len(checked.facts), [facts.pixel_hash for facts in checked.facts]


__all__ = ["DatasetCheck", "Gallery", "line_of", "pixel_hashes"]
