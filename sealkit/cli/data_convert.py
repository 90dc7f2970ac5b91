"""`sealkit data convert`: annotations of other tools -> a detection set."""

from __future__ import annotations

import argparse

from sealkit.data.converters.formats import FORMATS, LabelFormat

NAME = "convert"
HELP = f"Convert annotations of other tools to a detection set, or to one of pages: {', '.join(FORMATS)}."
EXAMPLES = """
  sealkit data convert labelme_folder my_seals
  sealkit data convert annotations.json my_seals --from coco
  sealkit data convert my_seals_ppocrlabel my_seals --from ppocrlabel
  sealkit data split my_seals --labels labels.txt       then: a training and a validation part
  sealkit data convert scans my_pages --from page_classes          scans/0, scans/90, …: a set for page orientation
  sealkit data convert export my_pages --from page_boxes --rename stamp=seal chop=seal     COCO or LabelMe boxes: layout
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="folder or file of the other tool; it is never changed")
    parser.add_argument("out", metavar="OUT", help="new folder: images/ and the label file")
    listed = "; ".join(f"{name}: {row.title}" for name, row in FORMATS.items())
    parser.add_argument(
        "--from", dest="format", default="auto", choices=["auto", *FORMATS],
        help=f"format (default: found by content, where it has outlines or texts). {listed}",
    )  # fmt: skip
    parser.add_argument("--labels", default="labels.txt", metavar="FILE", help="name of the label file written")
    parser.add_argument(
        "--rename", nargs="+", default=[], metavar="OLD=NEW", help="categories of page_boxes; several may become one"
    )
    parser.add_argument("--all", action="store_true", help="list every problem, not the first five of a kind")
    parser.add_argument("--strict", action="store_true", help="exit with an error when anything was not converted")


def run(args: argparse.Namespace) -> int:
    from sealkit.data.check_report import problems_text
    from sealkit.data.converters.base import write_set
    from sealkit.data.converters.convert import convert, find_format
    from sealkit.errors import ConfigError

    found = find_format(args.source, args.format)
    print(f"{args.source}: {found}")
    kind = FORMATS[found].kind
    if args.rename and kind != "boxes":
        raise ConfigError("only categories of page_boxes can be renamed", where="--rename", value=args.rename)
    if kind == "texts":
        return _texts_only(args, FORMATS[found])
    if kind != "outlines":
        return _pages(args, FORMATS[found])
    conversion = convert(args.source, found)
    if conversion.problems:
        print("\n".join(problems_text(conversion.problems, 0 if args.all else 5)) + "\n")
    lines = write_set(conversion, args.out, args.labels)
    texts = sum(len(sample.lines) for sample in conversion.samples)
    lost = sum(problem.severity == "error" for problem in conversion.problems)
    print(f"converted {lines} images with {texts} texts to {args.out}/{args.labels}; {lost} errors")
    print(f"next: sealkit data split {args.out} --labels {args.labels}")
    return 3 if lost and args.strict else 0


def _texts_only(args: argparse.Namespace, row: LabelFormat) -> int:
    from pathlib import Path

    from sealkit.data.check_report import problems_text
    from sealkit.data.converters.seal_texts import TEXTS, write_texts

    found, source = row.reader()(Path(args.source))
    if source.problems:
        print("\n".join(problems_text(source.problems, 0 if args.all else 5)) + "\n")
    count = write_texts(found, args.out)
    print(f"{count} images with texts but without outlines -> {args.out}/{TEXTS}")
    print("such a set tells how well a pipeline reads; to train a detector, draw outlines first")
    return 0


def _pages(args: argparse.Namespace, row: LabelFormat) -> int:
    from pathlib import Path

    from sealkit.data.check_report import problems_text
    from sealkit.data.converters.page_boxes import WHOLE

    source, out = Path(args.source), Path(args.out)
    boxes = row.kind == "boxes"
    more = (_renames(args.rename),) if boxes else ()
    counts, problems = row.reader()(source, out, *more)
    if problems:
        print("\n".join(problems_text(problems, 0 if args.all else 5)) + "\n")
    lost = sum(problem.severity == "error" for problem in problems)
    listed = ", ".join(f"{name}: {count} images" for name, count in counts.items())
    print(f"converted to {args.out} ({listed}); {lost} errors")
    if boxes and WHOLE in counts:
        print(f"next: sealkit data split {args.out} --labels {WHOLE}")
    else:
        module = "layout_detection" if boxes else "doc_text_orientation"
        print(f"next: sealkit data check {args.out} --module {module}")
    return 3 if lost and args.strict else 0


def _renames(given: list[str]) -> dict[str, str]:
    from sealkit.errors import ConfigError

    for text in given:
        if not all(text.partition("=")[::2]):
            raise ConfigError("not a renaming", where="--rename", value=text, hint="write OLD=NEW, such as stamp=seal")
    return {old: new for old, _, new in (text.partition("=") for text in given)}
