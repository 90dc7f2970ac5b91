"""`sealkit data convert`: annotations of other tools -> a detection set."""

from __future__ import annotations

import argparse

NAME = "convert"
HELP = "Convert annotations of LabelMe, PPOCRLabel, COCO or ICDAR ReST to a detection set."
EXAMPLES = """
  sealkit data convert labelme_folder my_seals
  sealkit data convert annotations.json my_seals --from coco
  sealkit data convert my_seals_ppocrlabel my_seals --from ppocrlabel
  sealkit data split my_seals --labels labels.txt       then: a training and a validation part
  sealkit data convert scans my_pages --from page_classes          scans/0, scans/90, …: a set for page orientation
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from sealkit.data.formats import FORMATS

    parser.add_argument("source", metavar="SOURCE", help="folder or file of the other tool; it is never changed")
    parser.add_argument("out", metavar="OUT", help="new folder: images/ and the label file")
    formats = ["auto", *FORMATS]
    parser.add_argument("--from", dest="format", default="auto", choices=formats, help="format (default: look)")
    parser.add_argument("--labels", default="labels.txt", metavar="FILE", help="name of the label file written")
    parser.add_argument("--all", action="store_true", help="list every problem, not the first five of a kind")
    parser.add_argument("--strict", action="store_true", help="exit with an error when anything was not converted")


def run(args: argparse.Namespace) -> int:
    from sealkit.data.check_report import problems_text
    from sealkit.data.converters.base import write_set
    from sealkit.data.converters.convert import PAGES, TEXT_ONLY, convert, find_format

    found = find_format(args.source, args.format)
    print(f"{args.source}: {found}")
    if found == TEXT_ONLY:
        return _texts_only(args)
    if found == PAGES:
        return _pages(args)
    conversion = convert(args.source, found)
    if conversion.problems:
        print("\n".join(problems_text(conversion.problems, 0 if args.all else 5)) + "\n")
    lines = write_set(conversion, args.out, args.labels)
    texts = sum(len(sample.lines) for sample in conversion.samples)
    lost = sum(problem.severity == "error" for problem in conversion.problems)
    print(f"converted {lines} pictures with {texts} texts to {args.out}/{args.labels}; {lost} errors")
    print(f"next: sealkit data split {args.out} --labels {args.labels}")
    return 3 if lost and args.strict else 0


def _texts_only(args: argparse.Namespace) -> int:
    from pathlib import Path

    from sealkit.data.check_report import problems_text
    from sealkit.data.converters.seal_texts import TEXTS, read_texts, write_texts

    found, source = read_texts(Path(args.source))
    if source.problems:
        print("\n".join(problems_text(source.problems, 0 if args.all else 5)) + "\n")
    count = write_texts(found, args.out)
    print(f"{count} pictures with texts but without outlines -> {args.out}/{TEXTS}")
    print("such a set tells how well a pipeline reads; to train a detector, draw outlines first")
    return 0


def _pages(args: argparse.Namespace) -> int:
    from pathlib import Path

    from sealkit.data.check_report import problems_text
    from sealkit.data.converters.page_classes import convert_pages

    counts, problems = convert_pages(Path(args.source), Path(args.out))
    if problems:
        print("\n".join(problems_text(problems, 0 if args.all else 5)) + "\n")
    lost = sum(problem.severity == "error" for problem in problems)
    listed = ", ".join(f"{name}: {count} pictures" for name, count in counts.items())
    print(f"converted to {args.out} ({listed}); {lost} errors")
    print(f"next: sealkit data check {args.out} --module doc_text_orientation")
    return 3 if lost and args.strict else 0
