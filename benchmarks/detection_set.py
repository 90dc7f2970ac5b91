"""A pipeline's detection on a labelled set, beside RapidOCR's detector on the same images.

    python tools/benchmark.py detection-set DIR [--labels val.txt] [--limit 500] [--pipeline CONFIG]

DIR holds a detection set in PaddleX's format. Printed: precision, recall and Hmean at IoU 0.5 of the detected outlines
and of the lines made from them, recall by shape and by angle of the seal where labels say them, seconds per image.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.bench.options import add_pipeline_options, pipeline_options
from sealkit.bench.real_seals import Found, Outlines, PipelineReader, rapidocr_reader
from sealkit.data.labels.detection import read_det_labels
from sealkit.data.records import DetSample
from sealkit.errors import DataError
from sealkit.images import read_image
from sealkit.modules.seal_text_detection.metric import DetMetric


def measure(samples: Sequence[DetSample], read: Callable[..., Found]) -> dict[str, Any]:
    """Metrics of one reader on the samples: `outlines`, `lines` (None where it makes none), `seconds` (mean)."""
    from tqdm import tqdm

    measures = {"outlines": DetMetric(), "lines": DetMetric()}
    seconds, with_lines = 0.0, True
    for sample in tqdm(samples, leave=False):
        found = read({"file": str(sample.image_path), "seals": []}, read_image(sample.image_path))
        seconds += found.seconds
        truth = [asdict(line) for line in sample.lines]
        measures["outlines"].add([_record(sample, truth, found.outlines)])
        with_lines = with_lines and found.lines is not None
        measures["lines"].add([_record(sample, truth, found.lines or [])])
    metrics: dict[str, Any] = {name: metric.compute() for name, metric in measures.items()}
    if not with_lines:
        metrics["lines"] = None
    return {**metrics, "seconds": seconds / max(len(samples), 1)}


def _record(sample: DetSample, truth: list[dict[str, Any]], outlines: Outlines) -> dict[str, Any]:
    return {
        "name": sample.where,
        "gt": truth,
        "pred": [np.asarray(outline, np.float32) for outline, _ in outlines],
        "holes": [holes for _, holes in outlines],
    }


def show(name: str, metrics: Mapping[str, Any]) -> None:
    """Print one method's metrics."""
    print(f"\n{name}")
    for what in ("outlines", "lines"):
        found = metrics[what]
        if found:
            print(f"  {what:10s} " + "  ".join(f"{k} {found[k]:.3f}" for k in ("precision", "recall", "hmean")))
    groups = {k: v for k, v in (metrics["lines"] or metrics["outlines"]).items() if "/" in k}
    for group, value in groups.items():
        print(f"    {group:30s} {value:.3f}")
    print(f"  {metrics['seconds']:.3f} s per image")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="DIR")
    parser.add_argument("--labels", default="val.txt")
    parser.add_argument("--limit", type=int, help="only so many images, from the start")
    add_pipeline_options(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write all metrics here, JSON")
    args = parser.parse_args(argv)
    samples, problems = read_det_labels(args.root, args.labels)
    if problems:
        raise DataError(
            f"{len(problems)} problems in the labels, the first: {problems[0]}",
            where=str(args.root / args.labels),
            hint="sealkit data check lists them all",
        )
    samples = samples[: args.limit]
    methods = {"sealkit": PipelineReader(args.pipeline, pipeline_options(args))}
    if not args.no_peer:
        methods["RapidOCR"] = rapidocr_reader()
    everything = {}
    for name, read in methods.items():
        everything[name] = measure(samples, read)
        show(name, everything[name])
    if args.output:
        args.output.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    return 0
