"""The pipeline's speed, alone or beside paddlex on the same model folders and pictures.

    python tools/benchmark.py pipeline PICTURES [--config seal_recognition-nopp-nolayout-lightweight] [--rounds 3]
        [--vs paddlex --paddlex-python .venv-paddlex/bin/python] [--make-folders DIR] [-o KEY=VALUE]

Each run has a process of its own, one after the other. Cold start is from the command to the first result; seconds per
picture are medians of the rounds after the first, averaged over the pictures; `outside` is the part of them that was
not spent in the networks, `cpu` the processor seconds of all threads, which depend little on the machine's other work.

Beside paddlex there are three runs of sealkit: `same` has paddlex's engine and way of reading (for equal results),
`engines` its own choice of engines, `default` its own way of reading as well, which tries more than one direction.

--make-folders writes model folders with the official networks and random weights for what the config names, where DIR
has none yet (sealkit.bench.stand_ins says what such a network finds), and runs on them. Folders given with -o stay.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sealkit.bench.paddlex_side import Run, differences, own_config, run, this_python, write_configs
from sealkit.images import list_images

KEYS = {
    "DocOrientationClassify": "SubPipelines.DocPreprocessor.SubModules.DocOrientationClassify",
    "DocUnwarping": "SubPipelines.DocPreprocessor.SubModules.DocUnwarping",
    "LayoutDetection": "SubModules.LayoutDetection",
    "TextDetection": "SubPipelines.SealOCR.SubModules.TextDetection",
    "TextRecognition": "SubPipelines.SealOCR.SubModules.TextRecognition",
}
"""Where the modules stand in a config."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmark.py pipeline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", help="pictures or folders")
    parser.add_argument("--config", default="embedded", help="YAML file or shipped name (default: embedded)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="only so many pictures")
    parser.add_argument("--vs", choices=("paddlex",), help="also run this library")
    parser.add_argument(
        "--paddlex-python", default=".venv-paddlex/bin/python", help="interpreter that has paddlex 3.7.2"
    )
    parser.add_argument("--make-folders", type=Path, metavar="DIR", help="random-weight models for the config's names")
    parser.add_argument("-o", "--override", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args(argv)
    pictures = [p for given in args.pictures for p in (list_images(given) if Path(given).is_dir() else [given])]
    for line in table(args, pictures[: args.limit]):
        print(line)
    return 0


def table(args: argparse.Namespace, pictures: Sequence[str]) -> list[str]:
    """The lines of the report."""
    overrides = dict(item.split("=", 1) for item in args.overrides)
    if args.make_folders is not None:
        overrides = {**stand_ins(args.config, overrides, args.make_folders), **overrides}

    def one(library: str, config: Path) -> Run:
        python = args.paddlex_python if library == "paddlex" else this_python()
        return run(python, library, config, pictures, args.rounds, args.threads)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.vs is None:
            return _lines({"sealkit": one("sealkit", own_config(folder / "own.yaml", args.config, overrides))})
        ours, theirs = write_configs(folder, args.config, overrides, args.threads)
        engines = own_config(folder / "engines.yaml", args.config, {"reading": "reference", **overrides})
        default = own_config(folder / "default.yaml", args.config, overrides)
        runs = {
            "paddlex": one("paddlex", theirs),
            "same": one("sealkit", ours),
            "engines": one("sealkit", engines),
            "default": one("sealkit", default),
        }
    return [*_lines(runs), *_equality(runs["same"], runs["paddlex"], pictures)]


def stand_ins(config: str, overrides: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Overrides that name a folder in `folder` for each model of the config that has none; missing ones are written."""
    from sealkit.pipeline.create import load_config, sections

    settings = load_config(config, overrides).settings
    named = {}
    for place, section in sections(settings).items():
        if section.model_dir is not None:
            continue
        target = folder / section.model_name
        if not target.is_dir():
            from sealkit.bench.stand_ins import write_stand_in  # imports paddle

            print(f"writing {target}", file=sys.stderr)
            write_stand_in(section.model_name, target)
        named[f"{KEYS[place]}.model_dir"] = str(target)
    return named


def _equality(ours: Run, theirs: Run, pictures: Sequence[str]) -> list[str]:
    """Whether the run with paddlex's engines has paddlex's results."""
    unequal = []
    for picture in pictures:
        pages = zip(ours.results[picture], theirs.results[picture])
        unequal += [f"  {picture}: {'; '.join(found)}" for one, two in pages if (found := differences(one, two))]
    return [f"same results on {len(pictures) - len(unequal)} of {len(pictures)} pictures", *unequal]


def _lines(runs: Mapping[str, Run]) -> list[str]:
    columns = ("s/picture", "outside", "cpu", "cold start", "peak MB")
    lines = [" ".join([f"{'run':8s}", *(f"{name:>11s}" for name in columns)])]
    base = runs.get("paddlex")
    for name, one in runs.items():
        line = f"{name:8s} {one.warm:11.3f} {one.outside:11.3f} {one.busy:11.3f} {one.first:11.2f} {one.peak_mb:11.0f}"
        lines.append(f"{line}  {'; '.join(one.engines)}".rstrip())
        if base is not None and one is not base:
            pairs = [(base.warm, one.warm), (base.outside, one.outside), (base.busy, one.busy), (base.first, one.first)]
            times = " ".join(f"{theirs / ours:10.2f}x" for theirs, ours in pairs)
            lines.append(f"{'':8s} {times} {base.peak_mb / one.peak_mb:10.2f}x  (paddlex / this)")
    return lines
