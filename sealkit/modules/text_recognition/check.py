"""Dataset check of text recognition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sealkit.charset import Charset
from sealkit.data.check_report import CheckedSet, CheckReport, binned, counted, grouped
from sealkit.data.check_texts import PlacedText, text_problems
from sealkit.data.converters.detect import describe_folder
from sealkit.data.crops import UPRIGHT
from sealkit.data.duplicates import find_leaks, find_pairs
from sealkit.data.images import ImageFacts, image_problems
from sealkit.data.labels.recognition import read_rec_labels
from sealkit.data.records import RecSample
from sealkit.errors import DataError, Problem, Severity
from sealkit.images import read_image
from sealkit.modules.dataset_check import DatasetCheck, Gallery, line_of, pixel_hashes
from sealkit.modules.text_recognition.characters import twins
from sealkit.modules.text_recognition.dataset import STRIDE
from sealkit.modules.text_recognition.labels import steps_needed
from sealkit.modules.text_recognition.models import MODULE
from sealkit.text import script_of


@dataclass(frozen=True)
class CheckRules:
    """From where a strip or its text is odd, and how much of a set is shown."""

    long_text: int = 25
    """`max_text_length` of the published training, characters."""
    min_steps: int = 40
    """Time steps of an input 320 px wide, the least the pipeline makes."""
    input_height_px: int = 48
    """Height that strips are scaled to."""
    min_side_px: int = 8
    """Strips with a smaller side cannot be read."""
    sample_images: int = 24
    """Strips of the report's overview."""
    images_per_kind: int = 12
    """Strips shown of each kind of problem."""
    twins_shown: int = 10
    """Pairs of look-alike characters named in a message."""


RULES = CheckRules()
_ABOUT_SEALS = frozenset({"small-image"})  # said of whole seals: strips are small by nature


