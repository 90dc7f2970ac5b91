"""Dataset check of seal text detection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sealkit.charset import Charset
from sealkit.data.check_outlines import outline_problems
from sealkit.data.check_report import CheckedSet, CheckReport, binned, counted, grouped
from sealkit.data.check_sets import nothing_to_learn
from sealkit.data.check_texts import PlacedText, text_problems
from sealkit.data.converters.detect import describe_folder
from sealkit.data.duplicates import Pair, Signature, find_leaks, find_pairs
from sealkit.data.images import ImageFacts, image_problems
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.records import DetSample
from sealkit.data.split import owners
from sealkit.errors import DataError, Problem, Severity
from sealkit.geometry.batches import by_point_count
from sealkit.images import list_images
from sealkit.modules.dataset_check import DatasetCheck, Gallery, line_of
from sealkit.modules.seal_text_detection.models import MODULE


@dataclass(frozen=True)
class CheckRules:
    """How much of a set is shown."""

    sample_images: int = 12
    """Images of the report's overview."""
    images_per_kind: int = 6
    """Images shown of each kind of problem."""
    drawn_side_px: int = 480
    """Long side of a shown image."""


RULES = CheckRules()


class DetectionCheck(DatasetCheck):
    """A detection set in PaddleX's format, see `sealkit.data.labels.detection`.

    Attributes:
        files: file name → paths of the images below the root.
    """

    module = MODULE
    dataset_type = "TextDetDataset"
    compares_looks = True

    def __init__(self, root: Path, charset: Charset | None) -> None:
        super().__init__(root, charset)
        self.files = _images_below(root)

    def has(self, label_file: str) -> bool:
        """A bare name means a file in the set's folder; a file of that name in the working folder is ignored."""
        return _has(self.root, label_file)

    def read_set(self, name: str, label_file: str) -> CheckedSet:
        """Images with their outlines."""
        return _read_set(self.root, self.problems, name, label_file)

    def where_images_are(self, example: Path) -> str:
        """Where images of that name lie, or how many others there are."""
        return _where_images_are(self.files, example)

    def check_samples(self, checked: CheckedSet) -> None:
        """Images, outlines and texts."""
        _check_samples(checked, self.files, self.problems)
        self.report.problems += text_problems(_texts(checked), self.charset)

    def describe(self, checked: CheckedSet) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Texts by shape, direction, angle, length and size."""
        return _describe(checked)

    def check_sets(self) -> None:
        """Parts without any text."""
        nothing_to_learn(self.report, lambda checked: sum(len(sample.lines) for sample in checked.samples), "text")

    def check_copies(self, checked: CheckedSet) -> None:
        """Equal pixels, and images that look alike."""
        _check_twins(checked, self.problems)

    def check_leaks(self, known: CheckedSet, held_out: CheckedSet) -> None:
        """Equal pixels, images that look alike, and names of owners that are in both."""
        _check_leaks(known, held_out, self.problems)

    def check_folder(self) -> None:
        """Images without labels."""
        fix = "label them; an image without text gets the line `path<TAB>[]`"
        self.report_unlabelled("have no label line", fix, (path for paths in self.files.values() for path in paths))

    def galleries(self) -> Iterator[Gallery]:
        """Cases of each kind, what a detector disagrees with, then samples."""
        return _galleries(self.report)


check_dataset = DetectionCheck.check


def _images_below(root: Path) -> dict[str, list[str]]:
    """File name -> paths of the images below the root."""
    try:
        paths = list_images(root)
    except DataError as error:
        if any(root.glob("*.txt")) or any(root.glob("*.json")):
            return {}  # the label file may name images elsewhere
        raise DataError(error.what, where=str(root), hint=error.hint) from None
    table: dict[str, list[str]] = {}
    for path in paths:
        table.setdefault(Path(path).name, []).append(path)
    return table


def _has(root: Path, label_file: str) -> bool:
    """A bare name means a file in the set's folder; a file of that name in the working folder is ignored."""
    path = Path(label_file)
    return (root / path).is_file() or (path.parent != Path(".") and path.is_file())


