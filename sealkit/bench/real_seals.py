"""Reads labelled images of seals with a pipeline or RapidOCR, and scores what was read and found."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sealkit.errors import ConfigError
from sealkit.images import read_image
from sealkit.modules.seal_text_detection.metric import DetMetric
from sealkit.modules.text_recognition.postprocess import RecResult
from sealkit.pipeline.page import DetectedSeal
from sealkit.text import comparable, similarity

Outlines = list[tuple[np.ndarray, list[np.ndarray]]]
"""Outline (N, 2) and its holes, image pixels."""


@dataclass
class Found:
    """What one method found in one image.

    Attributes:
        texts: what was read.
        outlines: detected regions.
        lines: line polygons, None where the method has none.
        seconds: of reading it.
        seals: of a pipeline: with every line that was detected and every reading that was tried. `texts` are those of
            its lines at or above `score_thresh`, in the same order.
        score_thresh: of the pipeline.
        moved: the page was turned or flattened before reading, so that places in it are not the label's.
    """

    texts: list[str]
    outlines: Outlines
    lines: Outlines | None = None
    seconds: float = 0.0
    seals: Sequence[DetectedSeal] = ()
    score_thresh: float = 0.0
    moved: bool = False


@dataclass
class Score:
    """One image with seals, scored. `sims`: similarity of each scored label line with its prediction, 0 if none."""

    kind: str
    family: str
    sims: list[float] = field(default_factory=list)
    counted: int = 0
    extra: int = 0
    seals: int = 0


@dataclass(frozen=True)
class TextMatches:
    """Predicted texts of one image matched to its labels.

    Attributes:
        best: index of a scored label text → (index of its prediction, similarity > 0).
        unmatched: indices of predictions that matched nothing.
        forgiven: how many of these the `ignore` lines of the labels excuse.
    """

    best: dict[int, tuple[int, float]]
    unmatched: list[int]
    forgiven: int

    @property
    def extra(self) -> int:
        """Predictions that should not be there."""
        return len(self.unmatched) - self.forgiven


def match_texts(item: Mapping[str, Any], texts: Sequence[str]) -> TextMatches:
    """Match predictions to the label lines of one image, best pairs first, each at most once."""
    got = {j: plain for j, text in enumerate(texts) if (plain := comparable(text))}
    truth = {i: comparable(t["text"]) for i, t in enumerate(item["texts"]) if not t.get("ignore")}
    pairs = [(similarity(g, p), -abs(len(g) - len(p)), i, j) for i, g in truth.items() for j, p in got.items()]
    best: dict[int, tuple[int, float]] = {}
    used: set[int] = set()
    for score, _, i, j in sorted(pairs, reverse=True):
        if score > 0 and i not in best and j not in used:
            best[i] = (j, score)
            used.add(j)
    unmatched = [j for j in got if j not in used]
    ignored = sum(bool(t.get("ignore")) for t in item["texts"])
    return TextMatches(best, unmatched, min(len(unmatched), ignored))


def score_image(item: Mapping[str, Any], texts: Sequence[str]) -> Score:
    """The score of one image, see `match_texts`."""
    matches = match_texts(item, texts)
    sims = [matches.best.get(i, (0, 0.0))[1] for i, t in enumerate(item["texts"]) if not t.get("ignore")]
    family = "seal2021" if item["file"].startswith("seal2021") else "other"
    counted = len(matches.best) + matches.extra
    return Score(item["kind"], family, sims, counted, matches.extra, len(item["seals"]))


def metrics(scores: Sequence[Score]) -> dict[str, float]:
    """n, exact, sim, f1, extra (false texts per seal)."""
    sims = [s for score in scores for s in score.sims]
    exact = sum(s == 1.0 for s in sims)
    counted = sum(score.counted for score in scores)
    return {
        "n": float(len(sims)),
        "exact": exact / max(len(sims), 1),
        "sim": sum(sims) / max(len(sims), 1),
        "f1": 2 * exact / max(len(sims) + counted, 1),
        "extra": sum(score.extra for score in scores) / max(sum(score.seals for score in scores), 1),
    }


def text_table(labels: Sequence[Mapping[str, Any]], predictions: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Metrics over all images with seals, by kind and family, and what was read on images without seals."""
    scores = [score_image(item, predictions.get(item["file"], [])) for item in labels if item["seals"]]
    empty = [item for item in labels if not item["seals"]]
    false_texts = [len([t for t in map(comparable, predictions.get(i["file"], [])) if t]) for i in empty]
    rows = {"all": metrics(scores)}
    for kind in sorted({s.kind for s in scores}):
        rows[f"kind {kind}"] = metrics([s for s in scores if s.kind == kind])
    for family in ("seal2021", "other"):
        rows[f"family {family}"] = metrics([s for s in scores if s.family == family])
    return {"rows": rows, "empty_images": len(empty), "clean": false_texts.count(0), "false_texts": sum(false_texts)}


