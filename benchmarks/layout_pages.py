"""Seals that a layout model finds on labelled pages.

    python tools/benchmark.py layout-pages --model-dir DIR --labels labels.json [--kind page] [--threshold 0.5]

DIR is an exported folder, or a run folder (its best checkpoint is exported for the occasion). labels.json is a list of
images: `file`, `kind`, and `seals` with `box` [x1, y1, x2, y2] in pixels, `shape`, `partial` (a slice at the page's
edge). Boxes of the class are matched to labelled seals by IoU 0.5, the best score first, each seal once: a second box
on a seal is false, like one that lies beside it. Pages without seals count in the false boxes per page.

The table over thresholds shows the trade. A threshold that is chosen here is chosen on the pages it is judged by:
choose it on a validation set.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sealkit.bench.labelled import load_labels
from sealkit.config.find import run_folder
from sealkit.config.yamlfile import parse_value
from sealkit.drawing.polygons import boxes_to_polygons, line_width, outline_polygons
from sealkit.errors import ConfigError, DataError, EngineError
from sealkit.geometry.boxes import box_iou
from sealkit.images import read_image, write_image
from sealkit.modules.layout_detection.postprocess import MODES, layout_boxes
from sealkit.runtime.files import ModelFiles

IOU = 0.5
THRESHOLDS = tuple(round(0.1 * k, 1) for k in range(1, 10))
LEAST_RECALL, MOST_FALSE = 0.80, 0.5
"""What a seal finder of pages is asked for: share of seals found, false boxes per page."""
_FOUND, _MISSED, _FALSE = (60, 160, 0), (30, 30, 220), (0, 140, 255)  # BGR


@dataclass(frozen=True)
class PageScore:
    """One page at one threshold.

    Attributes:
        file: its name.
        seals: its labels.
        boxes: (K, 4) float64 of the class, best score first.
        scores: (K,).
        owner: (K,) number of the seal each box found, -1 = false.
    """

    file: str
    seals: Sequence[Mapping[str, Any]]
    boxes: np.ndarray
    scores: np.ndarray
    owner: np.ndarray

    @property
    def false(self) -> int:
        return int((self.owner < 0).sum())

    def has(self, seal: int) -> bool:
        return bool((self.owner == seal).any())

    def nearest(self, seal: int) -> float:
        """Largest IoU of any box with a seal."""
        return float(box_iou(self.boxes, np.array([self.seals[seal]["box"]], np.float64)).max(initial=0.0))


def match(file: str, seals: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> PageScore:
    """Boxes of one class, dicts with `score` and `coordinate`, against the labelled seals of their page."""
    order = sorted(found, key=lambda box: -float(box["score"]))
    boxes = np.array([box["coordinate"] for box in order], np.float64).reshape(-1, 4)
    iou = box_iou(boxes, np.array([seal["box"] for seal in seals], np.float64).reshape(-1, 4))
    owner = np.full(len(boxes), -1)
    for number, row in enumerate(iou):
        best = int(row.argmax()) if len(row) else -1
        if best >= 0 and row[best] >= IOU:
            owner[number] = best
            iou[:, best] = 0  # taken: later boxes may have another seal, or none
    return PageScore(file, seals, boxes, np.array([float(box["score"]) for box in order]), owner)


def metrics(pages: Sequence[PageScore]) -> dict[str, Any]:
    """Recall of all seals, of whole ones, of slices, by shape; false boxes per page. None where there is no seal."""
    found: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    for page in pages:
        for number, seal in enumerate(page.seals):
            names = ["all", "partial" if seal.get("partial") else "whole", f"shape {seal.get('shape', 'unknown')}"]
            labelled.update(names)
            found.update(names if page.has(number) else [])
    false = sum(page.false for page in pages)
    shapes = sorted(name for name in labelled if name.startswith("shape "))
    return {
        "recall": {n: found[n] / labelled[n] if labelled[n] else None for n in ("all", "whole", "partial", *shapes)},
        "seals": dict(labelled),
        "false": false,
        "false_per_page": false / max(len(pages), 1),
        "false_on_pages_without_seals": sum(page.false for page in pages if not page.seals),
        "pages": len(pages),
        "pages_without_seals": sum(not page.seals for page in pages),
    }


def reaches(result: Mapping[str, Any]) -> bool:
    """Whether both bars are reached."""
    recall = result["recall"]["all"]
    return recall is not None and recall >= LEAST_RECALL and result["false_per_page"] <= MOST_FALSE


def load_pages(labels: Path, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Images of the kinds.

    Raises:
        DataError: no such file, one of another form, or no image of the kinds.
    """
    pages = load_labels(labels, "seals", kinds=kinds)
    for item in pages:
        if not all(len(seal.get("box", ())) == 4 for seal in item["seals"]):
            hint = "give each of its `seals` a `box`: [x1, y1, x2, y2]"
            raise DataError("a seal without a box of four numbers", where=str(labels), value=item["file"], hint=hint)
    return pages


