"""`sealkit eval`: the metrics of a checkpoint or of an exported folder, in the same table."""

from __future__ import annotations

import argparse
import json

from sealkit.cli.infer import RUNS
from sealkit.cli.options import add_overrides, add_recipe
from sealkit.runtime import engines

NAME = "eval"
HELP = "Evaluate a checkpoint or an exported folder on a recipe's evaluation set."
EXAMPLES = """
  sealkit eval --checkpoint runs/seal_det_cpu_small               # best checkpoint, the run's own recipe
  sealkit eval --model-dir runs/seal_det_cpu_small/inference --engine onnxruntime
  sealkit eval -c seal_det_mobile --checkpoint official -o data.val.0.root=my_seals
  sealkit eval --pipeline --data my_seals --det runs/my_detector   # the whole pipeline, before and after
  sealkit eval -c seal_det_mobile --model-dir PP-OCRv4_mobile_seal_det_infer --report report.html
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
    parser.add_argument(
        "--data", metavar="DIR", help="with --pipeline: detection set with transcriptions (its val.txt)"
    )
    parser.add_argument("--labels", metavar="FILE", help="with --data: another label file")
    for name, text in RUNS.items():
        parser.add_argument(
            f"--{name}", metavar="RUN", help=f"with --pipeline: {text}, compared with the pipeline's own model"
        )
    parser.add_argument("--engine", help=f"engine for an exported folder: {engines.HELP}")
    parser.add_argument("--device", help="cpu, gpu:0, …")
    parser.add_argument("--report", metavar="FILE", help="write an HTML report with the worst images")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit eval`; returns the exit code."""
    from sealkit import api

    if args.pipeline is not None:
        return _pipelines(args)
    _no_pipeline(args)

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
    if unused or not args.data:
        what = "--data is missing" if not args.data else "these flags apply to a single model"
        hint = "--data DIR: a folder with val.txt" if not args.data else "leave them out"
        raise ConfigError(what, where="sealkit eval --pipeline", value=unused or None, hint=hint)
    options = {"config": args.pipeline, "engine": args.engine, "device": args.device}
    runs = {name: getattr(args, name) for name in RUNS if getattr(args, name) is not None}
    pipelines = {"before": options, "after": {**options, **runs}} if runs else {"score": options}
    result = compare(args.data, pipelines, args.labels)
    print(json.dumps(result, ensure_ascii=False, indent=2) if args.json else table(result))
    return 0


def _no_pipeline(args: argparse.Namespace) -> None:
    from sealkit.errors import ConfigError

    given = [f"--{name}" for name in ("data", "labels", *RUNS) if getattr(args, name) is not None]
    if given:
        hint = "add --pipeline; one model on own data: -o data.val.0.root=DIR"
        raise ConfigError("these flags need --pipeline", where="sealkit eval", value=given, hint=hint)
