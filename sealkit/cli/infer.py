"""`sealkit infer`: read seals."""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sealkit.cli.infer_saving import Keeper
from sealkit.cli.progress import Progress
from sealkit.runtime import engines

NAME = "infer"
HELP = "Read the seals of images, folders and PDFs; prints the texts, saves JSON and images. `predict` is the same."
EXAMPLES = """
  sealkit infer seal.png                                        # embedded weights, nothing to download
  sealkit infer scans/ --save-path out                          # JSON and an image per seal in out/
  sealkit infer 'scans/*.png' --save-csv texts.csv              # one row per text, for spreadsheets
  sealkit infer scans/ --jsonl > texts.jsonl                    # one JSON line per image, for scripts
  sealkit infer page.pdf --pipeline my.yaml --device gpu:0      # several devices: gpu:0,1 or cpu,cpu
  sealkit infer scans/ --save-path out --workers 4              # processes with a pipeline each
  sealkit infer scans/ --save-path out --ray auto               # on the machines of a Ray cluster
  sealkit infer scans/ --save-path out --resume                 # the same again: goes on where it was stopped
  sealkit infer https://example.com/seal.png --allow-url
  sealkit infer page.png --pipeline seal_recognition --layout-threshold '{16: 0.3}' --layout-merge-bboxes-mode union
  sealkit infer seal.png --det runs/my_detector --rec runs/my_recogniser   # your own models, as they were evaluated
  sealkit infer seal.png --model PP-OCRv6_small_det --model-dir runs/mine/inference   # one module alone

Exit code: 0; 3 where an image could not be read or its result not be saved (the others were); 2 wrong settings;
7 engine or device.
"""

SOME_FAILED = 3
_TRUE, _FALSE, _NONE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0"), ("none", "null", "")


def flag(text: str) -> bool | None:
    """`True`, `false`, `t`, `None`, … as PaddleX's command lines write them."""
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if word in _NONE:
        return None
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false nor none")


def value(text: str) -> Any:
    """A number, a word, a list or a dict: `0.3`, `union`, `'union'`, `[1.0, 0.9]`, `(1.0, 0.9)`, `{16: 0.3}`."""
    from sealkit.config.yamlfile import parse_value

    inner = text.strip()
    if inner.startswith("(") and inner.endswith(")"):
        inner = f"[{inner[1:-1]}]"
    return parse_value(inner)


_TYPES: dict[str, Callable[[str], Any]] = {
    "switch": flag,
    "integer": int,
    "number": float,
    "word": str,
    "value": value,
}
"""How a parameter of predict() is read from a command line."""


RUNS = {
    "det": "text detector",
    "rec": "text recogniser",
    "layout": "layout model (finds the seals of pages)",
    "ori": "page orientation model",
}


