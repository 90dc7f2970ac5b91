"""The dataset check of text recognition: reads everything, reports everything, stops at nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from sealkit.charset import Charset
from sealkit.data.check_report import CheckedSet, CheckReport, binned, counted, grouped
from sealkit.data.check_sets import dataset_folder, read_sets, refuse_when_no_image_exists, survey_sets
from sealkit.data.check_texts import PlacedText, text_problems
from sealkit.data.converters.detect import describe_folder
from sealkit.data.crops import UPRIGHT
from sealkit.data.duplicates import find_leaks, find_pairs
from sealkit.data.images import ImageFacts, image_problems
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.data.records import RecSample
from sealkit.errors import DataError, Problem, Severity
from sealkit.images import list_images, read_image
from sealkit.modules.text_recognition.characters import twins
from sealkit.modules.text_recognition.dataset import STRIDE
from sealkit.modules.text_recognition.labels import steps_needed
from sealkit.modules.text_recognition.metric import script_of

MODULE = "text_recognition"
DATASET_TYPE = "MSTextRecDataset"
LONG = 25
"""`max_text_length` of the published training."""
_STEPS = 40  # of an input 320 wide, the least the pipeline makes
_HEIGHT = 48
_SMALL_SIDE = 8
_SAMPLE_IMAGES = 24
_IMAGES_PER_KIND = 12
_TWINS_SHOWN = 10
_ABOUT_SEALS = frozenset({"small-image"})  # said of whole seals: strips are small by nature


def check_dataset(
    root: str | Path,
    *,
    train: str = "train.txt",
    val: str | None = "val.txt",
    val_required: bool = False,
    test: str | None = None,
    workers: int = 0,
    compare: bool = True,
    charset: Charset | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> CheckReport:
    """Check a recognition set in PaddleX's format.

    Args:
        root: folder that image paths are relative to.
        train, val: label files, relative to the root; `val=None` for a set without validation part.
        val_required: a missing validation file is an error and not a warning.
        test: label file of a third part.
        workers: image readers at work at once, 0 = one per core.
        compare: search for copies within and between the label files.
        charset: also report characters of the texts that this recogniser's charset lacks, with counts.
        progress: called with (images done since the last call, images in all).

    Raises:
        DataError: there is nothing to check: no folder, no label file, or labels of another module.
    """
    began = time.perf_counter()
    root = dataset_folder(root)
    report = CheckReport(MODULE, root, DATASET_TYPE)
    keep = "keep part of the strips for it"
    read_sets(report, partial(_read_set, root, report.problems), (train, val, test), val_required, keep)
    survey_sets(report, workers, progress, compare=False)
    refuse_when_no_image_exists(report, lambda _: "give the folder that the paths are relative to")
    for checked in report.sets:
        _check_samples(checked, report.problems)
        report.problems += text_problems([PlacedText(s.where, 0, s.text) for s in checked.samples], charset)
        _describe(checked)
    _check_new_characters(report)
    if charset is not None:
        report.problems += _charset_twins(charset)
    if compare:
        for checked in report.sets:
            _check_copies(checked, report.problems)
        for known, held_out in combinations(report.sets, 2):
            _check_leaks(known, held_out, report.problems)
    _check_unused(report)
    report.galleries = lambda: _galleries(report)
    report.seconds = time.perf_counter() - began
    return report


def _read_set(root: Path, problems: list[Problem], name: str, label_file: str) -> CheckedSet:
    if not (root / label_file).is_file() and not Path(label_file).is_file():
        found, _ = describe_folder(root)
        raise DataError(f"there is no label file {label_file}", where=str(root), hint=f"{found}; name it with --{name}")
    samples, found_problems = read_rec_labels(root, label_file)
    strangers = [problem for problem in found_problems if problem.code == "not-recognition"]
    if strangers and not samples:
        raise DataError(
            f"these are labels of text detection: {len(strangers)} lines hold outlines where a text is expected",
            where=strangers[0].where,
            hint=f"check them with --module seal_text_detection; strips are made by `sealkit data crop {root} OUT`",
        )
    problems += found_problems
    return CheckedSet(name, label_file, samples)


def _check_samples(checked: CheckedSet, problems: list[Problem]) -> None:
    listed: dict[Path, RecSample] = {}
    for sample, facts in zip(checked.samples, checked.facts):
        problems += [p for p in image_problems(facts, sample.where) if p.code not in _ABOUT_SEALS]
        problems += _text_in_image(sample, facts)
        if facts.error is not None:
            continue  # said already
        first = listed.setdefault(sample.image_path, sample)
        if first is not sample:
            _say_twin(problems, "listed-twice", sample, first, f"is listed on {_line(first)} already")


def _text_in_image(sample: RecSample, facts: ImageFacts) -> Iterator[Problem]:
    """What text and image say of each other."""
    length = len(sample.text)
    if length > LONG:
        reason = f"the text has {length} characters, more than the usual max_text_length {LONG}"
        fix = "raise labels.max_text_length, or cut the strip in two; otherwise it is left out of training, and counted"
        yield Problem("long-text", sample.where, reason, fix, "warning")
    if facts.size is None:
        return
    width, height = facts.size
    if min(width, height) < _SMALL_SIDE:
        reason = f"{sample.image_path.name}: {width}x{height} pixels"
        yield Problem("tiny-strip", sample.where, reason, "take it from a larger original, or leave it out", "warning")
        return
    steps = max(_STEPS, int(_HEIGHT * width / height) // STRIDE)
    needed = steps_needed([ord(character) for character in sample.text])
    if needed > steps:
        reason = f"{length} characters in {width}x{height} pixels: CTC needs {needed} steps, the network makes {steps}"
        fix = "the text does not belong to the strip, or its characters are squeezed; it cannot be learnt"
        yield Problem("too-many-characters", sample.where, reason, fix, "warning")
    elif length > 1 and height > UPRIGHT * width:
        reason = f"{length} characters in an upright strip of {width}x{height} pixels"
        fix = "recognisers read from left to right: turn columns, or tile their characters into a line"
        yield Problem("upright-strip", sample.where, reason, fix, "warning")


def _line(sample: RecSample) -> str:
    return f"line {sample.where.rpartition(':')[2]}"


def _say_twin(problems: list[Problem], kind: str, sample: RecSample, first: RecSample, reason: str) -> None:
    severity: Severity = "warning"
    fix = "delete one line"
    if sample.text != first.text:
        kind, severity = "label-conflict", "error"
        reason = f"{reason}, with another text: {first.text!r} and {sample.text!r}"
        fix = "decide which text is right and delete the other line"
    problems.append(Problem(kind, sample.where, f"{sample.image_path.name} {reason}", fix, severity))


def _hashes(checked: CheckedSet) -> tuple[list[np.ndarray | None], list[str]]:
    """Strips of one text look alike by nature: only equal pixels count."""
    return [None] * len(checked.facts), [facts.pixel_hash for facts in checked.facts]


def _check_copies(checked: CheckedSet, problems: list[Problem]) -> None:
    for pair in find_pairs(*_hashes(checked)):
        first, second = checked.samples[pair.first], checked.samples[pair.second]
        if first.image_path != second.image_path:
            reason = f"has the same pixels as {first.image_path.name} ({_line(first)})"
            _say_twin(problems, "duplicate-image", second, first, reason)


def _check_leaks(known: CheckedSet, held_out: CheckedSet, problems: list[Problem]) -> None:
    part = {"train": "training", "val": "validation"}.get(known.name, known.name)
    for pair in find_leaks(*_hashes(known), *_hashes(held_out)):
        first, sample = known.samples[pair.first], held_out.samples[pair.second]
        reason = f"{sample.image_path.name} is also a {part} image ({first.where})"
        problems.append(Problem("leak", sample.where, reason, "keep it in one set only", "error"))


def _check_new_characters(report: CheckReport) -> None:
    """Characters that are asked for but never taught."""
    trained = {character for sample in report.sets[0].samples for character in sample.text}
    for checked in report.sets[1:]:
        counts = Counter(c for sample in checked.samples for c in sample.text if c not in trained)
        if counts:
            shown = ", ".join(f"{character!r} {count}" for character, count in counts.most_common(_TWINS_SHOWN))
            first = next(sample.where for sample in checked.samples if any(c in counts for c in sample.text))
            reason = f"{len(counts)} characters of {checked.label_file} are not in the training labels: {shown}"
            fix = "right where the starting weights know them; otherwise add strips with them"
            report.problems.append(Problem("untaught-characters", first, reason, fix, "info"))


def _charset_twins(charset: Charset) -> Iterator[Problem]:
    found = twins(charset.characters)
    if found:
        shown = ", ".join(f"{a!r} and {b!r}" for a, b in found[:_TWINS_SHOWN])
        reason = f"{len(found)} pairs of characters are one character in two forms: {shown}"
        fix = "label with one form only; nothing to do for a published charset"
        yield Problem("charset-twins", charset.id or "charset", reason, fix, "info")


def _check_unused(report: CheckReport) -> None:
    try:
        paths = list_images(report.root)
    except DataError:
        return
    used = {sample.image_path.resolve() for checked in report.sets for sample in checked.samples}
    unused = [path for path in paths if Path(path).resolve() not in used]
    if unused:
        reason = f"{len(unused)} images in the folder have no label line, such as {unused[0]}"
        fix = "label them, or move them away"
        report.problems.append(Problem("unlabelled-images", str(report.root), reason, fix, "info"))


def _describe(checked: CheckedSet) -> None:
    """Counts and histograms of one set."""
    samples = checked.samples
    texts = [sample.text for sample in samples]
    sizes = [facts.size for facts in checked.facts if facts.size is not None]
    counts = Counter(character for text in texts for character in text)
    checked.counts = {
        "images": len(samples),
        "characters": sum(map(len, texts)),
        "different characters": len(counts),
        "characters seen once": sum(count == 1 for count in counts.values()),
        "different texts": len(set(texts)),
    }
    histograms = {
        "script": counted(script_of(text) for text in texts),
        "shape": counted(sample.shape for sample in samples if sample.shape),
        "direction": counted(sample.direction for sample in samples if sample.direction),
        "characters per text": binned([len(text) for text in texts], (2, 5, 10, 15, 20, 26, 41)),
        "width / height": binned([width / height for width, height in sizes], (1, 2, 4, 7, 10, 15, 25)),
        "height": binned([height for _, height in sizes], (16, 32, 48, 64, 128), " px"),
        "file format": counted(facts.info.format for facts in checked.facts if facts.info is not None),
    }
    checked.histograms = {title: values for title, values in histograms.items() if values}


def _galleries(report: CheckReport) -> Iterator[tuple[str, str, list[tuple[str, np.ndarray]]]]:
    """Strips of the page: the worst cases of each kind, then samples spread over each set."""
    table = {sample.where: sample for checked in report.sets for sample in checked.samples}
    for severity, kind, problems in grouped(report.problems):
        if severity == "info":
            continue
        places = {problem.where: problem.message for problem in reversed(problems) if problem.where in table}
        shown = [(place, _image(table[place])) for place in list(places)[:_IMAGES_PER_KIND]]
        yield f"{severity}: {kind}", "", [(f"{p}: {places[p]}", image) for p, image in shown if image is not None]
    for checked in report.sets:
        step = max(1, len(checked.samples) // _SAMPLE_IMAGES)
        chosen = ((sample, _image(sample)) for sample in checked.samples[::step][:_SAMPLE_IMAGES])
        images = [(f"{sample.text} ({sample.where})", image) for sample, image in chosen if image is not None]
        yield f"Samples of {checked.name}", "", images


def _image(sample: RecSample) -> np.ndarray | None:
    try:
        return read_image(sample.image_path)
    except DataError:
        return None
