"""`sealkit data crop`: a detection set -> straightened strips for training a recogniser."""

from __future__ import annotations

import argparse
from typing import Any

NAME = "crop"
HELP = "Cut the labelled texts of a detection set into straight strips, a recognition set in PaddleX's format."
EXAMPLES = """
  sealkit data crop my_seals my_strips                          train.txt and val.txt, where present
  sealkit data crop my_seals my_strips --labels test.txt
  sealkit data crop my_seals my_strips --outlines detector      as the pipeline finds the texts, not as they were drawn

Where a label does not say where its text starts, both directions are read and compared with the label's text; the order
of the points and the geometry decide the rest. Uncertain strips are listed in OUT/<labels>.review.jsonl.
"""
RECOGNISER = "PP-OCRv6_small_rec"
"""Decides directions unless --recogniser is given: the embedded model, which needs no download."""
_IMAGES_PER_WORKER = 16
"""Fewer are read sooner than a process has loaded the models."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data crop`."""
    from sealkit.cli.options import add_workers

    parser.add_argument("folder", metavar="DIR", help="the detection set; its labels need transcriptions")
    parser.add_argument("out", metavar="OUT", help="folder for images/ and label files of the same names")
    parser.add_argument("--labels", nargs="+", metavar="FILE", help="label files (default: train.txt and val.txt)")
    parser.add_argument("--quality", type=int, metavar="N", help="write JPEG of this quality (1 to 100) and not PNG")
    parser.add_argument(
        "--height", type=int, default=48, metavar="PIXELS", help="height of the strips in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--outlines",
        choices=("labels", "detector"),
        default="labels",
        help="outlines to cut along (default: %(default)s)",
    )
    parser.add_argument(
        "--pipeline", metavar="CONFIG", help="with --outlines detector: its pipeline config (default: embedded)"
    )
    parser.add_argument(
        "--recogniser",
        metavar="DIR",
        help=f"exported recogniser that decides directions, or `none` (default: {RECOGNISER}, embedded)",
    )
    add_workers(parser)


def run(args: argparse.Namespace) -> int:
    """Run `sealkit data crop`; returns the exit code."""
    from pathlib import Path

    from sealkit.cli.options import workers_of
    from sealkit.data.check_report import problems_text
    from sealkit.data.labels.detection import read_det_labels
    from sealkit.workers.journal import begin, finished

    _check(args)
    workers = workers_of(args)
    root = Path(args.folder)
    present = [name for name in ("train.txt", "val.txt") if (root / name).is_file()]
    chosen = args.labels or present or ["train.txt"]
    with finished(begin(args.out, _settings(args, chosen), shared=True)) as journal:
        for labels in chosen:
            if f"done:{labels}" in journal:
                print(f"{args.out}/{Path(labels).name}: was cut before")
                continue
            samples, problems = read_det_labels(root, labels)
            report = _cut(args, samples, labels, workers, journal)
            journal.add(f"done:{labels}", True)
            errors = [problem for problem in problems if problem.severity == "error"] + report.problems
            if errors:
                print("\n".join(problems_text(errors)))
            _tell(report, f"{args.out}/{Path(labels).name}")
    print(f"next: sealkit train --data {args.out}")
    return 0


def _settings(args: argparse.Namespace, chosen: list[str]) -> dict[str, Any]:
    """What decides about the strips: a killed run of the same is gone on with."""
    from pathlib import Path

    from sealkit.data.fingerprint import file_hash

    names = ("quality", "height", "outlines", "pipeline", "recogniser")
    labels = {name: file_hash(Path(args.folder) / name) for name in chosen}
    return {
        "crop": str(Path(args.folder).absolute()),
        "labels": labels,
        **{name: getattr(args, name) for name in names},
    }


