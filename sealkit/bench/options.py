"""Flags that the measurements of a pipeline share."""

from __future__ import annotations

import argparse
from typing import Any


def add_pipeline_options(parser: argparse.ArgumentParser) -> None:
    """Which pipeline is measured, on what engine, beside whom."""
    parser.add_argument("--pipeline", metavar="CONFIG", help="YAML file or shipped name; default: embedded")
    parser.add_argument("--engine")
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--override", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--no-peer", action="store_true", help="without RapidOCR")


def pipeline_options(args: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments of `create_pipeline` from those flags."""
    return {"engine": args.engine, "threads": args.threads, "overrides": args.overrides}
