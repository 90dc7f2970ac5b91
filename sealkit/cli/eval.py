"""`sealkit eval`: the metrics of a checkpoint or of an exported folder, in the same table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from sealkit.cli.infer import RUNS
from sealkit.cli.options import add_overrides, add_recipe, positive
from sealkit.runtime import engines

NAME = "eval"
TABLES = ("layout", "orientation", "unwarping", "seal_det", "rec", "all")
TABLE_FLAGS = ("models", "only", "preprocess", "threads", "runs", "output")
HELP = "Evaluate a checkpoint or an exported folder on a recipe's evaluation set; lay models beside published tables."
EXAMPLES = """
  sealkit eval --checkpoint runs/seal_det_cpu_small               # best checkpoint, the run's own recipe
  sealkit eval --model-dir runs/seal_det_cpu_small/inference --engine onnxruntime
  sealkit eval -c seal_det_mobile --checkpoint official -o data.val.0.root=my_seals
  sealkit eval --pipeline --data my_seals --det runs/my_detector   # the whole pipeline, before and after
  sealkit eval --pipeline --data my_seals --errors report.html     # what was misread, and which stage is at fault
  sealkit eval -c seal_det_mobile --model-dir PP-OCRv4_mobile_seal_det_infer --report report.html
  sealkit eval --table all --output tables                        # every model of the tutorials, beside their numbers
  sealkit eval --table rec --models PP-OCRv4_mobile_rec=runs/rec --data my_strips
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit eval`."""
    add_recipe(parser, required=False)
    add_overrides(parser)
    what = parser.add_argument_group("what to evaluate, one of")
    what.add_argument("--checkpoint", metavar="PATH", help="run folder, checkpoint, weights file or weights tag")
    what.add_argument("--model-dir", metavar="DIR", help="exported folder or .onnx file")
    what.add_argument(
        "--pipeline",
        nargs="?",
        const="embedded",
        metavar="CONFIG",
        help="a whole pipeline (default: embedded) on --data",
    )
    what.add_argument(
        "--table", choices=TABLES, help="the models of the tutorials' tables, measured here and laid beside them"
    )
    parser.add_argument(
        "--data",
        metavar="DIR",
        action="append",
        help="with --pipeline: detection set with transcriptions (its val.txt); with --table: a set of any module; may"
        " be given once a module (default: the toy sets)",
    )
    parser.add_argument("--labels", metavar="FILE", help="with --data: another label file")
    for name, text in RUNS.items():
        parser.add_argument(
            f"--{name}", metavar="RUN", help=f"with --pipeline: {text}, compared with the pipeline's own model"
        )
    parser.add_argument("--engine", help=f"engine for an exported folder: {engines.HELP}")
    parser.add_argument("--device", help="cpu, gpu:0, …")
    parser.add_argument("--report", metavar="FILE", help="write an HTML report with the worst images")
    parser.add_argument(
        "--errors", metavar="FILE", help="with --pipeline: write an HTML page with every miss and the stage at fault"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    tables = parser.add_argument_group("with --table")
    tables.add_argument(
        "--models", nargs="+", action="extend", metavar="NAME=PATH", help="run or exported folder of a model"
    )
    tables.add_argument("--only", nargs="+", action="extend", metavar="NAME", help="rows of these models alone")
    tables.add_argument(
        "--preprocess", choices=("pipeline", "official"), help="of the evaluation; official: as the published metrics"
    )
    tables.add_argument("--threads", type=positive, metavar="N", help="CPU threads (default: 8, or all cores)")
    tables.add_argument("--runs", type=positive, metavar="N", help="timed runs of each network (default: 20)")
    tables.add_argument("--output", metavar="DIR", help="write tables.md, .csv, .json, .html with plots")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit eval`; returns the exit code."""
    from sealkit import api

    if args.table is not None:
        return _tables(args)
    _only_with("--table", args, TABLE_FLAGS)
    if args.pipeline is not None:
        return _pipelines(args)
    _only_with("--pipeline", args, ("data", "labels", "errors", *RUNS))

    result = api.evaluate(
        args.recipe,
        checkpoint=args.checkpoint,
        model_dir=args.model_dir,
        overrides=args.overrides,
        engine=args.engine,
        device=args.device,
        report=args.report,
        progress=not args.no_progress,
    )
    print(json.dumps(result.as_dict(), ensure_ascii=False, indent=2) if args.json else result.table())
    if args.report:
        print(f"report {args.report}")
    return 0


def _pipelines(args: argparse.Namespace) -> int:
    """The pipeline with its own models, and next to it with the given ones."""
    from sealkit.bench.own_pipeline import compare, table
    from sealkit.errors import ConfigError

    unused = [
        name
        for name in ("recipe", "checkpoint", "model_dir", "overrides", "report")
        if getattr(args, name) not in (None, [])
    ]
    if unused or len(args.data or ()) != 1:
        what = "--data is missing" if not args.data else "these flags apply to a single model"
        hint = "--data DIR: a folder with val.txt" if not args.data else "leave them out"
        if not unused and args.data:
            what, hint = "several sets are given", "--pipeline takes one --data DIR"
        raise ConfigError(what, where="sealkit eval --pipeline", value=unused or args.data, hint=hint)
    options = {"config": args.pipeline, "engine": args.engine, "device": args.device}
    runs = {name: getattr(args, name) for name in RUNS if getattr(args, name) is not None}
    pipelines = {"before": options, "after": {**options, **runs}} if runs else {"score": options}
    result = compare(args.data[0], pipelines, args.labels, args.errors)
    print(json.dumps(result, ensure_ascii=False, indent=2) if args.json else table(result))
    if args.errors:
        print(f"errors {args.errors}", file=sys.stderr if args.json else sys.stdout)
    return 0


def _tables(args: argparse.Namespace) -> int:
    """The tables of models, beside the tutorials'."""
    from sealkit.bench.tables.command import run_tables, to_stderr

    _none_of(
        "--table",
        args,
        ("recipe", "checkpoint", "model_dir", "pipeline", "overrides", "labels", "report", "errors", *RUNS),
    )
    printed = run_tables(
        args.table,
        data=args.data or (),
        models=args.models or (),
        only=args.only or (),
        preprocess=args.preprocess,
        device=args.device,
        engine=args.engine,
        threads=args.threads,
        runs=args.runs,
        output=args.output,
        json_out=args.json,
        progress=None if args.no_progress else to_stderr,
    )
    print(printed, end="")
    return 0


def _none_of(flag: str, args: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse flags that mean nothing beside another one."""
    from sealkit.errors import ConfigError

    given = [f"--{name.replace('_', '-')}" for name in names if getattr(args, name) not in (None, [])]
    if given:
        raise ConfigError(
            f"these flags mean nothing with {flag}", where="sealkit eval", value=given, hint="leave them out"
        )


def _only_with(flags: str, args: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse flags that need another one."""
    from sealkit.errors import ConfigError

    given = [f"--{name}" for name in names if getattr(args, name) is not None]
    if given:
        hint = f"add {flags}; one model on own data: -o data.val.0.root=DIR"
        raise ConfigError(f"these flags need {flags}", where="sealkit eval", value=given, hint=hint)
