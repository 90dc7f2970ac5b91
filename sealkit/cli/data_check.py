"""`sealkit data check`: every problem of a dataset at once, before any training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealkit.modules.table import ModuleInfo

NAME = "check"
HELP = "Read a whole dataset and report every problem with file, line, reason and fix."
EXAMPLES = """
  sealkit data check my_seals                          the labels tell which module they are for
  sealkit data check my_seals --train labels/train.txt --val labels/val.txt --html check.html --json check.json
  sealkit data check my_seals --fix my_seals_fixed     a corrected copy; the folder itself is never changed
  sealkit data check my_seals --model-dir runs/mine/inference    where labels and a trained detector disagree
  sealkit data check my_pages --module layout_detection      annotations/instance_train.json, instance_val.json
  sealkit data check my_seals --read                   which labels the embedded recogniser reads differently
  sealkit data check my_strips --module text_recognition --charset rapidocr
"""

_FAILED = 3  # exit code of a DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit data check`."""
    from sealkit.cli.options import add_workers
    from sealkit.modules.table import having

    parser.add_argument("folder", metavar="DIR", help="folder that the label files' image paths are relative to")
    modules = having("check")
    parser.add_argument(
        "--module", help="whose labels they are (default: found by their content): " + ", ".join(modules)
    )
    parser.add_argument(
        "--train", metavar="FILE", help="label file (default: train.txt; layouts: annotations/instance_train.json)"
    )
    parser.add_argument("--val", metavar="FILE", help="label file of the validation set (default: val.txt if there)")
    parser.add_argument("--test", metavar="FILE", help="label file of the test set (default: test.txt if there)")
    parser.add_argument(
        "--charset", metavar="FILE",
        help="the recogniser's characters (dictionary, model folder, ONNX file, rapidocr): report those it lacks",
    )  # fmt: skip
    parser.add_argument(
        "--model-dir",
        metavar="MODEL",
        help="trained model of the module (exported folder or .onnx): list the labels it disagrees with",
    )
    parser.add_argument(
        "--read", nargs="?", const="", metavar="MODEL",
        help="recogniser (exported folder or .onnx; no value: the embedded one): list labels it reads differently",
    )  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write the verdict as JSON")
    parser.add_argument("--html", metavar="FILE", help="write an HTML page with statistics and annotated examples")
    parser.add_argument("--fix", metavar="OUT", help="write a corrected copy to a new folder")
    parser.add_argument("--all", action="store_true", help="list every problem, not the first five of a kind")
    parser.add_argument("--strict", action="store_true", help="exit with an error on warnings as well")
    parser.add_argument("--no-compare", action="store_true", help="do not search for duplicates and leaks")
    add_workers(parser)


def run(args: argparse.Namespace) -> int:
    """Run `sealkit data check`; returns the exit code."""
    from sealkit.cli.data_label_issues import model_issues, reading_issues
    from sealkit.cli.options import workers_of
    from sealkit.cli.progress import Progress
    from sealkit.data.check_report import report_text, write_report_json
    from sealkit.modules.table import info

    args.module = args.module or _module_of(args)
    row = info(args.module, "--module")
    workers = workers_of(args)
    _refuse_flags_of_other_modules(args, row)
    charset = None
    if args.charset:
        from sealkit.modules.text_recognition.characters import read_dictionary

        charset = read_dictionary(args.charset)
    check = row.load("check")
    usual_test = check.label_files["test"]
    with Progress("reading images") as progress:
        report = check.check(
            args.folder,
            train=args.train or _whole(Path(args.folder), check.label_files["train"]),
            val=args.val or "",
            val_required=args.val is not None,
            test=args.test or (usual_test if (Path(args.folder) / usual_test).is_file() else None),
            workers=workers,
            compare=not args.no_compare,
            charset=charset,
            progress=progress,
        )
    if args.model_dir:
        model_issues(report, args.model_dir, row.load("label_issues"))
    if args.read is not None:
        reading_issues(report, args.read, row.load("reading_issues"))
    print(report_text(report, limit=0 if args.all else 5))
    if args.json:
        print(f"verdict: {write_report_json(report, args.json)}")
    if args.html:
        print(f"page: {_write_html(report, args.html)}")
    if args.fix:
        fixed = row.load("fix")(report.root, report.sets, args.fix)
        print(f"\ncorrected copy: {args.fix}\n{fixed.text()}")
        print(f"check it again: sealkit data check {args.fix} --module {report.module}")
    if report.passed and not (args.train or args.val or args.fix):
        part = check.label_files["val"]
        ready = (Path(args.folder) / part).is_file()
        print(f"next: sealkit {'train --data' if ready else 'data split'} {args.folder}")
    failed = not report.passed or (args.strict and report.count("warning") > 0)
    return _FAILED if failed else 0


def _refuse_flags_of_other_modules(args: argparse.Namespace, row: ModuleInfo) -> None:
    """ConfigError for a flag whose work the module has no part for."""
    from sealkit.errors import ConfigError
    from sealkit.modules.table import having

    flags = {"--model-dir": "label_issues", "--read": "reading_issues", "--fix": "fix"}
    for flag, part in flags.items():
        if getattr(args, flag.strip("-").replace("-", "_")) is not None and not getattr(row, part):
            raise ConfigError(
                f"{flag} is for {', '.join(having(part))}",
                where="--module",
                value=args.module,
                hint=f"leave {flag} out",
            )


def _whole(folder: Path, usual: str) -> str:
    """The label file of a set that is not split yet, as `data convert` writes it; "" where there is a training part."""
    from sealkit.data.labels.kinds import usual_labels

    found = [path.relative_to(folder).as_posix() for path in usual_labels(folder)]
    return found[0] if found in (["labels.txt"], ["annotations/all.json"]) and not (folder / usual).is_file() else ""


def _module_of(args: argparse.Namespace) -> str:
    """The module of the folder's labels; seal text detection where the content does not tell."""
    from sealkit.data.labels.kinds import kind_of, usual_labels
    from sealkit.modules.table import having, info

    folder = Path(args.folder)
    given = [folder / file for file in (args.train, args.val, args.test) if file]
    kinds = [kind for file in [*given, *usual_labels(folder)] if (kind := kind_of(file)) is not None]
    modules = having("check")
    return next((name for kind in kinds for name in modules if info(name, "").labels == kind), modules[0])


def _write_html(report: Any, path: str) -> Any:
    from sealkit.errors import DataError

    try:
        from sealkit.reports.page import write_page
    except ModuleNotFoundError as error:
        if error.name != "jinja2":
            raise
        hint = "pip install jinja2, or use --json"
        raise DataError("the HTML page needs the package jinja2", where="--html", hint=hint) from None
    from sealkit.data.check_report import report_sections

    return write_page(path, f"Dataset check: {report.root}", report_sections(report))
