"""`sealkit data show`: a contact sheet of a set of any module."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

NAME = "show"
HELP = "Draw images of a set with their outlines, boxes or texts on one sheet, each with its name and labels."
EXAMPLES = """
  sealkit data show my_seals                                       its training part
  sealkit data show my_strips/val.txt                              strips and their texts
  sealkit data show my_seals/train.txt                             24 images spread over the set -> sheet.png
  sealkit data show my_seals/train.txt --count 60 --columns 10 --out train.jpg
  sealkit data show my_seals/train.txt --shape oval --random --seed 3
  sealkit data show annotations/instance_train.json --root my_pages --shape seal   pages with a box of this class
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data show`."""
    parser.add_argument("labels", metavar="LABELS", help="label file, or the folder of a set: its training part")
    parser.add_argument("--root", metavar="DIR", help="folder of the image paths (default: the label file's)")
    parser.add_argument("--out", default="sheet.png", metavar="FILE", help="PNG or JPEG (default: %(default)s)")
    parser.add_argument(
        "--count", type=int, default=24, metavar="N", help="maximum number of images (default: %(default)s)"
    )
    parser.add_argument("--columns", type=int, default=6, metavar="N")
    parser.add_argument("--tile", type=int, default=320, metavar="PIXELS", help="side of an image on the sheet")
    parser.add_argument("--shape", help="only images with a seal of this shape, or a box of this class")
    parser.add_argument("--contains", metavar="TEXT", help="only images with this in a text or in the file name")
    parser.add_argument("--random", action="store_true", help="sample at random instead of evenly over the set")
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Run `sealkit data show`; returns the exit code."""
    import numpy as np

    from sealkit.data.labels.kinds import labels_in, read_any
    from sealkit.drawing.sheets import contact_sheet, save_sheet
    from sealkit.errors import ConfigError, DataError, ImageError
    from sealkit.images import read_image

    for flag in ("count", "columns", "tile"):
        if getattr(args, flag) < 1:
            raise ConfigError(
                "must be at least 1", where=f"--{flag}", value=getattr(args, flag), hint="give a number from 1"
            )
    labels = labels_in(Path(args.labels))
    folder = labels.parent.parent if labels.parent.name == "annotations" else labels.parent
    found = read_any(Path(args.root) if args.root else folder, labels)
    samples, problems = found.samples, found.problems
    chosen = [s for s in samples if args.shape is None or any(line.shape == args.shape for line in s.lines)]
    if args.contains:
        word = args.contains
        chosen = [s for s in chosen if word in s.image_path.name or any(word in line.text for line in s.lines)]
    if not chosen:
        raise DataError("no image to show", where=args.labels, hint="loosen --shape or --contains, or run data check")
    if args.random:
        order = np.random.default_rng(args.seed).permutation(len(chosen))[: args.count].tolist()
    else:
        order = np.unique(np.linspace(0, len(chosen) - 1, min(args.count, len(chosen))).round().astype(int)).tolist()
    images, polygons, captions, broken = [], [], [], []
    for index in order:
        sample = chosen[index]
        try:
            images.append(read_image(sample.image_path, where=f"{sample.where} {sample.image_path}"))
        except ImageError as error:
            broken.append(str(error))
            continue
        polygons.append([(line.points, line.ignore) for line in sample.lines if len(line.points)])
        captions.append(_caption(sample))
    if not images:
        raise DataError(f"none of the images can be read; the first: {broken[0]}", where=args.labels)
    save_sheet(args.out, contact_sheet(images, polygons, captions, columns=args.columns, tile=args.tile))
    print(f"{len(images)} of {len(chosen)} images -> {args.out}")
    for number, index in enumerate(order):
        if number < 8:
            print(f"  {chosen[index].where} {chosen[index].image_path.name}: {_labels(chosen[index])}")
    bad = [problem for problem in problems if problem.severity == "error"]
    if bad or broken:
        print(f"{len(bad)} label problems, {len(broken)} unreadable images: see sealkit data check")
    return 0


def _caption(sample: Any) -> str:
    return f"{sample.image_path.name}  {_labels(sample)}"


def _labels(sample: Any) -> str:
    """Texts, or classes of boxes."""
    found = " / ".join("###" if line.ignore else line.text or "(empty)" for line in sample.lines)
    return found or "nothing labelled"