def _read_set(root: Path, problems: list[Problem], name: str, label_file: str) -> CheckedSet:
    if not _has(root, label_file):
        found, command = describe_folder(root)
        hint = f"{found}; convert it: {command}" if command else f"{found}; name it with --{name}"
        raise DataError(f"there is no label file {label_file}", where=str(root), hint=hint)
    samples, found_problems = read_det_labels(root, label_file)
    _refuse_other_labels(root, label_file, samples, found_problems)
    problems += found_problems
    return CheckedSet(name, label_file, samples)


def _refuse_other_labels(root: Path, label_file: str, samples: list[DetSample], problems: list[Problem]) -> None:
    """Labels of another module give one message, not one per line."""
    strangers = [problem for problem in problems if problem.code in ("not-detection", "bad-separator", "no-path")]
    if samples or not strangers or len(strangers) < 0.9 * sum(p.severity == "error" for p in problems):
        return
    recognition = [problem for problem in strangers if problem.code == "not-detection"]
    if len(recognition) * 2 > len(strangers):
        raise DataError(
            f"these are labels of text recognition: {len(recognition)} lines hold a text where outlines are expected",
            where=f"{root / label_file}:{recognition[0].where.rpartition(':')[2]}",
            value=recognition[0].message,
            hint="check it with --module text_recognition, or give the detection set's label file",
        )
    found, command = describe_folder(root)
    raise DataError(
        f"no line of this file is a detection label ({strangers[0].message})",
        where=strangers[0].where,
        hint=f"{found}; convert it: {command}" if command else f"{strangers[0].hint}; expected: path<TAB>[{{…}}]",
    )


def _where_images_are(files: dict[str, list[str]], example: Path) -> str:
    elsewhere = files.get(example.name)
    if elsewhere:
        return f"{example.name} lies at {elsewhere[0]}: check the paths' beginning, or give another folder"
    if files:
        return f"the folder holds {sum(map(len, files.values()))} other images: are these the right labels?"
    return "the folder holds no images at all: copy them there, or give the folder that the paths are relative to"


def _check_samples(checked: CheckedSet, files: dict[str, list[str]], problems: list[Problem]) -> None:
    listed: dict[Path, DetSample] = {}
    for sample, facts in zip(checked.samples, checked.facts):
        for problem in image_problems(facts, sample.where):
            problems.append(_with_place(problem, facts, files))
        stored = (facts.info.width, facts.info.height) if facts.info is not None else None
        problems += outline_problems(sample.lines, facts.size, sample.where, stored)
        if sample.image_path in listed:
            first = listed[sample.image_path]
            _say_twin(
                problems,
                "listed-twice",
                sample,
                first,
                f"is listed on {line_of(first.where)} already",
                "delete one line",
            )
        else:
            listed[sample.image_path] = sample


def _texts(checked: CheckedSet) -> list[PlacedText]:
    return [
        PlacedText(sample.where, number, line.text)
        for sample in checked.samples
        for number, line in enumerate(sample.lines)
        if not line.ignore
    ]


def _with_place(problem: Problem, facts: ImageFacts, files: dict[str, list[str]]) -> Problem:
    """A missing image that lies elsewhere below the root gets that place as its fix."""
    places = files.get(facts.path.name)
    if problem.code != "missing-image" or not places:
        return problem
    return Problem(
        problem.code, problem.where, problem.message, f"there is {places[0]}: correct the path", problem.severity
    )


def _same_labels(first: DetSample, second: DetSample) -> bool:
    texts = [sorted((line.text, line.ignore) for line in sample.lines) for sample in (first, second)]
    return texts[0] == texts[1]


def _say_twin(problems: list[Problem], kind: str, sample: DetSample, first: DetSample, reason: str, fix: str) -> None:
    severity: Severity = "warning"
    if not _same_labels(first, sample):
        kind, severity = "label-conflict", "error"
        reason, fix = f"{reason}, with other labels", "decide which labels are right and delete the other line"
    problems.append(Problem(kind, sample.where, f"{sample.image_path.name} {reason}", fix, severity))


