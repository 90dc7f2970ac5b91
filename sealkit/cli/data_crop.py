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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data crop`."""
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


def run(args: argparse.Namespace) -> int:
    """Run `sealkit data crop`; returns the exit code."""
    from functools import partial
    from pathlib import Path

    from sealkit.cli.progress import Progress
    from sealkit.data.check_report import problems_text
    from sealkit.data.crops import write_crops
    from sealkit.data.directions import find_directions
    from sealkit.data.labels.detection import read_det_labels

    _check(args)
    root = Path(args.folder)
    present = [name for name in ("train.txt", "val.txt") if (root / name).is_file()]
    read: Any = None
    for labels in args.labels or present or ["train.txt"]:
        samples, problems = read_det_labels(root, labels)
        if read is None and args.recogniser != "none" and _without_direction(samples):
            read = _reader(args.recogniser)
        with Progress(f"finding directions in {labels}") as bar:
            found = find_directions(samples, read, height=args.height, progress=partial(bar, total=len(samples)))
        if args.outlines == "detector":
            found = _detected(args.pipeline, samples, found, labels)
        with Progress(f"cutting {labels}") as bar:
            tell = partial(bar, total=len(samples))
            options = {"directions": found, "height": args.height, "quality": args.quality}
            report = write_crops(samples, args.out, Path(labels).name, **options, progress=tell)
        errors = [problem for problem in problems if problem.severity == "error"] + report.problems
        if errors:
            print("\n".join(problems_text(errors)))
        _tell(report, f"{args.out}/{Path(labels).name}")
    print(f"next: sealkit train --data {args.out}")
    return 0


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


def _reader(folder: str | None) -> Any:
    """What reads strips; None, and a line about it, where no recogniser is installed."""
    import sys

    from sealkit.errors import ConfigError, EngineError
    from sealkit.modules.text_recognition.predictor import TextRecogniser
    from sealkit.pipeline.create import create_model
    from sealkit.runtime.model import load_model

    if folder is not None:
        recogniser: Any = TextRecogniser(load_model(folder))
    else:
        try:
            recogniser = create_model(RECOGNISER)
        except (ConfigError, EngineError) as error:
            print(
                f"directions are decided by point order and geometry alone: {error.what}; {error.hint or ''}",
                file=sys.stderr,
            )
            return None
    return lambda strips: [(result.text, result.score) for result in recogniser.read(strips, 8)]


def _detected(config: str | None, samples: Any, found: Any, labels: str) -> Any:
    from functools import partial

    from sealkit import api
    from sealkit.cli.progress import Progress
    from sealkit.pipeline.label_lines import detected_lines

    pipeline: Any = api.create_pipeline(config)
    with Progress(f"detecting {labels}") as bar:
        lines = detected_lines(pipeline, samples, found, partial(bar, total=len(samples)))
    wanted, got = sum(map(len, found)), sum(map(len, lines))
    print(f"{labels}: the detector found {got} of {wanted} labelled texts")
    return lines


def _tell(report: Any, file: str) -> None:
    skipped = ", ".join(f"{count} {reason}" for reason, count in report.skipped.items())
    print(f"{file}: {report.written} strips" + (f"; without: {skipped}" if skipped else ""))
    told = {"reading": "reading", "order": "the order of the points", "seal": "the other texts of the seal"}
    ways = [
        f"{report.by[by]} by {told.get(by, by)}" for by in ("reading", "order", "seal", "geometry") if by in report.by
    ]
    if ways:
        print(f"  direction found: {', '.join(ways)}")
    if report.unsure:
        print(f"  unsure of {report.unsure}: look at {report.review}, delete what is wrong from {file}")
