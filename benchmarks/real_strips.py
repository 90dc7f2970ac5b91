"""How well straightened strips of labelled line polygons can be read.

    python tools/benchmark.py real-strips --real-seals DIR

DIR holds `labels.json` (a list of images with `texts` of `poly`, `direction`, `text`, `seal`, `ignore`) and the
images. Five ways are measured with one recogniser: `label`, the label's direction; `crop`, what `data crop` finds from
points and transcription where the labels have no direction, and `crop-any`, the same where the points also start
anywhere and run either way round; `found`, what the pipeline finds from such an outline without the transcription,
reading both ways where geometry is in doubt; and `geometry`, without a second reading. Columns: the lines that run the
way the label says, those read exactly, 1 - NED.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.strips import StripReader, confidence
from sealkit.bench.labelled import load_labels
from sealkit.data.directions import find_directions
from sealkit.data.records import DetSample, TextLine
from sealkit.geometry.lines import LinePoly, lines_from_region, orientations
from sealkit.geometry.regions import clockwise
from sealkit.geometry.seals import choose_orientations, resolve_directions, seal_frame
from sealkit.geometry.straighten import straighten
from sealkit.images import read_image, write_image
from sealkit.pipeline.locate import locate_model
from sealkit.text import comparable, similarity

WAYS = ("label", "crop", "crop-any", "found", "geometry")


@dataclass
class Reading:
    """One labelled line, read one way; `right`: it runs as the label says."""

    file: str
    direction: str
    way: str
    truth: str
    text: str
    strip: np.ndarray
    right: bool

    @property
    def similarity(self) -> float:
        """1 - normalised edit distance after `comparable`."""
        return similarity(comparable(self.truth), comparable(self.text))

    @property
    def exact(self) -> bool:
        return comparable(self.truth) == comparable(self.text)


def read_set(folder: Path, reader: StripReader, seed: int = 0) -> list[Reading]:
    """Every scored line with a polygon, read in all ways.

    Args:
        folder: of the set.
        reader: the recogniser.
        seed: of the forgotten start points and orientations.
    """
    rng = np.random.default_rng(seed)
    result: list[Reading] = []
    for item in load_labels(folder, "texts"):
        seals = defaultdict(list)
        for text in _scored(item):
            seals[text.get("seal", 0)].append(text)
        if not seals:
            continue
        image = read_image(folder / item["file"])
        for texts in seals.values():
            result += _read_seal(item["file"], image, texts, reader, rng)
    return result + read_crops(folder, reader, rng)


def read_crops(folder: Path, reader: StripReader, rng: np.random.Generator) -> list[Reading]:
    """Every scored line along the direction that `data crop` finds for it, of labels without directions."""
    items = load_labels(folder, "texts")
    result: list[Reading] = []
    for way in ("crop", "crop-any"):
        samples = []
        for item in items:
            points = [np.array(text["poly"], np.float32).reshape(-1, 2) for text in _scored(item)]
            if way == "crop-any":  # label readers give clockwise points
                points = [clockwise(_rolled(one, rng)) for one in points]
            lines = [TextLine(one, text["text"]) for one, text in zip(points, _scored(item))]
            samples.append(DetSample(folder / item["file"], lines))
        found = find_directions(samples, lambda strips: [(r.text, r.score) for r in reader.read(strips)])
        for item, sample, lines_of in zip(items, samples, found):
            image = read_image(sample.image_path) if sample.lines else None
            for number, text in enumerate(_scored(item)):
                line = lines_of[number].line if number in lines_of else None
                strip = np.zeros((48, 1, 3), np.uint8) if line is None or image is None else straighten(image, line)
                right = line is not None and runs_alike(line, _labelled(text))
                read = reader.read([strip])[0].text
                result.append(Reading(item["file"], text["direction"], way, text["text"], read, strip, right))
    return result


def runs_alike(one: LinePoly, other: LinePoly) -> bool:
    """Whether two lines of one place have the characters' tops on the same side, and both or neither are columns."""
    return (one.direction == "vertical") == (other.direction == "vertical") and float(one.up @ other.up) > 0.5


def _scored(item: dict[str, Any]) -> list[dict[str, Any]]:
    return [text for text in item["texts"] if text.get("poly") and not text.get("ignore")]


def _labelled(text: dict[str, Any]) -> LinePoly:
    return LinePoly(np.array(text["poly"], np.float32), text["direction"], ambiguous=False)


