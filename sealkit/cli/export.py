"""`sealkit export`: from a checkpoint to a PaddleX model folder and ONNX, with proof."""

from __future__ import annotations

import argparse

from sealkit.cli.options import add_overrides, add_recipe

NAME = "export"
HELP = "Export a checkpoint to a PaddleX model folder with ONNX; fails unless both agree with the trained network."
EXAMPLES = """
  sealkit export runs/seal_det_cpu_small                        # best checkpoint → runs/seal_det_cpu_small/inference
  sealkit export runs/seal_det_cpu_small --output my_model
  sealkit export -c seal_det_mobile --checkpoint my.pdparams --output my_model --no-onnx
  sealkit export runs/seal_det_mobile_finetune --pdparams       # training weights for PaddleOCR and PaddleX
  sealkit export --model UVDoc --checkpoint UVDoc_pretrained.pdparams --output uvdoc   # inference only
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit export`."""
    parser.add_argument(
        "run", nargs="?", metavar="RUN_FOLDER", help="run folder written by `sealkit train`; replaces -c"
    )
    add_recipe(parser, required=False)
    add_overrides(parser)
    parser.add_argument("--model", metavar="NAME", help="instead of a recipe: an inference-only model (UVDoc)")
    parser.add_argument("--checkpoint", metavar="PATH", help="run folder, checkpoint, weights file or weights tag")
    parser.add_argument("--output", metavar="DIR", help="folder to write; default: `inference` in the run folder")
    parser.add_argument(
        "--pdparams", action="store_true", help="write training weights for PaddleOCR and PaddleX, and nothing else"
    )
    parser.add_argument("--no-onnx", action="store_true", help="write Paddle's files only")
    parser.add_argument("--images", type=int, default=8, metavar="N", help="images for the parity check (default 8)")


def run(args: argparse.Namespace) -> int:
    """Run `sealkit export`; returns the exit code."""
    from pathlib import Path

    from sealkit import api
    from sealkit.config.find import run_recipe, shipped
    from sealkit.errors import ConfigError

    if args.model is not None:
        return _without_recipe(args)
    if (args.run is None) == (args.recipe is None) and args.checkpoint is None:
        hint = "sealkit export RUN_FOLDER, or -c RECIPE --checkpoint PATH --output DIR"
        raise ConfigError("give a run folder or a recipe, not both" if args.run else "nothing to export", hint=hint)
    if args.run is not None and not Path(args.run).exists() and Path(args.run).stem not in shipped("recipes"):
        raise ConfigError(
            "no such run folder",
            where="sealkit export",
            value=args.run,
            hint="pass a folder written by `sealkit train`, or a recipe with -c",
        )
    recipe = args.recipe or args.run or run_recipe(Path(args.checkpoint))
    if args.pdparams:
        return _pdparams(args, recipe)
    report = api.export_model(
        recipe,
        checkpoint=args.checkpoint or (args.run if args.recipe else None),
        output=args.output,
        overrides=args.overrides,
        onnx=not args.no_onnx,
        images=args.images,
    )
    print(f"{report['model']}: exported network and trained network agree on {len(report['images'])} images")
    for engine, differences in report["max_abs_difference"].items():
        listed = ", ".join(f"{part} {value:.1e}" for part, value in differences.items())
        value = report["metrics"][engine][report["main_metric"]]
        print(f"  {engine:<12} largest difference: {listed}; {report['main_metric']} {value:.4f}")
    print(f"  {'trained':<12} {report['main_metric']} {report['metrics']['trained'][report['main_metric']]:.4f}")
    return 0


def _pdparams(args: argparse.Namespace, recipe: object) -> int:
    from sealkit import api

    written = api.export_pdparams(
        str(recipe),
        checkpoint=args.checkpoint or (args.run if args.recipe else None),
        output=args.output,
        overrides=args.overrides,
    )
    print(f"{written.path}: {written.tensors} tensors")
    for note in written.notes():
        print(f"  {note}")
    return 0


def _without_recipe(args: argparse.Namespace) -> int:
    from sealkit import api
    from sealkit.errors import ConfigError

    if args.run or args.recipe or args.overrides or not (args.checkpoint and args.output):
        raise ConfigError(
            "--model takes only --checkpoint and --output",
            where="sealkit export",
            value=args.model,
            hint="sealkit export --model UVDoc --checkpoint PATH --output DIR",
        )
    report = api.export_inference_only(args.model, args.checkpoint, args.output)
    print(f"{report['model']}: {report['weights']}")
    print(f"  paddle       {report['difference']} on {len(report['images'])} images")
    return 0