SPEED: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "precision": (str, "P", "fp32 or fp16, of the engines tensorrt and openvino"),
    "enable-mkldnn": (flag, "BOOL", "oneDNN, of the engine paddle on a CPU (default: where it works)"),
    "mkldnn-cache-capacity": (int, "N", "shapes oneDNN remembers (default: 10)"),
    "cpu-threads": (int, "N", "PaddleOCR's name of --threads"),
    "enable-hpi": (flag, "BOOL", "PaddleOCR's name of --use-hpip"),
    "use-tensorrt": (flag, "BOOL", "the engine tensorrt"),
}
"""PaddleOCR 3's flags: kind, metavar, help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `sealkit infer`."""
    from sealkit.cli.options import add_overrides

    _add_inputs(parser)
    _add_models(parser)
    _add_speed(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--jsonl", action="store_true", help="one JSON object per image on stdout, nothing else")
    form.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--verbose", action="store_true", help="also print what each stage found, and the engines")
    _add_options(parser)
    add_overrides(parser)


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    """What is read, and where results are saved."""
    parser.add_argument("input", nargs="*", metavar="INPUT", help="image, TIFF, PDF, folder or URL; several allowed")
    parser.add_argument("-i", "--input", dest="more", nargs="+", metavar="INPUT", default=[], help="the same")
    parser.add_argument("--allow-url", action="store_true", help="fetch inputs that are URLs, from any host")
    parser.add_argument(
        "--save-path",
        metavar="PATH",
        help="folder for <name>_res.json and <name>_seal_res_regionN.png (one module: <name>_res.png)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="leave out what an earlier run with --resume saved in PATH, where input and settings are the same",
    )
    parser.add_argument("--save-csv", metavar="FILE", help="one row per text: file, page, seal, role, text, score, box")


def _add_models(parser: argparse.ArgumentParser) -> None:
    """What reads."""
    parser.add_argument(
        "--pipeline", metavar="CONFIG", help="pipeline config: YAML file or shipped name (default: embedded)"
    )
    for name, text in RUNS.items():
        parser.add_argument(f"--{name}", metavar="RUN", help=f"{text} to use: run folder or exported folder")
    parser.add_argument("--model", metavar="NAME", help="run one module alone: official model name")
    parser.add_argument(
        "--model-dir", metavar="DIR", help="with --model: exported folder, official folder or .onnx file"
    )
    parser.add_argument(
        "--download",
        action="store_true",
        default=None,
        help="get missing official models (see sealkit download)",
    )


def _add_speed(parser: argparse.ArgumentParser) -> None:
    """What runs the models, and how many images at a time."""
    from sealkit.cli.options import add_workers, positive

    parser.add_argument("--engine", help=f"{engines.HELP} (default: the config's, else auto)")
    parser.add_argument(
        "--engine-config", type=value, metavar="DICT", help="options of the engine, or {engine: options}"
    )
    parser.add_argument(
        "--use-hpip", action="store_true", default=None, help="the fastest engine; converts to ONNX once"
    )
    parser.add_argument("--hpi-config", type=value, metavar="DICT", help="{backend: engine, backend_config: options}")
    for name, (kind, metavar, text) in SPEED.items():
        parser.add_argument(f"--{name}", type=kind, metavar=metavar, help=text)
    parser.add_argument(
        "--device", help="cpu, gpu:0, npu:0, …; several run side by side: gpu:0,1 (default: an NVIDIA card, else cpu)"
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="CPU threads per network (default: all cores, at most 10)"
    )
    parser.add_argument(
        "--at-once",
        type=positive,
        metavar="N",
        help="images read at the same time (default: up to 4 with small networks on ONNX Runtime, else 1)",
    )
    add_workers(parser, 1, "processes with a pipeline each on the CPU (0: one per core)")


def _add_options(parser: argparse.ArgumentParser) -> None:
    """The parameters of `predict`."""
    from sealkit.pipeline.options import PredictOptions

    for option in PredictOptions.in_text():
        text = option.doc[0].lower() + option.doc[1:].rstrip(".")
        if option.kind == "switch":
            text += ": true or false"
            parser.add_argument(option.flag, type=flag, nargs="?", const=True, metavar=option.metavar, help=text)
        else:
            parser.add_argument(option.flag, type=_TYPES[option.kind], metavar=option.metavar, help=text)


def run(args: argparse.Namespace) -> int:
    """Run `sealkit infer`; returns the exit code."""
    from sealkit.errors import ConfigError
    from sealkit.images import count_inputs

    inputs = [found for given in (*args.input, *args.more) for found in _matching(given)]
    if not inputs:
        raise ConfigError("nothing to read", where="sealkit infer", hint="name an image, PDF or folder")
    if args.model_dir and not args.model:
        hint = "a model in the pipeline: --det, --rec, --layout or --ori DIR; one module alone: add --model NAME"
        raise ConfigError("--model-dir belongs to --model", where="sealkit infer", hint=hint)
    _check_saving(args)
    keeper = Keeper(args)
    inputs = keeper.left(inputs)
    results = () if not inputs else _module_results(args, inputs) if args.model else _pipeline_results(args, inputs)
    failed = 0
    with Progress("reading") as progress:
        total = count_inputs(inputs)
        for result in results:
            failed += not result.ok
            _show(result, args)
            keeper.keep(result)
            progress(1, total)
    if failed:
        print(f"{failed} image(s) could not be read", file=sys.stderr)
    keeper.finish()
    if keeper.done and not args.quiet and not args.jsonl:
        _tell_where(args)
    return SOME_FAILED if failed or keeper.unsaved else 0


def _pipeline_results(args: argparse.Namespace, inputs: Sequence[str]) -> Any:
    from sealkit.cli.options import asked_workers
    from sealkit.pipeline.create import create_pipeline
    from sealkit.pipeline.options import PredictOptions

    options = {option.name: getattr(args, option.name) for option in PredictOptions.in_text()}
    pipeline = create_pipeline(
        args.pipeline,
        engine=args.engine,
        engine_config=args.engine_config,
        use_hpip=args.use_hpip,
        hpi_config=args.hpi_config,
        device=args.device,
        threads=args.threads,
        overrides=args.overrides,
        allow_url=args.allow_url,
        at_once=args.at_once,
        download=args.download,
        **asked_workers(args),
        **_speed(args),
        **{name: getattr(args, name) for name in RUNS if getattr(args, name) is not None},
    )
    if args.verbose:
        for module, engine in pipeline.engines.items():
            print(f"{module}: {engine}", file=sys.stderr)
    return pipeline.predict(list(inputs), **{name: value for name, value in options.items() if value is not None})


def _speed(args: argparse.Namespace) -> dict[str, Any]:
    names = [name.replace("-", "_") for name in SPEED]
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def _module_results(args: argparse.Namespace, inputs: Sequence[str]) -> Any:
    from sealkit.errors import ConfigError
    from sealkit.pipeline.create import create_model
    from sealkit.pipeline.options import PredictOptions

    unused = [option.flag for option in PredictOptions.in_text() if getattr(args, option.name) is not None]
    unused += [f"--{name}" for name in RUNS if getattr(args, name) is not None]
    unused += ["-o"] if args.overrides else []
    unused += ["--pipeline"] if args.pipeline else []
    unused += ["--allow-url"] if args.allow_url else []
    unused += ["--at-once"] if args.at_once else []
    unused += ["--workers"] if args.workers != 1 else []
    unused += ["--ray"] if args.ray else []
    if unused:
        raise ConfigError(
            "these flags apply to the pipeline, not to one module",
            where="sealkit infer --model",
            value=unused,
            hint="leave them out, or run the pipeline: --det, --rec, --layout, --ori DIR (see the examples)",
        )
    model = create_model(
        args.model,
        args.model_dir,
        engine=args.engine,
        engine_config=args.engine_config,
        device=args.device,
        threads=args.threads,
        download=args.download,
        use_hpip=args.use_hpip,
        hpi_config=args.hpi_config,
        **_speed(args),
    )
    return model.predict(list(inputs))


def _matching(given: str) -> list[str]:
    """What a pattern that the shell left alone stands for, sorted; the word itself where that is a file, or no
    pattern, or matches nothing."""
    if not glob.has_magic(given) or os.path.exists(given) or given.startswith(("http://", "https://")):
        return [given]
    return sorted(glob.glob(given, recursive=True)) or [given]


def _check_saving(args: argparse.Namespace) -> None:
    """Before anything is loaded or read.

    Raises:
        ConfigError: a table of something that is not texts.
        SealkitError: a path that cannot be written to.
    """
    from sealkit.errors import ConfigError

    if args.save_csv and args.model:
        hint = "leave --model out, or use --jsonl"
        raise ConfigError("a table of texts is what the pipeline gives", where="--save-csv", hint=hint)
    if args.resume and (not args.save_path or Path(args.save_path).suffix.lower() == ".json"):
        hint = "add --save-path out, the folder in which results are kept"
        raise ConfigError("goes on from the results of a folder", where="--resume", value=args.save_path, hint=hint)
    if args.save_path:
        _refuse_unwritable(Path(args.save_path))
    if args.save_csv:
        if Path(args.save_csv).is_dir():
            raise ConfigError("is a folder", where="--save-csv", value=args.save_csv, hint="name a file: texts.csv")
        _refuse_unwritable(Path(args.save_csv).parent, "--save-csv")


def _tell_where(args: argparse.Namespace) -> None:
    """Last line on stderr: where results are, or how they are kept."""
    places = [str(place) for place in (args.save_path, args.save_csv) if place]
    if places:
        print(f"saved to {' and '.join(places)}", file=sys.stderr)
    else:
        table = "" if args.model else "; --save-csv texts.csv a table"
        print(f"nothing was saved: --save-path out keeps JSON and images{table}", file=sys.stderr)


def _refuse_unwritable(path: Path, flag: str = "--save-path") -> None:
    """Before anything is read: results that cannot be kept are not worth waiting for.

    Raises:
        SealkitError: what of the path is there already is a file, or a folder that may not be written to.
    """
    from sealkit.errors import SealkitError

    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if place != path and not place.is_dir():
        raise SealkitError("cannot write: not a folder", where=str(place), hint=f"choose another {flag}")
    if not os.access(place, os.W_OK):
        raise SealkitError("cannot write: permission denied", where=str(place), hint=f"choose another {flag}")


def _show(result: Any, args: argparse.Namespace) -> None:
    """One image's texts on stdout; errors on stderr."""
    from sealkit.pipeline.present import name_of

    if not result.ok:
        print(result["error"], file=sys.stderr)
    if args.jsonl:
        print(json.dumps(result.json["res"], ensure_ascii=False), flush=True)
    elif result.ok and not args.quiet:
        print(name_of(result))
        print("\n".join(_module_lines(result) if args.model else _pipeline_lines(result, args.verbose)), flush=True)


def _pipeline_lines(result: Any, verbose: bool) -> list[str]:
    from sealkit.pipeline.present import text_lines

    lines = text_lines(result)
    if verbose:
        for name, stage in result.stages.items():
            facts = ", ".join(f"{key} {value}" for key, value in stage.items())
            lines.append(f"  {name}: {facts}")
    return lines


def _module_lines(result: Any) -> list[str]:
    """What one module found, by the fields its results have."""
    if "rec_text" in result:
        return [f"  {result['rec_text']}  {result['rec_score']:.3f}"]
    if "dt_polys" in result:
        return [
            f"  {len(polygon)} points from {polygon[0].tolist()}  {score:.3f}"
            for polygon, score in zip(result["dt_polys"], result["dt_scores"])
        ]
    if "boxes" in result:
        return [
            f"  {box['label']}  {[round(float(v), 1) for v in box['coordinate']]}  {box['score']:.3f}"
            for box in result["boxes"]
        ]
    if "label_names" in result:
        return [f"  {name}  {float(score):.3f}" for name, score in zip(result["label_names"], result["scores"])]
    if "doctr_img" in result:
        height, width = result["doctr_img"].shape[:2]
        return [f"  a flattened page of {width} x {height} pixels; --save-path keeps it"]
    return []
