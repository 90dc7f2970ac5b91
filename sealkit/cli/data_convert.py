"""`sealkit data convert`: annotations of other tools → sets that can be trained on, and back."""

from __future__ import annotations

import argparse
from typing import Any

from sealkit.data.converters.formats import FORMATS, OWN, LabelFormat, targets

NAME = "convert"
HELP = f"Convert annotations between sealkit's sets and other tools: {', '.join(FORMATS)}."
EXAMPLES = """
  sealkit data convert labelme_folder my_seals
  sealkit data convert annotations.json my_seals --from coco
  sealkit data convert export.json my_seals --text attributes.label       which key holds the text
  sealkit data convert my_seals for_labelme --to labelme                  back into a labelling tool
  sealkit data split my_seals --labels labels.txt       then: a training and a validation part
  sealkit data convert lmdb_folder my_strips                              strips and their texts
  sealkit data convert scans my_pages                              scans/0, scans/90, …: a set for page orientation
  sealkit data convert lines my_lines                              lines/0, lines/180: a set for text line orientation
  sealkit data convert export my_pages --rename stamp=seal chop=seal      boxes with classes and without texts: layout
  sealkit data convert VOCdevkit my_pages --to page_boxes                 boxes around any outlines: layout
"""
_PAGES = "page_boxes"
_WITH_PARTS = ("coco", "labelme")
"""Formats whose boxes the reader of page_boxes takes with the source's parts (training, validation)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data convert`."""
    from sealkit.cli.options import add_workers

    parser.add_argument("source", metavar="SOURCE", help="folder or file of the other tool; it is never changed")
    parser.add_argument("out", metavar="OUT", help="new folder: images and annotations")
    listed = "; ".join(f"{name}: {row.title}" for name, row in FORMATS.items())
    parser.add_argument(
        "--from", dest="format", default="auto", choices=["auto", *FORMATS],
        help=f"format (default: found by content, where it has outlines or texts). {listed}",
    )  # fmt: skip
    parser.add_argument(
        "--to", choices=targets(), help=f"format to write (default: {OWN}, what sealkit and PaddleX train on)"
    )
    parser.add_argument(
        "--text", metavar="KEY", help="key of the annotations that holds the text; none: the outlines have no texts"
    )
    parser.add_argument("--labels", default="labels.txt", metavar="FILE", help="name of the label file written")
    parser.add_argument(
        "--rename", nargs="+", default=[], metavar="OLD=NEW", help="categories of page_boxes; several may become one"
    )
    parser.add_argument(
        "--outside", action="store_true", help="also copy images that lie outside of SOURCE: ../x, other disks, links"
    )
    add_workers(parser)
    parser.add_argument("--all", action="store_true", help="list every problem, not the first five of a kind")
    parser.add_argument("--strict", action="store_true", help="exit with an error if anything was not converted")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit data convert`; returns the exit code."""
    from sealkit.data.converters.convert import find_format
    from sealkit.data.converters.detect import recognise
    from sealkit.errors import ConfigError

    found = find_format(args.source, args.format)
    target = args.to or OWN
    if found == _PAGES:
        inside = recognise(args.source)
        if inside is not None and FORMATS[inside].kind == "outlines" and inside not in _WITH_PARTS:
            found, target = inside, _PAGES
    kind = FORMATS[found].kind
    print(f"{args.source}: {FORMATS[found].title} ({found})")
    if args.rename and kind not in ("boxes", "outlines"):
        raise _cannot_rename(args)
    fitting = {
        "strips": ("gt_txt", "lmdb", OWN),
        "outlines": tuple(t for t in targets() if t not in ("gt_txt", "lmdb")),
    }
    if target not in fitting.get(kind, (OWN, found)):
        raise ConfigError(
            f"{FORMATS[found].title} cannot be converted to this format",
            where="--to",
            value=target,
            hint=f"possible: {', '.join(fitting.get(kind, (OWN,)))}; `sealkit data crop` cuts strips",
        )
    if kind == "texts":
        return _texts_only(args, FORMATS[found])
    if kind == "strips":
        return _strips(args, FORMATS[found], target)
    if kind == "outlines":
        return _outlines(args, found, target)
    return _pages(args, FORMATS[found])


def _outlines(args: argparse.Namespace, found: str, target: str) -> int:
    from sealkit.cli.options import workers_of
    from sealkit.data.converters.base import to_samples, write_set
    from sealkit.data.converters.convert import read_source, write_format
    from sealkit.data.converters.text_keys import choose_texts, holds_regions

    source = read_source(args.source, found, outside=args.outside)
    if target == _PAGES:
        return _regions(args, source)
    if (args.format, args.to, args.text) == ("auto", None, None) and holds_regions(source):
        print(f"its outlines are boxes with classes: a layout set; if they are texts, --from {found}")
        return _pages(args, FORMATS[_PAGES]) if found in _WITH_PARTS else _regions(args, source)
    if args.rename:
        raise _cannot_rename(args)
    choose_texts(source, args.text, args.source)
    conversion = to_samples(source)
    _show(args, conversion.problems)
    texts = sum(len(sample.lines) for sample in conversion.samples)
    lost = sum(problem.severity == "error" for problem in conversion.problems)
    if target == OWN:
        lines = write_set(conversion, args.out, args.labels, workers_of(args))
        print(f"converted {lines} images with {texts} texts to {args.out}/{args.labels}; {lost} errors")
        print(f"next: sealkit data split {args.out} --labels {args.labels}")
    else:
        _show(args, write_format(conversion, args.out, target, workers_of(args)))
        print(f"converted {len(conversion.samples)} images with {texts} texts to {args.out} ({target}); {lost} errors")
    return 3 if lost and args.strict else 0


def _regions(args: argparse.Namespace, source: Any) -> int:
    from pathlib import Path

    from sealkit.cli.options import workers_of
    from sealkit.data.converters.to_pages import write_pages

    counts, problems = write_pages(source, Path(args.out), _renames(args.rename), workers_of(args))
    return _pages_done(args, counts, problems, "boxes")


def _strips(args: argparse.Namespace, row: LabelFormat, target: str) -> int:
    from functools import partial
    from pathlib import Path

    from sealkit.cli.options import workers_of
    from sealkit.data.converters.strips import keep_inside, write_strips

    strips = row.reader()(Path(args.source))
    keep_inside(strips, args.source, args.outside)
    _show(args, strips.problems)
    write = partial(write_strips, workers=workers_of(args)) if target == OWN else FORMATS[target].writer()
    count = write(strips, args.out, args.labels)
    lost = sum(problem.severity == "error" for problem in strips.problems)
    place = f"{args.out}/{args.labels}" if target == OWN else f"{args.out} ({target})"
    print(f"converted {count} strips to {place}; {lost} errors")
    if target == OWN:
        print(f"next: sealkit data split {args.out} --labels {args.labels}")
    return 3 if lost and args.strict else 0


def _show(args: argparse.Namespace, problems: list[Any]) -> None:
    from sealkit.data.check_report import problems_text

    if problems:
        print("\n".join(problems_text(problems, 0 if args.all else 5)) + "\n")


def _texts_only(args: argparse.Namespace, row: LabelFormat) -> int:
    from pathlib import Path

    from sealkit.cli.options import workers_of
    from sealkit.data.converters.seal_texts import TEXTS, write_texts

    found, source = row.reader()(Path(args.source), outside=args.outside)
    _show(args, source.problems)
    count = write_texts(found, args.out, workers_of(args))
    print(f"{count} images with texts but without outlines -> {args.out}/{TEXTS}")
    print("such a set can evaluate a pipeline; to train a detector, annotate outlines first")
    lost = sum(problem.severity == "error" for problem in source.problems)
    return 3 if lost and args.strict else 0


def _pages(args: argparse.Namespace, row: LabelFormat) -> int:
    from pathlib import Path

    from sealkit.cli.options import workers_of

    more = (_renames(args.rename),) if row.kind == "boxes" else ()
    counts, problems = row.reader()(
        Path(args.source), Path(args.out), *more, outside=args.outside, workers=workers_of(args)
    )
    return _pages_done(args, counts, problems, row.kind)


def _pages_done(args: argparse.Namespace, counts: dict[str, int], problems: list[Any], kind: str) -> int:
    from sealkit.data.converters.page_boxes import WHOLE
    from sealkit.modules.table import of_labels

    _show(args, problems)
    lost = sum(problem.severity == "error" for problem in problems)
    listed = ", ".join(f"{name}: {count} images" for name, count in counts.items())
    print(f"converted to {args.out} ({listed}); {lost} errors")
    if kind in ("classes", "line classes") and "val.txt" not in counts:
        print(f"next: sealkit data split {args.out}")
    elif WHOLE in counts:
        print(f"next: sealkit data split {args.out} --labels {WHOLE}")
    else:
        print(f"next: sealkit data check {args.out} --module {of_labels(kind)}")
    return 3 if lost and args.strict else 0


def _cannot_rename(args: argparse.Namespace) -> Exception:
    from sealkit.errors import ConfigError

    what, hint = "only categories of page_boxes can be renamed", "leave it out, or add --to page_boxes"
    return ConfigError(what, where="--rename", value=args.rename, hint=hint)


def _renames(given: list[str]) -> dict[str, str]:
    from sealkit.errors import ConfigError

    for text in given:
        if not all(text.partition("=")[::2]):
            raise ConfigError(
                "not of the form OLD=NEW", where="--rename", value=text, hint="write OLD=NEW, such as stamp=seal"
            )
    return {old: new for old, _, new in (text.partition("=") for text in given)}
