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

Existing labels are kept, and their images not read. Killed and started again, it goes on where it was.
"""
_JOURNAL = ".prelabel.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data prelabel`."""
    from sealkit.cli.infer import RUNS
    from sealkit.cli.options import add_workers
    from sealkit.data.prelabel import WRITERS

    parser.add_argument("folder", metavar="DIR", help="folder of images, searched with its subfolders")
    parser.add_argument("--to", required=True, choices=list(WRITERS), help="the tool the labels are for")
    parser.add_argument(
        "--pipeline", metavar="CONFIG", help="pipeline config: YAML file or shipped name (default: embedded)"
    )
    for name, text in RUNS.items():
        parser.add_argument(f"--{name}", metavar="RUN", help=f"{text} to use: run folder or exported folder")
    parser.add_argument("--device", help="cpu, gpu:0, … (default: an NVIDIA card, else cpu)")
    add_workers(parser, 1, "processes with a pipeline each (0: one per core)")
    parser.add_argument(
        "--min-score", type=float, default=0.3, metavar="P", help="minimum score (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """0; 3 where an image could not be read (the others were)."""
    from pathlib import Path

    from sealkit.data.prelabel import WRITERS, unlabelled
    from sealkit.images import list_images
    from sealkit.workers.journal import finished

    folder = Path(args.folder)
    images = [Path(path) for path in list_images(folder, unread=True)]
    left = unlabelled(args.to, images, folder)
    with finished(_journal(args, folder)) as journal:
        readings, failed = _read(args, folder, left, journal)
        written = WRITERS[args.to](readings, folder)
    texts = sum(len(found) for _, found in readings.values())
    print(f"{len(readings)} images, {texts} texts; {len(written)} file(s) written, existing labels are kept")
    if failed:
        print(f"{failed} image(s) could not be read")
    print(f"next: correct them in the tool, then sealkit data convert {folder} my_seals")
    return 3 if failed else 0


def _journal(args: argparse.Namespace, folder: Any) -> Any:
    """What an earlier run read, with the same models and settings."""
    from sealkit.cli.infer import RUNS
    from sealkit.cli.infer_state import settings_of
    from sealkit.workers.journal import begin

    flags = {name: getattr(args, name) for name in ("pipeline", *RUNS, "device", "min_score")}
    return begin(folder, {**flags, "models": settings_of(argparse.Namespace(**flags))}, shared=True, name=_JOURNAL)


def _read(args: argparse.Namespace, folder: Any, images: Any, journal: Any) -> tuple[Any, int]:
    """Readings by image, and how many images could not be read; each of these is told why."""
    import sys

    from sealkit.cli.infer_state import stamp_of
    from sealkit.cli.progress import Progress
    from sealkit.data.prelabel import Reading, pack, unpack

    keys = {path: f"{path.relative_to(folder).as_posix()} {stamp_of(str(path))}" for path in images}
    readings = {path: unpack(journal.known[keys[path]]) for path in images if keys[path] in journal}
    left, failed = [path for path in images if path not in readings], 0
    with Progress("reading") as progress:
        for path, result in _results(args, left):
            progress(1, len(left))
            if not result.ok:
                failed += 1
                print(result["error"], file=sys.stderr)
                continue
            texts = [
                Reading(one.line, one.text, float(one.score), number)
                for number, seal in enumerate(result.parts)
                for one in seal.read
                if one.text and one.score >= args.min_score
            ]
            readings[path] = (_size(result["input_path"]), texts)
            journal.add(keys[path], pack(*readings[path]))
    return {path: readings[path] for path in images if path in readings}, failed


def _results(args: argparse.Namespace, images: Any) -> Any:
    """(image, result) of each; no model is loaded where there is none."""
    from pathlib import Path

    from sealkit import api
    from sealkit.cli.infer import RUNS
    from sealkit.cli.options import asked_workers

    if not images:
        return
    runs = {name: getattr(args, name) for name in RUNS if getattr(args, name) is not None}
    pipeline: Any = api.create_pipeline(args.pipeline, device=args.device, **asked_workers(args), **runs)
    for result in pipeline.predict([str(path) for path in images]):
        yield Path(result["input_path"]), result


def _size(path: str) -> tuple[int, int]:
    """Height and width of an image as the pipeline saw it."""
    from sealkit.images import read_image

    height, width = read_image(path).shape[:2]
    return height, width