class RecognitionCheck(DatasetCheck):
    """A recognition set in PaddleX's format, see `sealkit.data.labels.recognition`."""

    module = MODULE
    dataset_type = "MSTextRecDataset"

    def num_classes(self) -> int:
        """Different characters of the labels."""
        return len({character for checked in self.report.sets for s in checked.samples for character in s.text})

    keep = "keep part of the strips for it"

    def read_set(self, name: str, label_file: str) -> CheckedSet:
        """Strips with their texts."""
        return _read_set(self.root, self.problems, name, label_file)

    def check_samples(self, checked: CheckedSet) -> None:
        """Images and texts."""
        _check_samples(checked, self.problems)
        self.report.problems += text_problems([PlacedText(s.where, 0, s.text) for s in checked.samples], self.charset)

    def describe(self, checked: CheckedSet) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Texts by script, length and size."""
        return _describe(checked)

    def check_sets(self) -> None:
        """Characters that are asked for but never taught, and those the charset has twice."""
        _check_new_characters(self.report)
        if self.charset is not None:
            self.report.problems += _charset_twins(self.charset)

    def check_copies(self, checked: CheckedSet) -> None:
        """Equal pixels."""
        _check_copies(checked, self.problems)

    def check_leaks(self, known: CheckedSet, held_out: CheckedSet) -> None:
        """Equal pixels."""
        _check_leaks(known, held_out, self.problems)

    def check_folder(self) -> None:
        """Images without labels."""
        self.report_unlabelled("have no label line", "label them, or move them elsewhere")

    def galleries(self) -> Iterator[Gallery]:
        """Cases of each kind, then samples."""
        return _galleries(self.report)


check_dataset = RecognitionCheck.check


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
            _say_twin(problems, "listed-twice", sample, first, f"is listed on {line_of(first.where)} already")


def _text_in_image(sample: RecSample, facts: ImageFacts) -> Iterator[Problem]:
    """What text and image say of each other."""
    length = len(sample.text)
    if length > RULES.long_text:
        reason = f"the text has {length} characters, more than the usual max_text_length {RULES.long_text}"
        fix = "raise labels.max_text_length, or cut the strip in two; otherwise it is left out of training, and counted"
        yield Problem("long-text", sample.where, reason, fix, "warning")
    if facts.size is None:
        return
    width, height = facts.size
    if min(width, height) < RULES.min_side_px:
        reason = f"{sample.image_path.name}: {width}x{height} pixels"
        yield Problem("tiny-strip", sample.where, reason, "take it from a larger original, or remove it", "warning")
        return
    steps = max(RULES.min_steps, int(RULES.input_height_px * width / height) // STRIDE)
    needed = steps_needed([ord(character) for character in sample.text])
    if needed > steps:
        reason = f"{length} characters in {width}x{height} pixels: CTC needs {needed} steps, the network makes {steps}"
        fix = "the text does not belong to the strip, or its characters are squeezed; it cannot be learnt"
        yield Problem("too-many-characters", sample.where, reason, fix, "warning")
    elif length > 1 and height > UPRIGHT * width:
        reason = f"{length} characters in an upright strip of {width}x{height} pixels"
        fix = "recognisers read from left to right: turn columns, or tile their characters into a line"
        yield Problem("upright-strip", sample.where, reason, fix, "warning")


def _say_twin(problems: list[Problem], kind: str, sample: RecSample, first: RecSample, reason: str) -> None:
    severity: Severity = "warning"
    fix = "delete one line"
    if sample.text != first.text:
        kind, severity = "label-conflict", "error"
        reason = f"{reason}, with another text: {first.text!r} and {sample.text!r}"
        fix = "decide which text is right and delete the other line"
    problems.append(Problem(kind, sample.where, f"{sample.image_path.name} {reason}", fix, severity))


def _check_copies(checked: CheckedSet, problems: list[Problem]) -> None:
    for pair in find_pairs(*pixel_hashes(checked)):
        first, second = checked.samples[pair.first], checked.samples[pair.second]
        if first.image_path != second.image_path:
            reason = f"has the same pixels as {first.image_path.name} ({line_of(first.where)})"
            _say_twin(problems, "duplicate-image", second, first, reason)


def _check_leaks(known: CheckedSet, held_out: CheckedSet, problems: list[Problem]) -> None:
    part = {"train": "training", "val": "validation"}.get(known.name, known.name)
    for pair in find_leaks(*pixel_hashes(known), *pixel_hashes(held_out)):
        first, sample = known.samples[pair.first], held_out.samples[pair.second]
        reason = f"{sample.image_path.name} is also a {part} image ({first.where})"
        problems.append(Problem("leak", sample.where, reason, "keep it in one set only", "error"))


def _check_new_characters(report: CheckReport) -> None:
    """Characters that are asked for but never taught."""
    trained = {character for sample in report.sets[0].samples for character in sample.text}
    for checked in report.sets[1:]:
        counts = Counter(c for sample in checked.samples for c in sample.text if c not in trained)
        if counts:
            shown = ", ".join(f"{character!r} {count}" for character, count in counts.most_common(RULES.twins_shown))
            first = next(sample.where for sample in checked.samples if any(c in counts for c in sample.text))
            reason = f"{len(counts)} characters of {checked.label_file} are not in the training labels: {shown}"
            fix = "fine if the initial weights know them; otherwise add strips with them"
            report.problems.append(Problem("untaught-characters", first, reason, fix, "info"))


def _charset_twins(charset: Charset) -> Iterator[Problem]:
    found = twins(charset.characters)
    if found:
        shown = ", ".join(f"{a!r} and {b!r}" for a, b in found[: RULES.twins_shown])
        reason = f"{len(found)} pairs of characters are one character in two forms: {shown}"
        fix = "label with one form only; nothing to do for a published charset"
        yield Problem("charset-twins", charset.id or "charset", reason, fix, "info")


def _describe(checked: CheckedSet) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Counts and histograms of one set."""
    samples = checked.samples
    texts = [sample.text for sample in samples]
    sizes = [facts.size for facts in checked.facts if facts.size is not None]
    seen = Counter(character for text in texts for character in text)
    counts = {
        "images": len(samples),
        "characters": sum(map(len, texts)),
        "different characters": len(seen),
        "characters seen once": sum(count == 1 for count in seen.values()),
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
    return counts, histograms


def _galleries(report: CheckReport) -> Iterator[Gallery]:
    """Strips of the page: the worst cases of each kind, then samples spread over each set."""
    table = {sample.where: sample for checked in report.sets for sample in checked.samples}
    for severity, kind, problems in grouped(report.problems):
        if severity == "info":
            continue
        places = {problem.where: problem.message for problem in reversed(problems) if problem.where in table}
        shown = [(place, _image(table[place])) for place in list(places)[: RULES.images_per_kind]]
        yield f"{severity}: {kind}", "", [(f"{p}: {places[p]}", image) for p, image in shown if image is not None]
    for checked in report.sets:
        step = max(1, len(checked.samples) // RULES.sample_images)
        chosen = ((sample, _image(sample)) for sample in checked.samples[::step][: RULES.sample_images])
        images = [(f"{sample.text} ({sample.where})", image) for sample, image in chosen if image is not None]
        yield f"Samples of {checked.name}", "", images


def _image(sample: RecSample) -> np.ndarray | None:
    try:
        return read_image(sample.image_path)
    except DataError:
        return None