def _rolled(polygon: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The outline from any of its points, either way round."""
    outline = np.roll(polygon, int(rng.integers(len(polygon))), axis=0)
    return outline[::-1] if rng.random() < 0.5 else outline


def _read_seal(
    file: str, image: np.ndarray, texts: Sequence[dict[str, Any]], reader: StripReader, rng: np.random.Generator
) -> list[Reading]:
    polygons = [np.array(text["poly"], dtype=np.float32) for text in texts]
    labelled = [_labelled(text) for text in texts]
    strips = [straighten(image, line) for line in labelled]
    result = [
        Reading(file, text["direction"], "label", text["text"], read.text, strip, True)
        for text, read, strip in zip(texts, reader.read(strips), strips)
    ]
    found: list[LinePoly] = []
    owner: list[int] = []
    for i, polygon in enumerate(polygons):
        lines = lines_from_region(_rolled(polygon, rng), image=image)
        found += lines
        owner += [i] * len(lines)
    frame = seal_frame(found)
    found = resolve_directions(found, frame)
    ways = [orientations(line, frame.up) for line in found]
    tried = [straighten(image, way) for line in ways for way in line]
    reads = iter(zip(tried, reader.read(tried)))
    results = [[next(reads) for _ in line] for line in ways]
    chosen = choose_orientations([[(w, confidence(r[1])) for w, r in zip(line, rs)] for line, rs in zip(ways, results)])
    for name, picks in (("found", chosen), ("geometry", [0] * len(found))):
        for i, text in enumerate(texts):
            mine = [k for k in range(len(found)) if owner[k] == i]
            strip = results[mine[0]][picks[mine[0]]][0] if mine else strips[i][:, :1]
            joined = "".join(results[k][picks[k]][1].text for k in mine)
            right = bool(mine) and all(runs_alike(ways[k][picks[k]], labelled[i]) for k in mine)
            result.append(Reading(file, text["direction"], name, text["text"], joined, strip, right))
    return result


def metrics(readings_: Sequence[Reading]) -> list[dict[str, Any]]:
    """Rows of right, exact and sim per way: all lines, by direction, and by family of images."""
    groups = {"all": list(readings_)}
    for direction in sorted({r.direction for r in readings_}):
        groups[direction] = [r for r in readings_ if r.direction == direction]
    groups["seal2021"] = [r for r in readings_ if r.file.startswith("seal2021")]
    groups["other"] = [r for r in readings_ if not r.file.startswith("seal2021")]
    rows = []
    for name, members in groups.items():
        for way in WAYS:
            mine = [r for r in members if r.way == way]
            row: dict[str, Any] = {"lines": name, "way": way, "n": len(mine)}
            for metric in ("right", "exact", "similarity"):
                values = [float(getattr(r, metric)) for r in mine]
                row[metric] = round(float(np.mean(values)), 3) if values else None
            rows.append(row)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmark.py real-strips", description=__doc__)
    parser.add_argument("--real-seals", required=True, type=Path, metavar="DIR", help="folder with labels.json")
    parser.add_argument("--model", type=Path, help="recogniser (default: that of the embedded pipeline)")
    parser.add_argument("--engine", help="paddle, onnxruntime, openvino (default: the fastest installed)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=0, help="of the forgotten start points")
    parser.add_argument("--json", type=Path, help="write the rows and every reading here")
    parser.add_argument("--strips", type=Path, metavar="DIR", help="write every strip here, to look at")
    args = parser.parse_args(argv)
    model = args.model or locate_model("PP-OCRv6_small_rec", weights="sealkit").path
    readings_ = read_set(args.real_seals, StripReader(model, args.engine, args.threads), args.seed)
    rows = metrics(readings_)
    keys = list(rows[0])
    print("  ".join(f"{key:>14}" for key in keys))
    for row in rows:
        print("  ".join(f"{row[key]!s:>14}" for key in keys))
    if args.json:
        listed = [
            {"file": r.file, "direction": r.direction, "way": r.way, "right": r.right, "truth": r.truth, "text": r.text}
            for r in readings_
        ]
        args.json.write_text(json.dumps({"rows": rows, "readings": listed}, ensure_ascii=False, indent=1), "utf-8")
    if args.strips:
        args.strips.mkdir(parents=True, exist_ok=True)
        for i, r in enumerate(readings_):
            write_image(args.strips / f"{Path(r.file).stem}_{i:03d}_{r.way}{'' if r.exact else '_WRONG'}.png", r.strip)
    return 0
