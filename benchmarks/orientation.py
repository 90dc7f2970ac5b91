"""Top-1 accuracy of an orientation classifier on upright pages, each shown at the four angles.

    python tools/benchmark.py doc-ori --model-dir DIR --images DIR … [--labels labels.json --kind page]

With --labels only those images count whose `kind` is one of --kind (files named relative to the file's folder).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.bench.labelled import load_labels
from sealkit.data.labels.orientation import ANGLES
from sealkit.errors import ConfigError
from sealkit.images import list_images, read_image
from sealkit.modules.doc_text_orientation.metric import OrientationMetric
from sealkit.modules.doc_text_orientation.postprocess import turn

MODEL = "PP-LCNet_x1_0_doc_ori"


def find_pages(folders: Sequence[str], labels: str | None, kinds: Sequence[str]) -> list[Path]:
    """Images below the folders, or those of a label file that are of the kinds.

    Raises:
        ConfigError, DataError: neither given, nothing there.
    """
    if labels is not None:
        file = Path(labels)
        return [file.parent / item["file"] for item in load_labels(file, kinds=kinds)]
    if not folders:
        raise ConfigError("no images named", where="doc-ori", hint="--images DIR, or --labels DIR/labels.json")
    return [Path(path) for folder in folders for path in list_images(folder)]


def judge(classifier: Any, pages: Sequence[Path]) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Metrics, and a record per page and angle: file, angle, said, score.

    Args:
        classifier: `sealkit.modules.doc_text_orientation.predictor.OrientationClassifier`.
        pages: upright images.
    """
    metric, records = OrientationMetric(), []
    for path in pages:
        image = read_image(path)
        found = classifier.classify([turn(image, -angle) for angle in ANGLES])
        for label, best in enumerate(found):
            said = ANGLES.index(int(best.label_names[0]))
            metric.add([{"label": label, "pred": said}])
            score = round(float(np.max(best.scores)), 4)
            records.append({"file": path.name, "angle": ANGLES[label], "said": ANGLES[said], "score": score})
    return metric.compute(), records


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-dir", metavar="DIR", help="exported folder; default: the official one where it is")
    parser.add_argument("--images", nargs="+", default=[], metavar="DIR", help="folders of upright pages")
    parser.add_argument("--labels", metavar="FILE", help="labels.json whose images have a `kind`")
    parser.add_argument("--kind", nargs="+", default=["page"], help="kinds that are pages (default: page)")
    parser.add_argument("--engine", help="paddle, onnxruntime, openvino, auto")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads")
    parser.add_argument("--json", metavar="FILE", help="write metrics and every answer")
    args = parser.parse_args(arguments)
    from sealkit import api

    pages = find_pages(args.images, args.labels, args.kind)
    classifier = api.create_model(MODEL, args.model_dir, engine=args.engine, threads=args.threads)
    metrics, records = judge(classifier, pages)
    print(f"{len(pages)} pages at four angles")
    for name, value in metrics.items():
        print(f"  {name:<16} {value:.4f}" if name != "images" else f"  {name:<16} {value:.0f}")
    for record in records:
        if record["said"] != record["angle"]:
            print(f"  wrong: {record['file']} at {record['angle']}, said {record['said']} ({record['score']:.2f})")
    if args.json:
        Path(args.json).write_text(json.dumps({"metrics": metrics, "answers": records}, indent=1), encoding="utf-8")
    return 0
