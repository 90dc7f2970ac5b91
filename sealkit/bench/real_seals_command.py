"""A pipeline on a folder of real seals: `tools/benchmark.py real-seals --real-seals DIR [--pipeline CONFIG]`.

DIR holds labels.json (see `load_labels`) and the images. Printed: texts by kind of image (share read exactly, mean
1-NED, F1 that also punishes what should not have been read), Hmean of the detected outlines and lines (IoU 0.5) on the
labelled line polygons, seconds per image; each beside RapidOCR on the same images unless --no-peer.
predictions.json ({file: [texts]}) goes to --output; --errors writes a page with every miss and the stage at fault.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sealkit.bench.error_report import write_errors
from sealkit.bench.labelled import load_labels
from sealkit.bench.options import add_pipeline_options, pipeline_options
from sealkit.bench.real_seals import Found, PipelineReader, detection_metrics, measure, rapidocr_reader, text_table
from sealkit.files import write_text


def report(labels: Sequence[Mapping[str, Any]], found: Mapping[str, Found]) -> dict[str, Any]:
    """All metrics of one method."""
    lines = {name: f.lines for name, f in found.items() if f.lines is not None}
    seconds = sorted(f.seconds for f in found.values())
    return {
        "texts": text_table(labels, {name: f.texts for name, f in found.items()}),
        "outlines": detection_metrics(labels, {name: f.outlines for name, f in found.items()}),
        "lines": detection_metrics(labels, lines) if lines else None,
        "seconds": {"median": seconds[len(seconds) // 2], "mean": sum(seconds) / len(seconds)},
    }


def show(name: str, metrics_of: Mapping[str, Any]) -> None:
    """Print one method's tables."""
    print(f"\n{name}")
    for row, f in metrics_of["texts"]["rows"].items():
        print(
            f"  {row:16s} n={f['n']:4.0f}  exact={f['exact']:.3f}  sim={f['sim']:.3f}  F1={f['f1']:.3f}  "
            f"extra={f['extra']:.2f}/seal"
        )
    texts = metrics_of["texts"]
    print(f"  without seals    {texts['false_texts']} texts, {texts['clean']} of {texts['empty_images']} clean")
    for what in ("outlines", "lines"):
        if metrics_of[what]:
            f = metrics_of[what]
            print(f"  {what:16s} precision={f['precision']:.3f}  recall={f['recall']:.3f}  Hmean={f['hmean']:.3f}")
    seconds = metrics_of["seconds"]
    print(f"  seconds          median {seconds['median']:.3f}  mean {seconds['mean']:.3f} per image")


def main(argv: Sequence[str] | None = None) -> int:
    """Run `benchmark.py real-seals`; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real-seals", required=True, type=Path, metavar="DIR")
    add_pipeline_options(parser)
    parser.add_argument(
        "--given-boxes", action="store_true", help="use the labelled seals: what perfect search would give"
    )
    parser.add_argument("--only", metavar="TEXT", help="images whose file name contains this")
    parser.add_argument("--output", type=Path, metavar="DIR", help="write predictions.json and metrics.json here")
    parser.add_argument(
        "--errors", type=Path, metavar="FILE", help="write an HTML page: every miss with its strips and stage at fault"
    )
    args = parser.parse_args(argv)
    labels = [item for item in load_labels(args.real_seals, "texts") if not args.only or args.only in item["file"]]
    reader = PipelineReader(args.pipeline, pipeline_options(args), args.given_boxes)
    methods: dict[str, Callable[..., Found]] = {"sealkit": reader}
    if not args.no_peer:
        methods["RapidOCR"] = rapidocr_reader()
    everything = {}
    for name, read in methods.items():
        found = measure(args.real_seals, labels, read)
        everything[name] = report(labels, found)
        show(name, everything[name])
        if args.output:
            args.output.mkdir(parents=True, exist_ok=True)
            texts = {file: f.texts for file, f in found.items()}
            file = "predictions.json" if name == "sealkit" else f"predictions_{name.lower()}.json"
            write_text(args.output / file, json.dumps(texts, ensure_ascii=False, indent=1))
        if args.errors and read is reader:
            print(f"  errors           {write_errors(args.errors, args.real_seals, labels, found, reader)}")
    if args.output:
        write_text(args.output / "metrics.json", json.dumps(everything, indent=1))
    return 0
