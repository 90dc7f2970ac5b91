"""`sealkit data prelabel`: draft labels from the pipeline's results, to be corrected in a labelling tool."""

from __future__ import annotations

import argparse
from typing import Any

NAME = "prelabel"
HELP = "Read the seals of a folder and write the results as draft labels, to be corrected in a labelling tool."
EXAMPLES = """
  sealkit data prelabel scans --to labelme             a JSON file beside each image (LabelMe, X-AnyLabeling)
  sealkit data prelabel scans --to ppocrlabel          scans/Label.txt
  sealkit data prelabel scans --to labelstudio         scans/labelstudio.json: tasks with predictions (OCR template)
  sealkit data prelabel scans --to labelme --det runs/my_detector --rec runs/my_recogniser

Existing labels are kept.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data prelabel`."""
    from sealkit.cli.infer import RUNS
    from sealkit.data.prelabel import WRITERS

    parser.add_argument("folder", metavar="DIR", help="folder of images, searched with its subfolders")
    parser.add_argument("--to", required=True, choices=list(WRITERS), help="the tool the labels are for")
    parser.add_argument(
        "--pipeline", metavar="CONFIG", help="pipeline config: YAML file or shipped name (default: embedded)"
    )
    for name, text in RUNS.items():
        parser.add_argument(f"--{name}", metavar="RUN", help=f"{text} to use: run folder or exported folder")
    parser.add_argument("--device", help="cpu, gpu:0, … (default: an NVIDIA card, else cpu)")
    parser.add_argument(
        "--min-score", type=float, default=0.3, metavar="P", help="minimum score (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """0; 3 where an image could not be read (the others were)."""
    from pathlib import Path

    from sealkit.data.prelabel import WRITERS
    from sealkit.errors import DataError
    from sealkit.images import IMAGE_SUFFIXES, suffix_of

    folder = Path(args.folder)
    images = sorted(path for path in folder.rglob("*") if suffix_of(path) in IMAGE_SUFFIXES)
    if not images:
        raise DataError("no images found", where=str(folder), hint="name the folder that holds them")
    readings, failed = _read(args, images)
    written = WRITERS[args.to](readings, folder)
    texts = sum(len(found) for _, found in readings.values())
    print(f"{len(readings)} images, {texts} texts; {len(written)} file(s) written, existing labels are kept")
    if failed:
        print(f"{failed} image(s) could not be read")
    print(f"next: correct them in the tool, then sealkit data convert {folder} my_seals")
    return 3 if failed else 0


def _read(args: argparse.Namespace, images: Any) -> tuple[Any, int]:
    from pathlib import Path

    from sealkit import api
    from sealkit.cli.infer import RUNS
    from sealkit.cli.progress import Progress
    from sealkit.data.prelabel import Reading

    runs = {name: getattr(args, name) for name in RUNS if getattr(args, name) is not None}
    pipeline: Any = api.create_pipeline(args.pipeline, device=args.device, **runs)
    readings, failed = {}, 0
    with Progress("reading") as progress:
        for result in pipeline.predict([str(path) for path in images]):
            progress(1, len(images))
            if not result.ok:
                failed += 1
                continue
            texts = [
                Reading(one.line, one.text, one.score, number)
                for number, seal in enumerate(result.parts)
                for one in seal.read
                if one.text and one.score >= args.min_score
            ]
            size = tuple(int(side) for side in _size(result["input_path"]))
            readings[Path(result["input_path"])] = (size, texts)
    return readings, failed


def _size(path: str) -> tuple[int, int]:
    """Height and width of an image as the pipeline saw it."""
    from sealkit.images import read_image

    height, width = read_image(path).shape[:2]
    return height, width
