"""The pipeline's speed, alone or beside paddlex on the same model folders and images.

    python tools/benchmark.py pipeline IMAGES [--config seal_recognition-nopp-nolayout-lightweight] [--rounds 3]
        [--vs paddlex --paddlex-python .venv-paddlex/bin/python [--equality]] [--make-folders DIR] [-o KEY=VALUE]

Each run has a process of its own, one after the other. Cold start is from the command to the first result; seconds per
image are medians of the rounds after the first, averaged over the images; `outside` is the part of them that was
not spent in the networks, `cpu` the processor seconds of all threads, which depend little on the machine's other work,
`cpu out` those of them outside the networks. `listed` are seconds per image when one call gets all images, which
sealkit reads some at a time, `list out` those of them outside the networks (of images read at the same time each
one's networks count by their share).

Beside paddlex there are three runs of sealkit: `same` has paddlex's engine and way of reading (for equal results),
`engines` its own choice of engines, `default` its own way of reading as well, which tries more than one direction.
--equality runs `same` alone, each image once, and fails where fewer than 99 % of the images have paddlex's result.
Both then run in paddlex's environment: OpenCV 5 interpolates a grey level off from the 4.10 that paddlex pins, and a
recogniser in doubt answers otherwise.

--make-folders writes model folders with the official networks and random weights for what the config names, where DIR
has none yet (sealkit.bench.random_models says what such a network finds), and runs on them. Folders given with -o stay.
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
EQUAL_SHARE = 0.99
"""Of the images, on which --equality wants paddlex's results."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `benchmark.py pipeline`; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="benchmark.py pipeline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+", help="images or folders")
    parser.add_argument("--config", default="embedded", help="YAML file or shipped name (default: embedded)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, help="only so many images")
    parser.add_argument("--vs", choices=("paddlex",), help="also run this library")
    parser.add_argument(
        "--paddlex-python", default=".venv-paddlex/bin/python", help="interpreter that has paddlex 3.7.2"
    )
    parser.add_argument("--equality", action="store_true", help="only whether paddlex's results are met")
    parser.add_argument("--make-folders", type=Path, metavar="DIR", help="random-weight models for the config's names")
    parser.add_argument("-o", "--override", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args(argv)
    images = [p for given in args.images for p in (list_images(given) if Path(given).is_dir() else [given])]
    lines, equal = table(args, images[: args.limit])
    print(*lines, sep="\n")
    return 0 if equal or not args.equality else 1


def table(args: argparse.Namespace, images: Sequence[str]) -> tuple[list[str], bool]:
    """The lines of the report, and whether sealkit meets paddlex's results (True where paddlex was not run)."""
    overrides = dict(item.split("=", 1) for item in args.overrides)
    if args.make_folders is not None:
        overrides = {**stand_ins(args.config, overrides, args.make_folders), **overrides}

    def one(library: str, config: Path) -> Run:
        python = args.paddlex_python if library == "paddlex" or args.equality else this_python()
        return run(python, library, config, images, 1 if args.equality else args.rounds, args.threads)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.vs is None:
            return _lines({"sealkit": one("sealkit", own_config(folder / "own.yaml", args.config, overrides))}), True
        ours, theirs = write_configs(folder, args.config, overrides, args.threads)
        runs = {"paddlex": one("paddlex", theirs), "same": one("sealkit", ours)}
        if not args.equality:
            engines = own_config(folder / "engines.yaml", args.config, {"reading": "reference", **overrides})
            default = own_config(folder / "default.yaml", args.config, overrides)
            runs |= {"engines": one("sealkit", engines), "default": one("sealkit", default)}
    unequal = _unequal(runs["same"], runs["paddlex"], images)
    summary = f"same results on {len(images) - len(unequal)} of {len(images)} images"
    return [*_lines(runs), summary, *unequal], len(unequal) <= (1 - EQUAL_SHARE) * len(images)


def stand_ins(config: str, overrides: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Overrides that name a folder in `folder` for each model of the config that has none; missing ones are written."""
    from sealkit.pipeline.build import sections
    from sealkit.pipeline.create import load_config

    settings = load_config(config, overrides).settings
    named = {}
    for place, section in sections(settings).items():
        if section.model_dir is not None:
            continue
        target = folder / section.model_name
        if not target.is_dir():
            from sealkit.bench.random_models import write_stand_in  # imports paddle

            print(f"writing {target}", file=sys.stderr)
            write_stand_in(section.model_name, target)
        named[f"{KEYS[place]}.model_dir"] = str(target)
    return named


def _unequal(ours: Run, theirs: Run, images: Sequence[str]) -> list[str]:
    """A line for each image on which the run with paddlex's engines has other results than paddlex."""
    lines = []
    for image in images:
        pages = zip(ours.results[image], theirs.results[image])
        lines += [f"  {image}: {'; '.join(found)}" for one, two in pages if (found := differences(one, two))]
    return lines


def _lines(runs: Mapping[str, Run]) -> list[str]:
    columns = ("s/image", "outside", "cpu", "cpu out", "listed", "list out", "cold start", "peak MB")
    lines = [" ".join([f"{'run':8s}", *(f"{name:>11s}" for name in columns)])]
    base = runs.get("paddlex")
    for name, one in runs.items():
        metrics = _metrics(one)
        shown = [f"{v:11.3f}" for v in metrics[:-2]] + [f"{metrics[-2]:11.2f}", f"{metrics[-1]:11.0f}"]
        lines.append(f"{name:8s} {' '.join(shown)}  {'; '.join(one.engines)}".rstrip())
        if base is not None and one is not base:
            times = " ".join(f"{theirs / ours:10.2f}x" for theirs, ours in zip(_metrics(base), metrics))
            lines.append(f"{'':8s} {times}  (paddlex / this)")
    return lines


def _metrics(one: Run) -> list[float]:
    """One per column."""
    listed = [one.in_list, one.outside_in_list]
    return [one.warm, one.outside, one.busy, one.busy_outside, *listed, one.first, one.peak_mb]
