"""The pipeline's speed, alone or beside paddlex on the same model folders and pictures.

    python tools/benchmark.py pipeline PICTURES [--config seal_recognition-nopp-nolayout-lightweight] [--rounds 3]
        [--vs paddlex --paddlex-python .venv-paddlex/bin/python] [-o KEY=VALUE]

Each library runs in a process of its own, first one, then the other, in one run. Cold start is from the command to the
first result; seconds per picture are the median of the rounds after the first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sealkit.bench.paddlex_side import Run, differences, run, this_python, write_configs
from sealkit.errors import SealkitError
from sealkit.images import list_images


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
    parser.add_argument("-o", "--override", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args(argv)
    try:
        pictures = [p for given in args.pictures for p in (list_images(given) if Path(given).is_dir() else [given])]
        for line in table(args, pictures[: args.limit]):
            print(line)
    except SealkitError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def table(args: argparse.Namespace, pictures: Sequence[str]) -> list[str]:
    """The lines of the report."""
    overrides = dict(item.split("=", 1) for item in args.overrides)
    with tempfile.TemporaryDirectory() as folder:
        if args.vs is None:
            return _lines(
                {"sealkit": run(this_python(), "sealkit", Path(args.config), pictures, args.rounds, args.threads)}
            )
        ours, theirs = write_configs(Path(folder), args.config, overrides, args.threads)
        runs = {
            "sealkit": run(this_python(), "sealkit", ours, pictures, args.rounds, args.threads),
            "paddlex": run(args.paddlex_python, "paddlex", theirs, pictures, args.rounds, args.threads),
        }
    lines = _lines(runs)
    a, b = runs["sealkit"], runs["paddlex"]
    lines.append(f"sealkit is {b.warm / a.warm:.2f}x as fast, starts {b.first / a.first:.2f}x as fast")
    unequal = []
    for picture in pictures:
        pages = zip(a.results[picture], b.results[picture])
        unequal += [f"  {picture}: {'; '.join(found)}" for one, two in pages if (found := differences(one, two))]
    lines.append(f"same results on {len(pictures) - len(unequal)} of {len(pictures)} pictures")
    return lines + unequal


def _lines(runs: dict[str, Run]) -> list[str]:
    lines = [f"{'library':10s} {'s/picture':>10s} {'cold start':>11s} {'peak MB':>8s}"]
    for name, one in runs.items():
        lines.append(f"{name:10s} {one.warm:10.3f} {one.first:11.2f} {one.peak_mb:8.0f}")
    return lines
