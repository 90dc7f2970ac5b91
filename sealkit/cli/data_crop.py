"""`sealkit data crop`: a detection set -> straightened strips for training a recogniser."""

from __future__ import annotations

import argparse

NAME = "crop"
HELP = "Cut the labelled texts of a detection set into straight strips, a recognition set in PaddleX's format."
EXAMPLES = """
  sealkit data crop my_seals my_strips                          train.txt and val.txt, as far as they are there
  sealkit data crop my_seals my_strips --labels test.txt
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="the detection set; labels need direction and transcription")
    parser.add_argument("out", metavar="OUT", help="folder for images/ and label files of the same names")
    parser.add_argument("--labels", nargs="+", metavar="FILE", help="label files (default: train.txt and val.txt)")
    parser.add_argument("--quality", type=int, metavar="N", help="write JPEG of this quality (1 to 100) and not PNG")
    parser.add_argument("--height", type=int, default=48, metavar="PIXELS", help="of the strips (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    from functools import partial
    from pathlib import Path

    from sealkit.cli.progress import Progress
    from sealkit.data.check_report import problems_text
    from sealkit.data.crops import write_crops
    from sealkit.data.labels.detection import read_det_labels
    from sealkit.errors import ConfigError

    if args.height < 8:
        raise ConfigError(
            "strips must be at least 8 pixels high", where="--height", value=args.height, hint="48 is usual"
        )
    if args.quality is not None and not 1 <= args.quality <= 100:
        raise ConfigError("JPEG quality is 1 to 100", where="--quality", value=args.quality, hint="93 is usual")
    root = Path(args.folder)
    present = [name for name in ("train.txt", "val.txt") if (root / name).is_file()]
    for labels in args.labels or present or ["train.txt"]:
        samples, problems = read_det_labels(root, labels)
        with Progress(f"cutting {labels}") as bar:
            tell = partial(bar, total=len(samples))
            name, options = Path(labels).name, {"height": args.height, "quality": args.quality}
            report = write_crops(samples, args.out, name, **options, progress=tell)
        found = [problem for problem in problems if problem.severity == "error"] + report.problems
        if found:
            print("\n".join(problems_text(found)))
        skipped = ", ".join(f"{count} {reason}" for reason, count in report.skipped.items())
        print(f"{args.out}/{Path(labels).name}: {report.written} strips" + (f"; without: {skipped}" if skipped else ""))
    return 0
