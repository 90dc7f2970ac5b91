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
  sealkit export runs/seal_det_cpu_small --int8 --calibrate datasets/toy/images   # → …/inference_int8
  sealkit export --model-dir official_folder --fp16 --calibrate images --output half
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
    parser.add_argument(
        "--images", type=int, metavar="N", help="images for the parity check (default 8), or of --calibrate (32)"
    )
    parser.add_argument(
        "--int8", action="store_true", help="write an exported model in INT8 (ONNX, quantised statically)"
    )
    parser.add_argument("--fp16", action="store_true", help="write an exported model with float16 weights (ONNX)")
    parser.add_argument("--shape", metavar="NxCxHxW", help="write an exported model for one size of image (ONNX)")
    parser.add_argument(
        "--calibrate",
        metavar="DIR",
        help="images as the model is fed, for --int8, --fp16 and --shape: INT8 takes its ranges from them, and all are "
        "compared on them",
    )
    parser.add_argument(
        "--model-dir", metavar="DIR", help="exported or official folder, in place of a run's, for those"
    )


def run(args: argparse.Namespace) -> int:
    """Run `sealkit export`; returns the exit code."""
    from pathlib import Path

    from sealkit import api
    from sealkit.config.find import run_recipe, shipped
    from sealkit.errors import ConfigError

    if args.int8 or args.fp16 or args.shape:
        return _reduced(args)
    for flag, value in (("--calibrate", args.calibrate), ("--model-dir", args.model_dir)):
        if value is not None:
            raise ConfigError("is for --int8, --fp16 and --shape", where=flag, value=value)
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
        images=args.images or 8,
    )
    print(f"{report['model']}: exported network and trained network agree on {len(report['images'])} images")
    for engine, differences in report["max_abs_difference"].items():
        listed = ", ".join(f"{part} {value:.1e}" for part, value in differences.items())
        value = report["metrics"][engine][report["main_metric"]]
        print(f"  {engine:<12} largest difference: {listed}; {report['main_metric']} {value:.4f}")
    print(f"  {'trained':<12} {report['main_metric']} {report['metrics']['trained'][report['main_metric']]:.4f}")
    return 0


def _reduced(args: argparse.Namespace) -> int:
    from pathlib import Path

    from sealkit import api
    from sealkit.errors import ConfigError
    from sealkit.export.reduced import IMAGES, LOST, Precision, Reduction, reduce_model

    flags = {
        "--pdparams": args.pdparams,
        "--no-onnx": args.no_onnx,
        "--checkpoint": args.checkpoint,
        "--model": args.model,
    }
    extra = [flag for flag, value in (flags | {"--fp16": args.int8 and args.fp16}).items() if value]
    if extra:
        raise ConfigError("does not go with --int8, --fp16 and --shape of a model", where="sealkit export", value=extra)
    if (args.run is None) == (args.model_dir is None) or args.calibrate is None:
        hint = "sealkit export RUN_FOLDER --int8 --calibrate DIR, or --model-dir FOLDER in place of the run"
        raise ConfigError("give a run folder or --model-dir, and --calibrate", where="sealkit export", hint=hint)
    precision: Precision = "int8" if args.int8 else "fp16" if args.fp16 else "fp32"
    shape = None if args.shape is None else _shape(args.shape)
    reduction = Reduction(precision, shape, Path(args.calibrate), args.images or IMAGES)
    source = Path(args.model_dir or Path(args.run) / "inference")
    if args.output is None and args.model_dir is not None:
        raise ConfigError("--output is not given", where="sealkit export", hint="--output DIR")
    if args.run is not None and not source.is_dir():
        raise ConfigError("not exported yet", where=str(source), hint=f"sealkit export {args.run}")
    output = Path(args.output or source.with_name(f"{source.name}_{reduction.name}"))

    def measure(folder: Path) -> tuple[str, float, int]:
        found = api.evaluate(
            args.recipe or args.run, model_dir=folder, overrides=args.overrides, engine="onnxruntime", progress=False
        )
        return found.main, found.metrics[found.main], len(found.records)

    report = reduce_model(source, output, reduction, measure if args.recipe or args.run else None)
    print(
        f"{report['model']}: {source} → {output}, compared on {report['reduced']['images']} inputs of {args.calibrate}"
    )
    for number, part in enumerate(report["differences"]):
        print(f"  output {number}: differs by {part['mean']:.1e} on average, {part['p99']:.1e} in 1 of 100 values")
    names = ("fp32", reduction.name)
    size = " → ".join(f"{report['bytes'][name] / 1e6:.1f}" for name in names)
    seconds = " → ".join(f"{report['cpu_seconds'][name]:.4f}" for name in ("fp32", "reduced"))
    print(f"  {size} MB; {seconds} CPU seconds a run (ONNX Runtime, 1 thread)")
    if "metric" in (facts := report["reduced"]):
        lost = facts["fp32"] - facts["value"]
        warning = f"; warning: {lost:.4f} lost" if lost > LOST else ""
        print(f"  {facts['metric']} {facts['fp32']} → {facts['value']} on {facts['metric_images']} images{warning}")
    else:
        print("  metric not measured: " + ("one size only" if shape else "no labelled set; -c RECIPE names one"))
    return 0


def _shape(text: str) -> tuple[int, ...]:
    from sealkit.errors import ConfigError

    parts = text.lower().replace(",", "x").split("x")
    if len(parts) != 4 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigError("not a size of four whole numbers", where="--shape", value=text, hint="--shape 1x3x48x320")
    return tuple(map(int, parts))


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