def detection_metrics(labels: Sequence[Mapping[str, Any]], found: Mapping[str, Outlines]) -> dict[str, float]:
    """Precision, recall, Hmean at IoU 0.5 on the labelled polygons; lines to ignore neither count nor punish."""
    metric = DetMetric()
    for item in labels:
        truth = [
            {
                "points": np.asarray(t["poly"], np.float32),
                "ignore": bool(t.get("ignore")),
                "direction": t.get("direction"),
            }
            for t in item["texts"]
            if t.get("poly")
        ]
        mine = found.get(item["file"], [])
        metric.add([{"gt": truth, "pred": [o for o, _ in mine], "holes": [h for _, h in mine], "name": item["file"]}])
    return metric.compute()


class PipelineReader:
    """Reads the images of a set with a pipeline.

    Args:
        config, options: of `create_pipeline`.
        given_boxes: read the labelled seals in place of those the pipeline would find.
    """

    def __init__(self, config: str | None, options: Mapping[str, Any], given_boxes: bool = False) -> None:
        from sealkit.pipeline.create import create_pipeline
        from sealkit.pipeline.seal_recognition import SealRecognitionPipeline

        pipeline = create_pipeline(config, **options)
        if not isinstance(pipeline, SealRecognitionPipeline):
            raise ConfigError("several devices keep no outlines to measure", where="device", hint="name one device")
        self.pipeline, self.given_boxes = pipeline, given_boxes
        for module, engine in self.pipeline.engines.items():
            print(f"{module}: {engine}", file=sys.stderr)

    def __call__(self, item: Mapping[str, Any], image: np.ndarray) -> Found:
        """What the pipeline finds in one image (H, W, 3) uint8 BGR."""
        layout = None
        if self.given_boxes:
            layout = {"boxes": [{"label": "seal", "coordinate": s["box"], "score": 1.0} for s in item["seals"]]}
        start = time.perf_counter()
        (result,) = self.pipeline.predict(image, layout_det_res=layout)
        seconds = time.perf_counter() - start
        outlines = [(region.outline, region.holes) for seal in result.parts for region in seal.regions]
        lines: Outlines = [(one.line.points, []) for seal in result.parts for one in seal.lines]
        limits = [seal["text_rec_score_thresh"] for seal in result["seal_res_list"]]
        read_from = result["doc_preprocessor_res"]["output_img"]
        moved = read_from.shape != image.shape or not np.array_equal(read_from, image)
        return Found(result.texts, outlines, lines, seconds, result.parts, min(limits, default=0.0), moved)

    @property
    def strip_height(self) -> int:
        """Pixels."""
        return self.pipeline.settings.reading_settings.height or self.pipeline.recogniser.height

    def read_strips(self, strips: Sequence[np.ndarray]) -> list[RecResult]:
        """Texts of strips (h, w, 3) uint8 BGR, by the pipeline's recogniser."""
        return self.pipeline.recogniser.read(strips, batch_size=8)


def rapidocr_reader() -> Callable[..., Found]:
    """RapidOCR with its defaults: the peer."""
    from rapidocr import RapidOCR

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    engine = RapidOCR()

    def read(item: Mapping[str, Any], image: np.ndarray) -> Found:
        start = time.perf_counter()
        # all three said each time: the engine remembers what the call before switched off
        output: Any = engine(image, use_det=True, use_cls=True, use_rec=True)
        seconds = time.perf_counter() - start
        detected: Any = engine(image, use_det=True, use_cls=False, use_rec=False)  # all outlines, also the unread
        boxes = [] if detected.boxes is None else [np.asarray(box, np.float32) for box in detected.boxes]
        texts = getattr(output, "txts", None) or ()  # where nothing was detected the result has no texts
        return Found(list(texts), [(box, []) for box in boxes], None, seconds)

    return read


def measure(folder: Path, labels: Sequence[Mapping[str, Any]], read: Callable[..., Found]) -> dict[str, Found]:
    """Every image through a reader; progress on stderr."""
    from tqdm import tqdm

    return {item["file"]: read(item, read_image(folder / item["file"])) for item in tqdm(labels, leave=False)}