def _cut(args: argparse.Namespace, samples: Any, labels: str, workers: Any, journal: Any) -> Any:
    """Find directions and outlines, and write the strips; the report."""
    from functools import partial
    from pathlib import Path

    from sealkit.cli.progress import Progress
    from sealkit.data.crops import write_crops
    from sealkit.data.directions import find_directions

    work = {"workers": workers.for_jobs(len(samples), _IMAGES_PER_WORKER), "journal": journal}
    threads = None if work["workers"].here else 1
    read = args.recogniser != "none" and _without_direction(samples) and _reads(args.recogniser)
    reader = partial(_reader, args.recogniser, threads) if read else None
    with Progress(f"finding directions in {labels}") as bar:
        progress = partial(bar, total=len(samples))
        options = {"reader": reader, "height": args.height, "name": f"directions of {labels}", **work}
        found = find_directions(samples, progress=progress, **options)
    if args.outlines == "detector":
        found = _detected(args.pipeline, threads, samples, found, labels, work)
    with Progress(f"cutting {labels}") as bar:
        progress = partial(bar, total=len(samples))
        options = {"directions": found, "height": args.height, "quality": args.quality, **work}
        return write_crops(samples, args.out, Path(labels).name, **options, progress=progress)


def _check(args: argparse.Namespace) -> None:
    from sealkit.errors import ConfigError

    if args.height < 8:
        raise ConfigError(
            "strips must be at least 8 pixels high", where="--height", value=args.height, hint="48 is usual"
        )
    if args.quality is not None and not 1 <= args.quality <= 100:
        raise ConfigError("JPEG quality is 1 to 100", where="--quality", value=args.quality, hint="93 is usual")
    if args.pipeline and args.outlines != "detector":
        raise ConfigError("labels need no pipeline", where="--pipeline", hint="add --outlines detector")


def _without_direction(samples: Any) -> bool:
    return any(
        line.direction is None and not line.ignore and line.text.strip() for sample in samples for line in sample.lines
    )


def _reads(folder: str | None) -> bool:
    """Whether there is a recogniser; a line about it where none is installed."""
    import sys

    from sealkit.errors import ConfigError, EngineError

    try:
        _reader(folder, 1)
    except (ConfigError, EngineError) as error:
        if folder is not None:
            raise
        print(
            f"directions are decided by point order and geometry alone: {error.what}; {error.hint or ''}",
            file=sys.stderr,
        )
        return False
    return True


def _reader(folder: str | None, threads: int | None) -> Any:
    """What reads strips. Raises ConfigError, EngineError: no such recogniser, or no engine for it."""
    from sealkit.modules.text_recognition.predictor import TextRecogniser
    from sealkit.pipeline.create import create_model
    from sealkit.runtime.model import load_model

    if folder is not None:
        recogniser: Any = TextRecogniser(load_model(folder, threads=threads))
    else:
        recogniser = create_model(RECOGNISER, threads=threads)
    return lambda strips: [(result.text, result.score) for result in recogniser.read(strips, 8)]


def _finder(config: str | None, threads: int | None) -> Any:
    """The pipeline whose outlines are cut along."""
    from sealkit import api

    return api.create_pipeline(config, threads=threads)


def _detected(config: str | None, threads: int | None, samples: Any, found: Any, labels: str, work: Any) -> Any:
    from functools import partial

    from sealkit.cli.progress import Progress
    from sealkit.pipeline.label_lines import detected_lines

    with Progress(f"detecting {labels}") as bar:
        progress = partial(bar, total=len(samples))
        make = partial(_finder, config, threads)
        lines = detected_lines(make, samples, found, progress, name=f"lines of {labels}", **work)
    wanted, got = sum(map(len, found)), sum(map(len, lines))
    print(f"{labels}: the detector found {got} of {wanted} labelled texts")
    return lines


def _tell(report: Any, file: str) -> None:
    skipped = ", ".join(f"{count} {reason}" for reason, count in report.skipped.items())
    print(f"{file}: {report.written} strips" + (f"; without: {skipped}" if skipped else ""))
    names = {"reading": "reading", "order": "the order of the points", "seal": "the other texts of the seal"}
    ways = [
        f"{report.by[by]} by {names.get(by, by)}" for by in ("reading", "order", "seal", "geometry") if by in report.by
    ]
    if ways:
        print(f"  direction found: {', '.join(ways)}")
    if report.unsure:
        print(f"  unsure of {report.unsure}: look at {report.review}, delete what is wrong from {file}")
