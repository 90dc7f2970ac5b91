"""`sealkit data split`: training and validation part without leaks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

NAME = "split"
HELP = "Split a set into training, validation and test part; seals of one owner and copies stay together."
EXAMPLES = """
  sealkit data split my_seals --labels labels.txt                       80 % train.txt, 20 % val.txt
  sealkit data split my_seals --labels labels.txt --shares 0.7 0.2 0.1  with test.txt
  sealkit data split my_seals --labels labels.txt --group 'name:^(\\d+)_'
  sealkit data split my_strips --labels labels.txt                      strips: those of one owner's name together
  sealkit data split my_scans --labels all.txt --group folder           lists of page classes
  sealkit data split my_pages --labels annotations/all.json             pages in COCO json -> instance_train.json, …
"""

_PARTS = ("train", "val", "test")


_WHOLE = ("labels.txt", "annotations/all.json", "train.txt")
"""Files of a set that was not split yet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data split`."""
    from sealkit.cli.options import add_workers

    parser.add_argument("folder", metavar="DIR", help="folder that image paths are relative to")
    parser.add_argument(
        "--labels", metavar="FILE", help=f"label file (default: {', '.join(_WHOLE)}, whichever is there first)"
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        default=[0.8, 0.2],
        metavar="SHARE",
        help="train, val[, test]; their sum is 1",
    )
    parser.add_argument(
        "--group", default="owner", metavar="RULE", help="what stays together: owner, folder, name:REGEX or none"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-compare", action="store_true", help="do not look for copies (images are not read)")
    add_workers(parser)
    parser.add_argument("--force", action="store_true", help="overwrite train.txt, val.txt, test.txt")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit data split`; returns the exit code."""
    from sealkit.data.check_report import problems_text
    from sealkit.data.labels.coco import TEST, TRAIN, VAL
    from sealkit.data.labels.files import find_label_file
    from sealkit.data.labels.kinds import read_any, writer_of
    from sealkit.data.split import NO_TEXT, UNNAMED, split_samples
    from sealkit.errors import ConfigError, DataError

    args.labels = args.labels or next((name for name in _WHOLE if (Path(args.folder) / name).is_file()), _WHOLE[0])
    pages = args.labels.lower().endswith(".json")
    if not 2 <= len(args.shares) <= len(_PARTS):
        raise ConfigError(
            "two or three shares are needed", where="--shares", value=args.shares, hint="train, val[, test]"
        )
    root = Path(args.folder)
    shares = dict(zip(_PARTS, args.shares))
    files = dict(zip(_PARTS, (TRAIN, VAL, TEST)))
    targets = {name: root / (files[name] if pages else f"{name}.txt") for name in shares}
    taken = [str(path) for path in targets.values() if path.exists()]
    if taken == [str(root / args.labels)]:
        taken = []  # the whole set is in train.txt: no line of it is lost
    if taken and not args.force:
        raise DataError("the split would overwrite files", value=taken, hint="move them, or add --force")
    if pages:
        return _split_pages(args, shares, targets)
    file = find_label_file(root, args.labels)
    found = read_any(root, file)
    samples, problems = found.samples, found.problems
    _refuse_other_ids(found.kind, problems, file)
    shown = [problem for problem in problems if problem.severity != "info"]
    if shown:
        print("\n".join(problems_text(shown)) + "\n")
    if file in targets.values() and not args.force and any(problem.severity == "error" for problem in problems):
        hint = "mend or delete its faulty lines first, or add --force"
        raise DataError(
            "the split would overwrite a file, and leave out what cannot be read", where=str(file), hint=hint
        )
    copies = [] if args.no_compare else _copies(samples, args)
    if found.kind != "outlines":  # strips of one text and pages of one form look alike by nature
        copies = [pair for pair in copies if pair.same_pixels]
    split = split_samples(samples, shares, rule=args.group, copies=copies, seed=args.seed)
    write = writer_of(found.kind)
    for name in reversed(split.parts):  # train.txt last: it may be what is split
        write(targets[name], [found.records[i] for i in split.parts[name]], root)
    named = found.kind != "outlines" or {s for part in split.shapes.values() for s in part} - {UNNAMED, NO_TEXT}
    for name, positions in split.parts.items():
        shapes = ": " + ", ".join(f"{shape} {number}" for shape, number in split.shapes[name].items()) if named else ""
        count, share = len(positions), len(positions) / len(samples)
        print(f"{targets[name]}: {count} images, {share:.1%} (requested: {shares[name]:.1%})" + shapes)
    print(f"{split.groups} groups by {args.group}, the largest of {split.largest} images; seed {args.seed}")
    if copies:
        print(f"{len(copies)} copies and look-alikes were kept with their originals")
    _warn_when_uneven(split, shares, len(samples), args.group)
    print(f"next: sealkit data check {root}")
    return 0


def _refuse_other_ids(kind: str, problems: Any, file: Path) -> None:
    from sealkit.errors import DataError

    if any(problem.code == "class-order" for problem in problems):
        name = "line_classes" if kind == "line classes" else "page_classes"
        hint = f"convert the lists first: sealkit data convert {file.parent} OUT --from {name}"
        raise DataError("label.txt lists the angles in another order", where=str(file.parent), hint=hint)


def _split_pages(args: argparse.Namespace, shares: dict[str, float], targets: dict[str, Path]) -> int:
    """A set in COCO json; each part gets its share of pages of every main class."""
    from sealkit.data.check_report import problems_text
    from sealkit.data.labels.coco import counted_boxes, read_coco, write_coco
    from sealkit.data.records import DetSample, TextLine
    from sealkit.data.split import split_samples

    found = read_coco(args.folder, args.labels)
    if found.problems:
        print("\n".join(problems_text(found.problems)) + "\n")
    # as text lines: the split knows shapes, which are the classes here, and texts, of which pages have none
    stand_ins = [
        DetSample(s.image_path, [TextLine(box.box.reshape(2, 2), shape=box.label) for box in s.boxes], s.where)
        for s in found.samples
    ]
    copies = [] if args.no_compare else _copies(stand_ins, args)
    same = [pair for pair in copies if pair.same_pixels]  # pages look alike by nature
    rule = "none" if args.group == "owner" else args.group
    split = split_samples(stand_ins, shares, rule=rule, copies=same, seed=args.seed)
    for name, positions in split.parts.items():
        part = [found.samples[i] for i in positions]
        count = write_coco(targets[name], part, found.categories, args.folder)
        classes = ", ".join(f"{label} {number}" for label, number in counted_boxes(part).items())
        share = f"{count / len(stand_ins):.1%} (requested: {shares[name]:.1%})"
        print(f"{targets[name]}: {count} pages, {share}: {classes or 'no box'}")
    _warn_when_uneven(split, shares, len(stand_ins), rule)
    print(f"next: sealkit data check {args.folder}")
    return 0


def _copies(samples: Any, args: argparse.Namespace) -> Any:
    from sealkit.cli.options import workers_of
    from sealkit.cli.progress import Progress
    from sealkit.data.duplicates import find_pairs
    from sealkit.data.images import survey

    with Progress("looking for copies") as progress:
        facts = survey(
            [sample.image_path for sample in samples],
            workers=workers_of(args),
            progress=lambda n: progress(n, len(samples)),
        )
    return find_pairs([fact.signature for fact in facts], [fact.pixel_hash for fact in facts])


def _warn_when_uneven(split: Any, shares: dict[str, float], total: int, rule: str) -> None:
    for name, positions in split.parts.items():
        if abs(len(positions) / total - shares[name]) > 0.1:
            print(f"warning: {name} is far from its share: groups by {rule} are large; another --group may fit better")
            return