def search(
    detector: Any, folder: Path, pages: Sequence[Mapping[str, Any]], thresholds: Sequence[float], label: str
) -> dict[float, list[PageScore]]:
    """Every page through the network once, its boxes at each threshold.

    Args:
        detector: `sealkit.modules.layout_detection.predictor.LayoutDetector`.
        folder: of the images.
        label: the class that seals have.

    Raises:
        ConfigError: the model has no such class.
    """
    if label not in detector.labels:
        raise ConfigError(
            "the model has no such class",
            where="--label",
            value=label,
            hint=f"its classes: {', '.join(detector.labels)}",
        )
    scores: dict[float, list[PageScore]] = {threshold: [] for threshold in thresholds}
    for item in pages:
        image = read_image(folder / item["file"])
        (rows,) = detector.detections([image])
        for threshold, done in scores.items():
            options = replace(detector.options, threshold=threshold)
            found = layout_boxes(rows, detector.labels, (image.shape[0], image.shape[1]), options)
            done.append(match(item["file"], item["seals"], [box for box in found if box["label"] == label]))
    return scores


def draw(image: np.ndarray, page: PageScore) -> np.ndarray:
    """Labels and boxes found green, seals missed red, false boxes orange; with scores."""
    colours = [_FOUND if owner >= 0 else _FALSE for owner in page.owner]
    width = line_width(image)
    labels = [seal["box"] for seal in page.seals]
    seen = [_FOUND if page.has(number) else _MISSED for number in range(len(labels))]
    drawn = outline_polygons(image, boxes_to_polygons(labels), seen, max(width // 2, 1))
    drawn = outline_polygons(drawn, boxes_to_polygons(page.boxes.tolist()), colours, width)
    for box, score, colour in zip(page.boxes, page.scores, colours):
        place = int(box[0]), max(int(box[1]) - 2 * width, 12)
        scale = max(image.shape[:2]) / 1600
        cv2.putText(drawn, f"{score:.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width, cv2.LINE_AA)
    return drawn


def model_folder(path: Path, size: tuple[int, int] | None, scratch: Path) -> Path:
    """The folder to load: `path` itself, or its run's best checkpoint, exported for an input of `size`.

    Raises:
        ConfigError: neither an exported folder nor a run; another input size for a folder that lies in no run.
    """
    from sealkit import api

    if size is None and not (path / "recipe.yaml").is_file():
        return path
    run = run_folder(path)
    if run is None:
        raise ConfigError(
            "the input size is part of the exported graph, and this folder lies in no run to export again",
            where="--target-size",
            value=list(size or ()),
            hint="sealkit export -c RECIPE --checkpoint PATH --output DIR -o resize.target_size=[H,W]",
        )
    overrides = [] if size is None else [f"resize.target_size={list(size)}"]
    api.export_model(run, output=scratch / "inference", overrides=overrides, images=2)
    return scratch / "inference"


def show(scores: Mapping[float, Sequence[PageScore]], threshold: float) -> None:
    """Print the tables."""
    result = metrics(scores[threshold])
    print(
        f"{result['pages']} pages, {result['pages_without_seals']} without seals; {result['seals'].get('all', 0)} seals"
    )
    print(f"\nat threshold {threshold:g}                bar")
    for name, value in result["recall"].items():
        bar = f">= {LEAST_RECALL:.2f}" if name == "all" else ""
        of = f"of {result['seals'].get(name, 0)}"
        print(f"  recall {name:<16} {_share(value)}  {of:<6} {bar}".rstrip())
    print(f"  false boxes per page    {result['false_per_page']:5.2f}         <= {MOST_FALSE}")
    print(f"  … on pages without seal {result['false_on_pages_without_seals']:5d}")
    print("\n  page                              seals found false")
    for page in scores[threshold]:
        found = sum(page.has(number) for number in range(len(page.seals)))
        missed = [n for n in range(len(page.seals)) if not page.has(n)]
        said = "; ".join(f"missed {_named(page.seals[n])}, nearest IoU {page.nearest(n):.2f}" for n in missed)
        print(f"  {page.file:<33} {len(page.seals):5d} {found:5d} {page.false:5d}  {said}".rstrip())
    print("\n  threshold  recall  whole  partial  false/page")
    for value, pages in scores.items():
        at = metrics(pages)
        row = "  ".join(_share(at["recall"][name]) for name in ("all", "whole", "partial"))
        print(f"  {value:9g}  {row}  {at['false_per_page']:10.2f}  {'both bars' if reaches(at) else ''}".rstrip())


def _share(value: float | None) -> str:
    return "    –" if value is None else f"{value:5.3f}"


def _named(seal: Mapping[str, Any]) -> str:
    x1, y1, x2, y2 = seal["box"]
    return f"{'partial ' if seal.get('partial') else ''}{seal.get('shape', 'seal')} {x2 - x1:g}x{y2 - y1:g}"


def _plain(scores: Mapping[float, Sequence[PageScore]], threshold: float) -> dict[str, Any]:
    """What --json writes."""
    pages = [
        {
            "file": page.file,
            "seals": [
                {**seal, "found": page.has(number), "nearest_iou": round(page.nearest(number), 4)}
                for number, seal in enumerate(page.seals)
            ],
            "boxes": [
                {"coordinate": np.round(box, 2).tolist(), "score": round(float(score), 5), "seal": int(owner)}
                for box, score, owner in zip(page.boxes, page.scores, page.owner)
            ],
        }
        for page in scores[threshold]
    ]
    return {
        "threshold": threshold,
        "bars": {"recall": LEAST_RECALL, "false_per_page": MOST_FALSE},
        "metrics": metrics(scores[threshold]),
        "thresholds": {f"{value:g}": metrics(found) for value, found in scores.items()},
        "pages": pages,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-dir", required=True, type=Path, metavar="DIR", help="exported folder, or a run folder")
    parser.add_argument("--labels", required=True, type=Path, metavar="FILE", help="labels.json; images beside it")
    parser.add_argument("--kind", nargs="+", default=["page"], help="kinds of image that count (default: page)")
    parser.add_argument("--label", default="seal", help="class of the model that seals have (default: seal)")
    parser.add_argument("--threshold", type=float, default=0.5, metavar="T", help="of the tables by page and shape")
    parser.add_argument("--target-size", nargs=2, type=int, metavar=("H", "W"), help="export the run for this input")
    parser.add_argument("--no-nms", action="store_true", help="keep boxes that repeat others (the pipeline does not)")
    parser.add_argument(
        "--merge",
        type=parse_value,
        default="large",
        metavar="MODE",
        help=f"of boxes within each other: {', '.join(MODES)}, or by class: '{{seal: large}}' (default: large, as the "
        "official configs have it: a seal within a table or image box goes)",
    )
    parser.add_argument("--engine", help="paddle, onnxruntime, openvino, auto")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all metrics and boxes")
    parser.add_argument("--draw", type=Path, metavar="DIR", help="write the pages with their boxes")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    from sealkit import api

    pages = load_pages(args.labels, args.kind)
    size = tuple(args.target_size) if args.target_size else None
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(args.model_dir, size, Path(scratch))
        name = ModelFiles.find(folder).read_meta().model_name
        if name is None:
            raise EngineError("inference.yml names no model", where=str(folder), hint="set Global.model_name")
        detector = api.create_model(
            name,
            folder,
            engine=args.engine,
            threads=args.threads,
            layout_nms=not args.no_nms,
            layout_merge_bboxes_mode=args.merge,
        )
        thresholds = sorted({*THRESHOLDS, args.threshold})
        scores = search(detector, args.labels.parent, pages, thresholds, args.label)
    print(f"{name} from {args.model_dir}, input {detector.rules.size[0]}x{detector.rules.size[1]}")
    show(scores, args.threshold)
    if args.json:
        args.json.write_text(json.dumps(_plain(scores, args.threshold), ensure_ascii=False, indent=1), "utf-8")
    if args.draw:
        args.draw.mkdir(parents=True, exist_ok=True)
        for page in scores[args.threshold]:
            image = draw(read_image(args.labels.parent / page.file), page)
            write_image(args.draw / f"{Path(page.file).name}.jpg", image)
    return 0
