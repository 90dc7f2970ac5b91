"""`sealkit eval`: the metrics of a checkpoint or of an exported folder, in the same table."""

from __future__ import annotations

import argparse
import json

from sealkit.cli.options import add_overrides, add_recipe

NAME = "eval"
HELP = "Evaluate a checkpoint or an exported folder on a recipe's evaluation set."
EXAMPLES = """
  sealkit eval --checkpoint runs/seal_det_cpu_small               # best checkpoint, the run's own recipe
  sealkit eval --model-dir runs/seal_det_cpu_small/inference --engine onnxruntime
  sealkit eval -c seal_det_mobile --checkpoint official -o data.val.0.root=my_seals
  sealkit eval -c seal_det_mobile --model-dir PP-OCRv4_mobile_seal_det_infer --report report.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe(parser, required=False)
    add_overrides(parser)
    what = parser.add_argument_group("what to evaluate, one of")
    what.add_argument("--checkpoint", metavar="PATH", help="run folder, checkpoint, weights file or weights tag")
    what.add_argument("--model-dir", metavar="DIR", help="exported folder or .onnx file")
    parser.add_argument("--engine", help="what runs an exported folder: paddle, onnxruntime, openvino, auto")
    parser.add_argument("--device", help="cpu, gpu:0, …")
    parser.add_argument("--report", metavar="FILE", help="write an HTML report with the worst images")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    from sealkit import api

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