def _check_twins(checked: CheckedSet, problems: list[Problem]) -> None:
    marks, hashes = _marks(checked)
    for pair in find_pairs(marks, hashes):
        first, second = checked.samples[pair.first], checked.samples[pair.second]
        if first.image_path == second.image_path:
            continue
        if pair.same_pixels:
            reason = f"has the same pixels as {first.image_path.name} ({line_of(first.where)})"
            _say_twin(problems, "duplicate-image", second, first, reason, "delete one of them; --fix does")
        else:
            reason = f"{second.image_path.name} looks like {first.image_path.name} ({line_of(first.where)})"
            reason += f", likeness {pair.likeness:.2f}"
            fix = "compare both; a re-saved copy adds nothing to training"
            problems.append(Problem("look-alike", second.where, reason, fix, "warning"))


def _marks(checked: CheckedSet) -> tuple[list[Signature | None], list[str]]:
    return [facts.signature for facts in checked.facts], [facts.pixel_hash for facts in checked.facts]


def _check_leaks(train: CheckedSet, val: CheckedSet, problems: list[Problem]) -> None:
    """What a part (train) shares with one that is held out from it (val or test)."""
    pairs: list[Pair] = find_leaks(*_marks(train), *_marks(val))
    fix = "keep it in one set only: sealkit data split keeps copies together"
    part = {"train": "training", "val": "validation"}.get(train.name, train.name)
    for pair in pairs:
        known, sample = train.samples[pair.first], val.samples[pair.second]
        if pair.same_pixels:
            reason = f"{sample.image_path.name} is also a {part} image ({known.where})"
            problems.append(Problem("leak", sample.where, reason, fix, "error"))
        else:
            turned = " turned or mirrored" if pair.turned else ""
            reason = f"{sample.image_path.name} looks like the {part} image {known.image_path.name}{turned}"
            reason += f" ({known.where}), likeness {pair.likeness:.2f}"
            problems.append(Problem("look-alike-leak", sample.where, reason, fix, "warning"))
    _check_shared_owners(train, val, problems)


def _owners(checked: CheckedSet) -> dict[str, DetSample]:
    """Names of owners -> first sample with it."""
    table: dict[str, DetSample] = {}
    for sample in checked.samples:
        for text in sorted(owners(sample)):
            table.setdefault(text, sample)
    return table


def _check_shared_owners(train: CheckedSet, val: CheckedSet, problems: list[Problem]) -> None:
    known, seen = _owners(train), _owners(val)
    shared = [text for text in seen if text in known]
    if not shared:
        return
    example = shared[0]
    reason = (
        f"{len(shared)} of {len(seen)} names in {val.label_file} also occur in {train.label_file}, such as {example!r}"
    )
    reason += f" ({known[example].where}): expect lower scores for new owners than on this set"
    fix = "split by owner: sealkit data split --group owner"
    severity: Severity = "warning" if len(shared) * 2 > len(seen) else "info"
    problems.append(Problem("shared-owners", seen[example].where, reason, fix, severity))


def _describe(checked: CheckedSet) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Counts and histograms of one set."""
    lines = [line for sample in checked.samples for line in sample.lines]
    live = [line for line in lines if not line.ignore]
    sizes = [facts.size for facts in checked.facts if facts.size is not None]
    counts = {
        "images": len(checked.samples),
        "texts": len(live),
        "ignored texts": len(lines) - len(live),
        "images without text": sum(not sample.lines for sample in checked.samples),
        "characters": sum(len(line.text) for line in live),
        "different characters": len({character for line in live for character in line.text}),
    }
    heights = np.zeros(len(live), np.float32)
    for members, points in by_point_count([line.points for line in live]):
        heights[members] = np.ptp(points, axis=1).min(axis=1)
    histograms = {
        "shape": counted(line.shape or "not labelled" for line in live),
        "direction": counted(line.direction or "not labelled" for line in live),
        "angle": _angles([line.angle for line in live]),
        "characters per text": binned([len(line.text) for line in live if line.text], (2, 5, 10, 15, 20, 30)),
        "texts per image": binned([len(sample.lines) for sample in checked.samples], (1, 2, 3, 4, 6, 10, 20)),
        "points per outline": binned([len(line.points) for line in lines], (4, 5, 9, 13, 17, 25, 41)),
        "shorter side of a text's box": binned(heights.tolist(), (8, 16, 32, 64, 128, 256), " px"),
        "shorter side of an image": binned([min(size) for size in sizes], (64, 128, 256, 480, 736, 1280, 2560), " px"),
        "file format": counted(facts.info.format for facts in checked.facts if facts.info is not None),
    }
    return counts, histograms


def _angles(angles: list[float | None]) -> dict[str, int]:
    """Eight bins of 45 degrees around upright, 45, 90, … and the unlabelled."""
    known = [angle for angle in angles if angle is not None]
    bins = (
        np.bincount(np.round(np.asarray(known, np.float64) / 45).astype(int) % 8, minlength=8)
        if known
        else np.zeros(8, int)
    )
    table = {f"{45 * i}°": int(count) for i, count in enumerate(bins) if count}
    if len(known) < len(angles):
        table["not labelled"] = len(angles) - len(known)
    return table


def _galleries(report: CheckReport) -> Iterator[Gallery]:
    """Images of the page: the worst cases of each kind, then samples spread over each set."""
    table = {sample.where: sample for checked in report.sets for sample in checked.samples}
    for severity, kind, problems in grouped(report.problems):
        if severity == "info":
            continue
        places = list(dict.fromkeys(problem.where for problem in problems if problem.where in table))
        reasons = {problem.where: problem.message for problem in reversed(problems)}
        drawn = [(place, _drawn(table[place])) for place in places[: RULES.images_per_kind]]
        images = [(f"{place}: {reasons[place]}", image) for place, image in drawn if image is not None]
        yield f"{severity}: {kind}, drawn", "", images
    if report.label_issues:
        issues = report.label_issues[: RULES.sample_images]
        shown = [(issue.problem, _drawn(issue.sample, issue.outline)) for issue in issues]
        images = [(f"{problem.where}: {problem.message}", image) for problem, image in shown if image is not None]
        yield "Labels the detector disagrees with", "What it is about is drawn in red.", images
    for checked in report.sets:
        step = max(1, len(checked.samples) // RULES.sample_images)
        chosen = checked.samples[::step][: RULES.sample_images]
        images = [(_caption(sample), image) for sample in chosen if (image := _drawn(sample)) is not None]
        text = "Ignored texts are grey; an arrow shows where a text starts and which way it runs, where labels say so."
        yield f"Samples of {checked.name}", text, images


def _caption(sample: DetSample) -> str:
    texts = [f"{i} {'ignored' if line.ignore else line.text}" for i, line in enumerate(sample.lines)]
    return f"{sample.image_path.name} ({sample.where}): {' / '.join(texts) or 'no text'}"


def _drawn(sample: DetSample, marked: np.ndarray | None = None) -> np.ndarray | None:
    """The image with its outlines, numbered in label order; an arrow at the start of each line_poly; `marked` in
    red.
    """
    import cv2

    from sealkit.drawing.polygons import mark_starts, outline_polygons, palette
    from sealkit.images import read_image

    try:
        image = read_image(sample.image_path)
    except DataError:
        return None
    scale = min(1.0, RULES.drawn_side_px / max(image.shape[:2]))
    if scale < 1:
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    colours = [(150, 150, 150) if line.ignore else c for line, c in zip(sample.lines, palette(len(sample.lines)))]
    polygons = [line.points * scale for line in sample.lines]
    image = outline_polygons(image, polygons, colours, width=2)
    directed = [i for i, line in enumerate(sample.lines) if line.direction is not None]
    image = mark_starts(image, [polygons[i] for i in directed], [colours[i] for i in directed])
    for index, (polygon, colour) in enumerate(zip(polygons, colours)):
        x, y = np.clip(polygon[0], 0, [image.shape[1] - 12, image.shape[0] - 4]).astype(int).tolist()
        cv2.putText(image, str(index), (x, max(y, 12)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return image if marked is None else outline_polygons(image, [marked * scale], [(0, 0, 255)], width=3)
